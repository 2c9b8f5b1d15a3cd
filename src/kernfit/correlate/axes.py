"""Geometry: how many outputs an axis has, and which pixel stands where outside the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array, as_pair_of_ints, one_of
from kernfit.errors import InvalidInput

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
MODES = ("valid", "same", "full")

Pads = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a correlation; positions on it count from the image's first pixel."""

    size: int  # of the image
    taps: int
    before: int  # pixels borrowed from beyond the image
    after: int
    stride: int = 1
    dilation: int = 1
    boundary: str = "constant"

    @property
    def extent(self) -> int:
        """How many pixels the kernel spans."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """How many outputs there are: none for a kernel larger than the padded image."""
        room = self.size + self.before + self.after - self.extent
        return room // self.stride + 1 if room >= 0 else 0

    @property
    def inside(self) -> tuple[int, int]:
        """The first output whose window lies within the image, and the one after the last."""
        first = min(-(-self.before // self.stride), self.outputs)
        stop = (self.size + self.before - self.extent) // self.stride + 1
        return first, max(first, min(stop, self.outputs))

    def window(self, first: int, stop: int) -> tuple[int, int]:
        """Return the positions, from and up to, that the outputs `first` to `stop` need."""
        start = first * self.stride - self.before
        return start, start + (stop - 1 - first) * self.stride + self.extent

    def sources(self, start: int, stop: int) -> Array:
        """Return which pixel stands at each position; -1 where the fill value does.

        These are the rules of ``numpy.pad``, with repeated reflection where a pad is wider than
        the image.
        """
        position, size = np.arange(start, stop), self.size
        if self.boundary == "constant":
            return np.where((position >= 0) & (position < size), position, -1)
        if self.boundary == "edge":
            return np.clip(position, 0, size - 1)
        if self.boundary == "wrap":
            return position % size
        # A mirror makes the axis periodic: there and back again, without (reflect) or with
        # (symmetric) a second copy of the pixels at the two ends.
        ends = 0 if self.boundary == "symmetric" else 1
        period = max(2 * (size - ends), 1)
        folded = position % period
        return np.where(folded < size, folded, period - folded - (1 - ends))


def axes_of(
    shape: tuple[int, ...],
    taps: tuple[int, int],
    *,
    mode: str = "valid",
    padding: object = None,
    anchor: tuple[int, int] | None = None,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    boundary: str | Sequence[str] = "constant",
) -> tuple[Axis, Axis]:
    """Return the (row, column) axes for an image of `shape` and a kernel of shape `taps`.

    Raises
    ------
    InvalidInput
        If an option is not one of those allowed, both `mode` and `padding` are given, or an image
        without pixels is to be continued by its own.
    """
    one_of(mode, MODES, "mode")
    strides = as_pair_of_ints(stride, "stride", least=1)
    dilations = as_pair_of_ints(dilation, "dilation", least=1)
    anchors = as_anchor(anchor, taps)
    rules = boundaries_of(boundary)
    if padding is None:
        pads = _pads_of_mode(mode, taps, anchors, dilations)
        # No window meets an image without pixels.
        pads = tuple(pad if n else (0, 0) for pad, n in zip(pads, shape[-2:], strict=True))  # type: ignore[assignment]
    elif mode == "valid":
        pads = as_pads(padding)
    else:
        raise InvalidInput(
            f"padding takes the place of mode, got both padding={padding!r} and mode={mode!r}: "
            "give one of them"
        )
    rows, columns = (
        Axis(shape[n - 2], taps[n], *pads[n], strides[n], dilations[n], rules[n]) for n in (0, 1)
    )
    for axis in (rows, columns):
        if not axis.size and axis.boundary != "constant" and rows.outputs and columns.outputs:
            raise InvalidInput(
                f"boundary must be 'constant' for an image without pixels, got {axis.boundary!r}: "
                "there is nothing to continue it with"
            )
    return rows, columns


def as_pads(value: object, name: str = "padding") -> Pads:
    """Return `value`, an integer or ((top, bottom), (left, right)), as pairs of integers."""
    if isinstance(value, (int, np.integer)):
        value = ((value, value), (value, value))
    try:
        sides: list[Any] = list(value)  # type: ignore[call-overload]
        if [np.ndim(side) for side in sides] != [1, 1]:
            raise TypeError
        return as_pair_of_ints(sides[0], name, least=0), as_pair_of_ints(sides[1], name, least=0)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} must be ((top, bottom), (left, right)), integers of at least 0, got {value!r}"
        ) from None


def pads_of_layer(
    padding: object,
    taps: tuple[int, int],
    stride: int | Sequence[int],
    dilation: int | Sequence[int],
) -> Pads:
    """Return the pads that a layer's `padding`, an integer, pair, pair of pairs or word, means."""
    if not isinstance(padding, str):
        if isinstance(padding, Sequence) and [np.ndim(side) for side in padding] == [0, 0]:
            padding = [(side, side) for side in padding]
        return as_pads(padding)
    one_of(padding, ("valid", "same"), "padding")
    if padding == "valid":
        return (0, 0), (0, 0)
    if as_pair_of_ints(stride, "stride") != (1, 1):
        raise InvalidInput(
            f"padding='same' needs a stride of 1, got {stride}: give the padding in numbers"
        )
    spans = [(n - 1) * d for n, d in zip(taps, as_pair_of_ints(dilation, "dilation"), strict=True)]
    return (spans[0] // 2, spans[0] - spans[0] // 2), (spans[1] // 2, spans[1] - spans[1] // 2)


def _pads_of_mode(
    mode: str, taps: tuple[int, int], anchor: tuple[int, int], dilation: tuple[int, int]
) -> Pads:
    reach = [(n - 1) * d for n, d in zip(taps, dilation, strict=True)]
    if mode == "valid":
        return (0, 0), (0, 0)
    if mode == "full":
        return (reach[0], reach[0]), (reach[1], reach[1])
    top, left = (a * d for a, d in zip(anchor, dilation, strict=True))
    return (top, reach[0] - top), (left, reach[1] - left)


def as_anchor(anchor: object, taps: tuple[int, ...]) -> tuple[int, int]:
    """Return `anchor`, or the default for a kernel of shape `taps`, as a pair of integers."""
    if anchor is None:
        return (taps[0] - 1) // 2, (taps[1] - 1) // 2
    row, column = as_pair_of_ints(anchor, "anchor")  # type: ignore[arg-type]
    if not (0 <= row < taps[0] and 0 <= column < taps[1]):
        raise InvalidInput(
            f"anchor must be one of the taps of a {taps[0]}x{taps[1]} kernel, got {(row, column)}"
        )
    return row, column


def boundaries_of(boundary: object) -> tuple[str, str]:
    """Return the rules for what stands outside, as (rows, columns)."""
    if isinstance(boundary, str):
        boundary = (boundary, boundary)
    if not isinstance(boundary, Sequence) or len(boundary) != 2:
        raise InvalidInput(
            f"boundary must be one of {', '.join(BOUNDARIES)} or a (rows, columns) pair of them, "
            f"got {boundary!r}"
        )
    rows, columns = (one_of(rule, BOUNDARIES, "boundary") for rule in boundary)
    return rows, columns
