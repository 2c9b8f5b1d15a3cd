"""The same verbs on Dask arrays and xarray's DataArrays: lazy, on whichever scheduler."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.errors import InvalidInput
from kernfit.graph.stack import as_stack, stack_graph
from kernfit.kernel import Kernel
from kernfit.packages import need
from kernfit.scale.chunks import Chunks
from kernfit.scale.files import recipe_for
from kernfit.scale.labels import labelled, unlabelled
from kernfit.scale.models import ModelTiles, tile_spans
from kernfit.scale.windows import Span, spans
from kernfit.see.planning import TilePlan, tile_plan

Pair = tuple[int, int]


def correlate2d(image: Any, kernel: Any, *, mask: Any = None, **options: Any) -> Any:
    """Correlate a Dask array with a kernel, lazily.

    Each chunk is done by itself, with a halo of the kernel's own footprint from its neighbours.
    The method is chosen for the whole, so the result does not depend on the chunks: to the last
    bit, but for the Fourier method, whose rounding depends on where its blocks lie.

    Parameters
    ----------
    image : dask.array.Array or xarray.DataArray, shape (..., H, W)
        In chunks of any size. Rows and columns are the last two axes.
    kernel : array_like, shape (kh, kw), or Kernel
        As for `kernfit.correlate2d`.
    mask : array of bool, shape (H, W) or that of the image, optional
        False marks a missing pixel.
    **options
        All others of `kernfit.correlate2d` but ``out`` and ``threads``, for each task works on one
        thread, and ``channel_axis``: move that axis before rows and columns.

    Returns
    -------
    dask.array.Array or xarray.DataArray
        As the image was given. In the image's chunks, each less or more what the mode asks for at
        the borders. A DataArray keeps its attributes, and the coordinates of the pixels that its
        outputs stand for.

    Raises
    ------
    InvalidInput
        As for `kernfit.correlate2d`.

    Examples
    --------
    >>> import pytest; da = pytest.importorskip("dask.array")
    >>> image = da.arange(12, chunks=4).reshape(3, 4).rechunk((2, 2))
    >>> correlate2d(image, [[1, -1]]).compute()
    array([[-1, -1, -1],
           [-1, -1, -1],
           [-1, -1, -1]])
    """
    array, labels = unlabelled(image, "image")
    if array.ndim < 2:
        raise InvalidInput(
            f"image must have at least 2 axes (..., rows, columns), got shape {array.shape}"
        )
    for name in ("out", "threads", "channel_axis"):
        if name in options:
            raise InvalidInput(f"{name} must be left out for a Dask array, got {options[name]!r}")
    if isinstance(kernel, Kernel) and kernel.weight.shape[:2] != (1, 1) and array.ndim > 2:
        array = array.rechunk({array.ndim - 3: -1})
    recipe = recipe_for(
        array.shape, array.dtype, kernel, {**options, "masked": mask is not None, "threads": 1}
    )
    rows, columns = (
        spans(axis, _cuts(axis, recipe.anchor[n], array.chunks[n - 2]))
        for n, axis in enumerate((recipe.rows, recipe.columns))
    )
    sources = [(array, recipe.fill)]
    if mask is not None:
        sources.append((_mask_like(mask, array), True))
    leading = array.chunks[:-2]
    if recipe.channels is not None:
        leading = (*leading[:-1], (recipe.channels,))
    result = _windowed(recipe, sources, rows, columns, leading, recipe.dtype)
    return labelled(result, labels, recipe.rows, recipe.columns, recipe.anchor)


def feature_maps(
    model: Any,
    image: Any,
    layer: str | None = None,
    *,
    divide: float = 1.0,
    pointwise: Collection[str] = (),
    **options: Any,
) -> Any:
    """Return what a layer of a model, or some kernels, answer to a Dask array, lazily.

    Parameters
    ----------
    model, layer, divide, pointwise
        As for `kernfit.feature_maps`.
    image : dask.array.Array or xarray.DataArray
        (rows, columns) or (channels, rows, columns).
    **options
        ``tile``, ``memory`` and ``pad`` of `run_tiled`, for models.

    Returns
    -------
    dask.array.Array, shape (maps, rows, columns)

    Raises
    ------
    InvalidInput
        As for `kernfit.feature_maps`.

    Examples
    --------
    >>> import pytest; da = pytest.importorskip("dask.array")
    >>> feature_maps([Kernel([[-1, 1]]), Kernel([[-1], [1]])], da.zeros((4, 6))).shape
    (2, 4, 6)
    """
    stack = as_stack(model)
    if stack is None:
        return run_tiled(model, image, layer=layer, divide=divide, pointwise=pointwise, **options)
    if options:
        name, value = next(iter(options.items()))
        raise InvalidInput(f"{name} must be left out for kernels, got {value!r}")
    array, _ = unlabelled(image, "image")
    maps = array.astype(np.float64) / divide
    maps = maps.reshape(1, *maps.shape) if maps.ndim == 2 else maps
    target, _, part = stack_graph(stack).find(layer).partition(":")
    for number, kernels in enumerate(stack, 1):
        if target == "image":
            break
        last = target == f"layer{number}"
        chosen = [kernels[int(part)]] if last and part else kernels
        maps = need("dask.array", "scale").concatenate(
            [_answers(kernel, maps) for kernel in chosen]
        )
        if last:
            break
    return maps


def _answers(kernel: Kernel, maps: Any) -> Any:
    """Return one kernel's maps, of the image's size, borders as at the last pixel."""
    inputs = kernel.weight.shape[1]
    if kernel.weight.shape[:2] != (1, 1) and len(maps) != inputs:
        raise InvalidInput(
            f"image must have the kernel's {inputs} channels, got {len(maps)}: choose channels"
        )
    return correlate2d(maps, kernel, mode="same", boundary="edge")


def run_tiled(
    model: Any,
    image: Any,
    *,
    plan: TilePlan | None = None,
    tile: int | Pair | None = None,
    memory: int | None = None,
    pad: str | None = None,
    layer: str | None = None,
    divide: float = 1.0,
    pointwise: Collection[str] = (),
) -> Any:
    """Run a model over a Dask array in tiles, lazily; the result equals that on the whole.

    Parameters
    ----------
    model : model, path or function
        As for `kernfit.run_tiled`. Workers in other processes need a path, or something that can
        be sent to them.
    image : dask.array.Array or xarray.DataArray
        (rows, columns) or (channels, rows, columns), in chunks of any size.
    plan : TilePlan, optional
        Default: one whose tiles stand for as many pixels as the image's chunks.
    tile, memory, pad, layer, divide, pointwise
        As for `kernfit.run_tiled`.

    Returns
    -------
    dask.array.Array, shape (channels, rows, columns)
        A chunk for each tile.

    Raises
    ------
    InvalidInput
        As for `kernfit.run_tiled`.
    """
    array, _ = unlabelled(image, "image")
    if array.ndim not in (2, 3):
        raise InvalidInput(
            f"image must have shape (rows, columns) or (channels, rows, columns), got {array.shape}"
        )
    array = array.reshape(1, *array.shape) if array.ndim == 2 else array.rechunk({0: -1})
    size = array.shape[1:]
    if plan is None:
        asked: dict[str, Any] = {"layer": layer, "pad": pad is not None, "pointwise": pointwise}
        if tile is None and memory is None:
            chunk = max(array.chunks[1]), max(array.chunks[2])
            halo = tile_plan(model, size, tile=chunk, **asked).halo
            tile = chunk[0] + sum(halo[0]), chunk[1] + sum(halo[1])
        plan = tile_plan(model, size, tile=tile, memory=memory, **asked)
    elif (plan.shape[0] - plan.padded[0], plan.shape[1] - plan.padded[1]) != size:
        raise InvalidInput(f"plan must be for an image of {size}, got one for {plan.shape}")
    rows, columns = tile_spans(plan, pad)
    work = ModelTiles(model, layer, pointwise, divide, plan)
    # The model itself says how many channels it gives, and in what numbers.
    small = np.zeros((len(array), len(rows[0].sources), len(columns[0].sources)), array.dtype)
    found = work(small, tile=(0, 0))
    return _windowed(
        work, [(array, 0)], rows, columns, ((len(found),),), found.dtype, numbered=True
    )


def _windowed(
    function: Any,
    sources: list[tuple[Any, Any]],
    rows: list[Span],
    columns: list[Span],
    leading: tuple[tuple[int, ...], ...],
    dtype: np.dtype[Any],
    *,
    numbered: bool = False,
) -> Any:
    """Return the Dask array whose blocks are what a function makes of windows over others."""
    da, base = need("dask.array", "scale"), need("dask.base", "scale")
    highlevel = need("dask.highlevelgraph", "scale")
    token = base.tokenize(function, *(source for source, _ in sources), [
        (span.first, span.last, span.sources) for axis in (rows, columns) for span in axis
    ])  # fmt: skip
    name = f"kernfit-{token}"
    chunked = [
        Chunks(source, f"kernfit-rim-{number}-{token}", rows, columns, fill)
        for number, (source, fill) in enumerate(sources)
    ]
    tasks: dict[Any, Any] = {}
    for place in product(*(range(len(sizes)) for sizes in leading)):
        for row, column in product(range(len(rows)), range(len(columns))):
            windows: list[Any] = []
            for source in chunked:
                # What has fewer axes than the result, as a mask may, lies under all of it.
                under = place[len(place) - source.array.ndim + 2 :]
                windows += source.window(under, row, column)
            tile = (row, column) if numbered else None
            tasks[(name, *place, row, column)] = (_do, function, tile, *windows)
    layers = {name: tasks, **{source.name: source.rims for source in chunked}}
    needs = {
        name: {source.array.name for source in chunked} | {source.name for source in chunked},
        **{source.name: {source.array.name} for source in chunked},
    }
    for source in chunked:
        graph = source.array.__dask_graph__()
        layers.update(graph.layers)
        needs.update(graph.dependencies)
    chunks = (
        *leading,
        tuple(span.last - span.first for span in rows),
        tuple(span.last - span.first for span in columns),
    )
    return da.Array(highlevel.HighLevelGraph(layers, needs), name, chunks, dtype=dtype)


def _do(function: Any, tile: Pair | None, *windows: Any) -> Array:
    """Put the windows of a tile together and call the function with them."""
    arrays = [how(parts) for how, parts in zip(windows[::2], windows[1::2], strict=True)]
    result: Array = function(*arrays) if tile is None else function(*arrays, tile=tile)
    return result


def _cuts(axis: Axis, anchor: int, sizes: Sequence[int]) -> list[int]:
    """Return where to cut the outputs so that each stands on the chunk that its anchor lies in."""
    cuts = {0, axis.outputs}
    for bound in np.cumsum(sizes[:-1]).tolist():
        first = -(-(bound + axis.before - anchor * axis.dilation) // axis.stride)
        if 0 < first < axis.outputs:
            cuts.add(first)
    return sorted(cuts)


def _mask_like(mask: Any, image: Any) -> Any:
    """Return a mask as a Dask array with the image's chunks."""
    array, _ = unlabelled(mask, "mask")
    if array.dtype != np.bool_:
        raise InvalidInput(
            f"mask must be boolean (True: use this pixel), got dtype {array.dtype}: compare first, "
            "for example mask > 0"
        )
    if array.shape not in (image.shape, image.shape[-2:]):
        raise InvalidInput(
            f"mask must have shape {image.shape[-2:]} or {image.shape}, got {array.shape}"
        )
    return array.rechunk(image.chunks[image.ndim - array.ndim :])
