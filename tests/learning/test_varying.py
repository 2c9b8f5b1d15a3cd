"""Kernels that vary over the image: against brute force, theory and simulated skies."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from skies import constant, night, observed, taps_at, varying

import kernfit.learning.answering_varying as room
from kernfit import InvalidInput, correlate2d, learn, learn_varying
from kernfit.learning.varying.polynomial import Polynomial
from kernfit.lesson import scene

pytestmark = pytest.mark.slow


def brute_force(x, y, used, shape, degree, background):
    """The least-squares numbers from one row for every pixel, polynomials and all."""
    anchor = [(n - 1) // 2 for n in shape]
    patches = sliding_window_view(x, shape)
    height, width = patches.shape[:2]
    inside = tuple(slice(a, a + n) for a, n in zip(anchor, (height, width), strict=True))
    kernel, level = (Polynomial(d, x.shape).over(*inside) for d in (degree, background))
    columns = [term[:, :, None, None] * patches for term in kernel]
    matrix = np.concatenate(
        [np.concatenate([c.reshape(height, width, -1) for c in columns], axis=2),
         level.transpose(1, 2, 0)], axis=2
    )  # fmt: skip
    rows = used[inside].ravel()
    return np.linalg.lstsq(
        matrix.reshape(height * width, -1)[rows], y[inside].ravel()[rows], rcond=None
    )[0]


def numbers(fit):
    return np.append(fit.field.weights.ravel(), fit.field.background)


def errors_of(fit):
    return np.sqrt(np.sum(fit.errors.roots**2, axis=0))


def worst(fit, kernels, places=5):
    """The largest error of any tap in a grid of places, in standard errors."""
    size = fit.field.size
    return max(
        float(
            np.max(
                np.abs(fit.at(row, column).taps - taps_at(kernels, row, column, size))
                / fit.stderr_at(row, column)
            )
        )
        for row in np.linspace(0, size[0] - 1, places)
        for column in np.linspace(0, size[1] - 1, places)
    )


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (1, 5)])
def test_equals_brute_force(shape):
    rng = np.random.default_rng(0)
    x = scene((90, 110)) + rng.normal(0, 3, (90, 110))
    y = rng.normal(100, 5, x.shape) + x
    mask = rng.random(x.shape) < 0.8
    y[~mask & (rng.random(x.shape) < 0.5)] = np.nan
    fit = learn_varying(x, y, shape=shape, degree=2, background=1, mask=mask)
    exact = brute_force(x, y, mask, shape, 2, 1)
    errors = errors_of(fit)
    assert np.all(np.abs(numbers(fit) - exact) < 0.2 * errors)
    assert np.sqrt(np.mean(((numbers(fit) - exact) / errors) ** 2)) < 0.05


@pytest.mark.parametrize("each", [1, 12])
def test_blocks_cost_less_than_the_errors(monkeypatch, each):
    # However few blocks there are, treating the polynomials as constant in one is only the start.
    before, after, _ = night(varying(3), (150, 160))
    exact = brute_force(before, after, np.ones(before.shape, bool), (3, 3), 2, 1)
    errors = errors_of(learn_varying(before, after, shape=3, degree=2, background=1))
    monkeypatch.setattr(room, "_BLOCKS_EACH", each)
    monkeypatch.setattr(room, "_LEAST_BLOCKS", 1)
    found = numbers(learn_varying(before, after, shape=3, degree=2, background=1))
    assert np.sqrt(np.mean(((found - exact) / errors) ** 2)) < 0.05


def test_without_noise_the_field_is_exact():
    before, _, clean = night(varying(3), (100, 110))
    fit = learn_varying(before, clean, shape=3)
    assert (fit.field.degree, fit.field.background_degree) == (2, 1)
    for row, column in [(0, 0), (50, 60), (99, 109)]:
        truth = taps_at(varying(3), row, column, (100, 110))
        assert np.abs(fit.at(row, column).taps - truth).max() < 1e-7
    assert np.nanstd(fit.difference(before, clean)) < 1e-7 * clean.std()
    assert fit.status.code == "good"


@pytest.mark.parametrize("kernels", [constant, varying])
def test_star_field(kernels):
    before, after, _ = night(kernels(3), (180, 190))
    fit = learn_varying(before, after, shape=3, variance="photons")
    assert fit.field.degree == (2 if kernels is varying else 0)
    assert fit.field.background_degree == 1
    assert fit.status.code == "good"
    assert worst(fit, kernels(3)) < 4


@pytest.mark.parametrize("kernels", [constant, varying])
def test_star_field_with_saturated_stars_cosmic_rays_and_nan(kernels):
    rng = np.random.default_rng(5)
    before, after, _ = night(kernels(3), (240, 250), seed=3)
    after = np.minimum(after, 4000)
    hit = rng.random(after.shape) < 0.002
    after[hit] += rng.uniform(300, 3000, hit.sum())
    after[100:104] = np.nan
    before[200:203, 50:90] = np.nan
    options = {"shape": 3, "degree": 2, "background": 1, "clip": (-np.inf, 4000)}
    options["variance"] = "photons"
    plain = learn_varying(before, after, **options)
    fit = learn_varying(before, after, robust=True, **options)
    assert fit.left_out["clipped"] > 20
    assert fit.left_out["missing"] > 4 * 248
    assert fit.left_out["outliers"] > 0.8 * 0.002 * after.size
    assert fit.residual_rms < 0.5 * plain.residual_rms
    assert worst(fit, kernels(3)) < 4
    difference = fit.difference(before, after)
    assert np.isnan(difference[100:104]).all()
    assert np.isnan(difference[201, 60])


def test_constant_scale():
    before, after, _ = night(varying(5), (200, 200))
    fit = learn_varying(before, after, shape=5, degree=2, scale="constant")
    places = [(0, 0), (100, 30), (199, 199)]
    sums = [fit.scale_at(*place) for place in places]
    assert np.ptp([total for total, _ in sums]) < 1e-10
    assert np.ptp([error for _, error in sums]) < 1e-8 * sums[0][1]
    free = learn_varying(before, after, shape=5, degree=2)
    for place in places:
        total, error = free.scale_at(*place)
        assert abs(total - taps_at(varying(5), *place, (200, 200)).sum()) < 4 * error


def test_intervals_hold_the_truth():
    # Photon noise of stars of all sizes, of which few carry most of what is known.
    held = []
    for seed in range(8):
        before, after, _ = night(varying(3), (110, 110), seed=seed)
        fit = learn_varying(before, after, shape=3, degree=2, background=1)
        for place in [(10, 10), (55, 55), (100, 30)]:
            low, high = fit.interval_at(*place)
            truth = taps_at(varying(3), *place, (110, 110))
            held.append((low <= truth) & (truth <= high))
    assert 0.9 < np.mean(held) < 0.99


def test_too_low_a_degree_is_a_misfit():
    before, after, _ = night(varying(5), (250, 250))
    fit = learn_varying(before, after, shape=5, degree=0, background=0)
    assert fit.status.code == "misfit"


def test_degree_0_is_the_plain_kernel():
    rng = np.random.default_rng(2)
    x = scene((100, 120)).astype(float)
    y = correlate2d(x, [[0.2, 0.5], [0.1, 0.3]], mode="same") + rng.normal(0, 1, x.shape)
    fit, plain = learn_varying(x, y, shape=2, degree=0, background=0), learn(x, y, shape=2)
    assert np.all(np.abs(fit.kernel.taps - plain.kernel.taps) < 0.05 * plain.stderr)
    assert np.allclose(fit.stderr_at(50, 50), plain.stderr, rtol=0.05)


def test_a_smaller_after_image():
    x = scene((80, 90)).astype(float)
    y = observed(x, varying(3))
    same = learn_varying(x, y, shape=3, degree=2, background=None)
    valid = learn_varying(x, y[1:-1, 1:-1], degree=2, background=None)
    assert valid.field.size == (78, 88)
    assert np.allclose(valid.at(20, 30).taps, same.at(21, 31).taps, atol=1e-6)
    assert valid.predict(x).shape == (78, 88)
    assert np.allclose(valid.predict(x), y[1:-1, 1:-1], atol=1e-5)
    assert same.predict(x).shape == x.shape
    assert np.isnan(same.predict(x)[0]).all()


def test_threads_do_not_matter():
    before, after, _ = night(varying(3), (100, 100))
    one, two = (learn_varying(before, after, shape=3, degree=1, threads=n) for n in (1, 2))
    assert np.array_equal(numbers(one), numbers(two))


def test_what_is_not_determined_has_no_error():
    x = np.tile(np.random.default_rng(0).normal(size=60), (50, 1))
    y = correlate2d(x, [[0.5, 0.5]], mode="same")
    fit = learn_varying(x, y, shape=(3, 3), degree=1)
    assert fit.status.code == "undetermined"
    assert np.isnan(fit.stderr_at(10, 10)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"degree": -1}, "degree must be 'auto' or a whole number from 0 to 12, got -1"),
        ({"degree": 1.5}, "degree must be 'auto' or a whole number"),
        ({"background": "some"}, "background must be 'auto' or a whole number"),
        ({"scale": "free"}, "scale must be one of varying, constant"),
        ({"shape": "some"}, "shape must be 'auto', an integer"),
        ({"degree": 12, "shape": 5}, "more pixels than numbers to learn, got 256 pixels"),
        ({"before": np.ones((3, 20, 20))}, "single planes"),
        ({"before": np.ones((22, 22)), "shape": 5}, "shape must be 3x3"),
    ],
)
def test_refusals(change, message):
    image = np.random.default_rng(0).normal(size=(20, 20))
    if np.ndim(change.get("before")) == 3:
        change = {**change, "after": np.ones((3, 20, 20))}
    arguments = {"before": image, "after": image, "shape": 3, "degree": 1} | change
    with pytest.raises(InvalidInput, match=message):
        learn_varying(**arguments)


def test_places_and_sizes_are_checked():
    before, after, _ = night(constant(3), (60, 70))
    fit = learn_varying(before, after, shape=3, degree=1)
    with pytest.raises(InvalidInput, match="row and column must lie in an image of 60x70"):
        fit.at(60, 10)
    with pytest.raises(InvalidInput, match="before must have the size 60x70"):
        fit.predict(before[1:])
    with pytest.raises(InvalidInput, match="after must have the size 60x70"):
        fit.difference(before, after[1:])
    with pytest.raises(InvalidInput, match="probability must be between 0 and 1"):
        fit.interval_at(10, 10, 95)


@pytest.mark.parametrize("degree", [-1, 0, 3])
def test_sums_over_terms_are_those_of_each_term(degree):
    field = Polynomial(degree, (40, 50))
    rows, columns = slice(5, 22), slice(30, 41)
    rng = np.random.default_rng(0)
    numbers, values = rng.normal(size=len(field)), rng.normal(size=(17, 11))
    terms = field.over(rows, columns)
    assert np.allclose(field.combined(numbers, rows, columns), np.tensordot(numbers, terms, 1))
    assert np.allclose(field.products(values, rows, columns), np.tensordot(terms, values, 2))
    times = field.times(values, rows, columns, np.empty_like(terms))
    assert np.allclose(times, values * terms)
    weighted = field.weighted(times.copy(), rows, columns, np.empty_like(values))
    assert np.allclose(weighted, np.sum(times * terms, axis=0))
