"""Constraints and penalties: against brute force over patches, and what their errors promise."""

import numpy as np
import pytest
from patches import patches
from scipy.linalg import null_space
from scipy.optimize import lsq_linear

from kernfit import InvalidInput, correlate2d, learn
from kernfit.lesson import scene

KERNEL = np.outer([1, 2, 1], [1, 3, 1]) / 20


def a_pair(kernel=KERNEL, noise=2.0, size=(120, 130), seed=0):
    rng = np.random.default_rng(seed)
    x = scene(size).astype(float)
    y = correlate2d(x, kernel)
    return x, y + rng.normal(0, noise, y.shape)


def rows_of(x, shape):
    return patches(x[np.newaxis], shape).T


def equality(x, y, shape, rows, right):
    """Least squares of all weights, the bias last, under linear equations."""
    p = rows_of(x, shape)
    start = np.linalg.lstsq(rows, right, rcond=None)[0]
    free = null_space(rows)
    step = np.linalg.lstsq(p @ free, y.ravel() - p @ start, rcond=None)[0]
    return start + free @ step


def mirrored(shape):
    """Equations that make a kernel the same left to right and top to bottom."""
    rows = []
    for turn in (np.flipud, np.fliplr):
        rows.append(np.eye(shape[0] * shape[1]))
        rows[-1] -= np.eye(shape[0] * shape[1])[turn(np.arange(9).reshape(shape)).ravel()]
    return np.vstack(rows)


def test_symmetric_with_a_sum_is_least_squares_under_equations():
    x, y = a_pair()
    fit = learn(x, y, constraints=["symmetric", "sum-to-one"])
    equations = np.hstack([np.vstack([mirrored((3, 3)), np.ones(9)]), np.zeros((19, 1))])
    expected = equality(x, y, (3, 3), equations, np.append(np.zeros(18), 1))
    assert np.allclose(fit.kernel.taps.ravel(), expected[:-1], atol=1e-8)
    assert np.isclose(fit.kernel.bias[0], expected[-1], atol=1e-5)
    assert abs(fit.kernel.taps.sum() - 1) < 1e-12
    assert fit.moments.sum_stderr < 1e-10
    assert "(imposed: symmetric, sum-to-one)" in fit.status.sentence
    assert fit.status.code == "good"
    assert fit.stderr.mean() < 0.9 * learn(x, y).stderr.mean()


def test_taps_that_are_not_free_are_0():
    free = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    x, y = a_pair(np.where(free, KERNEL, 0))
    fit = learn(x, y, free=free)
    assert np.array_equal(fit.kernel.taps[~free], np.zeros(4))
    assert np.array_equal(fit.stderr[~free], np.zeros(4))
    expected = np.linalg.lstsq(
        rows_of(x, (3, 3))[:, np.append(free.ravel(), True)], y.ravel(), rcond=None
    )[0]
    assert np.allclose(fit.kernel.taps[free], expected[:-1], atol=1e-8)
    assert "4 taps held at 0" in fit.status.sentence


@pytest.mark.parametrize("name", ["point-symmetric", "isotropic"])
def test_symmetries_hold_to_the_last_digit(name):
    x, y = a_pair(np.array([[1, 2, 1], [2, 5, 2], [1, 2, 1]]) / 17)
    taps = learn(x, y, constraints=name).kernel.taps
    assert np.allclose(taps, taps[::-1, ::-1], atol=1e-14)
    assert np.allclose(taps, taps.T, atol=1e-14) == (name == "isotropic")


@pytest.mark.parametrize("total", [False, True])
def test_non_negative(total):
    kernel = np.array([[0, 0.2, 0], [0, 0.5, 0], [0, 0.3, 0]])
    x, y = a_pair(kernel, 20.0)
    names = ["non-negative", "sum-to-one"] if total else ["non-negative"]
    fit = learn(x, y, constraints=names)
    assert fit.kernel.taps.min() == 0
    assert np.all(np.abs(fit.kernel.taps - kernel) < 4 * fit.stderr)
    p, target = rows_of(x, (3, 3)), y.ravel()
    if total:
        p = np.vstack([p, np.append(np.full(9, 1e8), 0)])
        target = np.append(target, 1e8)
    low = np.append(np.zeros(9), -np.inf)
    expected = lsq_linear(p, target, (low, np.inf), method="bvls").x
    assert np.allclose(fit.kernel.taps.ravel(), expected[:-1], atol=1e-6)
    # A tap at 0 may be there because of noise.
    free = learn(x, y, constraints=names[1:])
    assert np.allclose(fit.stderr, free.stderr, rtol=0.1)


