"""Images of other libraries: the same contract as NumPy's, on their own device."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("array_api_compat")

from kernfit import (
    InvalidInput,
    Kernel,
    ResultTooLarge,
    conv2d,
    convolve2d,
    correlate2d,
)
from kernfit.devices import is_elsewhere, to_host

RNG = np.random.default_rng(0)
LEVELS = RNG.integers(-9, 9, (2, 13, 11))


def elsewhere(xp, array):
    array = np.array(array, order="C")
    return xp.asarray(array, dtype=getattr(xp, array.dtype.name))


def check(got, expected, library, tolerance=1e-6):
    assert is_elsewhere(got)
    assert type(got).__module__.split(".")[0] in library
    found = to_host(got)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(found, expected)
    else:
        largest = np.nanmax(np.abs(expected), initial=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


def name_of(xp):
    return {"jax.numpy": ("jaxlib", "jax")}.get(xp.__name__, (xp.__name__,))


KERNELS = [np.arange(6.0).reshape(2, 3) - 2, [[1, -1]], Kernel([[1.0], [-3], [2]], bias=0.5)]
OPTIONS = [
    {},
    {"mode": "same", "boundary": "reflect"},
    {"mode": "full", "fill_value": 3},
    {"mode": "same", "boundary": ("wrap", "edge"), "anchor": (0, 0)},
    {"padding": ((2, 0), (1, 30)), "boundary": "symmetric", "stride": (2, 3)},
    {"mode": "same", "dilation": (3, 2), "stride": 2},
    {"mode": "full", "boundary": "reflect", "dilation": 9},
    {"dilation": 13},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kernel", KERNELS, ids=["even", "list", "bias"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_every_option(xp, kernel, options, dtype):
    if dtype == "uint8" and options.get("fill_value"):
        options = options | {"fill_value": 7}
    image = np.abs(LEVELS).astype(dtype) if dtype == "uint8" else LEVELS.astype(dtype)
    if isinstance(kernel, Kernel):
        options = {n: v for n, v in options.items() if n != "anchor"}
    expected = correlate2d(image, kernel, **options)
    check(correlate2d(elsewhere(xp, image), kernel, **options), expected, name_of(xp))


@pytest.mark.parametrize("dtype", ["float64", "int16", "int64", "bool", "complex64", "float16"])
def test_every_dtype(xp, dtype):
    if not hasattr(xp, dtype):
        pytest.skip("it has no such dtype")
    for kernel in (KERNELS[0].astype(np.float32), [[1, -2]], np.array([[3], [1]], np.int16)):
        image, options = LEVELS.astype(dtype), OPTIONS[3]
        expected = correlate2d(image, kernel, **options)
        got = correlate2d(elsewhere(xp, image), kernel, **options)
        check(got, expected, name_of(xp), 1e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("shape", [(31, 25), (20, 20)])
def test_large_kernels(xp, shape):
    image = RNG.normal(size=(70, 64)).astype(np.float32)
    taps = RNG.normal(size=shape).astype(np.float32)
    for options in ({}, {"mode": "same", "boundary": "edge", "stride": 2}):
        expected = correlate2d(image, taps, **options)
        check(correlate2d(elsewhere(xp, image), taps, **options), expected, name_of(xp), 1e-5)
    image[30, 30] = np.nan
    expected = correlate2d(image, taps, mode="same")
    found = to_host(correlate2d(elsewhere(xp, image), taps, mode="same"))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_missing_pixels(xp):
    image = RNG.normal(size=(2, 12, 14)).astype(np.float32)
    image[0, 3, 4] = np.nan
    mask = RNG.random((12, 14)) > 0.1
    taps = np.array([[1.0, 2, 0], [0, 3, 1]])
    for options in (
        {"nan": "propagate"},
        {"nan": "omit"},
        {"nan": "omit", "mode": "same", "boundary": "wrap", "mask": mask},
        {"mode": "full", "mask": mask},
    ):
        expected = correlate2d(image, taps, **options)
        got = correlate2d(elsewhere(xp, image), taps, **options)
        np.testing.assert_array_equal(np.isnan(to_host(got)), np.isnan(expected))
        check(got, expected, name_of(xp))
        if "mask" in options:
            moved = options | {"mask": elsewhere(xp, mask)}
            check(correlate2d(elsewhere(xp, image), taps, **moved), expected, name_of(xp))


def test_dtypes_of_results(xp):
    image = RNG.integers(0, 255, (9, 9)).astype(np.uint8)
    taps = np.array([[3, -2], [4, 1]])
    for options in (
        {"dtype": "float32"},
        {"dtype": "uint8", "overflow": "saturate"},
        {"dtype": "int8", "overflow": "wrap"},
        {"dtype": "int64"},
    ):
        check(
            correlate2d(elsewhere(xp, image), taps, **options),
            correlate2d(image, taps, **options),
            name_of(xp),
        )
    check(
        correlate2d(elsewhere(xp, image), taps / 7, dtype="int16"),
        correlate2d(image, taps / 7, dtype="int16"),
        name_of(xp),
    )
    with pytest.raises(ResultTooLarge, match="the result must lie in uint8's range"):
        correlate2d(elsewhere(xp, image), taps, dtype="uint8")


def test_convolution_layers_and_kernels_from_elsewhere(xp):
    image = RNG.normal(size=(2, 4, 9, 8)).astype(np.float32)
    weight = RNG.normal(size=(6, 2, 3, 2)).astype(np.float32)
    bias = RNG.normal(size=6).astype(np.float32)
    options = {"stride": (1, 2), "padding": ((1, 0), (2, 1)), "dilation": 2, "groups": 2}
    expected = conv2d(image, weight, bias, **options)
    for moved in (lambda a: a, lambda a: elsewhere(xp, a)):
        got = conv2d(elsewhere(xp, image), moved(weight), moved(bias), **options)
        check(got, expected, name_of(xp), 1e-5)
    taps = weight[0, 0]
    expected = convolve2d(image, taps, mode="same")
    got = convolve2d(elsewhere(xp, image), elsewhere(xp, taps), mode="same")
    check(got, expected, name_of(xp))
    mixed = Kernel(weight[:, :, :, ::-1], bias=bias)
    expected = correlate2d(image[:, :2], mixed)
    check(correlate2d(elsewhere(xp, image[:, :2]), mixed), expected, name_of(xp), 1e-5)


def test_refusals_are_the_same(xp):
    image = elsewhere(xp, np.zeros((5, 5), np.float32))
    with pytest.raises(InvalidInput, match="mode must be one of valid, same, full, got 'side'"):
        correlate2d(image, [[1]], mode="side")
    with pytest.raises(InvalidInput, match=r"image must have at least 2 axes .* got shape \(5,\)"):
        correlate2d(image[0, :], [[1]])
    with pytest.raises(InvalidInput, match="out must be None where the image is no NumPy array"):
        correlate2d(image, [[1]], out=np.zeros((5, 5)))
    with pytest.raises(InvalidInput, match="method, where the image is no NumPy array, must be"):
        correlate2d(image, [[1]], method="direct")
    with pytest.raises(InvalidInput, match="input must have shape"):
        conv2d(image, np.ones((1, 1, 1, 1)))
    assert to_host(correlate2d(image, np.ones((9, 9)))).shape == (0, 0)


def test_gradients_flow_through_torch():
    torch = pytest.importorskip("torch")
    image = torch.arange(20.0).reshape(4, 5).requires_grad_()
    correlate2d(image, [[1.0, -2.0]], mode="same").sum().backward()
    assert image.grad is not None
    assert float(image.grad[0, 0]) == 1.0


def test_float64_is_asked_of_jax():
    jax = pytest.importorskip("jax")
    if jax.config.jax_enable_x64:
        pytest.skip("it has float64 already")
    with pytest.raises(InvalidInput, match="must have float64 .* has not: set jax_enable_x64"):
        correlate2d(jax.numpy.zeros((4, 4)), np.ones((2, 2)), dtype=np.float64)


def test_nothing_is_imported_for_an_image_of_numpy():
    script = (
        "import sys, numpy, kernfit; kernfit.correlate2d(numpy.ones((4, 4)), [[1, 2]]);"
        "names = ('torch', 'jax', 'cupy', 'array_api_compat');"
        "sys.exit(any(name in sys.modules for name in names))"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0
