"""What the data cannot tell is said in the right words, drawn, and comes with what to add."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kernfit import correlate2d, learn
from kernfit.cli.answer import describe
from kernfit.learning.certainty.undetermined import combinations_as_text, simplest_combinations
from kernfit.lesson import scene

KERNEL = np.array([[0.1, 0.7, -0.2], [0.0, 1.3, 0.4], [-0.5, 0.05, 0.3]])
SIDE = 40
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
ANY = np.random.default_rng(1).normal(size=2 * SIDE)

# The before image, words of the sentence, words of the remedy, how many combinations.
GAPS = {
    "flat": (np.full((SIDE, SIDE), 7.0), "the before image is flat", "an image that is not", 9),
    "rows": (ANY[ROWS], "rows are told apart, columns are not", "an image that does", 6),
    "columns": (ANY[COLUMNS], "columns are told apart, rows are not", "an image that does", 6),
    "upright edge": (COLUMNS > 20.0, "does not change from top to bottom", "image that does", 6),
    "level edge": (ROWS > 20.0, "does not change from left to right", "image that does", 6),
    "falling": (ANY[COLUMNS - ROWS], "from upper left to lower right", "image that does", 4),
    "rising": (ANY[COLUMNS + ROWS], "from lower left to upper right", "image that does", 4),
    "checkerboard": ((ROWS + COLUMNS) % 2, "is a checkerboard", "an image that is not", 8),
    "every other row": (ROWS % 2, "left to right and repeats every 2 rows", "that does", 8),
    "a tile of 2x2": (
        ANY[2 * (ROWS % 2) + COLUMNS % 2],
        "repeats every 2 rows and every 2 columns",
        "an image that does not",
        6,
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_words_and_remedy(name):
    x, words, remedy, number = GAPS[name]
    x = np.asarray(x, float)
    fit = learn(x, correlate2d(x, KERNEL, mode="same", boundary="edge"), shape=3)
    assert fit.status.code == "undetermined"
    assert words in fit.status.sentence
    assert remedy in fit.status.remedy
    assert len(fit.undetermined) == number
    assert np.isnan(fit.stderr).any()
    # They change no prediction indeed, but for a constant.
    for combination in fit.undetermined[:, 0]:
        assert np.ptp(correlate2d(x, combination)) < 1e-9


def test_a_single_tap_on_a_flat_image():
    flat = np.full((9, 9), 7.0)
    status = learn(flat, flat, shape=1).status
    assert "the tap is not told from the bias" in status.sentence
    assert status.remedy == "Add an image that is not."


def test_few_pixels():
    x = np.random.default_rng(2).normal(size=(3, 3))
    status = learn(x, x, shape=3).status
    assert status.sentence.startswith("There is 1 pixel for 10 weights")
    assert "Use larger images" in status.remedy


def test_channels_of_the_same_image():
    x = np.random.default_rng(3).normal(size=(30, 30))
    fit = learn(np.stack([x, x]), x[np.newaxis], channels="full", shape=1)
    assert "channels are not told apart" in fit.status.sentence
    assert fit.status.remedy.startswith("Add an image that has others")
    assert "input channel 1" in combinations_as_text(fit.undetermined) or len(fit.undetermined) == 1


def test_what_noise_hides():
    rng = np.random.default_rng(4)
    x = gaussian_filter(rng.normal(size=(120, 120)), 3)
    x *= 30 / x.std()
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 5, x.shape)
    fit = learn(x, y, shape=5)
    assert fit.status.code == "undetermined"
    assert "the noise hides part of it" in fit.status.sentence
    assert "no detail as fine as that" in fit.status.sentence
    assert "fit" not in fit.status.remedy
    assert 0 < len(fit.weak) < 25
    # Each of them has an error larger than the kernel, and orthonormal form.
    flat = fit.weak.reshape(len(fit.weak), -1)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)))
    spread = flat @ fit.covariance[0, :-1, :-1] @ flat.T
    assert np.all(np.diagonal(spread) > np.sum(fit.kernel.taps**2) * 0.999)
    assert len(fit.plot_undetermined(most=4)) == min(4, len(fit.weak))
    assert "drowns in the noise" in describe(fit)


def test_a_photograph_with_noise_hides_nothing():
    rng = np.random.default_rng(5)
    x = scene((120, 130)).astype(float)
    fit = learn(x, correlate2d(x, KERNEL, mode="same") + rng.normal(0, 5, x.shape), shape=3)
    assert fit.status.code == "good"
    assert len(fit.weak) == 0
    assert fit.plot_undetermined() == []
    assert combinations_as_text(fit.weak, hidden=True) == ""


def test_pictures_are_simple_and_span_the_same():
    x = np.asarray(GAPS["columns"][0], float)
    fit = learn(x, x, shape=3)
    simple = simplest_combinations(fit.undetermined).reshape(6, -1)
    both = np.vstack([simple, fit.undetermined.reshape(6, -1)])
    assert np.linalg.matrix_rank(both, tol=1e-8) == 6
    assert np.all(np.count_nonzero(np.abs(simple) > 1e-9, axis=1) == 2)
    text = describe(fit)
    assert "What is added to taps marked + and taken from taps marked -" in text
    axes = fit.plot_undetermined()
    assert len(axes) == 6
    assert {ax.get_title() for ax in axes} == {"unknown"}
