"""Strides and dilations are learnt back."""

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, conv2d, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.lesson import scene

KERNEL = np.array([[0.1, 0.7, -0.2], [0.0, 1.3, 0.4], [-0.5, 0.05, 0.3]])


@pytest.mark.parametrize("stride", [2, 3, (1, 2), (4, 2)])
@pytest.mark.parametrize("padding", [0, 1])
def test_what_a_layer_with_a_stride_computes(stride, padding):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 101))
    y = conv2d(x[None, None], KERNEL[None, None], [0.5], stride=stride, padding=padding)[0, 0]
    fit = learn(x, y, shape=3, stride=stride)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-10
    assert abs(fit.kernel.bias[0] - 0.5) < 1e-10
    assert fit.used + sum(fit.left_out.values()) == y.size
    assert fit.status.code == "good"
    first = 1 if padding == 0 else 0
    assert f"sits on row {first}, column {first} of" in fit.notes[-1]


def test_the_size_is_found_and_errors_are_told():
    rng = np.random.default_rng(1)
    x = scene((240, 260)).astype(float)
    halved = x.reshape(120, 2, 130, 2).mean(axis=(1, 3))
    fit = learn(x, halved, stride=2)
    assert np.allclose(fit.kernel.taps, np.full((2, 2), 0.25))
    noisy = halved + rng.normal(0, 1, halved.shape)
    fit = learn(x, noisy, stride=2, shape=2)
    assert np.all(np.abs(fit.kernel.taps - 0.25) < 5 * fit.stderr)
    third = x[:, :258].reshape(80, 3, 86, 3).mean(axis=(1, 3))
    assert np.allclose(learn(x, third, stride=3).kernel.taps, np.full((3, 3), 1 / 9))


def test_eight_bits_channels_and_masks():
    x = scene((160, 180))
    y = np.rint(correlate2d(x.astype(float), np.full((2, 2), 0.25))[::2, ::2]).astype(np.uint8)
    mask = np.ones(y.shape, bool)
    mask[:10] = False
    fit = learn(x, y, stride=2, mask=mask)
    assert fit.kernel.shape == (2, 2)
    assert fit.left_out["masked"] == 10 * 90
    assert np.abs(fit.kernel.taps - 0.25).max() < 1e-3
    rng = np.random.default_rng(2)
    planes = rng.normal(size=(2, 60, 60))
    kernel = Kernel(rng.normal(size=(3, 2, 3, 3)))
    full = learn(
        planes, correlate2d(planes, kernel)[:, ::2, ::2], shape=3, stride=2, channels="full"
    )
    assert np.abs(full.kernel.weight - kernel.weight).max() < 1e-10


@pytest.mark.parametrize("dilation", [2, 3, (1, 2)])
@pytest.mark.parametrize("mode", ["valid", "same"])
def test_dilation(dilation, mode):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 90))
    y = correlate2d(x, KERNEL, dilation=dilation, mode=mode) + 0.25
    fit = learn(x, y, dilation=dilation, shape=3)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-10
    assert np.allclose(fit.predict(x, dilation=dilation, mode=mode), y)
    assert "pixels apart" in fit.notes[-1]
    assert learn(x, y, dilation=dilation).kernel.shape == (3, 3)
    noisy = learn(x, y + rng.normal(0, 0.1, y.shape), dilation=dilation, shape=3)
    assert np.all(np.abs(noisy.kernel.taps - KERNEL) < 5 * noisy.stderr)
    assert 25 <= len(noisy.uncertainty.influence) <= 30


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_of_channels(groups):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4, 60, 62))
    weight = rng.normal(size=(8, 4 // groups, 3, 3))
    y = conv2d(x[None], weight, rng.normal(size=8), groups=groups)[0]
    y += rng.normal(0, 0.1, y.shape)
    fit = learn(x, y, channels="full", groups=groups)
    assert fit.kernel.weight.shape == (8, 4, 3, 3)
    out, into = 8 // groups, 4 // groups
    for n in range(groups):
        own = (slice(n * out, (n + 1) * out), slice(n * into, (n + 1) * into))
        apart = learn(x[own[1]], y[own[0]], channels="full")
        assert np.array_equal(fit.kernel.weight[own], apart.kernel.weight)
        assert np.array_equal(fit.stderr[own], apart.stderr)
        assert np.all(np.abs(fit.kernel.weight[own] - weight[own[0]]) < 5 * fit.stderr[own])
    mean, error = fit.predict(x), fit.prediction_error(x)
    assert np.sqrt(np.mean((mean - y) ** 2)) == pytest.approx(0.1, rel=0.05)
    assert np.all(error < 0.1)
    assert fit.used == y.size
    with pytest.raises(InvalidInput, match="groups must divide the channels of both images, got 3"):
        learn(x, y, channels="full", groups=3)
    with pytest.raises(InvalidInput, match="groups must go with channels='full'"):
        learn(x, x, groups=2)


def test_a_smaller_image_is_told_to_have_a_stride():
    x = scene((200, 220))
    with pytest.raises(InvalidInput, match="is 2 times smaller and looks like the whole of it: gi"):
        learn(x, x[::2, ::2] // 2 + 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, "stride must be at least 1"),
        ({"stride": 5}, "after must be 5x5 times smaller than before"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInput, match=message):
        learn(np.eye(20), np.eye(10), **change)


def test_the_commands_options(tmp_path, capsys):
    x = scene((100, 120))
    write_image(tmp_path / "x.png", x)
    write_image(tmp_path / "y.npy", x.astype(float).reshape(50, 2, 60, 2).mean(axis=(1, 3)))
    files = [str(tmp_path / name) for name in ("x.png", "y.npy")]
    assert main(["learn", *files, "--stride", "2"]) == 0
    told = capsys.readouterr().out
    assert "A 2x2 kernel: " in told
    assert "each step of 2x2 pixels gives one output" in told
    assert main(["learn", *files, "--kernel-only"]) == 2
    assert "is 2 times smaller and looks like the whole of it" in capsys.readouterr().err
    assert main(["learn", *files, "--stride", "two"]) == 2
    assert "--stride must be a whole number, or rows x columns" in capsys.readouterr().err
