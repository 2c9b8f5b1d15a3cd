"""Run a model over an image of any size, tile by tile, with the result of the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import dimensions_of, given, graph_of, runner_for
from kernfit.frameworks.runner import Runner
from kernfit.frameworks.tensors import as_tensor, like_tensor
from kernfit.graph.graph import Sizes, as_sizes
from kernfit.graph.tiling import Strip
from kernfit.hashing import digest
from kernfit.io.pixels import Pixels, open_pixels
from kernfit.io.results import Result, check_target
from kernfit.see.blended import Blend, TilingError, blend_for, measured_error, run_blended
from kernfit.see.planning import TilePlan, tile_plan

Progress = Callable[[int, int], None]


def run_tiled(
    model: Any,
    image: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    plan: TilePlan | None = None,
    tile: int | Sizes | None = None,
    memory: int | None = None,
    pad: str | None = None,
    layer: str | None = None,
    divide: float = 1.0,
    compress: bool = False,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
    exact: bool = True,
    overlap: float = 0.25,
    blend: str = "gaussian",
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
        size, their channels lie side by side. For a model of volumes or signals an array with one
        axis for each of theirs, and one for channels in front or none.
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
    exact : bool, default True
        False: also models that cannot be tiled exactly, such as those with squeeze and excitation
        or instance norms, in tiles that overlap and are blended. The result is another one than
        the whole image's: `tiling_error` measures how far it is from that.
    overlap : float
        Of the tiles' length, where not `exact`.
    blend : {"gaussian", "constant"}
        What counts where tiles overlap, where not `exact`: their middle more, or all alike.
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

    See Also
    --------
    tile_plan : What it would do, and what memory it needs.

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
    model = given(model, example_inputs)
    count = dimensions_of(model) if plan is None else len(plan.shape)
    pixels = open_pixels(image) if count == 2 else Volume(image, count)
    size = pixels.shape[1:]
    if count != 2 and out is not None:
        raise InvalidInput("out must be left out in 1-D and 3-D: save what is returned")
    if not exact:
        if out is not None or plan is not None or pad is not None or tile is None:
            raise InvalidInput(
                "tile must be given, and out, plan and pad left out, where not exact: save what is "
                "returned"
            )
        how = _blend(model, tile, layer, pointwise, overlap, blend)
        blended = run_blended(
            _divided(runner_for(model, layer, pointwise=pointwise)[0], divide), pixels, how
        )
        return blended if tensor is None else like_tensor(blended, tensor)
    runner, model_mark = runner_for(model, layer, pointwise=pointwise)
    if plan is None:
        options: dict[str, Any] = {"tile": tile, "memory": memory, "layer": layer}
        plan = tile_plan(model, size, pad=pad is not None, pointwise=pointwise, **options)
    elif tuple(n - more for n, more in zip(plan.shape, plan.padded, strict=True)) != size:
        raise InvalidInput(f"plan must be for an image of {size}, got one for {plan.shape}")
    if any(plan.padded) and pad is None:
        raise InvalidInput("pad must be given as the plan extends the image: for example 'edge'")
    tiles = _Tiles(pixels, plan, runner, pad, divide)
    result: Array | None = None
    file: Result | None = None
    mark = digest(f"{model_mark} {pixels.mark} {plan!r} {pad} {divide}".encode())
    done: set[int] = set()
    for number, strips in enumerate(plan.tiles()):
        if number in done:
            continue
        values = tiles.compute(strips)
        kept = tuple(slice(strip.first, strip.last) for strip in strips)
        if file is None and result is None:
            # Channels and dtype are known from the first tile on.
            if out is None:
                result = np.empty((len(values), *plan.result), values.dtype)
            else:
                shape = len(values), plan.result[0], plan.result[1]
                file = Result(out, shape, values.dtype, mark, values.shape[1:], compress=compress)
                done = file.done
        if file is not None and number not in done:
            file.put(number, kept[0], kept[1], values)
        elif result is not None:
            result[(slice(None), *kept)] = values
        pixels.release()
        if progress is not None:
            progress(max(number + 1, len(done)), plan.count)
    if file is not None:
        file.finish()
    return result if tensor is None or result is None else like_tensor(result, tensor)


def tiling_error(
    model: Any,
    image: Any,
    *,
    tile: int | Sizes,
    layer: str | None = None,
    overlap: float = 0.25,
    blend: str = "gaussian",
    divide: float = 1.0,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
) -> TilingError:
    """Measure how far ``run_tiled(..., exact=False)`` is from the model on the whole image.

    Parameters
    ----------
    model, layer, overlap, blend, divide, pointwise, example_inputs
        As in `run_tiled`.
    image : array-like or path
        An image, or a part of one, that the model can be run on as a whole.
    tile : int or tuple of int
        Rows and columns of a tile.

    Returns
    -------
    TilingError

    Raises
    ------
    InvalidInput
        If the model cannot be run, or `overlap` or `blend` are out of their range.

    Examples
    --------
    Kernels look a few pixels far: where tiles overlap, blending leaves little of their borders.

    >>> from kernfit import catalogue, scene
    >>> found = tiling_error(catalogue["box_3"], scene((64, 64)), tile=32)
    >>> found.part, found.rms < 0.05 * found.spread
    ((64, 64), True)
    """
    model = given(model, example_inputs)
    count = dimensions_of(model)
    pixels = open_pixels(image) if count == 2 else Volume(image, count)
    how = _blend(model, tile, layer, pointwise, overlap, blend)
    runner = _divided(runner_for(model, layer, pointwise=pointwise)[0], divide)
    return measured_error(runner, pixels, how)


def _blend(
    model: Any,
    tile: int | Sizes,
    layer: str | None,
    pointwise: Collection[str],
    overlap: float,
    blend: str,
) -> Blend:
    graph = graph_of(model, pointwise=pointwise)
    return blend_for(
        graph, graph.find(layer), as_sizes(tile, "tile", graph.dimensions), overlap, blend
    )


def _divided(runner: Runner, divide: float) -> Runner:
    return runner if divide == 1 else lambda image: runner(image / np.float32(divide))


class _Tiles:
    """Reads a tile, runs the model on it, and cuts out what is kept."""

    def __init__(
        self,
        pixels: Pixels | Volume,
        plan: TilePlan,
        runner: Runner,
        pad: str | None,
        divide: float,
    ) -> None:
        self._pixels, self._runner, self._divide = pixels, runner, divide
        # Which pixel stands at each place of the extended image.
        self._places = [
            np.arange(n) if not more else np.pad(np.arange(n), (0, more), mode=pad)  # type: ignore[call-overload]
            for n, more in zip(pixels.shape[1:], plan.padded, strict=True)
        ]

    def compute(self, strips: Sequence[Strip]) -> Array:
        """Return the kept part of a tile's result."""
        image = self._pixels.read(
            *(
                places[strip.start : strip.stop]
                for places, strip in zip(self._places, strips, strict=True)
            )
        )
        return run_tile(self._runner, image, *strips, divide=self._divide)


