"""Apply a kernel to an image file of any size, part by part, into another file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d, make_plan
from kernfit.correlate.axes import as_anchor, axes_of
from kernfit.correlate.taps import taps_of
from kernfit.errors import InvalidInput
from kernfit.hashing import digest
from kernfit.io.results import PartWriter, Result, check_target
from kernfit.kernel import Kernel
from kernfit.scale.images import LargeImage
from kernfit.scale.layout import layout_for
from kernfit.scale.windows import Span, even_cuts, gather, spans
from kernfit.scale.workers import Workers

# Geometry is settled here, once for the whole image; the tiles know only their windows.
_PLACING = ("mode", "boundary", "fill_value", "padding", "anchor")
# The method is chosen for an image of at most so many rows and columns, whatever its tiles.
_LARGE = 4096


@dataclass(frozen=True, eq=False)
class Recipe:
    """A correlation of a whole image, cut loose from its size.

    Attributes
    ----------
    kernel : Kernel or ndarray
    rows, columns : Axis
        Where the windows of the outputs lie.
    anchor : (row, column)
        The tap that stands on the pixel which an output is for.
    fill : number
    options : dict
        For `correlate2d` on a window.
    channels : int or None
        Of the result, where the kernel mixes channels.
    dtype : dtype
        Of the result.
    """

    kernel: Any
    rows: Any
    columns: Any
    anchor: tuple[int, int]
    fill: Any
    options: dict[str, Any]
    channels: int | None
    dtype: np.dtype[Any]

    def __call__(self, window: Array, mask: Array | None = None) -> Array:
        """Return the outputs of a window."""
        axis = 0 if window.ndim == 3 else None  # a narrow window is no photograph
        return correlate2d(window, self.kernel, mask=mask, channel_axis=axis, **self.options)


def recipe_for(
    shape: tuple[int, ...], dtype: np.dtype[Any], kernel: Any, options: dict[str, Any]
) -> Recipe:
    """Check the options of `correlate2d` for an image and settle what all its tiles share.

    Raises
    ------
    InvalidInput
        As for `correlate2d`.
    """
    taps = taps_of(kernel)
    masked = options.pop("masked", False)
    small = (*shape[:-2], *(min(length, _LARGE) for length in shape[-2:]))
    plan = make_plan(small, dtype, kernel, masked=masked, **options)
    axes = {
        key: options[key] for key in ("mode", "padding", "stride", "dilation") if key in options
    }
    anchor = options.get("anchor")
    anchor = as_anchor(taps.anchor if anchor is None else anchor, taps.size)
    rows, columns = axes_of(
        shape,
        taps.size,
        anchor=anchor,
        boundary=options.get("boundary", "constant"),
        **axes,
    )
    if not (rows.outputs and columns.outputs):
        raise InvalidInput(
            f"the kernel must fit into the image for mode 'valid', got {taps.size[0]}x"
            f"{taps.size[1]} taps for {shape[-2]}x{shape[-1]} pixels: give mode='same'"
        )
    passed = {key: value for key, value in options.items() if key not in _PLACING}
    passed["method"] = plan.method
    fill = options.get("fill_value", 0)
    channels = len(taps.weights()) if taps.groups else None
    return Recipe(kernel, rows, columns, anchor, fill, passed, channels, plan.dtype)


def apply_file(
    kernel: Any,
    image: Any,
    out: str | os.PathLike[str],
    *,
    workers: Workers,
    memory: int,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Correlate an image of any size with a kernel into a file, in bounded memory.

    The result is that of `correlate2d` on the whole: to the last bit, but for the Fourier method,
    whose rounding depends on the tiles. It appears when it is whole. A run that was interrupted
    and is started again keeps what is done.

    Parameters
    ----------
    kernel : array_like or Kernel
    image : path or array-like
        As `open_pixels` takes it.
    out : path-like
        Ends in .zarr, .npy or .tif.
    workers : Workers
        Who does it. Of other processes each needs the memory for one tile, and `out` must be Zarr.
    memory : int
        Bytes that this process may use.
    progress : callable, optional
        Called with the number of tiles done, and of all.
    **options
        As for `correlate2d`, but for `mask`, `out` and `threads`.

    Returns
    -------
    shape, dtype
        Of the result.

    Raises
    ------
    InvalidInput, ResultTooLarge
        As for `correlate2d`; or if the memory is too little.
    RefusedFile
        If a file cannot be read or written.
    """
    check_written_by(workers, out)
    source = LargeImage(image, 0)
    planes = source.shape if source.shape[0] > 1 else source.shape[1:]
    if isinstance(kernel, Kernel) and kernel.weight.shape[:2] != (1, 1):
        planes = source.shape
    recipe = recipe_for(planes, source.dtype, kernel, dict(options, threads=1))
    size = recipe.rows.outputs, recipe.columns.outputs
    channels = recipe.channels or source.shape[0]
    read, written = source.shape[0] * source.dtype.itemsize, channels * recipe.dtype.itemsize
    # A window, its result, what is summed up in other numbers, and what is compressed.
    work = 2 * read + 3 * written + 8
    layout = layout_for(
        size, source.block, pixel=read, work=work, memory=memory, workers=workers.beside
    )
    source.keep(layout.room)
    down = spans(recipe.rows, even_cuts(size[0], layout.tile[0]))
    across = spans(recipe.columns, even_cuts(size[1], layout.tile[1]))
    taps = taps_of(kernel)
    settings = f"{source.mark} {taps[:2]} {taps.bias} {layout.tile} {sorted(options.items())!r}"
    file = Result(
        out,
        (channels, *size),
        recipe.dtype,
        digest(settings.encode(), taps.data),
        layout.tile,
    )
    tile = _Tile(recipe, source, file.writer(), len(planes) == 3)
    places = layout.order(len(down), len(across))
    numbered = [(row * len(across) + column, down[row], across[column]) for row, column in places]
    fill(file, tile, numbered, workers, progress)
    return (channels, *size) if len(planes) == 3 else size, recipe.dtype


