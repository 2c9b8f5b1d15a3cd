"""Sums of products for many outputs at once, in vector code emitted through Numba.

A layer's outputs are products of its taps with pixels at fixed offsets from each position. Here the
sums of a *block*, eight outputs by a few vectors of positions, stay in registers while all taps go
by: each vector of pixels that is loaded serves eight outputs, and no patches are laid out as for a
matrix product. Every block sums in the same order, so that a sum has the same bits in any of them.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic
from numpy import empty

from kernfit.arrays import Array
from kernfit.correlate.emit import Emitter, number, vector_bytes
from kernfit.correlate.laying_out import check_places, lay_out
from kernfit.correlate.pointers import after, bytes_of, copy_bytes, keep, pointer_to
from kernfit.errors import InvalidInput

OUTPUTS = 8
"""How many outputs share the pixels of a block."""
POSITIONS = 16
"""Of how many positions their number is to be a multiple: the most that a vector has."""

# Vectors of positions in a wide block, by their bytes: as many as leave room in the registers (32,
# or 16 below 64 bytes) for pixels and a tap. Many outputs and few vectors, since of the vectors,
# which begin anywhere, most straddle two cache lines. A narrow block has one vector.
_WIDE = {64: 3, 32: 1, 16: 1}


def _vectors(wide: Any) -> int:
    return _WIDE[vector_bytes()] if wide.literal_value else 1


class _Block(Emitter):
    """Emits the code for one block of sums."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        wide, pixels, _, taps, *_ = signature.args
        super().__init__(context, builder, pixels.dtype, taps.dtype, _vectors(wide))
        self.image, self.offsets, self.taps, self.depth, self.out, self.pitch = args[1:]

    def emit(self) -> None:
        """Emit the block: all taps go by, and the sums are stored at the end."""
        builder = self.builder
        nothing = [self.zero()] * (OUTPUTS * self.vectors)
        sums = self.loop(number(0), self.depth, 1, nothing, self.add_products)
        for n, total in enumerate(sums):
            row, vector = divmod(n, self.vectors)
            down, right = builder.mul(number(row), self.pitch), vector * self.lanes * self.sum_bytes
            place = self.at(self.out, down, number(right))
            builder.store(total, builder.bitcast(place, total.type.as_pointer()), align=1)

    def add_products(self, n: Any, sums: list[Any]) -> list[Any]:
        """Add the products of the tap `n` of each output with the pixels under it."""
        builder = self.builder
        place = self.at(self.offsets, builder.mul(n, number(8)))
        offset = builder.load(builder.bitcast(place, n.type.as_pointer()))
        start = self.at(self.image, builder.mul(offset, number(self.pixel_bytes)))
        pixels = [self.load_pixels(start, vector) for vector in range(self.vectors)]
        first = self.at(self.taps, builder.mul(n, number(OUTPUTS * self.sum_bytes)))
        taps = [self.at(first, number(row * self.sum_bytes)) for row in range(OUTPUTS)]
        return self.add_taps(pixels, taps, sums)


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _sum_block(
    typing: Any, wide: Any, pixels: Any, offsets: Any, taps: Any, depth: Any, sums: Any, pitch: Any
) -> Any:
    """Write the sums of one block, for the position at `pixels` on; it must lie inside."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _Block(context, builder, signature, args).emit()
        return context.get_dummy_value()

    return types.void(wide, pixels, offsets, taps, types.intp, sums, types.intp), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _block_width(typing: Any, wide: Any, taps: Any) -> Any:
    """Return how many positions a block has."""
    width = _vectors(wide) * vector_bytes() * 8 // taps.dtype.bitwidth

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, width)

    return types.intp(wide, taps), emit


@njit(inline="always")  # type: ignore[untyped-decorator]
def _sum_products(
    pixels: Any, offsets: Any, taps: Any, depth: int, sums: Any, pitch: int, count: int
) -> None:
    """Write ``sums[o, q] = sum over n of pixels[q + offsets[n]] * taps[n, o]`` for 8 outputs.

    Parameters
    ----------
    pixels, offsets, taps, sums : pointers
        `sums` has `pitch` bytes from one output to the next.
    depth : int
        How many taps each output has, one at least.
    count : int
        Of positions, a multiple of POSITIONS.
    """
    if depth < 1 or count % POSITIONS:
        raise InvalidInput("there must be taps, and whole blocks of positions")
    wide, narrow = _block_width(True, taps), _block_width(False, taps)
    size = bytes_of(pixels)
    first = 0
    while first + wide <= count:
        place, goal = after(pixels, first * size), after(sums, first * size)
        _sum_block(True, place, offsets, taps, depth, goal, pitch)
        first += wide
    while first < count:
        place, goal = after(pixels, first * size), after(sums, first * size)
        _sum_block(False, place, offsets, taps, depth, goal, pitch)
        first += narrow


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def correlate_channels(
    image: Array,
    taps: Array,
    bias: Array,
    out: Array,
    rows: Array,
    columns: Array,
    begins: Array,
    offsets: Array,
    image_step: int,
    out_step: int,
    inputs: int,
    outputs: int,
    stride: int,
    fill: float,
    high: int,
    wide: int,
    first: int,
    stop: int,
) -> None:
    """Write rows `first` to `stop` of every output plane of a layer.

    Strip by strip, the pixels of all input channels that it needs are laid out one after another,
    the phases of a stride each on its own. Then the outputs of the strip are positions in one long
    row, and the pixel under a tap lies equally far from each of them. Where a row's outputs end, a
    few positions belong to no output; their sums are left behind.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        The first channel, any strides.
    taps : ndarray, shape (groups, blocks, depth, OUTPUTS)
        Contiguous. Of a group, outputs are filled up to whole blocks.
    bias : ndarray, shape (groups * outputs,) or (0,)
        What is added to each output plane.
    out : ndarray, shape (h, w)
        The first output plane, unit stride in the last axis, of the dtype of `taps`.
    rows, columns : ndarray of int64, shapes (phases, lines) and (phases, n)
        For each phase of the stride, which row and column of the image stands at each of its
        positions; -1 where the fill value does.
    begins : ndarray of int64, shape (phases of columns, 3)
        Where the image begins in a row of the phase, its first column there, and how many there
        are.
    offsets : ndarray of int64, shape (depth,)
        Where the pixel of each tap lies in a strip, from the position on.
    image_step, out_step : int
        Bytes from one plane to the next.
    inputs, outputs : int
        Channels of a group.
    stride : int
        Of the columns.
    fill : number
        What stands outside.
    high, wide : int
        Outputs of a strip, at most.
    first, stop : int
        Rows of the output.
    """
    (height, width), (groups, blocks, depth, _) = out.shape, taps.shape
    lines, pitch = high + rows.shape[1] - height, wide + columns.shape[1] - width
    planes = inputs * rows.shape[0] * columns.shape[0]
    most = -(-high * pitch // POSITIONS) * POSITIONS
    room = planes * lines * pitch + pitch + POSITIONS
    if first >= stop or width == 0:
        return
    if depth < 1 or len(offsets) != depth or taps.shape[3] != OUTPUTS or outputs > 8 * blocks:
        raise InvalidInput("taps must have an offset each, and there must be some for each output")
    for offset in offsets:  # a plain loop, since min and max take long to compile
        if offset < 0 or offset + most > room:
            raise InvalidInput("pixels must reach as far as the positions and offsets")
    if first < 0 or stop > height or lines < high or pitch < wide or high < 1 or wide < 1:
        raise InvalidInput("strips must lie in the output, and their pixels in the image")
    if out.strides[1] != out.itemsize or len(begins) != columns.shape[0]:
        raise InvalidInput("out must have unit stride, and each phase a beginning")
    if len(bias) > 0 and len(bias) != groups * outputs:
        raise InvalidInput("bias must have a value for each output")
    for a in range(len(rows)):
        check_places(rows[a], image.shape[0])
    for b in range(len(columns)):
        check_places(columns[b], image.shape[1])
    for b in range(len(begins)):
        right, origin, size = begins[b, 0], begins[b, 1], begins[b, 2]
        if (
            right < 0
            or size < 0
            or (size and not 0 <= origin + (size - 1) * stride < image.shape[1])
        ):
            raise InvalidInput("phases must lie in the image")

    room_of_sums = empty(OUTPUTS * most, taps.dtype)
    room_of_pixels = empty(room, taps.dtype)
    room_of_pixels[planes * lines * pitch :] = 0
    pixels, sums = pointer_to(room_of_pixels), pointer_to(room_of_sums)
    size = bytes_of(pixels)
    for i in range(first, stop, high):
        i1 = min(i + high, stop)
        count = -(-(i1 - i) * pitch // POSITIONS) * POSITIONS
        for j in range(0, width, wide):
            j1 = min(j + wide, width)
            for g in range(groups):
                plane = pixels
                for c in range(g * inputs, (g + 1) * inputs):
                    source = after(pointer_to(image), c * image_step)
                    for a in range(rows.shape[0]):
                        for b in range(columns.shape[0]):
                            lay_out(
                                source, image.strides, begins[b, 0] - j, begins[b, 2],
                                begins[b, 1], stride,
                                after(pointer_to(rows), (a * rows.shape[1] + i) * 8),
                                after(pointer_to(columns), (b * columns.shape[1] + j) * 8),
                                fill, plane, pitch * size,
                                i1 - i + lines - high, j1 - j + pitch - wide,
                            )  # fmt: skip
                            plane = after(plane, lines * pitch * size)
                for k in range(blocks):
                    weights = after(pointer_to(taps), (g * blocks + k) * depth * OUTPUTS * size)
                    _sum_products(
                        pixels, pointer_to(offsets), weights, depth, sums, most * size, count
                    )
                    for o in range(k * OUTPUTS, min((k + 1) * OUTPUTS, outputs)):
                        n = g * outputs + o
                        goal = after(pointer_to(out), n * out_step + j * size)
                        for r in range(i1 - i):
                            line = after(sums, ((o - k * OUTPUTS) * most + r * pitch) * size)
                            target = after(goal, (i + r) * out.strides[0])
                            if len(bias) == 0:
                                copy_bytes(line, target, (j1 - j) * size)
                            else:
                                for q in range(j1 - j):
                                    target[q] = line[q] + bias[n]
    keep(room_of_pixels)
    keep(room_of_sums)
