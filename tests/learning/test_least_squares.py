"""Exact solve: against NumPy, with and without a bias, and where the data leave a choice."""

import numpy as np
import pytest
from patches import patches

from kernfit import Statistics
from kernfit.learning.certainty.uncertainty import white_noise
from kernfit.learning.certainty.undetermined import describe_undetermined
from kernfit.learning.sums import least_squares
from kernfit.lesson import black_bar


@pytest.mark.parametrize("bias", [True, False])
def test_is_what_numpy_finds(bias):
    rng = np.random.default_rng(1)
    x, y = rng.normal(4, 1, (2, 20, 22)), rng.normal(size=(3, 18, 19))
    found = Statistics.of(x, y, (3, 4), channels="full").solve(bias=bias)
    p = patches(x, (3, 4)).T
    if not bias:
        p = p[:, :-1]
    true = np.linalg.lstsq(p, y.reshape(3, -1).T, rcond=None)[0]
    assert np.abs(found.weights[: p.shape[1]] - true).max() < 1e-11
    assert found.determined.all()
    if not bias:
        assert not found.weights[-1].any()


@pytest.mark.parametrize("bias", [True, False])
def test_smallest_norm_where_there_is_a_choice(bias):
    # Rows are alike: of a 3x3 kernel only the columns' sums are determined.
    x = np.tile(np.random.default_rng(2).normal(size=30), (20, 1))
    y = 2 * x[1:-1, 1:-1] - x[1:-1, 2:] + (5 if bias else 0)
    found = Statistics.of(x, y, 3).solve(bias=bias)
    taps = found.weights[:-1, 0].reshape(3, 3)
    assert np.abs(taps - np.array([0, 2, -1]) / 3).max() < 1e-9
    assert abs(found.weights[-1, 0] - (5 if bias else 0)) < 1e-9
    assert len(found.undetermined) == 6
    assert not found.determined[:-1].any()
    assert np.abs(patches(x[np.newaxis], (3, 3)).T @ found.undetermined.T).max() < 1e-8


@pytest.mark.parametrize("level", [0.0, 1e5])
def test_the_quick_way_says_what_eigenvalues_say(monkeypatch, level):
    rng = np.random.default_rng(6)
    x, y = level + rng.normal(size=(90, 80)), rng.normal(size=(80, 70))
    statistics = Statistics.of(x, y, 11)
    quick = statistics.solve()
    gone = []
    monkeypatch.setattr(least_squares, "_inverse_if_seen", lambda *_: gone.append(1))
    slow = statistics.solve()
    assert gone
    for name in ("weights", "inverse", "local"):
        one, other = getattr(quick, name), getattr(slow, name)
        assert np.abs(one - other).max() < 1e-9 * np.abs(other).max()
    assert np.array_equal(quick.determined, slow.determined)
    assert quick.undetermined.shape == slow.undetermined.shape == (0, 122)
    centred = patches(x[np.newaxis], (11, 11))[:-1]
    centred = centred - centred.mean(axis=1, keepdims=True)
    for found in (quick, slow):
        assert found.condition == pytest.approx(np.linalg.cond(centred @ centred.T), rel=1e-4)


def test_the_quick_way_is_left_where_a_direction_might_drown(monkeypatch):
    # A ramp besides a little noise, less and less of it: first every direction is surely seen.
    rng = np.random.default_rng(7)
    noise, ramp = rng.normal(size=(40, 40)), np.add.outer(np.arange(40.0), np.arange(40.0))
    seen = []
    kept = least_squares._inverse_if_seen

    def watch(gram, least):
        found = kept(gram, least)
        seen.append(found is not None)
        values = np.linalg.eigvalsh(gram)
        assert found is None or values[0] > least
        return found

    monkeypatch.setattr(least_squares, "_inverse_if_seen", watch)
    unseen = [
        len(Statistics.of(ramp + size * noise, ramp[1:-1, 1:-1], 3).solve().undetermined)
        for size in 10.0 ** -np.arange(9)
    ]
    assert seen[0]
    assert not seen[-1]
    assert unseen[0] == 0 < unseen[-1]


def test_flat_image_tells_the_bias_alone():
    found = Statistics.of(np.full((9, 9), 7.0), np.full((7, 7), 3.0), 3).solve()
    assert not found.weights[:-1].any()
    assert found.weights[-1, 0] == 3
    # Any sum of taps could stand in for the bias.
    assert not found.determined.any()


def test_determined_taps_keep_their_error():
    # The last column of patches never changes: its tap hides in the bias, the others do not.
    rng = np.random.default_rng(3)
    x = np.stack([rng.normal(size=(30, 30)), np.zeros((30, 30))])
    y = x[0, 1:-1, 1:-1] + 0.01 * rng.normal(size=(28, 28))
    statistics = Statistics.of(x, y, (3, 3), channels="full")
    found = statistics.solve()
    assert found.determined[:9].all()
    assert not found.determined[9:18].any()
    assert found.determined[18]
    error = statistics.squared_error(found.weights)
    spread = white_noise(found, error, statistics.count, bias=True).covariance
    errors = np.sqrt(np.diagonal(spread[0]))
    assert np.isfinite(errors[:9]).all()
    assert np.isnan(errors[9:18]).all()
    assert np.isfinite(errors[18])


def test_covariance_is_that_of_repeated_noise():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(14, 15))
    kernel = np.array([[0.5, -1.0], [2.0, 0.25]])
    clean = sum(kernel[a, b] * x[a : 13 + a, b : 14 + b] for a in range(2) for b in range(2))
    answers, spreads = [], []
    for _ in range(3000):
        statistics = Statistics.of(x, clean + 0.3 * rng.normal(size=clean.shape), 2)
        found = statistics.solve()
        answers.append(found.weights[:, 0])
        errors = statistics.squared_error(found.weights)
        spreads.append(white_noise(found, errors, statistics.count, bias=True).covariance[0])
    true, said = np.cov(np.array(answers).T), np.mean(spreads, axis=0)
    assert np.abs(said - true).max() < 0.08 * np.abs(true).max()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((12, 12), 3.0), "the before image is flat"),
        (np.tile(np.arange(12.0) ** 2, (12, 1)), "rows are not: the before image does not change"),
        (np.tile(np.arange(12.0) ** 2, (12, 1)).T, "columns are not: the before image does not"),
        (np.indices((12, 12)).sum(axis=0) % 2.0, "the before image is a checkerboard"),
    ],
)
def test_words_for_what_cannot_be_told(image, words):
    found = Statistics.of(image, image[1:-1, 1:-1], 3).solve()
    assert words in describe_undetermined(found.undetermined[:, :-1], 1, (3, 3), 9999).words


def test_words_for_equal_channels():
    plane = np.random.default_rng(5).normal(size=(12, 12))
    found = Statistics.of([plane, plane], plane, 1, channels="full").solve()
    words = describe_undetermined(found.undetermined[:, :-1], 2, (1, 1), 9999).words
    assert words == "channels are not told apart: they hold the same image"


def test_the_lessons_bar_and_a_3x3_kernel():
    x = black_bar()
    found = Statistics.of(x, x[1:-1, 1:-1] - x[1:-1, 2:], 3).solve()
    assert (
        "rows are not" in describe_undetermined(found.undetermined[:, :-1], 1, (3, 3), 9999).words
    )
    assert np.isfinite(found.weights).all()
