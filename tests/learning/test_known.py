"""What is called good is known: errors beside the kernel, and noise beside clipping."""

import numpy as np
import pytest
from scipy import ndimage

from kernfit import correlate2d, learn
from kernfit.learning.certainty.share import known_share
from kernfit.lesson import photograph

X = np.asarray(photograph()[0])[60:260, 120:340].astype(float)
KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])


def wide_in_noise():
    rng = np.random.default_rng(3)
    taps = rng.uniform(0.2, 1, (14, 8))
    taps /= taps.sum()
    x = ndimage.gaussian_filter(X, 1)
    return taps, x, correlate2d(x, taps, mode="same") + rng.normal(0, 3, x.shape)


def test_a_kernel_that_is_mostly_error_is_not_good_and_the_advice_helps():
    taps, before, after = wide_in_noise()
    fit = learn(before, after, shape=taps.shape, threads=1)
    assert fit.status.code == "undetermined"
    assert "hardly known" in fit.sentences()[1]
    assert known_share(fit.covariance, fit.kernel.weight)[0] > 0.5
    followed = learn(before, after, threads=1, **fit.status.advice)

    def off(answer):
        return np.linalg.norm(answer.kernel.taps - taps) / np.linalg.norm(taps)

    assert off(followed) < off(fit) / 2
    assert followed.status.code == "good"


def test_a_kernel_that_is_known_stays_good():
    after = correlate2d(X, KERNEL, mode="same") + np.random.default_rng(0).normal(0, 1, X.shape)
    fit = learn(X, after, shape=3, threads=1)
    assert fit.status.code == "good"
    share, standing = known_share(fit.covariance, fit.kernel.weight)
    assert share < 0.2
    assert standing == 9


@pytest.mark.parametrize("gain", [1.4, 1.7])
def test_noise_that_clipping_cut_shifts_neither_sum_nor_bias(gain):
    rng = np.random.default_rng(1)
    sums, biases, taps = [], [], []
    for _ in range(24):
        top, left = rng.integers(0, 60, 2)
        x = X[top : top + 140, left : left + 160]
        made = correlate2d(x, gain * KERNEL) + 10
        after = np.clip(np.rint(made + rng.normal(0, 6, made.shape)), 0, 255).astype(np.uint8)
        fit = learn(x, after, shape=3, threads=1)
        assert fit.left_out["near clipped"] > 0
        total = fit.moments
        sums.append((total.sum - gain * KERNEL.sum()) / total.sum_stderr)
        biases.append((fit.kernel.bias[0] - 10) / fit.bias_stderr[0])
        taps.append((fit.kernel.taps - gain * KERNEL) / fit.stderr)
    for errors in (sums, biases, taps):
        assert abs(np.mean(errors)) < 1
        assert np.mean(np.abs(errors) > 2.2) < 0.2


def test_without_noise_nothing_near_a_limit_is_left_out():
    after = np.clip(np.rint(correlate2d(X, 1.5 * KERNEL)), 0, 255).astype(np.uint8)
    fit = learn(X, after, threads=1)
    assert "near clipped" not in fit.left_out


@pytest.mark.parametrize("sigma", [3.0, 6.0])
def test_noise_before_that_was_not_told_is_said_and_the_advice_helps(sigma):
    rng = np.random.default_rng(2)
    before = X + rng.normal(0, sigma, X.shape)
    after = ndimage.correlate(X, KERNEL) + rng.normal(0, 1, X.shape)
    fit = learn(before, after, shape=3, threads=1)
    assert any("the before image has noise" in note for note in fit.notes)
    assert abs(fit.status.advice["before_variance"] / sigma**2 - 1) < 0.3
    followed = learn(before, after, shape=3, threads=1, **fit.status.advice)
    assert np.abs(followed.kernel.taps - KERNEL).max() < np.abs(fit.kernel.taps - KERNEL).max() / 2


def test_noise_after_is_not_said_to_be_before():
    after = ndimage.correlate(X, KERNEL) + np.random.default_rng(2).normal(0, 5, X.shape)
    fit = learn(X, after, shape=3, threads=1)
    assert not any("the before image has noise" in note for note in fit.notes)
    assert fit.status.advice == {}


@pytest.mark.parametrize("sigma", [0.8, 1.5])
def test_a_pair_the_other_way_round_is_noticed(sigma):
    blurred = np.rint(ndimage.gaussian_filter(X, sigma)).astype(np.uint8)
    fit = learn(blurred, X.astype(np.uint8), threads=1)
    assert fit.status.kind == "swapped"
    assert learn(X.astype(np.uint8), blurred, threads=1).status.kind == ""
