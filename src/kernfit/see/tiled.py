"""Run a model over an image of any size, tile by tile, with the result of the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import given, runner_for
from kernfit.frameworks.runner import Runner
from kernfit.frameworks.tensors import as_tensor, like_tensor
from kernfit.graph.graph import Pair
from kernfit.graph.tiling import Strip
from kernfit.hashing import digest
from kernfit.io.pixels import Pixels, open_pixels
from kernfit.io.results import Result, check_target
from kernfit.see.planning import TilePlan, tile_plan

Progress = Callable[[int, int], None]


def run_tiled(
    model: Any,
    image: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    plan: TilePlan | None = None,
    tile: int | Pair | None = None,
    memory: int | None = None,
    pad: str | None = None,
    layer: str | None = None,
    divide: float = 1.0,
    compress: bool = False,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Any:
    """Run a model over an image in tiles; the result equals that on the whole image.

    Every output is computed from the same numbers as on the whole image. A runtime that adds
    them in another order for another tile size changes the last bits of float32.

    Parameters
    ----------
    model : model, path or function
        A model as `receptive_field` takes it, but not bare layers; or, with a `plan`, any
        function from (channels, rows, columns) to the same of the result.
    image : array-like or path
        (rows, columns) or (channels, rows, columns): a NumPy or Zarr array, or a file (.zarr,
        .npy and .tif are read a part at a time). For a model that takes several images of one
        size, their channels lie side by side.
    out : path-like, optional
        Where to write: .npy, .tif or .zarr. A run that was interrupted and is started again
        keeps the tiles that are there. Default: an array is returned.
    plan : TilePlan, optional
        Default: `tile_plan` with `tile`, `memory`, `pad`, `layer` and `pointwise`.
    tile, memory, layer, pointwise, example_inputs
        As in `tile_plan`.
    pad : {"edge", "reflect", "symmetric", "wrap"}, optional
        What stands behind the last row and column, where the model takes only multiples of some
        number. The result then is the model's on the extended image, cut back.
    divide : float
        Pixels are divided by this, for example 255 for a model that takes 0 to 1.
    compress : bool, default False
        Pack a .tif, without loss, once it is whole; until then it takes its full size.
    progress : function, optional
        Called with the number of tiles done, and of all.

    Returns
    -------
    ndarray, torch.Tensor or None
        (channels, rows, columns), None if it was written. A tensor of PyTorch comes out as one,
        on its device, with its dtype and leading axes of length 1.

    Raises
    ------
    InvalidInput
        If the model cannot be tiled exactly or does not fit the image.
    RefusedFile
        If a file cannot be read or written.

    Examples
    --------
    >>> from kernfit.see import LayerSpec, tile_plan
    >>> image = np.arange(30.0).reshape(5, 6)
    >>> def blur(x):
    ...     return (x[:, :, :-1] + x[:, :, 1:]) / 2
    >>> plan = tile_plan([LayerSpec((1, 2))], image.shape, tile=3)
    >>> bool(np.array_equal(run_tiled(blur, image, plan=plan), blur(image[None])))
    True
    """
    if out is not None:
        check_target(out, compress=compress)
    if (tensor := as_tensor(image)) is not None:
        image = tensor.detach().cpu().float().numpy()
    pixels = open_pixels(image)
    size = pixels.rows, pixels.columns
    model = given(model, example_inputs)
    runner, model_mark = runner_for(model, layer, pointwise=pointwise)
    if plan is None:
        options: dict[str, Any] = {"tile": tile, "memory": memory, "layer": layer}
        plan = tile_plan(model, size, pad=pad is not None, pointwise=pointwise, **options)
    elif (plan.shape[0] - plan.padded[0], plan.shape[1] - plan.padded[1]) != size:
        raise InvalidInput(f"plan must be for an image of {size}, got one for {plan.shape}")
    if any(plan.padded) and pad is None:
        raise InvalidInput("pad must be given as the plan extends the image: for example 'edge'")
    tiles = _Tiles(pixels, plan, runner, pad, divide)
    result: Array | None = None
    file: Result | None = None
    mark = digest(f"{model_mark} {pixels.mark} {plan!r} {pad} {divide}".encode())
    done: set[int] = set()
    for number, (row, column) in enumerate(plan.tiles()):
        if number in done:
            continue
        values = tiles.compute(row, column)
        if file is None and result is None:
            # Channels and dtype are known from the first tile on.
            shape = (len(values), *plan.result)
            if out is None:
                result = np.empty(shape, values.dtype)
            else:
                file = Result(out, shape, values.dtype, mark, values.shape[1:], compress=compress)
                done = file.done
        if file is not None and number not in done:
            file.put(number, slice(row.first, row.last), slice(column.first, column.last), values)
        elif result is not None:
            result[:, row.first : row.last, column.first : column.last] = values
        pixels.release()
        if progress is not None:
            progress(max(number + 1, len(done)), plan.count)
    if file is not None:
        file.finish()
    return result if tensor is None or result is None else like_tensor(result, tensor)


class _Tiles:
    """Reads a tile, runs the model on it, and cuts out what is kept."""

    def __init__(
        self, pixels: Pixels, plan: TilePlan, runner: Runner, pad: str | None, divide: float
    ) -> None:
        self._pixels, self._runner, self._divide = pixels, runner, divide
        lengths = (pixels.rows, plan.padded[0]), (pixels.columns, plan.padded[1])
        # Which pixel stands at each place of the extended image.
        self._rows, self._columns = (
            np.arange(n) if not more else np.pad(np.arange(n), (0, more), mode=pad)  # type: ignore[call-overload]
            for n, more in lengths
        )

    def compute(self, row: Strip, column: Strip) -> Array:
        """Return the kept part of a tile's result."""
        image = self._pixels.read(
            self._rows[row.start : row.stop], self._columns[column.start : column.stop]
        )
        return run_tile(self._runner, image, row, column, self._divide)


def run_tile(runner: Runner, image: Array, row: Strip, column: Strip, divide: float) -> Array:
    """Run a model on a tile (channels, rows, columns) and return the part that is kept."""
    if image.dtype != np.float64:
        image = image.astype(np.float32)
    if divide != 1:
        image = image / np.asarray(divide, image.dtype)
    result = np.asarray(runner(image))
    rows = slice(row.skip, row.skip + row.last - row.first)
    columns = slice(column.skip, column.skip + column.last - column.first)
    kept = result[:, rows, columns]
    wanted = (row.last - row.first, column.last - column.first)
    if kept.shape[1:] != wanted:
        raise InvalidInput(
            f"the model must give {wanted} outputs at {row.skip}, {column.skip} for a tile of "
            f"{image.shape[1:]} pixels, got {result.shape[1:]} in all: a size in it is fixed"
        )
    return kept
