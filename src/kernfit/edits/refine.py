"""Simpler or richer forms of a stage: tried once the order of the stages is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kernfit.edits.colour import Colour
from kernfit.edits.curve import Curve
from kernfit.edits.gain import GainField
from kernfit.edits.hue import SPACES, TURNS, Hue
from kernfit.edits.neighbours import Gaussian, Neighbours
from kernfit.edits.stage import Stage
from kernfit.edits.tone import Tone
from kernfit.kernel import Kernel

_SIDES = (3, 5, 7, 9, 11, 13, 15, 17, 21, 25, 31)
_FREE = (3, 5, 7, 9, 11, 13, 15)
Chain = tuple[Stage, ...]


def forms_of(stage: Stage, chain: Chain) -> Iterator[Sequence[Stage]]:
    """Yield series of other forms of a stage of a chain, the simplest first in each and in all.

    Within a series each form can do all that the one before it can.
    """
    if isinstance(stage, Colour):
        yield from ([form] for form in _colours(stage))
        if len(stage.matrix) == len(stage.matrix[0]) == 3:
            yield from ([Hue(turn=turn, space=space)] for space in SPACES for turn in TURNS)
    elif isinstance(stage, (Curve, Tone)) and not _light(stage):
        yield from _curves(stage)
    elif isinstance(stage, (Gaussian, Neighbours)):
        yield from _kernels(stage, len(chain) > 1)
    elif isinstance(stage, GainField):
        yield [GainField((0.0,)), GainField((0.0, 0.0))]
        yield [GainField((0.0,) * n, "polynomial") for n in (5, 14)]


def _light(stage: Stage) -> bool:
    return isinstance(stage, Tone) and "light" in stage.form


def _colours(stage: Colour) -> Iterator[Stage]:
    matrix = np.array(stage.matrix)
    if matrix.shape[0] == matrix.shape[1] == 3:
        for luma in ("601", "709", "mean"):
            start = Colour.at_rest("saturation", 3, luma)
            yield start.moved(np.array([np.trace(matrix) / 2 - 0.5]))
    if matrix.shape[0] == matrix.shape[1]:
        for form in ("gains", "gains and offsets"):
            yield Colour.of(np.diag(np.diagonal(matrix)), 0.0, form)
    for form in ("matrix", "matrix and offsets"):
        yield Colour.of(matrix, stage.offset if "off" in form else 0.0, form)


def _curves(stage: Curve | Tone) -> Iterator[Sequence[Stage]]:
    channels = len(stage.values)
    levels = np.linspace(0.0, 1.0, 65)

    def now(asked: np.ndarray) -> np.ndarray:
        image = np.broadcast_to(asked, (channels, len(asked)))
        return stage.apply(image, None)  # type: ignore[arg-type]

    made = now(levels)
    middle = float(np.clip(np.median(made[:, 32]), 0.02, 0.98))
    gamma = float(np.clip(np.log(middle) / np.log(0.5), 0.1, 10.0))
    yield [Tone("gamma", ((gamma,),))]
    ends = float(made[:, 0].mean()), float(made[:, -1].mean())
    slope = max(0.05, float(np.mean(made[:, 48] - made[:, 16]) * 2))
    yield [Tone("contrast", ((slope, 0.5),))]
    yield [Tone("s-curve", ((0.0,),))]
    bent = np.mean(made[:, 40] - made[:, 24]) * 4 > np.mean(made[:, -1] - made[:, 0])
    yield [Tone("sigmoid" if bent else "inverse sigmoid", ((3.0, 0.5),))]
    yield [Tone("levels", ((0.0, 1.0, gamma),))]
    yield [Tone("faded", ((gamma, *ends),))]
    if channels > 1:
        for form in ("gamma", "levels", "faded"):
            yield [Tone.at_rest(form, channels)]
    for count in sorted({1, channels}):
        shape = now if count > 1 else lambda v: now(v).mean(axis=0)
        yield [Curve.like(shape, intervals, count) for intervals in (4, 6, 10, 16, 32)]


def _kernels(stage: Gaussian | Neighbours, in_chain: bool) -> Iterator[Sequence[Stage]]:
    wide = Neighbours(Kernel(stage.taps())) if isinstance(stage, Gaussian) else stage
    unit = wide.unit if isinstance(stage, Neighbours) else in_chain
    for sigma in _sigmas(stage):
        for cut in (4.0, 3.0):  # where programs cut it off
            yield [Gaussian(sigma, 1.0, blurs=True, cut=cut)]
    if wide.kernel.taps[wide.kernel.anchor] > 0.9:
        for sigma in _sigmas(stage):
            yield [Gaussian(sigma, -0.5)]
    # Taps that are to be alike start from their mean.
    yield [_tied(wide.widened((side, side)), "isotropic", unit) for side in _SIDES]
    yield [_tied(wide.widened((side, side)), "", unit) for side in _FREE]
    if in_chain:
        yield [_tied(wide.widened((side, side)), "isotropic", not unit) for side in (3, 5, 7, 9)]


def _sigmas(stage: Gaussian | Neighbours) -> tuple[float, ...]:
    """Return where to start from: what is known, or sigmas from which others are reached."""
    return (stage.sigma,) if isinstance(stage, Gaussian) else (1.0, 2.5, 7.0)


def _tied(stage: Neighbours, tie: str, unit: bool) -> Neighbours:
    taps = stage.kernel.taps.astype(np.float64)
    if tie:
        turned = [np.rot90(t, n) for t in (taps, taps.T) for n in range(4)]
        taps = np.mean(turned, axis=0)
    if unit and taps.sum():
        taps = taps.copy()
        taps[stage.kernel.anchor] += 1.0 - taps.sum()
    return Neighbours(Kernel(taps, 0.0 if unit else stage.kernel.bias), tie, unit)
