"""xarray's labels: taken off before the work, put back on what the outputs stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.correlate.axes import Axis
from kernfit.errors import InvalidInput
from kernfit.packages import need


def unlabelled(image: Any, name: str) -> tuple[Any, Any]:
    """Return a Dask array, and the DataArray that it was taken from or None.

    Raises
    ------
    InvalidInput
        If it is nothing that becomes an array of numbers.
    """
    da = need("dask.array", "scale")
    labels = image if type(image).__module__.startswith("xarray.") else None
    array = image if labels is None else image.data
    if not isinstance(array, da.Array):
        try:
            array = da.asarray(array)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise InvalidInput(
                f"{name} must be a Dask array, got {type(image).__name__}"
            ) from error
    if array.dtype.kind not in "biufc":
        raise InvalidInput(f"{name} must hold numbers, got dtype {array.dtype}: convert it first")
    if any(np.isnan(length) for length in array.shape):
        raise InvalidInput(
            f"{name} must know its shape, got {array.shape}: call compute_chunk_sizes() on it"
        )
    return array, labels


def labelled(result: Any, labels: Any, rows: Axis, columns: Axis, anchor: tuple[int, int]) -> Any:
    """Return a result with the labels of the image that it was made from.

    Each output carries the coordinates of the pixel under the kernel's anchor. Where it stands
    outside the image, and where channels were mixed, there are none.
    """
    if labels is None:
        return result
    places = {}
    for dim, axis, at in zip(labels.dims[-2:], (rows, columns), anchor, strict=True):
        pixel = np.arange(axis.outputs) * axis.stride - axis.before + at * axis.dilation
        if pixel.size and pixel[0] >= 0 and pixel[-1] < axis.size:
            places[dim] = pixel
    lost = {dim for dim in labels.dims[-2:] if dim not in places}
    lost |= {
        dim
        for dim, length in zip(labels.dims[:-2], result.shape[:-2], strict=True)
        if length != labels.sizes[dim]
    }
    kept = labels.drop_vars([n for n, c in labels.coords.items() if lost & set(c.dims)])
    coords = kept.coords.to_dataset().isel(places).coords
    return type(labels)(
        result, dims=labels.dims, coords=coords, attrs=labels.attrs, name=labels.name
    )
