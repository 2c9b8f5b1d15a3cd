"""Pixels that count by their variance, clipped and blank ones before, and odd kinds of images."""

import numpy as np
import pytest

from kernfit import InvalidInput, Statistics, correlate2d, learn
from kernfit.lesson import scene

pytestmark = pytest.mark.slow

KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])


def a_sky(rng, side=120):
    """Stars: a few bright pixels on a faint background."""
    x = rng.gamma(0.3, 20, (side, side)) + 5
    x[rng.random(x.shape) < 0.01] += 3000
    return x


@pytest.mark.parametrize("channels", ["alike", "full"])
def test_weighted_sums_are_those_of_weighted_patches(channels):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 12, 13)) + 100, rng.normal(size=(2, 10, 10)) + 50
    mask = rng.random((10, 10)) < 0.8
    variance = rng.uniform(0.5, 2, (10, 10))
    found = Statistics.of(x, y, (3, 4), mask=mask, variance=variance, channels=channels)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 4), axis=(1, 2))
    if channels == "full":
        patches = windows.transpose(1, 2, 0, 3, 4).reshape(1, 100, 24)
        targets = y.reshape(1, 2, 100)
    else:
        patches, targets = windows.reshape(2, 100, 12), y.reshape(2, 1, 100)
    gram = cross = energy = 0
    weight = (mask / variance).ravel()
    for p, t in zip(patches, targets, strict=True):
        p = np.column_stack([p, np.ones(100)])
        gram = gram + (p * weight[:, None]).T @ p
        cross = cross + (p * weight[:, None]).T @ t.T
        energy = energy + (t**2 * weight).sum(axis=1)
    assert np.allclose(found.gram, gram, rtol=1e-10)
    assert np.allclose(found.cross, cross, rtol=1e-10)
    assert np.allclose(found.energy, energy, rtol=1e-10)
    assert found.count == mask.sum() * (2 if channels == "alike" else 1)


def test_photon_noise_with_its_variance():
    rng = np.random.default_rng(1)
    scores, ratios, chi2 = [], [], []
    for _ in range(12):
        x = a_sky(rng)
        clean = correlate2d(x, KERNEL, mode="same", boundary="edge")
        y = rng.poisson(clean).astype(float)
        fit = learn(x, y, shape=3, variance=clean, threads=1)
        plain = learn(x, y, shape=3, threads=1)
        low, high = fit.interval(0.95)
        scores.append(np.mean((low <= KERNEL) & (high >= KERNEL)))
        ratios.append(np.mean(plain.stderr / fit.stderr))
        chi2.append(fit.chi2)
        assert fit.status.code == "good"
        assert fit.notes == ()
    assert 0.88 <= np.mean(scores) <= 1  # 108 intervals
    assert np.mean(ratios) > 1.03
    assert abs(np.mean(chi2) - 1) < 0.02


def test_a_pixel_of_infinite_variance_does_not_count():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 40))
    y = correlate2d(x, KERNEL, mode="same")
    y[20, 20] += 1e6
    variance = np.ones(y.shape)
    variance[20, 20] = np.inf
    fit = learn(x, y, shape=3, variance=variance)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-9
    assert fit.left_out["masked"] == 1
    assert fit.residual_floor == pytest.approx(1)
    assert "times what the given variance says" in fit.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variance": np.zeros((8, 8))}, "variance must be positive, got 0"),
        ({"variance": np.ones((7, 8))}, "variance must have the after image's 8x8 pixels, got"),
        ({"clip_before": 3}, "clip_before must be two levels"),
        ({"bias": "none"}, "bias must be True or False, got 'none'"),
        ({"robust": 1}, "robust must be True or False, got 1"),
        ({"steps": -1}, "steps must be an integer of at least 0, got -1"),
        ({"steps": 2.5}, "steps must be an integer"),
        ({"descent": 0}, "descent must be a positive learning rate, got 0"),
        ({"descent": "fast"}, "descent must be a positive learning rate, got 'fast'"),
        ({"start": [[1]]}, "start is where gradient descent begins, got no descent"),
        ({"threads": 1.5}, "threads must be"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInput, match=message):
        learn(np.eye(8), np.eye(8), **change)


def test_a_lens_sees_more_light_than_the_before_image_shows():
    rng = np.random.default_rng(3)
    light = scene((200, 220)).astype(float)
    light = light + 400 * (rng.random(light.shape) < 0.004)
    before = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    after = correlate2d(light, KERNEL, mode="same") + rng.normal(0, 0.3, light.shape)
    fit = learn(before, after, shape=3)
    assert fit.left_out["clipped before"] > 0
    assert "see a saturated pixel (255) of the before image were left out" in fit.notes[0]
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 5 * fit.stderr)
    told = learn(before, after, shape=3, clip_before=(-1, 255))
    assert told.left_out == fit.left_out
    assert np.array_equal(told.kernel.taps, fit.kernel.taps)


def test_what_a_program_filtered_is_as_it_is():
    rng = np.random.default_rng(4)
    before = np.clip(scene((200, 220)).astype(int) * 2 - 150, 0, 255).astype(np.uint8)
    assert np.mean(before == 0) > 0.02
    assert np.mean(before == 255) > 0.02
    for noise in (0, 3):
        after = correlate2d(before.astype(float), KERNEL, mode="same")
        fit = learn(before, after + rng.normal(0, noise, after.shape), shape=3)
        assert fit.left_out["clipped before"] == 0
        assert fit.notes == ()


def test_a_black_sky_is_not_thrown_away():
    rng = np.random.default_rng(5)
    before = np.zeros((150, 160), np.uint8)
    before[rng.integers(2, 148, 300), rng.integers(2, 158, 300)] = rng.integers(20, 250, 300)
    after = rng.poisson(correlate2d(before.astype(float), KERNEL, mode="same") + 1.0)
    fit = learn(before, after.astype(float), shape=3)
    assert fit.left_out["clipped before"] == 0
    assert fit.used > 0.95 * before.size


def test_half_precision_is_no_misfit():
    x = scene((120, 130)).astype(np.float32)
    after = correlate2d(x, KERNEL, mode="same").astype(np.float16)
    fit = learn(x, after, shape=3)
    assert fit.status.code == "good", str(fit.status)
    assert fit.status.kind == ""


def test_black_and_white_is_said():
    x = scene((60, 70))
    two = np.where(correlate2d(x.astype(float), KERNEL, mode="same") > 120, 255, 0).astype(np.uint8)
    with pytest.raises(InvalidInput, match="got an image of 0 and 255 alone: take it from before"):
        learn(x, two)


def test_outliers_of_images_between_0_and_1():
    rng = np.random.default_rng(6)
    x = scene((150, 160)) / 255
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1e-3, x.shape)
    wild = rng.random(y.shape) < 0.03
    y[wild] += rng.uniform(0.05, 0.4, y.shape)[wild]
    fit = learn(x, y, shape=3, robust=True)
    assert fit.left_out["outliers"] >= 0.95 * wild[1:-1, 1:-1].sum()
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 5 * fit.stderr)


def test_masked_pixels_do_not_stop_the_search_for_the_size():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(220, 220))
    kernel = rng.normal(size=(19, 19))
    y = correlate2d(x, kernel, mode="same")
    mask = rng.random(y.shape) < 0.6
    assert learn(x, y, mask=mask).kernel.shape == (19, 19)
