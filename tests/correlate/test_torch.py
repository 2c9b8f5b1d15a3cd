"""The same numbers as torch, in double precision: layers, boundaries and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from kernfit.correlate import conv2d, correlate2d, image_gradient, kernel_gradient

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# torch says so whenever "same" adds one pixel more at the end than at the beginning.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

TOLERANCE = 1e-12
BOUNDARIES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@pytest.fixture(autouse=True, scope="module")
def one_thread_of_torch():
    # More would mostly wait for one another: the arrays are small.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def of(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def integers(rng, low, high, pair=False):
    """A random integer up to and including `high`, or a pair of them."""
    value = rng.integers(low, high + 1, 2).tolist()
    return tuple(value) if pair else value[0]


def assert_close(result, expected, magnitudes):
    """Each result is right relative to the sum of the magnitudes that it is a sum of."""
    expected = expected.numpy()
    assert result.shape == expected.shape
    assert (abs(result - expected) <= TOLERANCE * magnitudes.numpy()).all()


def random_layer(rng):
    """Arguments of conv2d that torch accepts: the window fits into the padded input."""
    groups = int(rng.choice([1, 1, 2, 3, 4]))
    inputs = groups * (1 if rng.random() < 0.3 else integers(rng, 1, 4))  # 1: depthwise
    outputs = groups * integers(rng, 1, 4)
    size = (integers(rng, 1, 6), 1) if rng.random() < 0.2 else integers(rng, 1, 5, pair=True)
    size = size[:: rng.choice([1, -1])]
    dilation = integers(rng, 1, 3, pair=rng.random() < 0.5)
    stride = integers(rng, 1, 4, pair=rng.random() < 0.5)
    padding = [
        integers(rng, 0, 3),
        integers(rng, 0, 3, pair=True),
        "same",
        "valid",
    ][rng.integers(4)]
    if padding == "same":
        stride = 1
    spans = (np.array(size) - 1) * dilation + 1
    pads = np.array(0 if isinstance(padding, str) else padding)
    shape = np.maximum(spans - 2 * pads, 1) + rng.integers(0, 9, 2)
    batch = () if rng.random() < 0.2 else (integers(rng, 1, 3),)
    x = rng.normal(size=(*batch, inputs, *shape))
    weight = rng.normal(size=(outputs, inputs // groups, *size))
    bias = rng.normal(size=outputs) if rng.random() < 0.5 else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, weight, bias, options


@pytest.mark.parametrize("seed", range(4))
def test_layers(seed):
    rng = np.random.default_rng(seed)
    for _ in range(500):
        x, weight, bias, options = random_layer(rng)
        arrays = [None if a is None else of(a) for a in (x, weight, bias)]
        expected = functional.conv2d(*arrays, **options)
        magnitudes = functional.conv2d(*(a if a is None else abs(a) for a in arrays), **options)
        assert_close(conv2d(x, weight, bias, **options), expected, magnitudes)


@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((2, 64, 20, 21), (64, 64, 3, 3), {"padding": 1}),
        ((2, 3, 40, 41), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
        ((1, 32, 17, 18), (64, 32, 1, 1), {}),
        ((1, 32, 17, 18), (64, 32, 1, 1), {"stride": 2}),
        ((1, 1, 200, 300), (16, 1, 3, 3), {"padding": "same"}),
        ((1, 1, 200, 300), (8, 1, 21, 20), {}),
        ((2, 48, 30, 31), (48, 1, 5, 5), {"padding": 2, "groups": 48}),
        ((1, 24, 30, 31), (24, 6, 3, 3), {"padding": 2, "groups": 4, "dilation": 2}),
    ],
)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_layers_of_networks(shape, weight, options, dtype):
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=n).astype(dtype) for n in (shape, weight, weight[0]))
    arrays = [of(a).double() for a in (x, w, b)]
    expected = functional.conv2d(*arrays, **options)
    largest = functional.conv2d(*map(abs, arrays), **options)
    if dtype == "f4":
        largest = largest * (1e-6 / TOLERANCE)
    result = conv2d(x, w, b, **options)
    assert result.dtype == dtype
    # A transform's error is relative to the greatest of its block.
    assert_close(result, expected, largest.max())


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_boundaries(boundary):
    rng = np.random.default_rng(5)
    for _ in range(100):
        size, stride = integers(rng, 1, 4, pair=True), integers(rng, 1, 3)
        shape = integers(rng, 5, 12, pair=True)
        top, bottom, left, right = (int(n) for n in rng.integers(0, 5, 4))
        x, weight = rng.normal(size=(2, 3, *shape)), rng.normal(size=(4, 3, *size))
        padded = functional.pad(of(x), (left, right, top, bottom), mode=BOUNDARIES[boundary])
        if any(n < k for n, k in zip(padded.shape[2:], size, strict=True)):
            continue
        pads = ((top, bottom), (left, right))
        result = conv2d(x, weight, stride=stride, padding=pads, boundary=boundary)
        expected = functional.conv2d(padded, of(weight), stride=stride)
        magnitudes = functional.conv2d(abs(padded), abs(of(weight)), stride=stride)
        assert_close(result, expected, magnitudes)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients(boundary):
    rng = np.random.default_rng(6)
    for _ in range(100):
        size = integers(rng, 1, 4, pair=True)
        shape = integers(rng, 8, 14, pair=True)
        top, bottom, left, right = (int(n) for n in rng.integers(0, 5, 4))
        options = {
            "stride": integers(rng, 1, 3, pair=True),
            "dilation": integers(rng, 1, 2, pair=True),
        }
        x = of(rng.normal(size=(2, *shape))).requires_grad_()
        taps = of(rng.normal(size=size)).requires_grad_()
        padded = functional.pad(x[:, None], (left, right, top, bottom), mode=BOUNDARIES[boundary])
        result = functional.conv2d(padded, taps[None, None], **options)[:, 0]
        gradient = rng.normal(size=result.shape)
        result.backward(of(gradient))
        options |= {"padding": ((top, bottom), (left, right)), "boundary": boundary}
        np.testing.assert_allclose(
            correlate2d(x.detach().numpy(), taps.detach().numpy(), **options),
            result.detach().numpy(),
            atol=1e-12,
        )
        np.testing.assert_allclose(
            image_gradient(gradient, taps.detach().numpy(), x.shape, **options),
            x.grad.numpy(),
            atol=1e-12,
        )
        np.testing.assert_allclose(
            kernel_gradient(x.detach().numpy(), gradient, size, **options),
            taps.grad.numpy(),
            atol=1e-11,
        )
