"""What is a learnt kernel called? Named kernels, simple fractions, families with a parameter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from kernfit.arrays import Array
from kernfit.learning.naming.catalogued import catalogue_matches
from kernfit.learning.naming.evidence import Evidence
from kernfit.learning.naming.families import family_matches
from kernfit.learning.naming.fractions import as_fractions, simplest_fractions
from kernfit.learning.naming.match import Bias, Match, Recognition

# What differs by more than this share of its size is not called near.
_NEAR = 0.2


def recognise(
    taps: Array,
    covariance: Array,
    *,
    anchor: tuple[int, int],
    reproduced: bool = False,
    bias: Bias | None = None,
) -> Recognition:
    """Return what a kernel is called, or what comes nearest.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    covariance : ndarray, shape (kh * kw, kh * kw)
        NaN in rows and columns of taps that are not determined: they are left out.
    anchor : (row, column)
    reproduced : bool, default False
        Whether the taps reproduce every pixel of an image of whole levels.
    bias : Bias, optional
        The bias. Default 0.

    Returns
    -------
    Recognition
        Its matches agree with all taps within their errors, and random taps would not: named
        kernels come first, then boxes of whole pixels, then fractions, then families.

    Examples
    --------
    >>> edge = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    >>> print(recognise(edge, np.zeros((9, 9)), anchor=(1, 1), bias=Bias(128.0)))
    It is sobel_x (or robinson_e) times 1/8: (-1 0 1 / -2 0 2 / -1 0 1) / 8, plus 128.
    """
    evidence = Evidence(taps, covariance, anchor, reproduced)
    bias = bias or Bias()
    if evidence.size == 0:
        return Recognition(note="how sure each tap is cannot be said, so nothing was compared")
    if evidence.largest == 0 or not evidence.chance(evidence.taps) < 1:
        return Recognition(note="every tap may be zero")
    missing = taps.size - evidence.size
    note = f"{missing} of {taps.size} taps are not determined and were left out" if missing else ""

    # The matrices are small: threads would wait for one another longer than they work.
    with threadpool_limits(1, user_api="blas"):
        matches, near_named = catalogue_matches(evidence, bias)
        families, near_family = family_matches(evidence)
        fractions = simplest_fractions(evidence)
    matches += [replace(match, text=match.text + bias.words()) for match in families]
    if fractions is not None:
        model = fractions[0] / fractions[1]
        matches.append(
            Match(
                kind="fractions",
                name="fractions",
                text=as_fractions(*fractions) + bias.words(),
                taps=model,
                distance=evidence.distance(model),
                rank=(2,),
                parameters={"divisor": (float(fractions[1]), 0.0)},
            )
        )
    matches.sort(key=lambda match: match.rank)
    if matches:
        return Recognition(tuple(matches), note=note)
    near = [match for match in (near_named, near_family) if match is not None]
    nearest = min(near, key=lambda match: evidence.apart(match.taps), default=None)
    if nearest is None or evidence.apart(nearest.taps) > _NEAR:
        return Recognition(note=note)
    notes = [_difference(evidence, nearest.taps), *([note] if note else [])]
    return Recognition((), nearest, "; ".join(notes))


def _difference(evidence: Evidence, model: Array) -> str:
    """Say where a kernel differs most from the taps."""
    if evidence.agrees(model):
        return "it agrees, but others would too"
    off = np.where(evidence.known, evidence.taps - model, 0.0)
    row, column = np.unravel_index(int(np.abs(off).argmax()), off.shape)
    errors = np.abs(off[row, column]) / evidence.error[row, column]
    return (
        f"it differs by {abs(off[row, column]):.2g} at row {row + 1}, column {column + 1} "
        f"({errors:.0f} standard error{'s' * (f'{errors:.0f}' != '1')})"
    )
