"""Images of every kind, on their way to a plan: of other libraries, with channels anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, as_pair_of_ints
from kernfit.correlate.elsewhere import correlate_elsewhere
from kernfit.correlate.options import Options
from kernfit.correlate.planner import plan_for
from kernfit.correlate.taps import Taps, refuse_colours, taps_of
from kernfit.devices import dtype_of, is_elsewhere, namespace
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel


def correlate(
    image: Any, kernel: ArrayLike | Kernel, options: Options, mask: ArrayLike | None, out: Any
) -> Array:
    """Do what `correlate2d` does, for whatever it takes but a channel axis."""
    taps = taps_of(kernel)
    image = _as_image(image)
    if not taps.groups:
        refuse_colours(tuple(image.shape), _dtype_of(image), taps.size)
    return _run(image, taps, options, mask, out)  # type: ignore[no-any-return]


def each_channel(
    image: Any,
    axis: int,
    kernel: ArrayLike | Kernel,
    options: Options,
    mask: Any,
    out: Any,
) -> Array:
    """Do so for an image with its channels on an axis, and give a result that is laid out alike.

    Raises
    ------
    InvalidInput
        If the image has no such axis, or no two axes besides.
    """
    image = _as_image(image)
    count = image.ndim
    axis, _ = as_pair_of_ints(axis, "channel_axis")
    if count < 3 or not -count <= axis < count:
        raise InvalidInput(
            f"channel_axis must be one of the axes of an image with channels, rows and columns, "
            f"got {axis} for shape {tuple(image.shape)}"
        )
    axis %= count
    order = [n for n in range(count) if n != axis]
    order.insert(count - 3, axis)  # channels, rows, columns
    back = [order.index(n) for n in range(count)]
    taps = taps_of(kernel)
    planes = _transposed(image, order)
    if mask is not None and np.ndim(mask) == count:
        mask = _transposed(mask if is_elsewhere(mask) else np.asarray(mask), order)
    if is_elsewhere(image):
        if out is not None:
            _run(planes, taps, options, mask, out)  # which refuses it
        return _transposed(_run(planes, taps, options, mask, None), back)  # type: ignore[no-any-return]
    if out is None:
        plan = plan_for(planes.shape, planes.dtype, taps, options)
        out = np.empty([plan.shape[n] for n in back], plan.dtype)
    elif not isinstance(out, np.ndarray) or out.ndim != count:
        got = f"shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InvalidInput(f"out must be an array with {count} axes, as the image, got {got}")
    _run(planes, taps, options, mask, out.transpose(order))
    return out  # type: ignore[no-any-return]


def _run(image: Any, taps: Taps, options: Options, mask: Any, out: Any) -> Any:
    if is_elsewhere(image):
        return correlate_elsewhere(image, taps, options, mask=mask, out=out)
    return plan_for(image.shape, image.dtype, taps, options).run(image, mask, out)


def _as_image(image: Any) -> Any:
    return image if is_elsewhere(image) else as_image(image)


def _dtype_of(image: Any) -> np.dtype[Any]:
    return dtype_of(image) if is_elsewhere(image) else image.dtype


def _transposed(array: Any, order: list[int]) -> Any:
    if is_elsewhere(array):
        return namespace(array).permute_dims(array, tuple(order))
    return array.transpose(order)
