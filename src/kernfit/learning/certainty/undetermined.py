"""What the data cannot tell: combinations of taps, in words and as small pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array

# Taps count as indistinguishable if moving weight from one to another changes a prediction by less
# than this share: of what data do not determine at all, and of what noise hides.
_SAME, _ALIKE = 1e-6, 0.2
# Cycles a pixel from which on a combination of taps is fine detail.
_FINE = 0.3
_PICTURES = 4  # shown side by side
_MARKED = 0.25  # of the largest tap: smaller ones are shown as nothing


@dataclass(frozen=True)
class Gap:
    """What the before image lacks.

    Attributes
    ----------
    words : str
        Part of a sentence.
    remedy : str
        What to add; a sentence.
    """

    words: str
    remedy: str


def describe_undetermined(
    directions: Array, inputs: int, shape: tuple[int, int], count: int, *, hidden: bool = False
) -> Gap:
    """Say in words what the undetermined combinations of taps have in common.

    Parameters
    ----------
    directions : ndarray, shape (directions, in * kh * kw)
        Orthonormal, at least one.
    inputs : int
        Number of input channels.
    shape : (kh, kw)
    count : int
        Number of output pixels.
    hidden : bool, default False
        Whether noise hides them; else nothing at all is known of them.

    Returns
    -------
    Gap
    """
    taps = inputs * shape[0] * shape[1]
    grid = np.arange(taps).reshape(inputs, *shape)
    seen = _Moves(directions, grid, _ALIKE if hidden else _SAME)
    rows, columns = seen.lost(1, 0), seen.lost(0, 1)
    if taps == 1:
        return Gap(
            "the tap is not told from the bias: the before image is flat",
            "Add an image that is not.",
        )
    if len(directions) == taps or (rows and columns):
        return _lacking("no tap is told from its neighbours: the before image is flat", "is not")
    if count < taps and not hidden:
        return Gap(
            f"there are {_plural(count, 'pixel')} for {taps} taps",
            "Use a larger image, or ask for a smaller shape.",
        )
    again = _repeats(seen, shape)
    if rows:
        return _lacking(
            "columns are told apart, rows are not: the before image does not change from top to "
            f"bottom{again}"
        )
    if columns:
        return _lacking(
            "rows are told apart, columns are not: the before image does not change from left to "
            f"right{again}"
        )
    falling, rising = seen.lost(1, 1), seen.lost(1, -1)
    if falling and rising:
        return _lacking(
            "every other tap is told from the rest, not from its like: the before image is a "
            "checkerboard",
            "is not",
        )
    if falling or rising:
        way = "upper left to lower right" if falling else "lower left to upper right"
        return _lacking(
            "taps along a diagonal are not told apart: the before image does not change from "
            f"{way}{again}"
        )
    if again:
        return _lacking(
            f"taps so far apart are not told apart: the before image{again[4:]}", "does not"
        )
    if inputs > 1 and seen.lost(0, 0, 1):
        return _lacking("channels are not told apart: they hold the same image", "has others")
    number = _plural(len(directions), "combination")
    if _finest(directions, inputs, shape) > _FINE:
        return _lacking(
            f"{number} of taps cannot be told: the before image has no detail as fine as that",
            "has, such as text or noise",
        )
    return _lacking(
        f"{number} of taps cannot be told: the before image lacks their spatial frequencies",
        "has other content, such as a photograph",
    )


def weak_directions(covariance: Array, weight: Array) -> Array:
    """Return combinations of taps whose standard error is larger than the kernel itself.

    Parameters
    ----------
    covariance : ndarray, shape (out, P, P)
        Of the weights of each output channel, the bias last; NaN where not determined.
    weight : ndarray, shape (out, in, kh, kw)

    Returns
    -------
    ndarray, shape (directions, in * kh * kw)
        Orthonormal, the least known first; of the output channel that has most of them.
    """
    worst = np.empty((0, weight[0].size))
    for spread, taps in zip(covariance[:, :-1, :-1], weight, strict=True):
        known = np.isfinite(np.diagonal(spread))
        power = float(np.sum(taps**2))
        # No combination varies more than all taps together.
        if power == 0 or np.diagonal(spread)[known].sum() <= power:
            continue
        values, vectors = np.linalg.eigh(spread[np.ix_(known, known)])
        weak = vectors[:, values > power].T[::-1]
        if len(weak) > len(worst):
            worst = np.zeros((len(weak), known.size))
            worst[:, known] = weak
    return worst


def simplest_combinations(directions: Array) -> Array:
    """Return combinations that span the same ones and touch few taps each.

    Parameters
    ----------
    directions : ndarray, shape (directions, ...)
        Orthonormal when flattened.

    Returns
    -------
    ndarray
        Of the same shape, the largest tap 1 and the first one positive, those that touch the fewest
        taps first.

    Examples
    --------
    >>> two = np.array([[1, -1, 0, 0], [0, 0, 1, -1]]) / np.sqrt(2)
    >>> mixed = np.array([[0.6, 0.8], [-0.8, 0.6]]) @ two
    >>> simplest_combinations(mixed).round(9) + 0
    array([[ 1., -1.,  0.,  0.],
           [ 0.,  0.,  1., -1.]])
    """
    if len(directions) == 0:
        return directions
    from scipy.linalg import qr

    flat = directions.reshape(len(directions), -1)
    own = qr(flat, pivoting=True, mode="r")[1][: len(flat)]
    simple = np.linalg.solve(flat[:, own], flat)
    simple /= np.abs(simple).max(axis=1, keepdims=True)
    marked = np.abs(simple) >= _MARKED
    first = np.argmax(marked, axis=1)
    simple *= np.sign(simple[np.arange(len(simple)), first])[:, np.newaxis]
    order = np.lexsort((first, np.count_nonzero(marked, axis=1)))
    found: Array = simple[order].reshape(directions.shape)
    return found


def combinations_as_text(directions: Array, *, hidden: bool = False) -> str:
    """Return some of the combinations as small pictures, side by side.

    Parameters
    ----------
    directions : ndarray, shape (directions, in, kh, kw)
    hidden : bool, default False
        Whether noise hides them; else nothing at all is known of them.

    Returns
    -------
    str
        Empty if there are none, or nothing else.

    Examples
    --------
    >>> print(combinations_as_text(np.array([[[[1, -1], [0, 0]]], [[[0, 0], [1, -1]]]]) / 2**0.5))
    What is added to taps marked + and taken from taps marked - does not show:
      + -   . .
      . .   + -
    """
    if len(directions) in (0, directions[:1].size):
        return ""
    shown = (directions if hidden else simplest_combinations(directions))[:_PICTURES]
    sums = np.abs(shown.sum(axis=(1, 2, 3)))
    bias = ", if the bias makes up for it" if sums.max() > _MARKED else ""
    some = f" ({len(shown)} of {len(directions)} ways)" if len(shown) < len(directions) else ""
    lines = [
        "What is added to taps marked + and taken from taps marked - "
        f"{'drowns in the noise' if hidden else 'does not show'}{bias}{some}:"
    ]
    for channel in range(shown.shape[1]):
        if shown.shape[1] > 1:
            lines.append(f"input channel {channel}:")
        for row in range(shown.shape[2]):
            cells = (
                " ".join(_mark(tap, np.abs(picture).max()) for tap in picture[channel, row])
                for picture in shown
            )
            lines.append("  " + "   ".join(cells))
    return "\n".join(lines)


class _Moves:
    """Which moves of weight from tap to tap the data do not notice."""

    def __init__(self, directions: Array, grid: Array, same: float) -> None:
        self._unseen = directions.T @ directions
        self._grid, self._same = grid, same

    def lost(self, down: int, right: int, channel: int = 0) -> bool:
        """Whether no move by so many rows, columns and channels is noticed, if there is any."""
        first, second = self._grid, self._grid
        for axis, by in enumerate((channel, down, right)):
            here = slice(max(0, -by), first.shape[axis] - max(0, by))
            there = slice(max(0, by), first.shape[axis] - max(0, -by))
            place: list[slice] = [slice(None)] * 3
            place[axis] = here
            first = first[tuple(place)]
            place[axis] = there
            second = second[tuple(place)]
        if first.size == 0:
            return False
        moves = np.zeros((first.size, len(self._unseen)))
        index = np.arange(first.size)
        moves[index, first.ravel()] = 1
        moves[index, second.ravel()] = -1
        noticed = moves - moves @ self._unseen
        return bool(np.abs(noticed).max() < self._same)


def _repeats(seen: _Moves, shape: tuple[int, int]) -> str:
    """Say after how many rows or columns the before image repeats, as far as the taps reach."""
    down = next((by for by in range(2, shape[0]) if seen.lost(by, 0)), 0)
    right = next((by for by in range(2, shape[1]) if seen.lost(0, by)), 0)
    if seen.lost(1, 0):
        down = 0
    if seen.lost(0, 1):
        right = 0
    parts = [f"{by} {name}" for by, name in ((down, "rows"), (right, "columns")) if by]
    return f" and repeats every {' and every '.join(parts)}" if parts else ""


def _finest(directions: Array, inputs: int, shape: tuple[int, int]) -> float:
    """Return the mean frequency of the combinations, in cycles a pixel, along the finer axis."""
    power = np.abs(np.fft.fft2(directions.reshape(-1, inputs, *shape), s=(16, 16))) ** 2
    total = power.sum(axis=(0, 1))
    frequency = np.abs(np.fft.fftfreq(16))
    down = float(total.sum(axis=1) @ frequency / total.sum())
    right = float(total.sum(axis=0) @ frequency / total.sum())
    return max(down, right)


def _lacking(words: str, lacks: str = "does") -> Gap:
    return Gap(words, f"Add an image that {lacks}, or ask for a smaller shape.")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _mark(tap: float, largest: float = 1.0) -> str:
    return "." if abs(tap) < _MARKED * largest else "+" if tap > 0 else "-"
