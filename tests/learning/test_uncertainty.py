"""Intervals hold the truth as often as they say; a longer run is in benchmarks/calibration.py."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kernfit import InvalidInput, correlate2d, learn
from kernfit.lesson import scene

KERNEL = np.array([[0.1, 0.5, -0.2], [0.3, 1.0, 0.0], [-0.4, 0.2, 0.1]])


def texture(rng, shape):
    """Rough where it is bright and smooth where it is dark: blocks carry unequal information."""
    rough = gaussian_filter(rng.normal(0, 1, shape), 0.8)
    smooth = gaussian_filter(rng.normal(0, 1, shape), 12)
    swell = np.clip(smooth / smooth.std(), -1.5, 1.5)
    return 300 + 30 * swell + 60 * rough * np.exp(swell)


def white(clean, rng):
    return clean + rng.normal(0, 3, clean.shape)


def poisson(clean, rng):
    return rng.poisson(np.maximum(clean, 0)).astype(float)


def blurred(clean, rng):
    return clean + 9 * gaussian_filter(rng.normal(0, 1, clean.shape), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [white, poisson, blurred])
def test_intervals_hold_the_truth(noise):
    rng = np.random.default_rng(30)
    held = []
    for _ in range(120):
        x = texture(rng, (100, 110))
        fit = learn(x, noise(correlate2d(x, KERNEL) + 100, rng), threads=1)
        low, high = fit.interval()
        held.append((low <= KERNEL) & (high >= KERNEL))
    # 95 % of 1080 intervals, give or take four standard errors.
    assert 0.915 <= np.mean(held) <= 0.985


def test_white_noise_formula_is_wrong_where_blocks_are_right():
    rng = np.random.default_rng(31)
    x = texture(rng, (100, 110))
    answers = [learn(x, blurred(correlate2d(x, KERNEL), rng), threads=1) for _ in range(60)]
    true = np.std([fit.kernel.taps for fit in answers], axis=0)
    said = np.median([fit.stderr for fit in answers], axis=0)
    assert np.all(said < 1.5 * true)
    assert np.all(true < 1.5 * said)


def test_degrees_of_freedom_count_the_blocks_that_tell():
    rng = np.random.default_rng(32)
    x = rng.normal(size=(100, 100))
    even = learn(x, white(correlate2d(x, KERNEL), rng))
    assert np.all(even.uncertainty.freedom > 15)
    assert np.all(even.uncertainty.freedom < 25)
    # Of these 25 blocks four see nearly everything.
    x[40:, :] *= 0.01
    x[:, 40:] *= 0.01
    uneven = learn(x, white(correlate2d(x, KERNEL), rng))
    assert np.all(uneven.uncertainty.freedom[0, :-1] < 6)


def test_few_pixels_fall_back_to_white_noise():
    rng = np.random.default_rng(33)
    x = rng.normal(size=(12, 12))
    fit = learn(x, white(correlate2d(x, KERNEL), rng))
    assert len(fit.uncertainty.influence) == 0
    assert np.all(fit.uncertainty.freedom == 100 - 10)


def test_covariance_is_a_covariance():
    rng = np.random.default_rng(34)
    x = texture(rng, (120, 120))
    fit = learn(x, white(correlate2d(x, KERNEL), rng))
    covariance = fit.covariance[0]
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance)[0] > 0
    assert np.allclose(np.sqrt(np.diagonal(covariance))[:-1].reshape(3, 3), fit.stderr)


def test_level_is_checked():
    x = scene((40, 40))
    with pytest.raises(InvalidInput, match="probability must be between 0 and 1, got 95"):
        learn(x, x, shape=1).interval(95)
