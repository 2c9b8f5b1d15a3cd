"""The normal equations of a kernel that varies: against one row of numbers for every pixel."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from kernfit import learn_varying
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.varying import solution
from kernfit.learning.varying.exact import exact_equations
from kernfit.learning.varying.polynomial import Polynomial
from kernfit.learning.varying.sums import Design
from kernfit.lesson import scene


def pair(shape, size, unused=0.0):
    rng = np.random.default_rng(0)
    x = rng.normal(100, 5, [n + k - 1 for n, k in zip(size, shape, strict=True)])
    used = rng.random(size) >= unused
    return Equations(x[np.newaxis], rng.normal(50, 5, (1, *size)), used[np.newaxis], {})


def row_by_row(design, equations, origin):
    used, size = equations.used[0], equations.used[0].shape
    inside = tuple(slice(at, at + n) for at, n in zip(origin, size, strict=True))
    patches = sliding_window_view(equations.x[0], design.shape).reshape(*size, 1, -1)
    terms = design.kernel.over(*inside).transpose(1, 2, 0)[..., np.newaxis]
    levels = design.background.over(*inside).transpose(1, 2, 0)
    rows = np.concatenate([(terms * patches).reshape(*size, -1), levels], axis=2)[used]
    return rows.T @ rows, rows.T @ equations.y[0][used]


@pytest.mark.parametrize(
    ("shape", "size", "degree", "background", "origin"),
    [
        ((3, 4), (20, 30), 2, 1, (1, 1)),
        ((1, 5), (20, 25), 1, 3, (0, 2)),
        ((4, 1), (12, 9), 3, -1, (0, 0)),
        ((5, 7), (4, 3), 1, 0, (2, 3)),
        ((1, 1), (7, 8), 0, 2, (0, 0)),
        ((11, 11), (90, 150), 2, 2, (5, 5)),
    ],
)
@pytest.mark.parametrize("unused", [0.0, 0.1])
def test_equals_a_row_for_every_pixel(shape, size, degree, background, origin, unused):
    equations = pair(shape, size, unused)
    whole = tuple(n + k - 1 for n, k in zip(size, shape, strict=True))
    design = Design(Polynomial(degree, whole), Polynomial(background, whole), shape)
    expected = row_by_row(design, equations, origin)
    for found, exact in zip(
        exact_equations(design, equations, origin, threads=2), expected, strict=True
    ):
        assert np.abs(found - exact).max() < 1e-13 * np.abs(exact).max()


def test_what_nothing_that_counts_sees_does_not_matter():
    equations = pair((3, 3), (30, 30))
    design = Design(Polynomial(1, (32, 32)), Polynomial(1, (32, 32)), (3, 3))
    equations.used[0, 10:20, 5:12] = False
    plain = exact_equations(design, equations, (1, 1), threads=1)
    equations.x[0, 14, 9] = 1e30
    equations.y[0, 15, 8] = 1e30
    spoilt = exact_equations(design, equations, (1, 1), threads=1)
    for each, other in zip(plain, spoilt, strict=True):
        np.testing.assert_allclose(other, each, rtol=1e-11, atol=1e-11 * np.abs(each).max())


@pytest.mark.parametrize(("noise", "looks"), [(1.0, 1), (0.0, 3)])
def test_needs_few_looks_at_the_residual(monkeypatch, noise, looks):
    rng = np.random.default_rng(0)
    before = scene((80, 90)) + rng.normal(0, 3, (80, 90))
    after = before + np.linspace(0, 1, 90) * (np.roll(before, 1, axis=1) - before)
    after += noise * rng.normal(size=after.shape)
    count = []
    look = solution.block_residual
    monkeypatch.setattr(
        solution, "block_residual", lambda *given, **more: count.append(1) or look(*given, **more)
    )
    fit = learn_varying(before, after, shape=3, degree=1, background=1)
    assert len(count) <= looks
    assert fit.residual_rms < 1.02 * noise + 1e-10
