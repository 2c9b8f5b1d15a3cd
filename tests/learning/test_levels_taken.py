"""Sums counted from a level of the images: a pedestal costs nothing, and merging still works."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from kernfit import InvalidInput, Kernel, Statistics, correlate2d, learn
from kernfit.lesson import scene

KERNEL = np.array([[0.1, 0.7, -0.2], [0.0, 1.3, 0.4], [-0.5, 0.05, 0.3]])


@given(
    seed=st.integers(0, 2**32 - 1),
    before=st.floats(-1e6, 1e6),
    after=st.floats(-1e6, 1e6),
)
@settings(max_examples=20, deadline=None)
def test_adding_constants_changes_nothing_but_the_bias(seed, before, after):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 33))
    y = correlate2d(x, KERNEL) + 0.1 * rng.normal(size=(28, 31))
    plain, raised = learn(x, y), learn(x + before, y + after)
    assert np.abs(raised.kernel.taps - plain.kernel.taps).max() < 1e-9
    assert np.allclose(raised.stderr, plain.stderr, rtol=1e-6)
    bias = plain.kernel.bias[0] + after - before * plain.kernel.taps.sum()
    assert abs(raised.kernel.bias[0] - bias) < 1e-8 * (1 + abs(before) + abs(after))
    assert raised.residual_rms == pytest.approx(plain.residual_rms, rel=1e-7)
    assert raised.status == plain.status


def test_a_small_signal_on_a_large_pedestal():
    rng = np.random.default_rng(1)
    x = 1e6 + rng.normal(0, 1e-2, (200, 210))
    fit = learn(x, correlate2d(x, KERNEL, mode="same") + 0.5)
    assert fit.kernel.shape == (3, 3)
    assert fit.status.code == "good"
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-6


def test_a_smooth_image_on_a_pedestal_keeps_its_rank():
    # Blurred by sigma 2, neighbouring taps of a 7x7 kernel are all but alike.
    x = gaussian_filter(np.random.default_rng(2).normal(size=(300, 300)), 2) + 10
    kernel = np.random.default_rng(3).normal(size=(7, 7))
    fit = learn(x, correlate2d(x, kernel))
    assert len(fit.undetermined) == 0
    assert np.abs(fit.kernel.taps - kernel).max() < 1e-3


@pytest.mark.parametrize("level", [0.0, 1e3, 1e6])
def test_without_a_bias_the_pedestal_is_evidence(level):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 61)) + level
    y = correlate2d(x, KERNEL) + rng.normal(0, 1e-3, (58, 59))
    found = Statistics.of(x, y, 3).solve(bias=False)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3)).reshape(-1, 9)
    true = np.linalg.lstsq(windows, y.ravel(), rcond=None)[0]
    assert np.abs(found.weights[:9, 0] - true).max() < 1e-9
    assert found.weights[-1, 0] == 0
    assert found.determined.all()
    covariance = np.linalg.pinv(windows) @ np.linalg.pinv(windows).T
    assert np.allclose(found.inverse[:9, :9], covariance, rtol=1e-5, atol=1e-12)
    fit = learn(x, y, bias=False)
    assert np.abs(fit.kernel.taps.ravel() - true).max() < 1e-9
    sized = learn(x, correlate2d(x, KERNEL, mode="same", boundary="edge"), bias=False)
    assert sized.kernel.shape == (3, 3)


@given(
    seed=st.integers(0, 2**32 - 1),
    levels=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=2),
)
@settings(max_examples=20, deadline=None)
def test_parts_with_other_levels_merge_and_come_out(seed, levels):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 40, 20))
    x[:, 20:] += levels[0]
    y = correlate2d(x, Kernel(rng.normal(size=(2, 2, 3, 3)))) + levels[1]
    top = Statistics.of(x[:, :22], y[:, :20], 3, channels="full")
    rest = Statistics.of(x[:, 20:], y[:, 20:], 3, channels="full")
    whole = Statistics.of(x, y, 3, channels="full")
    assert not np.array_equal(top.sums.before, rest.sums.before)
    for merged in (top + rest, rest + top):
        assert np.allclose(merged.gram, whole.gram, rtol=1e-12)
        true = whole.solve().weights
        assert np.allclose(merged.solve().weights, true, atol=1e-6 * np.abs(true).max())
    again = (whole - rest).solve().weights
    assert np.allclose(again, top.solve().weights, atol=1e-3 * np.abs(again).max())


@pytest.mark.parametrize("first", [1e-50, 1.0, 1e50])
@pytest.mark.parametrize("second", [1e-50, 1.0, 1e50])
def test_scales_of_any_unit(first, second):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 61))
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 0.01, (60, 61))
    plain, scaled = learn(x, y), learn(x * first, y * second)
    assert np.allclose(scaled.kernel.taps * first / second, plain.kernel.taps, rtol=1e-9)
    assert np.allclose(scaled.stderr * first / second, plain.stderr, rtol=1e-6)
    assert scaled.status.code == plain.status.code


@pytest.mark.parametrize("scale", [1e-150, 1e-90, 1e90, 1e150, 1e200])
def test_scales_beyond_are_refused(scale):
    x = np.random.default_rng(6).normal(size=(30, 31))
    for pair in ((x * scale, x[1:-1, 1:-1]), (x, x[1:-1, 1:-1] * scale)):
        with pytest.raises(InvalidInput, match="must differ by between 1e-60 and 1e60"):
            learn(*pair)
        with pytest.raises(InvalidInput, match="must differ by between 1e-60 and 1e60"):
            Statistics.of(*pair, 3).solve()


def test_nothing_in_the_sums_is_said():
    x = scene((20, 20))
    found = Statistics.of(x, x[1:-1, 1:-1], 3)
    with pytest.raises(InvalidInput, match="must hold at least one pixel, got 0"):
        (found - found).solve()


def test_files_of_the_first_version_are_read(tmp_path):
    x = scene((40, 41))
    found = Statistics.of(x, x[1:-1, 1:-1], 3)
    found.save(tmp_path / "new.npy")
    header = np.load(tmp_path / "new.npy")[:9]
    header[1] = 1.0
    numbers = [header, found.gram.ravel(), found.cross.ravel(), found.energy]
    np.save(tmp_path / "old.npy", np.concatenate(numbers))
    old = Statistics.load(tmp_path / "old.npy")
    assert np.array_equal(old.gram, found.gram)
    assert np.allclose(old.solve().weights, found.solve().weights, atol=1e-9)
    assert (old + found).count == 2 * found.count


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_large_images_are_summed_in_tiles_and_bands(monkeypatch, share):
    from kernfit.correlate.lags import panels
    from kernfit.learning.sums import patches, summing

    x = np.random.default_rng(7).normal(size=(90, 30))
    mask = np.random.default_rng(8).random((88, 28)) < share
    whole = Statistics.of(x, x[1:-1, 1:-1], 3, mask=mask)
    monkeypatch.setattr(panels, "TILE", (13, 11))
    monkeypatch.setattr(summing, "_BAND", 300)
    monkeypatch.setattr(patches, "_BAND", 100)
    monkeypatch.setattr(patches, "_CHUNK_BYTES", 2000)
    parts = Statistics.of(x, x[1:-1, 1:-1], 3, mask=mask)
    assert np.allclose(parts.gram, whole.gram, rtol=1e-12)
    assert np.allclose(parts.cross, whole.cross, rtol=1e-12)
    assert np.allclose(parts.energy, whole.energy, rtol=1e-12)


def test_what_is_left_out_costs_nothing_however_large():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(80, 81))
    y = correlate2d(x, KERNEL, mode="same")
    x[40, 41] = 1e30
    mask = np.ones(x.shape, bool)
    mask[38:43, 39:44] = False
    fit = learn(x, y, mask=mask, shape=3)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-10
