"""Real pairs: kernels that other programs slide are found, and what is no kernel is reported."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from programs import LINEAR, NONLINEAR
from running import missing, pair

from kernfit import learn

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "programs.md"

# What does not pass, and why; such a test must fail, or its line here has to go.
KNOWN: dict[str, str] = {}


def table(cases):
    """The cases, each under its command, those known to fail marked."""
    return [
        pytest.param(
            case,
            id=f"{case.program}: {case.command}",
            marks=[pytest.mark.xfail(reason=KNOWN[case.command])] if case.command in KNOWN else [],
        )
        for case in cases
    ]


def made(case, folder):
    """The pair, if the program is there; where tests run for all, it has to be."""
    name = missing(case)
    if name:
        reason = f"{case.program} is not on this machine ({name})"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return pair(case, folder)


def least_squares(before, after, shape):
    """Taps and bias of an ordinary least squares, patch by patch, and how many pixels it used.

    As `learn` does, it leaves out clipped pixels and a border of the kernel's longer side.
    """
    kh, kw = shape
    margin = max(shape) // 2
    limits = np.iinfo(after.dtype) if after.dtype.kind == "u" else None
    gram = np.zeros((kh * kw + 1, kh * kw + 1))
    cross = np.zeros(kh * kw + 1)
    for x, y in zip(np.atleast_3d(before.T).T, np.atleast_3d(after.T).T, strict=True):
        top, left = margin - (kh - 1) // 2, margin - (kw - 1) // 2
        height, width = y.shape[0] - 2 * margin, y.shape[1] - 2 * margin
        windows = sliding_window_view(x[top:, left:], shape)[:height, :width]
        level = x.mean()  # taken off for the sake of accuracy
        for start in range(0, height, 50):
            patches = windows[start : start + 50].reshape(-1, kh * kw) - level
            values = y[margin : margin + height, margin : margin + width][start : start + 50]
            values = values.ravel().astype(float)
            if limits is not None:
                open_ = (values > limits.min) & (values < limits.max)
                patches, values = patches[open_], values[open_]
            patches = np.column_stack([patches, np.ones(len(patches))])
            gram += patches.T @ patches
            cross += patches.T @ values
    weights = np.linalg.solve(gram, cross)
    return weights[:-1].reshape(shape), round(gram[-1, -1])


@pytest.mark.parametrize("case", table(LINEAR))
def test_kernel_of_a_program(case, tmp_path):
    before, after = made(case, tmp_path)
    fit = learn(before, after)
    true = case.taps.shape
    if case.tails:
        assert all(found <= whole for found, whole in zip(fit.kernel.shape, true, strict=True))
        fit = learn(before, after, shape=true)
    assert fit.kernel.shape == true
    assert fit.status.code == "good", str(fit.status)

    low, high = case.bias
    assert low - 0.01 <= fit.kernel.bias[0] <= high + 0.01
    if case.rounding == "none":
        assert fit.reproduced is None
    else:
        assert fit.reproduced >= case.reproduced * fit.used

    ordinary, used = least_squares(before, after, true)
    if not case.tails:
        assert fit.used == used
    error = np.abs(fit.kernel.taps - case.taps).max()
    resolution = 1e-7 if case.rounding == "none" else 1e-8
    assert error <= 1.02 * np.abs(ordinary - case.taps).max() + resolution
    # Whatever least squares does: the taps are the true ones.
    assert error < 2e-3


@pytest.mark.parametrize("case", table(NONLINEAR))
def test_program_that_no_kernel_explains(case, tmp_path):
    fit = learn(*made(case, tmp_path))
    assert fit.status.code == "misfit", (
        f"residual {fit.residual_rms:.4g}, floor {fit.residual_floor:.3g}, R^2 {fit.r2:.6f}"
    )


def test_document_has_every_pair():
    """docs/programs.md is made by ``python docs/make_programs.py > docs/programs.md``."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [case.command for case in LINEAR + NONLINEAR if f"`{case.command}`" not in text] == []
