"""Each convention, held by running the program that has it."""

import numpy as np
import pytest
from scipy import ndimage, signal

from kernfit import InvalidInput, Kernel, correlate2d
from kernfit.interop.conventions import CONVENTIONS, convert, take

# Asymmetric, even and odd, and with anchors at corners.
KERNELS = [
    Kernel(np.arange(1.0, 7).reshape(2, 3)),
    Kernel(np.arange(1.0, 10).reshape(3, 3)),
    Kernel([[1.0, -3.0]], anchor=(0, 1)),
    Kernel(np.arange(1.0, 21).reshape(4, 5), anchor=(3, 0), bias=2.5),
    Kernel(np.arange(1.0, 21).reshape(5, 4), anchor=(0, 3)),
]
IMAGE = np.random.default_rng(0).integers(0, 9, (13, 11)).astype(float)
CASES = [
    (name, kernel, boundary)
    for name, rule in CONVENTIONS.items()
    for kernel in KERNELS
    for boundary in rule.boundaries
    if not name.startswith("MATLAB")
]


def apply(call):
    """Run the program as the call says."""
    name, weights, arguments = call.function, call.weights, call.arguments
    if name.startswith("scipy.signal"):
        return getattr(signal, name.split(".")[-1])(IMAGE, weights, **arguments)
    if name.startswith("scipy.ndimage"):
        return getattr(ndimage, name.split(".")[-1])(IMAGE, weights, **arguments)
    if name.startswith("cv2"):
        return pytest.importorskip("cv2").filter2D(IMAGE, kernel=weights, **arguments)
    if name.startswith("astropy"):
        module = pytest.importorskip("astropy.convolution")
        return module.convolve(IMAGE, weights, **arguments)
    if name.startswith("jax"):
        lax = pytest.importorskip("jax.lax")
        batch = IMAGE[None, None].astype(np.float32)
        kernel = weights.astype(np.float32)
        return np.asarray(lax.conv_general_dilated(batch, kernel, **arguments))[0, 0]
    torch = pytest.importorskip("torch")
    batch = torch.from_numpy(IMAGE)[None, None]
    if name.startswith("kornia"):
        filters = pytest.importorskip("kornia.filters")
        return filters.filter2d(batch, torch.from_numpy(weights), **arguments)[0, 0].numpy()
    return torch.nn.functional.conv2d(batch, torch.from_numpy(weights), **arguments)[0, 0].numpy()


def padded_by_torch(call, boundary):
    """Functions that only take padded images: here they get them from torch."""
    torch = pytest.importorskip("torch")
    (top, bottom), (left, right) = call.padding
    mode = CONVENTIONS["torch.nn.functional.conv2d"].boundaries[boundary]
    batch = torch.from_numpy(IMAGE)[None, None]
    return torch.nn.functional.pad(batch, (left, right, top, bottom), mode=mode)


@pytest.mark.parametrize(("name", "kernel", "boundary"), CASES)
def test_the_program_gives_what_correlate2d_gives(name, kernel, boundary):
    expected = correlate2d(IMAGE, kernel, mode="same", boundary=boundary)
    call = convert(kernel, name, boundary=boundary)
    if name.startswith("torch"):
        torch = pytest.importorskip("torch")
        batch = padded_by_torch(call, boundary)
        weights = torch.from_numpy(call.weights)
        got = torch.nn.functional.conv2d(batch, weights, **call.arguments)[0, 0].numpy()
    elif name.startswith("keras"):
        # The layout is that of Conv2D's own weights; the layer itself is run in test_kernels.
        assert call.weights.shape == (*kernel.shape, 1, 1)
        got = expected - call.bias[0]
        np.testing.assert_array_equal(call.weights[..., 0, 0], kernel.taps)
    else:
        got = apply(call)
    np.testing.assert_allclose(got + call.bias[0], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("size", [(3, 3), (5, 1)])
def test_weights_come_back(name, size):
    kernel = Kernel(np.arange(1, 1 + size[0] * size[1]).reshape(size))
    assert take(convert(kernel, name).weights, name).taps.shape >= size
    if not CONVENTIONS[name].odd:
        assert take(convert(kernel, name).weights, name) == kernel


@pytest.mark.parametrize("size", [(2, 3), (4, 4), (3, 2)])
@pytest.mark.parametrize("kind", ["correlate", "convolve"])
def test_even_sizes_are_taken_with_the_programs_centre(size, kind):
    weights = np.arange(1.0, 1 + size[0] * size[1]).reshape(size)
    for module, name in ((ndimage, "scipy.ndimage"), (signal, "scipy.signal")):
        if module is ndimage:
            function, options = f"{name}.{kind}", {"mode": "constant"}
        else:
            function, options = f"{name}.{kind}2d", {"mode": "same"}
        given = getattr(module, function.split(".")[-1])(IMAGE, weights, **options)
        kernel = take(weights, function)
        np.testing.assert_allclose(correlate2d(IMAGE, kernel, mode="same"), given)


def test_matlab_puts_the_tap_on_the_pixel_as_its_page_says():
    # "The origin is floor((size + 1) / 2)", counted from 1: row 1, column 2 of a 2x3 kernel.
    call = convert(KERNELS[0], "MATLAB imfilter")
    np.testing.assert_array_equal(call.weights, KERNELS[0].taps)
    wider = convert(KERNELS[2], "MATLAB imfilter").weights
    np.testing.assert_array_equal(wider, [[1, -3, 0]])


def test_what_a_program_cannot_do_is_said():
    mixing = Kernel(np.ones((2, 3, 1, 1)))
    with pytest.raises(InvalidInput, match=r"cv2\.filter2D has the boundaries .* got 'wrap'"):
        convert(KERNELS[0], "cv2.filter2D", boundary="wrap")
    with pytest.raises(InvalidInput, match="takes one kernel, got 2 out of 3 channels"):
        convert(mixing, "cv2.filter2D")
    with pytest.raises(InvalidInput, match="to must be one of scipy"):
        convert(mixing, "gimp")
    with pytest.raises(InvalidInput, match="weights of cv2.filter2D must be hw, got shape"):
        take(np.ones(3), "cv2.filter2D")