def check_written_by(workers: Workers, out: str | os.PathLike[str]) -> None:
    """Refuse a path to which workers could not write a result together."""
    target = check_target(out)
    if workers.remote and target.suffix.lower() != ".zarr":
        raise InvalidInput(f"several machines can write only .zarr together, got {target.name}")


def fill(
    file: Result,
    tile: Callable[[Any], Any],
    tasks: list[Any],
    workers: Workers,
    progress: Callable[[int, int], None] | None,
    *,
    write: Callable[[Any], int] | None = None,
) -> None:
    """Let workers do all tiles that are not done yet, note each, and finish the file.

    Parameters
    ----------
    file : Result
    tile : callable
        Does and writes the tile of a task, and returns its number; or only does it.
    tasks : list of tuple
        In the order of work; each begins with the tile's number.
    workers : Workers
    progress : callable or None
        Called with the number of tiles done, and of all.
    write : callable, optional
        Writes, in this process, what `tile` returns, and returns the tile's number.
    """
    left = [task for task in tasks if task[0] not in file.done]
    done = len(tasks) - len(left)
    if progress is not None:
        progress(done, len(tasks))
    for found in workers.map(tile, left):
        file.note(found if write is None else write(found))
        done += 1
        if progress is not None:
            progress(done, len(tasks))
    file.finish()


@dataclass(frozen=True, eq=False)
class _Tile:
    """Does one tile, from reading to writing, in whatever process."""

    recipe: Recipe
    source: LargeImage
    writer: PartWriter
    stacked: bool

    def __call__(self, task: tuple[int, Span, Span]) -> int:
        number, rows, columns = task
        source = self.source
        window = gather(
            source.box, source.shape[0], source.dtype, rows.sources, columns.sources,
            self.recipe.fill,
        )  # fmt: skip
        result = self.recipe(window if self.stacked else window[0])
        planes = result if result.ndim == 3 else result[np.newaxis]
        self.writer.write(slice(rows.first, rows.last), slice(columns.first, columns.last), planes)
        return number
