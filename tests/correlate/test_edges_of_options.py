"""Where options end: nothing to correlate, too much to hold, colours, memory that overlaps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from checks import reference

from kernfit import Kernel
from kernfit.correlate import conv2d, convolve2d, correlate2d, image_gradient, make_plan
from kernfit.correlate.options import Options, options_of
from kernfit.correlate.plan import _overlaps_itself
from kernfit.errors import InvalidInput

METHODS = ("definition", "direct", "separable", "fourier", "auto")
STEPS = ((1, 1), (2, 1), (1, 2), ((3, 2), (2, 3)))


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


@pytest.mark.parametrize(("stride", "dilation"), STEPS)
@pytest.mark.parametrize("shape", [(0, 3, 8, 9), (2, 3, 0, 9), (2, 3, 8, 0), (0, 3, 0, 0)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "c16"])
def test_layers_of_nothing(shape, dtype, stride, dilation):
    x, weight, bias = np.zeros(shape, dtype), np.arange(54).reshape(2, 3, 3, 3), [1.0, 2.0]
    for padding in (0, ((0, 4), (5, 1))):
        options = {"stride": stride, "dilation": dilation, "padding": padding}
        result = conv2d(x, weight, bias, **options)
        full = np.zeros((*shape[:2], *(max(n, 1) for n in shape[2:])), dtype)
        # As many outputs as for an image with a pixel that is one of its padding.
        (top, bottom), (left, right) = padding or ((0, 0), (0, 0))
        less = [int(n == 0) for n in shape[2:]]
        if bottom >= less[0] and right >= less[1]:
            pads = (top, bottom - less[0]), (left, right - less[1])
            expected = conv2d(full, weight, bias, **{**options, "padding": pads})
            np.testing.assert_array_equal(result, expected)
            assert result.dtype == expected.dtype
        else:
            assert result.size == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0)])
def test_padding_around_no_pixel(method, shape):
    k, padding = draw(2, 3), ((1, 3), (2, 2))
    for stride, dilation in STEPS:
        options = {"stride": stride, "dilation": dilation, "padding": padding, "fill_value": 0.5}
        result = correlate2d(np.zeros(shape), k, method=method, **options)
        np.testing.assert_allclose(result, reference(np.zeros(shape), k, **options), atol=1e-14)
        batch = correlate2d(np.zeros((2, *shape)), Kernel(k, bias=3), method=method, **options)
        np.testing.assert_allclose(batch, np.stack([result, result]) + 3, atol=1e-14)
    for rule in ("edge", "wrap", ("constant", "reflect") if shape[1] == 0 else ("edge", "wrap")):
        with pytest.raises(InvalidInput, match="boundary must be 'constant' for an image without"):
            correlate2d(np.zeros(shape), k, padding=padding, boundary=rule, method=method)


def test_of_other_libraries():
    torch = pytest.importorskip("torch")
    options = {"padding": ((1, 3), (2, 2)), "fill_value": 2}
    for shape in ((0, 4), (3, 4, 0), (0, 2, 5, 5)):
        there = correlate2d(torch.zeros(shape), draw(2, 3), **options).numpy()
        np.testing.assert_allclose(there, correlate2d(np.zeros(shape), draw(2, 3), **options), 1e-6)
    with pytest.raises(InvalidInput, match="fit this machine's"):
        correlate2d(torch.zeros(7, 7), np.ones((3, 3)), padding=10**6)
    photograph = draw(9, 8, 3)
    with pytest.raises(InvalidInput, match="looks like"):
        correlate2d(torch.as_tensor(photograph), draw(2, 2))
    there = correlate2d(torch.as_tensor(photograph), draw(2, 2), channel_axis=-1)
    np.testing.assert_allclose(
        there.numpy(), correlate2d(photograph, draw(2, 2), channel_axis=-1), atol=1e-13
    )


HUGE = (
    {"padding": 10**6},
    {"padding": 2**62},
    {"padding": ((0, 2**40), (0, 0))},
    {"mode": "same", "dilation": 2**40},
    {"mode": "full", "dilation": 2**62},
    {"mode": "same", "dilation": (1, 2**62)},
    {"padding": 2**62, "stride": 2**40, "dilation": 2**40},
)


@pytest.mark.parametrize("options", HUGE)
@pytest.mark.parametrize("method", METHODS)
def test_what_fits_no_memory_is_refused_before_it_is_taken(method, options):
    x, k = np.ones((7, 7)), draw(3, 3)
    for call in (correlate2d, convolve2d):
        with pytest.raises(InvalidInput, match="fit this machine's") as found:
            call(x, k, method=method, **options)
        assert "\n" not in str(found.value)
    if "padding" in options:
        with pytest.raises(InvalidInput, match="fit this machine's"):
            conv2d(x[None], k[None, None], **options)


def test_shapes_that_fit_no_memory():
    with pytest.raises(InvalidInput, match="fit this machine's"):
        make_plan((2**30, 2**30), "u1", [[1, -1]])
    with pytest.raises(InvalidInput, match="fit this machine's"):
        make_plan((2**60, 8, 8), "u1", [[1, -1]])


def test_steps_beyond_the_image_cost_nothing():
    x, k = draw(7, 7), draw(3, 3, seed=1)
    for method in METHODS:
        far = correlate2d(x, k, stride=2**62, method=method)
        np.testing.assert_allclose(far, (x[:3, :3] * k).sum().reshape(1, 1))
        assert correlate2d(x, k, dilation=2**62, method=method).shape == (0, 0)


def test_out_whose_elements_overlap_is_refused():
    x, k = draw(6, 7), draw(1, 1)
    memory = np.zeros(100)
    for strides in ((0, 8), (8, 8), (16, 4), (40, 8), (-8, 8)):
        out = np.lib.stride_tricks.as_strided(memory[20:], (6, 7), strides)
        with pytest.raises(InvalidInput, match="memory of its own for each element"):
            correlate2d(x, k, out=out)
    for strides in ((56, 8), (8, 48), (8, -48)):
        out = np.lib.stride_tricks.as_strided(memory[50:], (6, 7), strides)
        np.testing.assert_array_equal(correlate2d(x, k, out=out), x * k)


def test_overlap_is_told_from_lying_between():
    memory = np.zeros(1000, np.int16)
    for shape in itertools.product((1, 2, 3), repeat=2):
        for strides in itertools.product(range(-8, 9), repeat=2):
            out = np.lib.stride_tricks.as_strided(memory[500:], shape, strides)
            places = sorted(i * strides[0] + j * strides[1] for i, j in np.ndindex(shape))
            expected = any(b - a < 2 for a, b in itertools.pairwise(places))
            assert _overlaps_itself(out) == expected


def test_colours_are_never_mixed_unasked():
    k = draw(3, 2)
    for dtype in ("u1", "u2", "f4", "f8", "i8"):
        for shape in ((9, 8, 3), (5, 50, 4)):
            x = (draw(*shape) * 50).astype(dtype)
            for call in (correlate2d, convolve2d):
                for kernel in (k, k.tolist(), Kernel(k)):
                    with pytest.raises(InvalidInput, match="channel_axis=-1 to filter each") as no:
                        call(x, kernel, mode="same")
                    assert "channel_axis=0" in str(no.value)
                each = [call(x[..., c], k, mode="same") for c in range(shape[2])]
                result = call(x, k, mode="same", channel_axis=-1)
                np.testing.assert_allclose(result, np.stack(each, -1), rtol=1e-5, atol=1e-4)
                assert result.flags.c_contiguous
                planes = [call(plane, k, mode="same") for plane in x]
                np.testing.assert_array_equal(call(x, k, mode="same", channel_axis=0), planes)


@pytest.mark.parametrize(
    ("shape", "dtype", "size"),
    [
        ((4, 50, 3), "f8", (3, 2)),  # few images, or channels first
        ((50, 4, 3), "f8", (3, 2)),  # small planes
        ((9, 8, 5), "f8", (3, 2)),
        ((9, 8, 2), "f8", (3, 2)),
        ((9, 8, 3), "f8", (1, 1)),  # mixes nothing
        ((9, 8, 3), "c16", (3, 2)),
        ((9, 8, 3), "?", (3, 2)),
        ((2, 9, 8, 3), "f8", (3, 2)),
    ],
)
def test_what_is_no_photograph_passes(shape, dtype, size):
    x, k = np.ones(shape, dtype), draw(*size)
    assert correlate2d(x, k, mode="same").shape == shape


def test_channel_axis_with_everything():
    x, k = draw(2, 9, 8, 3), draw(3, 2, seed=1)
    first = np.moveaxis(x, -1, 1)
    mask = draw(2, 9, 8, 3, seed=2) > -1
    options = {"mode": "full", "nan": "omit", "boundary": "wrap", "stride": (2, 1)}
    k += 1
    expected = correlate2d(first, k, mask=np.moveaxis(mask, -1, 1), **options)
    result = correlate2d(x, k, mask=mask, channel_axis=3, **options)
    np.testing.assert_array_equal(result, np.moveaxis(expected, 1, -1))
    out = np.zeros(result.shape)
    assert correlate2d(x, k, mask=mask, channel_axis=-1, out=out, **options) is out
    np.testing.assert_array_equal(out, result)
    plane = correlate2d(x, k, mask=mask[0, ..., 0], channel_axis=-1, **options)
    expected = correlate2d(first, k, mask=mask[0, ..., 0], **options)
    np.testing.assert_array_equal(plane, np.moveaxis(expected, 1, -1))
    mixing = Kernel(draw(5, 3, 2, 2))
    np.testing.assert_array_equal(
        correlate2d(x, mixing, channel_axis=-1), np.moveaxis(correlate2d(first, mixing), 1, -1)
    )
    for axis in (4, -5, 1.0, True):
        with pytest.raises(InvalidInput, match="channel_axis must be"):
            correlate2d(x, k, channel_axis=axis)
    with pytest.raises(InvalidInput, match="channel_axis must be"):
        correlate2d(x[0, 0], k, channel_axis=0)
    with pytest.raises(InvalidInput, match="out must be"):
        correlate2d(x, k, channel_axis=-1, out=np.zeros((3, 3)))


def test_options_are_one_value():
    one = options_of("same", "wrap", 0, None, None, 2, [1, 1])
    assert one is options_of("same", "wrap", 0, None, None, 2, [1, 1])
    assert one == Options(mode="same", boundary=("wrap", "wrap"), stride=(2, 2))
    assert hash(one) == hash(Options(mode="same", boundary="wrap", stride=(2, 2)))
    assert one != Options(mode="same", boundary="wrap", stride=(2, 1))
    x, k = (6, 7), [[1, 2]]
    plan = make_plan(x, "f4", k, stride=2, boundary="wrap", dtype="f8")
    assert make_plan(x, "f4", k, stride=(2, 2), boundary=["wrap"] * 2, dtype=np.float64) is plan
    for wrong in ({"stride": True}, {"threads": 2.0}, {"dilation": 1.0}, {"fill_value": "0"}):
        with pytest.raises(InvalidInput):
            correlate2d(np.zeros(x), k, **wrong)


def test_gradients_of_what_fits_no_memory():
    with pytest.raises(InvalidInput, match="fit this machine's"):
        image_gradient(np.ones((7, 7)), draw(3, 3), (7, 7), mode="same", dilation=2**40)
