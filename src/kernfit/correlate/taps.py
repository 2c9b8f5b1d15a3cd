"""The kernel argument as one hashable value, by which plans are cached."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_numbers, as_pair_of_ints, as_taps
from kernfit.correlate.axes import as_anchor
from kernfit.devices import is_elsewhere, to_host
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

Pair = tuple[int, int]


class Taps(NamedTuple):
    """The bytes of a kernel and how to read them."""

    shape: tuple[int, ...]  # (kh, kw), or (out, in / groups, kh, kw)
    dtype: np.dtype[Any]
    data: bytes
    bias: tuple[float, ...] = (0,)
    anchor: Pair | None = None
    weak: bool = False  # whether it adapts to the image's dtype, as Python numbers do
    groups: int = 0  # of channels; 0: the image has no channel axis

    @property
    def size(self) -> Pair:
        """(rows, columns) of taps."""
        return self.shape[-2], self.shape[-1]

    def weights(self) -> Array:
        """Return the weights, shape (out, in / groups, kh, kw), native and read-only."""
        flat = np.frombuffer(self.data, self.dtype).astype(self.dtype.newbyteorder("="), copy=False)
        return flat.reshape(self.shape if len(self.shape) == 4 else (1, 1, *self.shape))


def taps_of(kernel: ArrayLike | Kernel) -> Taps:
    """Return `kernel` as a hashable value.

    Raises
    ------
    InvalidInput
        If it is neither a Kernel nor a two-dimensional array of numbers with at least one tap.
    """
    if type(kernel) is np.ndarray and kernel.ndim == 2 and kernel.size and kernel.dtype.kind in _OK:
        return Taps(kernel.shape, kernel.dtype, kernel.tobytes())
    if isinstance(kernel, Kernel):
        weight = kernel.weight
        mixes = weight.shape[:2] != (1, 1)
        shape = weight.shape if mixes else weight.shape[2:]
        bias = tuple(kernel.bias.tolist())
        return Taps(shape, weight.dtype, weight.tobytes(), bias, kernel.anchor, True, int(mixes))
    kernel = to_host(kernel) if is_elsewhere(kernel) else kernel
    array = as_taps(kernel)
    weak = not isinstance(kernel, (np.ndarray, np.generic))
    return Taps(array.shape, array.dtype, array.tobytes(), weak=weak)


def taps_of_layer(weight: ArrayLike, bias: ArrayLike | None, groups: int) -> Taps:
    """Return the weights of a layer as a hashable value.

    Raises
    ------
    InvalidInput
        If `weight` is not of shape (out, in / groups, kh, kw), `bias` not of shape (out,), or
        `groups` not a positive integer.
    """
    weight = to_host(weight) if is_elsewhere(weight) else weight
    bias = to_host(bias) if is_elsewhere(bias) else bias
    weights = as_numbers(weight, "weight")
    if weights.ndim != 4 or weights.size == 0:
        raise InvalidInput(
            "weight must have shape (out, in / groups, rows, columns) and at least one tap, got "
            f"shape {weights.shape}"
        )
    count, _ = as_pair_of_ints(groups, "groups", least=1)
    addends = np.zeros(1) if bias is None else as_numbers(bias, "bias")
    if bias is not None and addends.shape != weights.shape[:1]:
        raise InvalidInput(
            f"bias must have shape ({len(weights)},), one for each output channel, got "
            f"{addends.shape}"
        )
    weak = not isinstance(weight, np.ndarray)
    values = tuple(np.broadcast_to(addends, weights.shape[:1]).tolist())
    return Taps(weights.shape, weights.dtype, weights.tobytes(), values, weak=weak, groups=count)


def check_channels(shape: tuple[int, ...], taps: Taps, name: str = "image") -> None:
    """Refuse an image whose channels do not fit the weights.

    Raises
    ------
    InvalidInput
        If they do not.
    """
    outputs, inputs = taps.shape[:2]
    if len(shape) < 3 or shape[-3] != inputs * taps.groups:
        raise InvalidInput(
            f"{name} must have shape (..., {inputs * taps.groups}, rows, columns) for a kernel "
            f"with {inputs} input channels in each of {taps.groups} groups, got {shape}"
        )
    if outputs % taps.groups:
        raise InvalidInput(
            f"weight must have a multiple of {taps.groups} output channels, as many for each of "
            f"the groups, got {outputs}"
        )


def seem_colours(shape: tuple[int, ...], dtype: np.dtype[Any], size: tuple[int, ...]) -> bool:
    """Say whether an image (..., rows, columns) is more likely (rows, columns, colours).

    So are real numbers with three axes of which the last has 3 or 4 and the others more, unless a
    kernel has one tap, which mixes nothing. An image of 3 or 4 columns among more than 4 others
    looks alike: its caller says so by ``channel_axis=0``.
    """
    return (
        len(shape) == 3
        and shape[2] in (3, 4)
        and min(shape[:2]) > 4
        and dtype.kind in "iuf"
        and size != (1, 1)
    )


def refuse_colours(shape: tuple[int, ...], dtype: np.dtype[Any], size: tuple[int, ...]) -> None:
    """Refuse an image that seems to have its colours last: they would be filtered across.

    Raises
    ------
    InvalidInput
        If it does.
    """
    if seem_colours(shape, dtype, size):
        raise InvalidInput(
            f"image must have rows and columns last, got shape {shape}, which looks like (rows, "
            "columns, colours): give channel_axis=-1 to filter each colour, or channel_axis=0 if "
            f"these are {shape[0]} images of {shape[1]}x{shape[2]} pixels"
        )


def flipped(
    kernel: ArrayLike | Kernel, anchor: Pair | None
) -> tuple[ArrayLike | Kernel, Pair | None]:
    """Return `kernel` flipped in both axes, and the anchor, which stays on its tap."""
    if isinstance(kernel, Kernel):
        size, kernel = kernel.shape, kernel.flipped()
        if anchor is None:
            return kernel, None
    else:
        kernel = to_host(kernel) if is_elsewhere(kernel) else kernel
        array = as_taps(kernel)
        size, turned = array.shape, array[::-1, ::-1]
        # Lists stay lists: they adapt to the image's dtype.
        kernel = turned if isinstance(kernel, np.ndarray) else turned.tolist()
    row, column = as_anchor(anchor, size)
    return kernel, (size[0] - 1 - row, size[1] - 1 - column)


_OK = "biufc"
