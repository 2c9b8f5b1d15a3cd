"""A robust fit survives wild pixels on either side of the pair."""

import numpy as np
import pytest

from kernfit import correlate2d, learn
from kernfit.lesson import scene

pytestmark = pytest.mark.slow

KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])


@pytest.mark.parametrize("share", [0.002, 0.05])
@pytest.mark.parametrize("shape", [3, "auto"])
def test_wild_pixels_after(share, shape):
    rng = np.random.default_rng(40)
    x = scene((250, 260)).astype(float)
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
    hit = rng.random(y.shape) < share
    y[hit] = rng.uniform(0, 4000, hit.sum())
    plain, robust = learn(x, y, shape=3), learn(x, y, shape=shape, robust=True)
    assert np.abs(plain.kernel.taps - KERNEL).max() > 0.01
    assert robust.kernel.shape == (3, 3)
    assert np.all(np.abs(robust.kernel.taps - KERNEL) < 3 * robust.stderr)
    inside = hit[1:-1, 1:-1].sum()
    assert 0.95 * inside < robust.left_out["outliers"] < 1.2 * inside
    assert robust.status.code == "good"
    assert abs(robust.residual_rms - 1) < 0.02


def test_cosmic_rays_before():
    rng = np.random.default_rng(41)
    x = scene((250, 260)).astype(float)
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
    hit = rng.random(x.shape) < 0.005
    x[hit] += rng.uniform(200, 4000, hit.sum())
    fit = learn(x, y, shape=3, robust=True)
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 3.5 * fit.stderr)


def test_brighter_pixels_may_be_noisier():
    # Photon noise of a few bright spots: none of them is an outlier.
    rng = np.random.default_rng(42)
    x = np.full((300, 300), 10.0)
    for row, column in rng.integers(5, 295, (150, 2)):
        x[row - 1 : row + 2, column - 1 : column + 2] += rng.uniform(500, 50_000)
    y = rng.poisson(correlate2d(x, KERNEL, mode="same")).astype(float)
    fit = learn(x, y, shape=3, robust=True)
    assert fit.left_out["outliers"] < 0.003 * y.size
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 4 * fit.stderr)


def test_nothing_wild_changes_nothing():
    rng = np.random.default_rng(43)
    x = rng.normal(size=(3, 60, 60))
    y = correlate2d(x, KERNEL) + rng.uniform(-0.1, 0.1, (3, 58, 58))
    plain, robust = learn(x, y), learn(x, y, robust=True)
    assert robust.kernel == plain.kernel
    assert robust.left_out["outliers"] == 0


def test_rounding_is_never_an_outlier():
    x = scene((100, 100))
    y = np.rint(correlate2d(x, KERNEL, mode="same")).astype(np.uint8)
    fit = learn(x, y, robust=True)
    assert fit.left_out["outliers"] == 0
    assert fit.reproduced == fit.used
