"""All numbers of a chain at once: Gauss-Newton on sums that blocks of the picture add up to.

Near the answer a chain is linear in its numbers, so one look at the images gives sums as those of
a kernel: ``J^T J``, ``J^T r`` and ``r^2``, J being the derivatives of the prediction by the numbers
and r what is left. Kept block by block they give standard errors and tell, without another look,
how well blocks are predicted that were held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.direct.blas import one_blas_thread
from kernfit.edits.neighbours import Neighbours
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where

Chain = tuple[Stage, ...]
_FOLDS = 8
SIDE = 16  # of the cells that JPEG saves colours in, and 4 of light
CELL = SIDE * SIDE  # pixels


@dataclass(frozen=True, eq=False)
class Part:
    """A pair of images, or a part of one, and the pixels of it that are asked.

    Attributes
    ----------
    before, after : ndarray, shape (C, H, W) and (C', H', W')
        White is 1.
    rows, columns : ndarray, shape (N,)
        Pixels of the after image that are asked.
    blocks : ndarray, shape (N,)
        To which block of the picture each belongs; they come block by block.
    where : Where
        Of the before image.
    whole_levels : bool
        Whether levels beyond black and white were cut off.
    by_cells : bool
        Whether only the mean of each cell of `CELL` pixels is compared, since the rest was lost.
        The pixels asked then come cell by cell.
    """

    before: Array
    after: Array
    rows: Array
    columns: Array
    blocks: Array
    where: Where
    whole_levels: bool = True
    by_cells: bool = False

    def thinned(self, count: int) -> Part:
        """Return the part with at most so many pixels."""
        if count >= len(self.rows):
            return self
        each = CELL if self.by_cells else 1
        chosen = np.random.default_rng(7).permutation(len(self.rows) // each)
        chosen = np.sort(chosen[: max(1, count // each)])
        keep = (chosen[:, None] * each + np.arange(each)).ravel()
        return replace(
            self, rows=self.rows[keep], columns=self.columns[keep], blocks=self.blocks[keep]
        )

    def __len__(self) -> int:
        """How many pixels are asked."""
        return len(self.rows)


def predict(chain: Chain, part: Part) -> Array:
    """Return what the chain makes of the pixels asked, shape (C', N), nothing cut off."""
    return _through(chain, part, derive=False)[0]


def linearise(chain: Chain, part: Part) -> tuple[Array, Array]:
    """Return prediction (C', N) and its derivatives by all numbers (P, C', N)."""
    return _through(chain, part, derive=True)


def _through(chain: Chain, part: Part, *, derive: bool) -> tuple[Array, Array]:
    """Go through the stages: whole planes as long as neighbours are looked at, then pixels."""
    last = max((n for n, stage in enumerate(chain) if not stage.pointwise), default=-1)
    image, where = part.before, part.where
    planes: list[Array] = []  # derivatives by the numbers so far
    for stage in chain[: max(0, last)]:
        if derive:
            if planes:
                planes = [stage.push(image, np.concatenate(planes), where)]
            if len(stage.numbers):
                planes.append(stage.columns(image, where))
        made = stage.apply(image, where)
        if made.shape[1:] != image.shape[1:]:
            where = Where.whole(*made.shape[1:])
        image = made
    rows, columns = part.rows, part.columns
    if last >= 0:
        stage = chain[last]
        made = stage.apply(image, where)
        if made.shape[1:] != image.shape[1:]:
            where = Where.whole(*made.shape[1:])
        if derive:
            if planes:
                pushed = stage.push(image, np.concatenate(planes), where)
                planes = [pushed[:, :, rows, columns]]
            if isinstance(stage, Neighbours):
                planes.append(stage.patches(image, rows, columns))
            elif len(stage.numbers):
                planes.append(stage.columns(image, where)[:, :, rows, columns])
        pixels = made[:, rows, columns]
    else:
        pixels = image[:, rows, columns]
    spots = Where(_at(where.rows, rows, columns), _at(where.columns, rows, columns), where.size)
    for stage in chain[last + 1 :]:
        if derive:
            if planes:
                planes = [stage.push(pixels, np.concatenate(planes), spots)]
            if len(stage.numbers):
                planes.append(stage.columns(pixels, spots))
        pixels = stage.apply(pixels, spots)
    if not planes:
        return pixels, np.empty((0, *pixels.shape))
    return pixels, np.concatenate(planes)


def _at(places: Array, rows: Array, columns: Array) -> Array:
    made: Array = places[rows, 0] if places.shape[1] == 1 else places[0, columns]
    return made


@dataclass(frozen=True, eq=False)
class Sums:
    """What parts of a picture say about small changes of a chain's numbers.

    Attributes
    ----------
    gram : ndarray, shape (blocks, P, P)
    cross : ndarray, shape (blocks, P)
    energy, count : ndarray, shape (blocks,)
    """

    gram: Array
    cross: Array
    energy: Array
    count: Array

    @property
    def rms(self) -> float:
        """Root mean square of what is left."""
        return float(np.sqrt(self.energy.sum() / max(1, self.count.sum())))

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.gram + other.gram,
            self.cross + other.cross,
            self.energy + other.energy,
            self.count + other.count,
        )

    def held_out(self, rest: Array) -> tuple[float, Array]:
        """Return the root mean square in blocks held out of the solution, and each block's.

        Parameters
        ----------
        rest : ndarray, shape (P, P)
            A penalty, in the units of the sums' Gram matrix.
        """
        blocks = np.flatnonzero(self.count)
        whole_gram, whole_cross = self.gram.sum(axis=0), self.cross.sum(axis=0)
        squares = np.zeros(len(self.count))
        if not self.gram.shape[1]:
            squares = self.energy.copy()
        for fold in range(min(_FOLDS, len(blocks)) if self.gram.shape[1] else 0):
            out = blocks[fold::_FOLDS]
            gram, cross = self.gram[out].sum(axis=0), self.cross[out].sum(axis=0)
            step = _solved(whole_gram - gram + rest, whole_cross - cross)
            for b in out:
                change = -2 * self.cross[b] @ step + step @ self.gram[b] @ step
                squares[b] = self.energy[b] + change
        return float(np.sqrt(max(squares.sum(), 0.0) / self.count.sum())), squares


def sums_of(chain: Chain, part: Part, blocks: int) -> Sums:
    """Return the sums of a part, with the chain's numbers as they are."""
    predicted, slopes = linearise(chain, part)
    after = part.after[:, part.rows, part.columns]
    if part.whole_levels:
        slopes = slopes * ((predicted > 0.0) & (predicted < 1.0))
        predicted = np.clip(predicted, 0.0, 1.0)
    left = after - predicted
    owners = part.blocks
    if part.by_cells:
        left, slopes, owners = _means(left), _means(slopes), owners[::CELL]
    count = len(slopes)
    gram, cross = np.zeros((blocks, count, count)), np.zeros((blocks, count))
    bounds = np.searchsorted(owners, np.arange(blocks + 1))  # pixels come block by block
    for b in range(blocks):
        own = slice(bounds[b], bounds[b + 1])
        if count and bounds[b] < bounds[b + 1]:
            flat = slopes[:, :, own].reshape(count, -1)
            gram[b] = flat @ flat.T
            cross[b] = flat @ left[:, own].ravel()
    energy = np.bincount(owners, (left**2).sum(axis=0), blocks)
    number = np.bincount(owners, minlength=blocks) * len(left)
    return Sums(gram, cross, energy, number)


def _means(pixels: Array) -> Array:
    """Return the means of cells, pixels coming cell by cell along the last axis."""
    made: Array = pixels.reshape(*pixels.shape[:-1], pixels.shape[-1] // CELL, CELL).mean(axis=-1)
    return made


@dataclass(frozen=True, eq=False)
class Polished:
    """A chain whose numbers are those of least squares, and how good it is.

    Attributes
    ----------
    chain : tuple of Stage
    rms : float
        Of what is left, white being 1.
    held_out : float
        The same in blocks that were held out.
    squares : ndarray, shape (blocks,)
        Sums of squares of each block when it was held out.
    count : ndarray, shape (blocks,)
    sums : Sums
    """

    chain: Chain
    rms: float
    held_out: float
    squares: Array
    count: Array
    sums: Sums

    @property
    def cost(self) -> float:
        """How far from simple the chain is."""
        return sum(stage.cost for stage in self.chain)


def polish(
    chain: Chain, parts: list[Part], blocks: int, *, steps: int = 6, close: float = 2e-4
) -> Polished:
    """Return a chain with the numbers of least squares, from where it is.

    Parameters
    ----------
    chain : tuple of Stage
        A start.
    parts : list of Part
    blocks : int
        How many blocks they have, all together.
    steps : int, default 6
        The most looks at the images.
    close : float
        Share by which the residual must still shrink.
    """
    with one_blas_thread():
        return _polished(chain, parts, blocks, steps, close)


def _polished(chain: Chain, parts: list[Part], blocks: int, steps: int, close: float) -> Polished:
    sums = _all_sums(chain, parts, blocks)
    rest, pull = _penalty(chain, int(sums.count.sum()))
    value = _value(sums, chain)
    damping = 1e-6
    for _ in range(steps if len(sums.cross[0]) else 0):
        gram, cross = sums.gram.sum(axis=0) + rest, sums.cross.sum(axis=0) + pull
        better = None
        for _ in range(4):
            step = _solved(gram + damping * np.diag(np.diagonal(gram)), cross)
            tried = stepped(chain, step)
            made = _all_sums(tried, parts, blocks)
            if _value(made, tried) < value and np.isfinite(made.rms):
                better = tried, made
                break
            damping = max(damping * 100, 1e-3)
        if better is None:
            break
        chain, sums = better
        rest, pull = _penalty(chain, int(sums.count.sum()))
        gain, value = 1 - _value(sums, chain) / value, _value(sums, chain)
        damping = max(1e-9, damping / 30)
        if gain < close:
            break
    held, squares = sums.held_out(rest)
    return Polished(chain, sums.rms, held, squares, sums.count, sums)


def with_errors(found: Polished, every: float = 1.0) -> Chain:
    """Return the chain with a standard error for each number.

    What is left may be alike in neighbouring pixels, so blocks are asked how far they disagree, as
    well as pixels (a sandwich with clusters: K.-Y. Liang and S. L. Zeger, Biometrika 73, 1986).

    Parameters
    ----------
    found : Polished
    every : float, default 1
        How many pixels there are for each that was asked.
    """
    sums = found.sums
    count = len(sums.cross[0])
    if not count:
        return found.chain
    rest, _ = _penalty(found.chain, int(sums.count.sum()))
    gram = sums.gram.sum(axis=0)
    inverse = _inverse(gram + rest)
    pixels = found.rms**2 * np.diagonal(inverse)
    used = np.flatnonzero(sums.count)
    pulls = sums.cross[used] - sums.cross[used].mean(axis=0)
    spread = inverse @ pulls.T
    clusters = (spread**2).sum(axis=1) * len(used) / max(1, len(used) - 1)
    # Where blocks are few beside the numbers their word on a single one means little: the whole
    # chain's usual factor does.
    usual = np.sqrt(np.median(clusters / np.maximum(pixels, 1e-300)))
    errors = np.sqrt(np.maximum(pixels, 0.0)) * max(1.0, float(usual)) / np.sqrt(every)
    made, first = [], 0
    for stage in found.chain:
        own = len(stage.numbers)
        made.append(stage.moved(stage.numbers, errors[first : first + own]) if own else stage)
        first += own
    return tuple(made)


def stepped(chain: Chain, step: Array) -> Chain:
    """Return the chain with all its numbers changed by a step."""
    made, first = [], 0
    for stage in chain:
        own = len(stage.numbers)
        made.append(stage.moved(stage.numbers + step[first : first + own]) if own else stage)
        first += own
    return tuple(made)


def _all_sums(chain: Chain, parts: list[Part], blocks: int) -> Sums:
    with np.errstate(over="ignore", invalid="ignore"):
        total = sums_of(chain, parts[0], blocks)
        for part in parts[1:]:
            total += sums_of(chain, part, blocks)
    return total


def _penalty(chain: Chain, count: int) -> tuple[Array, Array]:
    """Return the matrix of all penalties, and what they pull the numbers by."""
    sizes = [len(stage.numbers) for stage in chain]
    matrix, pull = np.zeros((sum(sizes),) * 2), np.zeros(sum(sizes))
    first = 0
    for stage, own in zip(chain, sizes, strict=True):
        stiff = stage.stiffness()
        if stiff is not None and own:
            span = slice(first, first + own)
            matrix[span, span] = stiff * count
            pull[span] = -count * stiff @ (stage.numbers - stage.ease)
        first += own
    return matrix, pull


def _value(sums: Sums, chain: Chain) -> float:
    """Return what is made small: squares left, and penalties."""
    total, count = float(sums.energy.sum()), int(sums.count.sum())
    for stage in chain:
        stiff = stage.stiffness()
        if stiff is not None:
            away = stage.numbers - stage.ease
            total += count * float(away @ stiff @ away)
    return total if np.isfinite(total) else np.inf


def _solved(gram: Array, cross: Array) -> Array:
    """Solve, leaving alone what the sums do not determine."""
    scale = np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
    scaled = gram / scale[:, None] / scale
    try:
        values, vectors = np.linalg.eigh(scaled)
    except np.linalg.LinAlgError:
        return np.zeros_like(cross)
    keep = values > 1e-11 * max(values.max(), 1e-300)
    inner = vectors[:, keep].T @ (cross / scale)
    made: Array = vectors[:, keep] @ (inner / values[keep]) / scale
    return made


def _inverse(gram: Array) -> Array:
    scale = np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
    values, vectors = np.linalg.eigh(gram / scale[:, None] / scale)
    keep = values > 1e-11 * values.max()
    made: Array = (vectors[:, keep] / values[keep]) @ vectors[:, keep].T / scale[:, None] / scale
    return made