class Volume:
    """An array in memory with channels and any number of axes, read as `Pixels` is.

    Parameters
    ----------
    image : array-like
        With one axis for each of the image's, and one for channels in front or none.
    count : int
        Of the image's axes.
    """

    mark = ""

    def __init__(self, image: Any, count: int) -> None:
        if not hasattr(image, "shape"):
            image = np.asarray(image)
        extra = len(image.shape) - count - 1
        if extra < -1 or any(n != 1 for n in image.shape[: max(extra, 0)]) or 0 in image.shape:
            raise InvalidInput(
                f"image must have {count} axes, and one for channels in front of them or none, got "
                f"shape {tuple(image.shape)}"
            )
        self._source, self._front = image, (0,) * max(extra, 0)
        self._bare = extra == -1
        lengths = (1, *image.shape) if self._bare else image.shape[len(self._front) :]
        self.shape = tuple(int(n) for n in lengths)

    def read(self, *places: Array) -> Array:
        """Return the elements at some places along each axis, as (channels, ...)."""
        parts = tuple(slice(int(p.min()), int(p.max()) + 1) for p in places)
        front = () if self._bare else (*self._front, slice(None))
        block = np.asarray(self._source[(*front, *parts)])
        block = block[np.newaxis] if self._bare else block
        for axis, (numbers, part) in enumerate(zip(places, parts, strict=True), 1):
            block = np.take(block, numbers - part.start, axis)
        return block

    def release(self) -> None:
        """Do nothing: the array is in memory already."""


def run_tile(runner: Runner, image: Array, *strips: Strip, divide: float) -> Array:
    """Run a model on a tile (channels, rows, columns) and return the part that is kept."""
    if image.dtype != np.float64:
        image = image.astype(np.float32)
    if divide != 1:
        image = image / np.asarray(divide, image.dtype)
    result = np.asarray(runner(image))
    wanted = tuple(strip.last - strip.first for strip in strips)
    kept: Array = result[
        (slice(None), *(slice(s.skip, s.skip + n) for s, n in zip(strips, wanted, strict=True)))
    ]
    if kept.shape[1:] != wanted:
        raise InvalidInput(
            f"the model must give {wanted} outputs at {', '.join(str(s.skip) for s in strips)} for "
            f"a tile of {image.shape[1:]} pixels, got {result.shape[1:]} in all: a size in it is "
            "fixed"
        )
    return kept