def test_separable():
    x, y = a_pair(noise=8.0)
    fit, plain = learn(x, y, constraints="separable"), learn(x, y)
    lengths = np.linalg.svd(fit.kernel.taps)[1]
    assert lengths[1] < 1e-9 * lengths[0]
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 4 * fit.stderr)
    assert fit.stderr.mean() < 0.8 * plain.stderr.mean()

    def error(taps):
        left = y - correlate2d(x, taps)
        return np.sum((left - left.mean()) ** 2)

    u, s, v = np.linalg.svd(fit.kernel.taps)
    for step in np.eye(3):
        for size in (-1e-3, 1e-3):
            assert error(s[0] * np.outer(u[:, 0] + size * step, v[0])) > error(fit.kernel.taps)
            assert error(s[0] * np.outer(u[:, 0], v[0] + size * step)) > error(fit.kernel.taps)


def test_errors_of_constrained_taps_hold_the_truth():
    held = []
    for seed in range(16):
        x, y = a_pair(noise=5.0, size=(80, 80), seed=seed)
        for names in ("symmetric", "separable"):
            low, high = learn(x, y, shape=3, constraints=names).interval()
            held.append((low <= KERNEL) & (high >= KERNEL))
    assert 0.9 < np.mean(held) < 0.995


def test_the_data_may_speak_against_it():
    x, y = a_pair()
    status = learn(x, y, constraints="isotropic").status
    assert (status.code, status.kind) == ("misfit", "imposed")
    assert "speak against what was imposed (isotropic)" in status.sentence
    assert learn(x, y, free=KERNEL > 0.06).status.kind == "imposed"
    clean = np.rint(correlate2d(x, KERNEL)).astype(np.uint8)
    assert learn(x, clean, constraints="symmetric").status.code == "good"


def test_ridge_is_what_it_says():
    x, y = a_pair()
    found = learn(x, y, ridge=0.01).kernel.taps.ravel()
    p = rows_of(x, (3, 3))[:, :-1]
    p = p - p.mean(axis=0)
    gram = p.T @ p
    expected = np.linalg.solve(
        gram + 0.01 * np.trace(gram) / 9 * np.eye(9), p.T @ (y - y.mean()).ravel()
    )
    assert np.allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("penalty", ["ridge", "smooth"])
def test_a_penalty_chosen_by_held_out_blocks_helps_where_little_is_known(penalty):
    rng = np.random.default_rng(3)
    # Little detail, much noise and many taps.
    x = np.cumsum(np.cumsum(rng.normal(size=(110, 110)), axis=0), axis=1)
    x = (x - x.mean()) / x.std()
    x += rng.normal(0, 0.03, x.shape)
    i, j = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(i**2 + j**2) / 8)
    kernel /= kernel.sum()
    y = correlate2d(x, kernel)
    y += rng.normal(0, 0.3, y.shape)
    plain, fit = learn(x, y, shape=7), learn(x, y, shape=7, **{penalty: "auto"})
    assert np.abs(fit.kernel.taps - kernel).mean() < 0.5 * np.abs(plain.kernel.taps - kernel).mean()
    assert f"imposed: {penalty} " in fit.status.sentence


def test_without_a_bias():
    x, y = a_pair()
    fit = learn(x, y, bias=False, constraints="symmetric")
    rows = np.vstack([np.hstack([mirrored((3, 3)), np.zeros((18, 1))]), np.eye(10)[-1:]])
    expected = equality(x, y, (3, 3), rows, np.zeros(19))[:9]
    assert np.allclose(fit.kernel.taps.ravel(), expected, atol=1e-7)
    assert fit.kernel.bias[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraints": "round"}, "constraints must be among symmetric, .*, got 'round'"),
        ({"constraints": ["separable", "isotropic"]}, "separable goes with symmetric"),
        ({"free": np.ones((2, 2), bool)}, "free must have the kernel's shape 3x3, got 2x2"),
        ({"free": np.ones((3, 3))}, "free must be boolean"),
        ({"free": np.zeros((3, 3), bool)}, "at least one True"),
        ({"free": np.eye(3, dtype=bool)[::-1] & False | (np.arange(9) == 0).reshape(3, 3),
          "constraints": "symmetric"}, "by symmetry all are held at 0"),
        ({"ridge": -1}, "ridge must be 'auto' or a number from 0 on, got -1"),
        ({"smooth": "some"}, "smooth must be 'auto' or a number"),
        ({"ridge": 0.1, "descent": 0.1}, "descent knows no constraints"),
    ],
)  # fmt: skip
def test_refusals(options, message):
    x, y = a_pair(size=(30, 30))
    with pytest.raises(InvalidInput, match=message):
        learn(x, y, shape=3, **options)


def test_colours_that_mix_and_small_images_are_refused():
    x = np.random.default_rng(0).normal(size=(3, 20, 20))
    with pytest.raises(InvalidInput, match="one input and one output channel"):
        learn(x, x, shape=1, channels="full", constraints="symmetric")
    with pytest.raises(InvalidInput, match="isotropic needs a square kernel, got 1x3"):
        learn(x[0], x[0], shape=(1, 3), constraints="isotropic")
    with pytest.raises(InvalidInput, match="ridge='auto' and smooth='auto' need"):
        learn(x[0], x[0], shape=5, ridge="auto")
