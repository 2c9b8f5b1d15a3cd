"""Run a model over images of any size by workers: on a cluster, or as tasks of a Dask graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import runner_for
from kernfit.frameworks.runner import Runner
from kernfit.graph.tiling import Strip, is_even
from kernfit.hashing import digest
from kernfit.io.results import PartWriter, Result
from kernfit.scale.files import check_written_by, fill
from kernfit.scale.images import LargeImage
from kernfit.scale.windows import Span, gather
from kernfit.scale.workers import Workers
from kernfit.see.planning import TilePlan
from kernfit.see.tiled import run_tile

Pair = tuple[int, int]


class ModelTiles:
    """Runs a model on the window of a tile, in whatever process; each opens a file once.

    Parameters
    ----------
    model : model, path or function
        Other processes need a path, or something that can be sent to them.
    layer, pointwise, divide
        As for `kernfit.run_tiled`.
    plan : TilePlan
    """

    def __init__(
        self,
        model: Any,
        layer: str | None,
        pointwise: Collection[str],
        divide: float,
        plan: TilePlan,
    ) -> None:
        if isinstance(model, (str, os.PathLike)):
            model = Path(os.path.abspath(model))
        self._what, self._divide = (model, layer, tuple(pointwise)), divide
        self._rows, self._columns = plan.rows, plan.columns
        self._runner: Runner | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runner": None}

    @property
    def mark(self) -> str:
        """What tells this model from others."""
        return _runner(*self._what)[1]

    def __dask_tokenize__(self) -> Any:
        return self._what[1:], self.mark, self._divide

    def __call__(self, window: Array, *, tile: Pair) -> Array:
        """Return the part of a tile's result that is kept."""
        if self._runner is None:
            self._runner = _runner(*self._what)[0]
        return run_tile(
            self._runner,
            window,
            self._rows[tile[0]],
            self._columns[tile[1]],
            divide=self._divide,
        )


def _runner(model: Any, layer: str | None, pointwise: tuple[str, ...]) -> tuple[Runner, str]:
    if not isinstance(model, Path):
        return runner_for(model, layer, pointwise=pointwise)
    status = os.stat(model) if model.exists() else None
    changed = 0 if status is None else status.st_mtime_ns
    return _opened(model, layer, pointwise, changed)


@lru_cache(maxsize=2)
def _opened(
    path: Path, layer: str | None, pointwise: tuple[str, ...], changed: int
) -> tuple[Runner, str]:
    return runner_for(path, layer, pointwise=pointwise)


def tile_spans(plan: TilePlan, pad: str | None) -> tuple[list[Span], list[Span]]:
    """Return which pixels stand behind each strip of tiles, along rows and along columns.

    Raises
    ------
    InvalidInput
        If the plan extends the image and nobody says by what.
    """
    if any(plan.padded) and pad is None:
        raise InvalidInput("pad must be given as the plan extends the image: for example 'edge'")
    rows, columns = (
        _spans(strips, length - more, more, pad)
        for strips, length, more in zip(
            (plan.rows, plan.columns), plan.shape, plan.padded, strict=True
        )
    )
    return rows, columns


def _spans(strips: Sequence[Strip], length: int, more: int, pad: str | None) -> list[Span]:
    pixels = np.arange(length)
    if more:
        pixels = np.pad(pixels, (0, more), mode=pad)  # type: ignore[call-overload]
    return [Span(strip.first, strip.last, pixels[strip.start : strip.stop]) for strip in strips]


def tile_file(
    model: Any,
    image: Any,
    out: str | os.PathLike[str],
    *,
    workers: Workers,
    plan: TilePlan,
    pad: str | None = None,
    layer: str | None = None,
    divide: float = 1.0,
    pointwise: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Run a model over an image of any size into a file, tile by tile, by several workers.

    The result is that of `kernfit.run_tiled`. It appears when it is whole. A run that was
    interrupted and is started again keeps what is done.

    Parameters
    ----------
    model, image, plan, pad, layer, divide, pointwise
        As for `kernfit.run_tiled`. Workers in other processes open model and image by their
        paths.
    out : path-like
        Ends in .zarr, .npy or .tif.
    workers : Workers
        Who does it. Of other processes each needs the memory for one tile, and `out` must be Zarr.
    progress : callable, optional
        Called with the number of tiles done, and of all.

    Raises
    ------
    InvalidInput
        If the model does not fit the plan or the image.
    RefusedFile
        If a file cannot be read or written.
    """
    check_written_by(workers, out)
    source = LargeImage(image, 0)
    rows, columns = tile_spans(plan, pad)
    largest = max(len(s.sources) for s in rows) * max(len(s.sources) for s in columns)
    # What a tile reads is read again only along its rim.
    source.keep(2 * len(source) * largest * source.dtype.itemsize)
    tiles = ModelTiles(model, layer, pointwise, divide, plan)
    compute = partial(_compute, tiles, source)
    tasks = [
        (row * len(columns) + column, (row, column), down, across)
        for row, down in enumerate(rows)
        for column, across in enumerate(columns)
    ]
    # Channels and dtype are known from the first tile on.
    (first,) = workers.map(compute, tasks[:1])
    file = Result(
        out,
        (len(first), plan.result[0], plan.result[1]),
        first.dtype,
        digest(f"{tiles.mark} {source.mark} {plan!r} {pad} {divide}".encode()),
        first.shape[1:],
    )
    if 0 not in file.done:
        _, _, down, across = tasks[0]
        file.put(0, slice(0, down.last), slice(0, across.last), first)
        file.done.add(0)
    writer = file.writer()
    if is_even(plan.rows) and is_even(plan.columns):
        fill(file, _Written(compute, writer), tasks, workers, progress)
    else:
        # Tiles share chunks of the file here, and of two who write one chunk, one is forgotten.
        fill(file, _Computed(compute), tasks, workers, progress, write=partial(_write, writer))


Task = tuple[int, Pair, Span, Span]


def _compute(tiles: ModelTiles, source: LargeImage, task: Task) -> Array:
    """Read one tile and run the model on it."""
    _, tile, rows, columns = task
    window = gather(source.box, len(source), source.dtype, rows.sources, columns.sources, 0)
    return tiles(window, tile=tile)


@dataclass(frozen=True, eq=False)
class _Computed:
    """Does one tile."""

    compute: Callable[[Task], Array]

    def __call__(self, task: Task) -> tuple[Task, Array]:
        return task, self.compute(task)


@dataclass(frozen=True, eq=False)
class _Written:
    """Does one tile, from reading to writing."""

    compute: Callable[[Task], Array]
    writer: PartWriter

    def __call__(self, task: Task) -> int:
        return _write(self.writer, (task, self.compute(task)))


def _write(writer: PartWriter, done: tuple[Task, Array]) -> int:
    """Write one tile and return its number."""
    (number, _, rows, columns), values = done
    writer.write(slice(rows.first, rows.last), slice(columns.first, columns.last), values)
    return number
