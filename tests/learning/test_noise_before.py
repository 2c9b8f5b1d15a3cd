"""Noise in the before image draws a kernel towards 0; with its variance told, it does not."""

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, Statistics, correlate2d, learn
from kernfit.lesson import scene

KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])


def rough(rng, side):
    return rng.gamma(1.0, 10, (side, side))


@pytest.mark.slow
@pytest.mark.parametrize("uneven", [False, True])
def test_is_corrected_and_its_errors_are_right(uneven):
    rng = np.random.default_rng(0)
    held, plain, found = [], [], []
    for _ in range(20):
        x = rough(rng, 120)
        spread = 16 * rng.uniform(0.2, 1.8, x.shape) if uneven else 16.0
        y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
        seen = x + rng.normal(0, np.sqrt(spread), x.shape)
        fit = learn(seen, y, shape=3, before_variance=spread, threads=1)
        low, high = fit.interval()
        held.append((low <= KERNEL) & (high >= KERNEL))
        found.append(fit.kernel.taps)
        plain.append(learn(seen, y, shape=3, threads=1).kernel.taps)
        assert fit.status.code == "good", str(fit.status)
    scatter = np.std(found, axis=0) / np.sqrt(20)
    assert np.all(np.abs(np.mean(found, axis=0) - KERNEL) < 4 * scatter)
    assert np.abs(np.mean(plain, axis=0) - KERNEL).max() > 7 * scatter.max()
    assert 0.89 <= np.mean(held) <= 0.99  # of 180


def test_few_pixels_have_the_errors_of_white_noise():
    rng = np.random.default_rng(1)
    answers, errors = [], []
    for _ in range(150):
        x = rough(rng, 22)
        y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
        fit = learn(x + rng.normal(0, 2, x.shape), y, shape=3, before_variance=4.0, threads=1)
        assert len(fit.uncertainty.influence) == 0
        answers.append(fit.kernel.taps)
        errors.append(fit.stderr)
    assert np.allclose(np.mean(errors, axis=0), np.std(answers, axis=0), rtol=0.3)


def test_merges_and_takes_part_in_smaller_supports():
    rng = np.random.default_rng(2)
    x, y = rough(rng, 40), rng.normal(size=(38, 38))
    v = rng.uniform(1, 2, x.shape)
    whole = Statistics.of(x, y, 3, before_variance=v)
    top = Statistics.of(x[:22], y[:20], 3, before_variance=v[:22])
    rest = Statistics.of(x[20:], y[20:], 3, before_variance=v[20:])
    assert np.allclose((top + rest).gram, whole.gram)
    assert np.allclose((whole - top).noise, rest.noise)
    small = whole.support(slice(0, 3), slice(1, 2))
    direct = Statistics.of(x[:, 1:-1], y, (3, 1), before_variance=v[:, 1:-1])
    assert np.allclose(small.gram, direct.gram)
    assert np.allclose(small.noise, direct.noise)
    windows = np.lib.stride_tricks.sliding_window_view(v, (3, 3)).reshape(-1, 9)
    assert np.allclose(whole.noise[:-1], windows.sum(axis=0))


def test_channels_masks_and_variances_go_together():
    rng = np.random.default_rng(3)
    kernel = Kernel(rng.normal(size=(1, 2, 3, 3)))
    x = rng.gamma(1.0, 10, (2, 150, 150))
    clean = correlate2d(x, kernel, mode="same")
    spread = 1 + np.abs(clean)
    y = clean + rng.normal(0, np.sqrt(spread))
    seen = x + rng.normal(0, 2, x.shape)
    mask = rng.random(x.shape[1:]) < 0.9
    fit = learn(
        seen, y, shape=3, channels="full", variance=spread[0], mask=mask, before_variance=4.0
    )
    assert np.all(np.abs(fit.kernel.weight - kernel.weight) < 5 * fit.stderr)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"before_variance": -1.0}, "before_variance must be finite and not negative"),
        ({"before_variance": np.ones((3, 3))}, "before_variance must be a number or have shape"),
        ({"before_variance": 1e5}, "before_variance must leave detail that tells the taps apart"),
    ],
)
def test_refusals(change, message):
    x = scene((60, 70)).astype(float)
    with pytest.raises(InvalidInput, match=message):
        learn(x, x, **({"shape": 3} | change))


@pytest.mark.parametrize("shape", [(3, 3), (1, 5), (5, 5)])
def test_the_shape_is_found_through_noise(shape):
    rng = np.random.default_rng(8)
    kernel = rng.uniform(0.1, 1, shape)
    kernel /= kernel.sum()
    x = scene((260, 300)).astype(float)
    y = correlate2d(x, kernel, mode="same", boundary="edge") + rng.normal(0, 1, x.shape)
    seen = x + rng.normal(0, 4, x.shape)
    fit = learn(seen, y, before_variance=16.0)
    assert fit.kernel.shape == shape
    assert np.all(np.abs(fit.kernel.taps - kernel) < 5 * fit.stderr)
    assert learn(seen, y).kernel.shape != shape  # it looks wider without
