"""Find a table of colours: as smooth as it can be where the picture shows none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import linalg, sparse

from kernfit.arrays import Array
from kernfit.correlate.direct.blas import one_blas_thread
from kernfit.edits.look import Look, corners_and_weights
from kernfit.edits.place import Place
from kernfit.edits.stage import Stage, Task

_SIZE = 17
_STIFF = (1e-3, 1e-2, 1e-1)  # of second differences, in pixels; held-out pixels choose
_HOME = 1e-5  # towards the best affine map of colours
_FEWEST = 5000
_SEEN = 0.5  # weights of pixels that a node needs


class LookFamily:
    """Proposes a table of colours where no matrix and curve does."""

    name = "look"
    last_resort = True

    def grow(self, task: Task) -> Iterable[tuple[Stage, ...]]:
        """Return a table behind a place, or alone."""
        if not all(isinstance(stage, Place) for stage in task.chain):
            return
        image = task.reaching(len(task.chain))
        found = find_look(image, task.after, task.used) if image.shape == task.after.shape else None
        if found is not None:
            yield task.with_stage(len(task.chain), found)


def find_look(before: Array, after: Array, used: Array, *, size: int = _SIZE) -> Look | None:
    """Find the table of colours that turns one picture into another.

    Parameters
    ----------
    before, after : ndarray
        (3, rows, columns), white being 1.
    used : ndarray of bool
        (rows, columns).
    size : int
        Nodes along a side.

    Returns
    -------
    Look or None
        None where the pictures are not of three colours or too few pixels count.
    """
    if len(before) != 3 or len(after) != 3 or used.sum() < _FEWEST:
        return None
    with one_blas_thread():
        return _found(before[:, used], after[:, used], used, size)


def _found(colours: Array, target: Array, used: Array, size: int) -> Look:
    rows = np.nonzero(used)[0]
    held = (rows * 12 // used.shape[0]) % 4 == 1  # stripes of the picture, held out
    best: tuple[float, str, float] | None = None
    for between in ("tetrahedral", "trilinear"):
        learnt = _Sums.of(colours[:, ~held], target[:, ~held], size, between)
        for stiff in _STIFF:
            made = Look(learnt.solved(stiff), between).apply(colours[:, held], None)  # type: ignore[arg-type]
            left = float(np.mean((np.clip(made, 0, 1) - target[:, held]) ** 2))
            if best is None or left < best[0]:
                best = left, between, stiff
    assert best is not None
    sums = _Sums.of(colours, target, size, best[1])
    shown = (np.asarray(sums.gram.sum(1)).ravel() > _SEEN).reshape(size, size, size)
    return Look(sums.solved(best[2]), best[1], shown)


class _Sums:
    """What the pixels say about the nodes: a banded matrix, and the right side."""

    def __init__(self, gram: Array, cross: Array, home: Array, size: int) -> None:
        self.gram, self.cross, self.home, self.size = gram, cross, home, size

    @classmethod
    def of(cls, colours: Array, target: Array, size: int, between: str) -> _Sums:
        """Sum up over pixels; what was cut off at black or white does not count."""
        affine = np.concatenate([colours, np.ones((1, colours.shape[1]))])
        clean = ((target > 0) & (target < 1)).all(0)
        if clean.sum() > 1000:
            colours, target, affine = colours[:, clean], target[:, clean], affine[:, clean]
        gram = affine @ affine.T + 1e-3 * np.eye(4)
        # Towards colours that stay, where the picture has only a few.
        pull = affine @ target.T + 1e-3 * np.eye(4)[:, :3]
        matrix = np.linalg.solve(gram, pull)
        axis = np.linspace(0, 1, size)
        nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        home = nodes @ matrix[:3] + matrix[3]
        corners, weights = corners_and_weights(colours, size, between)
        pixels = np.broadcast_to(np.arange(colours.shape[1]), corners.shape)
        lifted = sparse.csr_matrix(
            (weights.ravel(), (pixels.ravel(), corners.ravel())), (colours.shape[1], size**3)
        )
        rest = target.T - lifted @ home
        return cls((lifted.T @ lifted).tocsr(), lifted.T @ rest, home, size)

    def solved(self, stiff: float) -> Array:
        """Return the table, (size, size, size, 3)."""
        matrix = (self.gram + stiff * _bending(self.size)).tocoo()
        matrix.setdiag(matrix.tocsr().diagonal() + _HOME)
        matrix = sparse.triu(matrix).tocoo()
        width = int((matrix.col - matrix.row).max())
        band = np.zeros((width + 1, matrix.shape[0]))
        band[width + matrix.row - matrix.col, matrix.col] = matrix.data
        moved = linalg.solveh_banded(band, self.cross, overwrite_ab=True, check_finite=False)
        return np.asarray((self.home + moved).reshape(self.size, self.size, self.size, 3))


def _bending(size: int) -> sparse.csr_matrix:
    """Return the sum of squares of second differences along the axes, as a matrix."""
    second = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(size - 2, size))
    one = sparse.identity(size)
    parts = [[second, one, one], [one, second, one], [one, one, second]]
    total = sparse.csr_matrix((size**3, size**3))
    for a, b, c in parts:
        whole = sparse.kron(sparse.kron(a, b), c).tocsr()
        total = total + whole.T @ whole
    return total
