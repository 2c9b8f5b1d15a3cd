"""Sum, centroid and width, against theory."""

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, correlate2d, learn
from kernfit.learning.certainty.moments import moments
from kernfit.learning.certainty.uncertainty import unknown
from kernfit.lesson import scene


def gaussian(sigma, shift=(0.0, 0.0), radius=6):
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    taps = np.exp(-((rows - shift[0]) ** 2 + (columns - shift[1]) ** 2) / (2 * sigma**2))
    return taps / taps.sum()


def test_of_a_shifted_gaussian():
    x = scene((250, 240)).astype(float)
    kernel = 1.7 * gaussian(1.3, (0.4, -0.8))
    rng = np.random.default_rng(60)
    y = correlate2d(x, kernel, mode="same") + rng.normal(0, 0.5, x.shape)
    found = learn(x, y, shape=13).moments
    assert abs(found.sum - 1.7) < 4 * found.sum_stderr
    for axis, shift in enumerate((0.4, -0.8)):
        assert abs(found.centroid[axis] - shift) < 4 * found.centroid_stderr[axis]
        assert abs(found.width[axis] - 1.3) < 4 * found.width_stderr[axis] + 0.001
    assert 0 < found.sum_stderr < 0.01
    assert 0 < max(found.centroid_stderr) < 0.2


@pytest.mark.slow
def test_errors_are_those_of_repeated_noise():
    rng = np.random.default_rng(61)
    x = rng.normal(size=(70, 70)) * 10 + 100
    kernel = gaussian(1.0, (0.2, 0), radius=2)
    clean = correlate2d(x, kernel)
    runs = [learn(x, clean + rng.normal(0, 1, clean.shape)).moments for _ in range(150)]
    for value, error in (("sum", "sum_stderr"), ("centroid", "centroid_stderr")):
        true = np.std([getattr(run, value) for run in runs], axis=0)
        said = np.median([getattr(run, error) for run in runs], axis=0)
        assert np.all(np.abs(said / true - 1) < 0.25)


def test_an_edge_detector_has_no_centroid():
    found = moments(Kernel([[1, -1]]), unknown(1, 3))
    assert found.sum == 0
    assert np.isnan(found.centroid).all()
    assert np.isnan(found.width).all()


def test_mixing_kernels_are_refused():
    with pytest.raises(InvalidInput, match="moments needs a kernel with one input"):
        moments(Kernel(np.ones((2, 1, 3, 3))), unknown(2, 10))
