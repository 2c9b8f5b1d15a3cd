"""conv2d and kernels that mix channels, against sums of planes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from checks import assert_same, pair, reference

from kernfit import InvalidInput, Kernel
from kernfit.correlate import conv2d, correlate2d, make_plan

NO_PADS = ((0, 0), (0, 0))


def layer(x, weight, bias=None, *, padding=NO_PADS, groups=1, **options):
    """The definition of a layer: for every output plane a sum over the planes of its group."""
    each = len(weight) // groups
    samples = []
    for sample in x:
        planes = []
        for o, taps in enumerate(weight):
            first = o // each * len(taps)
            parts = [
                reference(sample[first + c], k, padding=padding, **options)
                for c, k in enumerate(taps)
            ]
            planes.append(sum(parts[1:], parts[0]) + (0 if bias is None else bias[o].item()))
        samples.append(planes)
    return np.array(samples)


CHANNELS = [(1, 1, 1), (1, 3, 5), (2, 4, 6), (4, 4, 8), (1, 20, 12), (6, 6, 6), (1, 1, 9)]


@pytest.mark.parametrize(("groups", "inputs", "outputs"), CHANNELS)
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 5), (1, 3)])
def test_layers(groups, inputs, outputs, size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, inputs, 8, 9))
    weight = rng.normal(size=(outputs, inputs // groups, *size))
    bias = rng.normal(size=outputs)
    for stride, padding, dilation, boundary in [
        (1, NO_PADS, 1, "constant"),
        ((2, 1), ((1, 1), (2, 2)), 1, "edge"),
        (2, ((0, 3), (1, 0)), (1, 2), "wrap"),
    ]:
        options = {"stride": stride, "dilation": dilation, "boundary": boundary}
        expected = layer(x, weight, bias, padding=padding, groups=groups, **options)
        result = conv2d(x, weight, bias, padding=padding, groups=groups, **options)
        assert_same(result, expected, 1e-12)
        single = conv2d(x[1], weight, bias, padding=padding, groups=groups, **options)
        assert_same(single, expected[1], 1e-12)


@pytest.mark.parametrize("method", ["direct", "channels", "blas", "fourier", "definition", "auto"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (3, 1)])
def test_kernels_that_mix_channels(method, shape):
    rng = np.random.default_rng(1)
    kernel = Kernel(rng.normal(size=(*shape, 3, 2)), bias=rng.normal(size=shape[0]), anchor=(2, 0))
    x = rng.normal(size=(2, shape[1], 7, 8))
    top, left = kernel.anchor
    pads = ((top, 2 - top), (left, 1 - left))
    for boundary in ("constant", "reflect"):
        result = correlate2d(x, kernel, mode="same", boundary=boundary, method=method)
        expected = layer(x, kernel.weight, kernel.bias, padding=pads, boundary=boundary)
        assert_same(result, expected, 1e-12)


@pytest.mark.parametrize("method", ["direct", "channels", "blas", "auto"])
@pytest.mark.parametrize(
    ("image", "weight"),
    [
        ("u1", "i1"),
        ("i1", "i1"),
        ("u2", "i4"),
        ("i4", "i4"),
        ("i8", "i2"),
        ("?", "i1"),
        ("u8", "u1"),
    ],
)
def test_integers_are_exact(image, weight, method):
    rng = np.random.default_rng(2)
    low, high = (0, 2) if image == "?" else (max(np.iinfo(image).min, -(2**40)), 2**40)
    x = rng.integers(low, min(high, 2 if image == "?" else np.iinfo(image).max), (1, 5, 9, 8))
    x = x.astype(image)
    taps = rng.integers(0 if weight == "u1" else -128, 127, (4, 5, 3, 3)).astype(weight)
    kernel = Kernel(taps, bias=[1, 2, 3, 4])
    expected = layer(x, taps, kernel.bias)
    try:
        result = correlate2d(x, kernel, method=method)
    except InvalidInput:
        assert method in ("channels", "blas")
        assert image in ("u8", "i8", "i4")
        return
    assert result.dtype.kind in "iu"
    np.testing.assert_array_equal(result.astype(object), expected)


def test_wide_integers_take_no_matrix_product():
    x = np.full((1, 1, 3, 3), 2**50)
    weight = np.full((9, 1, 3, 3), 2**7 + 1)
    assert make_plan((1, 3, 3), "i8", Kernel(weight)).method == "direct"
    assert (conv2d(x, weight) == 9 * 2**50 * (2**7 + 1)).all()


def test_not_finite():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 3, 9, 9))
    x[0, 1, 4, 5], x[1, 2, 3, 3], x[1, 0, 3, 4] = np.nan, np.inf, -np.inf
    weight = rng.normal(size=(40, 3, 3, 3))
    weight[0, 1, 0, 0] = 0
    with np.errstate(invalid="ignore"):
        expected = layer(x, weight)
    for method in ("direct", "channels", "blas", "fourier"):
        assert_same(correlate2d(x, Kernel(weight), method=method), expected, 1e-12)


def test_padding_as_in_torch():
    rng = np.random.default_rng(4)
    x, weight = rng.normal(size=(1, 2, 7, 8)), rng.normal(size=(3, 2, 4, 3))
    for padding, pads in [
        (2, ((2, 2), (2, 2))),
        ((1, 0), ((1, 1), (0, 0))),
        (((1, 0), (0, 3)), ((1, 0), (0, 3))),
        ("valid", NO_PADS),
        ("same", ((1, 2), (1, 1))),
    ]:
        result = conv2d(x, weight, padding=padding)
        assert_same(result, layer(x, weight, padding=pads), 1e-12)
    for dilation in (2, (3, 1)):
        assert conv2d(x, weight, padding="same", dilation=dilation).shape == (1, 3, 7, 8)
    spans = [(n - 1) * d for n, d in zip((4, 3), pair((2, 1)), strict=True)]
    pads = tuple((s // 2, s - s // 2) for s in spans)
    result = conv2d(x, weight, padding="same", dilation=(2, 1))
    assert_same(result, layer(x, weight, padding=pads, dilation=(2, 1)), 1e-12)


def test_dtypes():
    x = np.ones((1, 2, 4, 4), "f4")
    assert conv2d(x, np.ones((1, 2, 2, 2), "f4"), np.ones(1)).dtype == np.float32
    assert conv2d(x, np.ones((1, 2, 2, 2), "f8")).dtype == np.float32  # as the image is
    assert conv2d(x, [[[[1.5]], [[2]]]]).dtype == np.float32
    assert conv2d(x.astype("c8"), np.ones((1, 2, 2, 2), "f4")).dtype == np.complex64
    half = conv2d(x.astype("f2"), np.full((1, 2, 2, 2), 0.1, "f2"))
    assert half.dtype == np.float16
    assert half[0, 0, 0, 0] == np.float16(8 * np.float32(np.float16(0.1)))


def test_empty():
    weight = np.ones((3, 2, 3, 3))
    assert conv2d(np.ones((0, 2, 5, 5)), weight).shape == (0, 3, 3, 3)
    assert conv2d(np.ones((1, 2, 2, 5)), weight).shape == (1, 3, 0, 3)
    assert conv2d(np.ones((1, 2, 5, 5)), weight, stride=9).shape == (1, 3, 1, 1)


def test_memory_orders():
    rng = np.random.default_rng(5)
    x, weight = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(2, 5, 3, 3)).transpose(1, 0, 3, 2)
    last = np.moveaxis(np.concatenate([x] * 2, -1)[..., ::3], -1, 1)  # channels last in memory
    for padding in (0, 1):
        expected = conv2d(last.copy(), weight.copy(), padding=padding)
        np.testing.assert_allclose(conv2d(last, weight, padding=padding), expected, rtol=1e-12)


def test_large_layers_in_pieces():
    # More patches than fit the scratch memory at once, in both directions.
    rng = np.random.default_rng(6)
    x, weight = rng.normal(size=(64, 30, 700)), rng.normal(size=(8, 64, 5, 5))
    direct = correlate2d(x, Kernel(weight), method="direct")
    for method in ("channels", "blas"):
        result = correlate2d(x, Kernel(weight), method=method)
        np.testing.assert_allclose(result, direct, atol=1e-10)


def test_few_channels_take_planes_and_many_are_taken_at_once():
    for shape, weight, stride, method in [
        ((1, 64, 56, 56), (64, 64, 3, 3), 1, "channels"),
        ((1, 3, 224, 224), (64, 3, 7, 7), 2, "channels"),
        ((1, 256, 14, 14), (64, 256, 1, 1), 1, "channels"),
        ((1, 1, 512, 512), (2, 1, 3, 3), 1, "direct"),
        ((1, 1, 512, 512), (2, 1, 63, 63), 1, "fourier"),
    ]:
        kernel = Kernel(np.random.default_rng(0).normal(size=weight))
        assert make_plan(shape, "f4", kernel, stride=stride).method == method


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("input must have shape", {"input": np.ones((3, 3))}),
        ("input must have shape", {"input": np.ones((1, 1, 2, 3, 3))}),
        ("weight must have shape", {"weight": np.ones((2, 3, 3))}),
        ("weight must have shape", {"weight": np.ones((2, 4, 0, 3))}),
        (
            "input must have shape .* for a kernel with 3 input channels",
            {"weight": np.ones((2, 3, 1, 1))},
        ),
        ("input must have shape", {"groups": 2}),
        ("weight must have a multiple of 4 output", {"weight": np.ones((6, 1, 1, 1)), "groups": 4}),
        ("groups must be at least 1", {"groups": 0}),
        (r"bias must have shape \(2,\)", {"bias": np.ones(3)}),
        ("padding='same' needs a stride of 1", {"padding": "same", "stride": 2}),
        ("padding must be one of valid, same", {"padding": "full"}),
        ("padding must be", {"padding": -1}),
        ("padding must be", {"padding": (1, 2, 3)}),
    ],
)
def test_refusals(message, arguments):
    given = {"input": np.ones((1, 4, 5, 5)), "weight": np.ones((2, 4, 3, 3)), **arguments}
    with pytest.raises(InvalidInput, match=message):
        conv2d(**given)


def test_all_combinations_of_two_hundred():
    # Random arguments, in the spirit of a comparison with torch in double precision.
    rng = np.random.default_rng(7)
    for _ in range(200):
        groups = int(rng.choice([1, 1, 2, 3]))
        inputs, outputs = groups * rng.integers(1, 4), groups * rng.integers(1, 5)
        size, shape = rng.integers(1, 5, 2), rng.integers(1, 11, 2)
        x = rng.normal(size=(rng.integers(1, 3), inputs, *shape))
        weight = rng.normal(size=(outputs, inputs // groups, *size))
        bias = rng.normal(size=outputs) if rng.random() < 0.5 else None
        options = {
            "stride": tuple(rng.integers(1, 4, 2).tolist()),
            "dilation": tuple(rng.integers(1, 3, 2).tolist()),
            "padding": tuple(tuple(rng.integers(0, 4, 2).tolist()) for _ in "rc"),
            "groups": groups,
        }
        assert_same(conv2d(x, weight, bias, **options), layer(x, weight, bias, **options), 1e-12)


def test_options_combine_in_every_order():
    x = np.random.default_rng(8).normal(size=(1, 4, 6, 6))
    for groups, padding, stride in itertools.product((1, 2, 4), (0, 1), (1, 2)):
        weight = np.random.default_rng(9).normal(size=(4, 4 // groups, 2, 3))
        pads = ((padding, padding), (padding, padding))
        expected = layer(x, weight, padding=pads, groups=groups, stride=stride)
        result = conv2d(x, weight, padding=padding, groups=groups, stride=stride)
        assert_same(result, expected, 1e-12)
