"""Place: where each pixel comes from, and how it is interpolated there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.placing.found import Found
from kernfit.edits.resampling.filters import NEAREST, Filter
from kernfit.edits.resampling.grid import Grid, Shape, middle
from kernfit.edits.resampling.sampling import Sampling, sample
from kernfit.edits.stage import Stage
from kernfit.edits.tone import number_in_words
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

WHOLE = Sampling(NEAREST)
SIZES = ("same", "cut", "factor", "around")
_LARGEST = 1 << 28  # pixels of a picture that is made


@dataclass(frozen=True)
class Place(Stage):
    """Crop, flip, quarter turn, shift, scale, rotation, affine motion, resizing.

    A pixel of the result comes from ``centre + matrix (pixel - centre) + shift``, in (row, column),
    the centres being those of the two pictures.

    Attributes
    ----------
    matrix : 2 x 2 tuples of float
    shift : pair of float
        In pixels of the picture that comes in.
    source, output : pair of int
        Sizes of the pictures that it was learnt from.
    size : {"same", "cut", "factor", "around"}
        What becomes of pictures of other sizes. ``same``: they keep their size (a quarter turn
        swaps it), and motion is about their centre. ``cut``: always the same rows and columns,
        counted from the upper left corner. ``factor``: their size times the same factors.
        ``around``: as large as a turned picture needs.
    how : Sampling
    free : bool
        Whether matrix and shift were measured; else they follow from a convention, exactly.
    fill : tuple of float or None
        Colour beyond the picture, white being 1; None goes on with its border.
    """

    kind: ClassVar[str] = "place"
    pointwise: ClassVar[bool] = False
    same_size: ClassVar[bool] = False  # nor can it be done strip by strip
    local: ClassVar[bool] = False

    matrix: tuple[tuple[float, float], tuple[float, float]]
    shift: tuple[float, float]
    source: Shape
    output: Shape
    size: str = "same"
    how: Sampling = WHOLE
    free: bool = False
    fill: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        numbers = np.array([*self.matrix[0], *self.matrix[1], *self.shift])
        if not np.isfinite(numbers).all() or abs(np.linalg.det(self._matrix)) < 1e-6:
            raise InvalidInput(f"a place must have a matrix that can be inverted, got {numbers}")
        if self.size not in SIZES:
            raise InvalidInput(f"size must be one of {', '.join(SIZES)}, got {self.size!r}")
        if min(*self.source, *self.output) < 1 or self.output[0] * self.output[1] > _LARGEST:
            raise InvalidInput(f"sizes must be at least 1, got {self.source} and {self.output}")

    @classmethod
    def of(cls, found: Found, after: Array | None = None) -> Self:
        """Return the stage for what was found.

        Parameters
        ----------
        found : Found
        after : ndarray, optional
            (channels, rows, columns), white being 1: says what is beyond the picture.
        """
        grid = found.grid
        matrix = tuple(tuple(float(n) for n in row) for row in grid.matrix)
        errors = () if found.covariance is None else tuple(np.sqrt(np.diagonal(found.covariance)))
        return cls(
            matrix,  # type: ignore[arg-type]
            (float(grid.shift[0]), float(grid.shift[1])),
            grid.source,
            grid.output,
            _size_rule(grid, free=found.covariance is not None),
            found.how,
            found.covariance is not None,
            None if after is None else _beyond(grid, after),
            errors=tuple(float(e) for e in errors),
        )

    @property
    def _matrix(self) -> Array:
        return np.array(self.matrix, float)

    @property
    def numbers(self) -> Array:
        """Shift and matrix, where they were measured."""
        if not self.free:
            return np.empty(0)
        return np.array([*self.shift, *self.matrix[0], *self.matrix[1]])

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with other numbers."""
        if not self.free:
            return self
        a, b, c, d, e, f = (float(n) for n in numbers)
        told = () if errors is None else tuple(float(e) for e in errors)
        return replace(self, shift=(a, b), matrix=((c, d), (e, f)), errors=told)

    @property
    def cost(self) -> float:
        """An angle, a scale and a shift at most, or a convention."""
        return 4.0 if self.free else 1.0

    @property
    def still(self) -> bool:
        """Whether nothing is moved."""
        whole = np.array_equal(self._matrix, np.eye(2)) and self.shift == (0.0, 0.0)
        return whole and self.source == self.output

    def grid(self, size: Shape) -> Grid:
        """Return the grid for a picture of a size."""
        matrix, shift = self._matrix, np.array(self.shift)
        if size == self.source:
            return Grid(matrix, shift, size, self.output)
        learnt = Grid(matrix, shift, self.source, self.output)
        if self.size == "cut":
            shift = learnt.start + matrix @ middle(self.output) - middle(size)
            return Grid(matrix, shift, size, self.output)
        turn = np.abs(matrix) > 0.5 * np.abs(matrix).max()
        if self.size == "same":
            swapped = turn[0, 1] and turn[1, 0] and not turn[0, 0]
            return Grid(matrix, shift, size, size[::-1] if swapped else size)
        if self.size == "around":
            return Grid(matrix, shift, size, _around(matrix, size))
        # A factor along each axis of the output.
        turned = np.array(self.source) @ turn
        output = np.maximum(1, np.rint(np.array(size) @ turn * self.output / turned)).astype(int)
        made = (int(output[0]), int(output[1]))
        steps, signs = np.abs(matrix).sum(1), np.sign(matrix) * turn
        counts = turn @ np.array(self.output, float)
        now = turn @ np.array(made, float)
        if np.allclose(steps, self.source / counts, rtol=1e-12):
            steps = size / now
        elif np.allclose(steps * (counts - 1), np.array(self.source) - 1, rtol=1e-9):
            steps = (np.array(size) - 1) / np.maximum(now - 1, 1)
        elif np.allclose(shift, (steps * counts - self.source) / 2, atol=1e-9):
            shift = (steps * now - size) / 2
        return Grid(steps[:, np.newaxis] * signs, shift, size, made)

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image on its new grid."""
        grid = self.grid((image.shape[1], image.shape[2]))
        if grid.output[0] * grid.output[1] > _LARGEST:
            raise InvalidInput(f"a picture of {grid.output[0]} x {grid.output[1]} is too large")
        made = sample(image, grid, self.how, white=1.0)
        if self.fill is not None:
            beyond = ~grid.inside()
            colour = np.resize(np.array(self.fill), len(made))
            made[:, beyond] = colour[:, np.newaxis]
        return made

    def seen(self, size: Shape) -> Array:
        """Return which pixels of the result come from the picture: (rows, columns), bool."""
        return self.grid(size).inside(self.how.kind.radius if self.free else 0.0)

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by shift and matrix: slopes times the place."""
        grid = self.grid((image.shape[1], image.shape[2]))
        if not self.free:
            return np.empty((0, len(image), *grid.output))
        step = 1e-6
        kept = 1.0 if self.fill is None else grid.inside()
        slopes = []
        for axis in (0, 1):
            aside = [
                Grid(grid.matrix, grid.shift + sign * np.eye(2)[axis], grid.source, grid.output)
                for sign in (step, -step)
            ]
            ahead, behind = (sample(image, one, self.how, white=1.0) for one in aside)
            slopes.append((ahead - behind) / (2 * step) * kept)
        row, column = middle(grid.output)
        down = np.arange(grid.output[0])[:, np.newaxis] - row
        across = np.arange(grid.output[1]) - column
        first, second = slopes
        return np.stack(
            [first, second, first * down, first * across, second * down, second * across]
        )

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the image on the new grid."""
        grid = self.grid((image.shape[1], image.shape[2]))
        flat = planes.reshape(-1, *planes.shape[-2:])
        made = sample(flat, grid, replace(self.how, between=False), white=1.0)
        if self.fill is not None:
            made[:, ~grid.inside()] = 0.0
        return made.reshape(*planes.shape[:-2], *grid.output)

    def inverse(self) -> Stage | None:
        """Return the flip or quarter turn that undoes this one; else pixels are lost."""
        matrix = self._matrix
        whole = np.array_equal(np.abs(matrix), np.abs(np.rint(matrix)))
        if self.size != "same" or not whole or self.shift != (0.0, 0.0) or self.free:
            return None
        (a, b), (c, d) = matrix.T.tolist()
        return Place(((a, b), (c, d)), (0.0, 0.0), self.output, self.source)

    def words(self, white: float = 255.0) -> str:
        """Return what is moved, in words."""
        return ", ".join(_words(self)) or "nothing is moved"

    def record(self) -> dict[str, Any]:
        """Return the numbers."""
        how = self.how
        return {
            "matrix": [list(row) for row in self.matrix],
            "shift": list(self.shift),
            "source": list(self.source),
            "output": list(self.output),
            "size": self.size,
            "kernel": how.kind.name,
            "kernel_numbers": list(how.kind.numbers),
            "antialias": how.antialias,
            "shorten": how.shorten,
            "between": how.between,
            "quantum": how.quantum,
            "running": how.running,
            "free": self.free,
            "fill": None if self.fill is None else list(self.fill),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        (a, b), (c, d) = (map(float, row) for row in record["matrix"])
        fill = record["fill"]
        shapes = [tuple(int(n) for n in record[word]) for word in ("source", "output")]
        kind = Filter(str(record["kernel"]), tuple(float(n) for n in record["kernel_numbers"]))
        return cls(
            ((a, b), (c, d)),
            tuple(float(n) for n in record["shift"]),  # type: ignore[arg-type]
            shapes[0],  # type: ignore[arg-type]
            shapes[1],  # type: ignore[arg-type]
            str(record["size"]),
            Sampling(
                kind,
                bool(record["antialias"]),
                bool(record["shorten"]),
                bool(record["between"]),
                float(record["quantum"]),
                bool(record["running"]),
            ),
            bool(record["free"]),
            None if fill is None else tuple(float(n) for n in fill),
        )


def _size_rule(grid: Grid, *, free: bool) -> str:
    matrix = grid.matrix
    turn = (np.abs(matrix) > 0.5 * np.abs(matrix).max()).astype(float)
    straight = turn.sum() == 2 and np.abs(matrix * (1 - turn)).max() < 1e-12
    counts = turn @ np.array(grid.output, float)
    if grid.output == grid.source or (
        straight and np.array_equal(counts, grid.source) and not grid.shift.any()
    ):
        whole = straight and np.array_equal(np.abs(matrix), turn)
        return "cut" if whole and np.abs(grid.shift).max() > 0.25 else "same"
    if straight and not free:
        steps = np.abs(matrix).sum(1)
        if np.abs(steps * counts - grid.source).max() <= steps.max() + 1 and not np.array_equal(
            np.abs(matrix), turn
        ):
            return "factor"
        return "cut"
    around = _around(matrix, grid.source)
    return "around" if np.abs(np.subtract(around, grid.output)).max() <= 3 else "cut"


def _around(matrix: Array, size: Shape) -> Shape:
    """Return the size that holds a turned picture whole, as Pillow counts it."""
    ends = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * np.array(size) / 2
    ends = np.linalg.solve(matrix, ends.T).T
    half = np.array(size) / 2
    made = np.ceil(ends.max(0) + half - 1e-9) - np.floor(ends.min(0) + half + 1e-9)
    return int(made[0]), int(made[1])


def _beyond(grid: Grid, after: Array) -> tuple[float, ...] | None:
    """Return the colour of the after image beyond the picture, if it is one colour."""
    beyond = ~grid.inside(-1.5)
    if beyond.sum() < 20:
        return None
    levels = after[:, beyond]
    colour = np.median(levels, axis=1)
    alike = (np.abs(levels - colour[:, np.newaxis]).max(0) < 0.02).mean() > 0.9
    return tuple(float(level) for level in colour) if alike else None


def _words(place: Place) -> list[str]:
    matrix = place._matrix
    if place.still:
        return []
    turn = np.where(np.abs(matrix) > 0.5 * np.abs(matrix).max(), np.sign(matrix), 0.0)
    if not place.free:
        said = [*_turned(turn)]
        steps = np.abs(matrix).sum(1)
        if place.size == "cut":
            start = Grid(matrix, np.array(place.shift), place.source, place.output).start
            ends = start + matrix @ (np.array(place.output) - 1)
            row, column = np.minimum(start, ends)
            rows, columns = place.output
            said.insert(0, f"cut out from row {row:.6g} and column {column:.6g}")
            said.append(f"{columns} x {rows} pixels")
        if np.abs(steps - 1).max() > 1e-9:
            down, across = 1 / (np.abs(turn).T @ steps)
            times = f"{across:.6g}" + ("" if abs(down - across) < 0.004 else f" x {down:.6g}")
            said.append(f"resized by {times} ({place.how})")
        return said
    errors = np.array(place.errors) if place.errors else np.full(6, np.nan)
    mirrored = np.linalg.det(matrix) < 0
    said = ["mirrored left to right"] if mirrored else []
    plain = matrix @ np.diag([1.0, -1.0]) if mirrored else matrix
    angle = np.degrees(np.arctan2(plain[0, 1] - plain[1, 0], plain[0, 0] + plain[1, 1]))
    scale = 1 / np.sqrt(abs(np.linalg.det(matrix)))
    spread = float(np.sqrt(np.mean(errors[2:] ** 2))) / np.sqrt(2)
    turning = np.array(
        [
            [np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))],
            [-np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))],
        ]
    )
    sheared = np.abs(plain * scale - turning).max() > max(2e-4, 6 * np.nan_to_num(spread))
    if sheared:
        numbers = ", ".join(f"{n:.6g}" for n in matrix.ravel())
        said.append(f"moved by the matrix ({numbers}) in (row, column) about the centre")
    else:
        if abs(angle) > max(1e-3, 4 * np.degrees(np.nan_to_num(spread))):
            way = "counterclockwise" if angle > 0 else "clockwise"
            told = number_in_words(abs(float(angle)), float(np.degrees(spread)))
            said.append(f"turned by {told}° {way}")
        if abs(scale - 1) > max(1e-5, 4 * np.nan_to_num(spread)):
            said.append(f"scaled by {number_in_words(float(scale), spread * float(scale) ** 2)}")
    back = -np.linalg.solve(matrix, np.array(place.shift))
    if np.abs(back).max() > max(0.01, 4 * np.nan_to_num(errors[:2]).max()):
        sides = (("up", "down"), ("to the left", "to the right"))
        along = [
            f"{number_in_words(abs(float(n)), float(e))} {names[int(n > 0)]}"
            for n, e, names in zip(back, errors[:2], sides, strict=True)
        ]
        said.append(f"moved {along[1]} and {along[0]}")
    return [*said, str(place.how)]


def _turned(turn: Array) -> list[str]:
    names = {
        (1, 0, 0, 1): [],
        (1, 0, 0, -1): ["mirrored left to right"],
        (-1, 0, 0, 1): ["flipped upside down"],
        (-1, 0, 0, -1): ["turned by 180°"],
        (0, 1, 1, 0): ["mirrored along the falling diagonal"],
        (0, -1, -1, 0): ["mirrored along the rising diagonal"],
        (0, 1, -1, 0): ["turned by 90° counterclockwise"],
        (0, -1, 1, 0): ["turned by 90° clockwise"],
    }
    return names[tuple(int(n) for n in turn.ravel())]  # type: ignore[index]
