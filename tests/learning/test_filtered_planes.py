"""Planes of a volume that were filtered across: no 2-D kernel explains them, and that is said."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kernfit import correlate2d, learn

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 256, (12, 40, 40)).astype(np.uint8)
SMOOTH = gaussian_filter(VOLUME.astype(float), (1, 1, 1)) * 3


@pytest.mark.parametrize("sigma", [1.0, (2, 1, 1), (0.5, 1, 1)])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("before", [VOLUME, SMOOTH], ids=["noise", "smooth"])
def test_a_volume_blurred_along_three_axes(before, sigma, whole):
    after = gaussian_filter(before.astype(float), sigma)
    fit = learn(before, np.rint(after).astype(np.uint8) if whole else after, shape=5)
    assert "explains" not in fit.status.sentence
    assert fit.status.code == "misfit"


def test_the_advice_helps():
    after = gaussian_filter(VOLUME.astype(float), 0.7)
    fit = learn(VOLUME, after)
    assert fit.status.kind == "planes"
    assert "follows the neighbouring planes" in fit.status.sentence
    three = learn(VOLUME[4:7], after[5:6], shape=5, channels="full")
    assert three.r2 > 0.95 > fit.r2 + 0.1


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("before", [VOLUME, SMOOTH], ids=["noise", "smooth"])
@pytest.mark.parametrize("shape", [3, "auto"])
def test_planes_that_were_filtered_one_by_one(before, noise, shape):
    kernel = np.array([[0.1, 0.2, 0.0], [0.1, 0.3, 0.1], [0.05, 0.1, 0.05]])
    after = correlate2d(before.astype(float), kernel, mode="same", boundary="edge")
    fit = learn(before, after + RNG.normal(0, noise, after.shape), shape=shape)
    assert fit.status.code == "good"
