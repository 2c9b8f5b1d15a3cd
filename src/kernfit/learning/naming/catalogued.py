"""The catalogue's kernels that agree with learnt taps, up to turn, scale and place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.learning.naming.evidence import REACH, Evidence
from kernfit.learning.naming.fractions import as_fractions, simplest_fractions
from kernfit.learning.naming.match import Bias, Match, with_error
from kernfit.named_kernels import catalogue

# What is done to the kernel, simplest first: rotations by quarters, then whether it is mirrored.
_TURNS = (
    (0, False, ""),
    (0, True, " flipped left to right"),
    (2, True, " flipped top to bottom"),
    (2, False, " rotated by 180 degrees"),
    (1, False, " rotated by 90 degrees counter-clockwise"),
    (3, False, " rotated by 90 degrees clockwise"),
    (1, True, " flipped about its diagonal"),
    (3, True, " flipped about its other diagonal"),
)
# Kernels at a smaller cosine to the taps are not compared with their errors.
_COSINE = 0.9
# Probability, for all that is tried together, that random taps would agree.
_CHANCE = 1e-6
# Of a scale that is a simple ratio: the largest divisor, and the probability of an accident.
_LARGEST, _ACCIDENT = 1024, 0.1
# Pillow writes SHARPEN as 32 and -2 over 16, not in lowest terms.
_WRITTEN = {"pillow_sharpen": 2}


@dataclass(frozen=True, eq=False)
class _Template:
    """A kernel of the catalogue, turned, without the zeros around its taps."""

    name: str
    turn: int
    taps: Array
    anchor: tuple[int, int]
    bias: float


def catalogue_matches(evidence: Evidence, bias: Bias) -> tuple[list[Match], Match | None]:
    """Return the kernels of the catalogue that agree, and the nearest one.

    Parameters
    ----------
    evidence : Evidence
    bias : Bias
        The bias.

    Returns
    -------
    agreeing : list of Match
    nearest : Match or None
        At the best scale, whether or not it agrees.
    """
    found: list[Match] = []
    nearest: tuple[float, _Template, float, float] | None = None
    for template in _templates():
        placed = _place(template, evidence)
        if placed is None:
            continue
        gain, error = _simplest(*evidence.gain(placed.taps))
        apart = evidence.apart(gain * placed.taps)
        if nearest is None or apart < nearest[0]:
            nearest = apart, placed, gain, error
        # As it is, with its sign turned, or else at the scale that fits best.
        for factor, off in ((1.0, 0.0), (-1.0, 0.0), (gain, error)):
            fitted, model = int(off > 0), factor * placed.taps
            if evidence.agrees(model, fitted):
                if evidence.chance(model, fitted) < _CHANCE:
                    found.append(_match(evidence, bias, placed, factor, off))
                break
    found.sort(key=lambda match: match.rank)
    simplest: dict[str, Match] = {}
    for match in found:
        simplest.setdefault(match.name, match)
    near = None if nearest is None else _match(evidence, bias, *nearest[1:])
    return _named_together(simplest.values()), near


@cache
def _templates() -> tuple[_Template, ...]:
    """Return all kernels in all turns that make a difference."""
    found: list[_Template] = []
    for name, kernel in catalogue.items():
        turned: list[Array] = []
        for turn, (quarters, mirrored, _) in enumerate(_TURNS):
            taps = np.rot90(np.fliplr(kernel.taps) if mirrored else kernel.taps, quarters)
            if any(np.array_equal(taps, other) for other in turned):
                continue
            turned.append(taps)
            rows, columns = (np.flatnonzero(taps.any(axis=axis)) for axis in (1, 0))
            top, left = rows[0], columns[0]
            anchor = ((taps.shape[0] - 1) // 2 - top, (taps.shape[1] - 1) // 2 - left)
            inner = taps[top : rows[-1] + 1, left : columns[-1] + 1].astype(float)
            found.append(_Template(name, turn, inner, anchor, float(kernel.bias[0])))
    return tuple(found)


def _place(template: _Template, evidence: Evidence) -> _Template | None:
    """Return the kernel where it fits best amid zeros, if it looks like the taps there."""
    rows, columns = template.taps.shape
    if rows > evidence.taps.shape[0] or columns > evidence.taps.shape[1]:
        return None
    taps = np.where(evidence.known, evidence.taps, 0.0)
    windows = sliding_window_view(taps, template.taps.shape)
    likeness = np.abs(np.einsum("ijab,ab->ij", windows, template.taps))
    i, j = map(int, np.unravel_index(int(likeness.argmax()), likeness.shape))
    placed = np.zeros(taps.shape)
    placed[i : i + rows, j : j + columns] = template.taps
    lengths = float(np.linalg.norm(taps) * np.linalg.norm(placed[evidence.known]))
    if likeness[i, j] < _COSINE * lengths or lengths == 0:
        return None
    anchor = i + template.anchor[0], j + template.anchor[1]
    return replace(template, taps=placed, anchor=anchor)


def _simplest(gain: float, error: float) -> tuple[float, float]:
    """Return the simplest ratio within the error, if that is no accident, with no error."""
    reach = max(REACH * error, 1e-6 * abs(gain))
    for divisor in range(1, _LARGEST + 1):
        whole = round(gain * divisor)
        if not 2 * reach * divisor**2 < _ACCIDENT:
            break
        if whole and abs(gain - whole / divisor) <= reach:
            return whole / divisor, 0.0
    return gain, error


def _match(evidence: Evidence, bias: Bias, placed: _Template, gain: float, error: float) -> Match:
    """Put a kernel, at its place and scale, in words."""
    taps = gain * placed.taps
    down, right = (at - there for at, there in zip(evidence.anchor, placed.anchor, strict=True))
    name = display_name(placed.name) + _TURNS[placed.turn][2]
    if gain != 1:
        ratio = Fraction(gain).limit_denominator(_LARGEST)
        name += f" times {with_error(gain, error) if error else ratio}"
    name += moved(down, right)
    exact = Evidence(taps, np.zeros((taps.size, taps.size)), (0, 0))
    fractions = None if error else simplest_fractions(exact)
    if fractions is not None:
        integers, divisor = fractions
        more = _WRITTEN.get(placed.name, 1) if gain == 1 else 1
        name += f": {as_fractions(integers * more, divisor * more)}"
    scale = 0 if gain == 1 else 1 if gain == -1 else 3 if error else 2
    return Match(
        kind="catalogue",
        name=placed.name,
        text=name + bias.words(placed.bias),
        taps=taps,
        distance=evidence.distance(taps),
        rank=(
            0,
            not bias.agrees(placed.bias),
            scale,
            gain < 0,
            (down, right) != (0, 0),
            placed.turn,
        ),
        parameters={"scale": (gain, error)} if gain != 1 else {},
    )


def _named_together(found: Iterable[Match]) -> list[Match]:
    """Join kernels of several names that are the same, equally simply put."""
    joined: list[Match] = []
    for match in found:
        twin = next(
            (
                index
                for index, other in enumerate(joined)
                if other.rank == match.rank
                and other.parameters == match.parameters
                and np.allclose(other.taps, match.taps)
            ),
            None,
        )
        if twin is None:
            joined.append(match)
        else:
            other = joined[twin]
            # The name that is put in follows the first one, whatever else is said of the kernel.
            first, second = display_name(other.name), display_name(match.name)
            joined[twin] = replace(
                other, text=other.text.replace(first, f"{first} (or {second})", 1)
            )
    return joined


def display_name(name: str) -> str:
    """Return the name as its program writes it: "Pillow SHARPEN" for "pillow_sharpen"."""
    return f"Pillow {name.removeprefix('pillow_').upper()}" if name.startswith("pillow_") else name


def moved(down: float, right: float) -> str:
    """Return in words how far the picture is moved, empty if it is not."""
    parts = [
        f"{abs(by):g} {'pixel' if abs(by) == 1 else 'pixels'} {words[bool(by < 0)]}"
        for by, words in ((down, ("down", "up")), (right, ("right", "left")))
        if by
    ]
    return f" moved by {' and '.join(parts)}" if parts else ""
