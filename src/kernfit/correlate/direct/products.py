"""Sums of products for many outputs at once, in vector code emitted through Numba.

A layer's outputs are products of its taps with pixels at fixed offsets from each position. Here the
sums of a *block*, eight outputs by a few vectors of positions, stay in registers while all taps go
by: each vector of pixels that is loaded serves eight outputs, and no patches are laid out as for a
matrix product. Every block sums in the same order, so that a sum has the same bits in any of them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy import empty, uint8

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.emit import (
    BYTES,
    INT,
    Emitter,
    calling,
    function_in,
    lane_numbers,
    number,
    repeated,
    variable,
    vector_bytes,
)
from kernfit.correlate.vectors.laying_out import check_places, lay_out
from kernfit.correlate.vectors.pointers import after, copy_bytes, keep, pointer_to, start_of
from kernfit.errors import InvalidInput

OUTPUTS = 8
"""How many outputs share the pixels of a block."""
POSITIONS = 16
"""Of how many positions their number is to be a multiple: the most that a vector has."""

# Vectors of positions in a wide block, by their bytes: as many as leave room in the registers (32,
# or 16 below 64 bytes) for pixels and a tap. Many outputs and few vectors, since of the vectors,
# which begin anywhere, most straddle two cache lines. A narrow block has one vector.
_WIDE = {64: 3, 32: 1, 16: 1}


class _Block(Emitter):
    """Emits the code for one block of sums, `vectors` wide."""

    def __init__(self, context: Any, builder: Any, kind: Any, vectors: int, *args: Any) -> None:
        super().__init__(context, builder, kind, kind, vectors)
        self.image, self.offsets, self.taps, self.depth, self.out, self.pitch = args

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


def _emit_sums(context: Any, module: Any, kind: Any) -> Any:
    """Emit ``sums[o, q] = sum over n of pixels[q + offsets[n]] * taps[n, o]`` for 8 outputs.

    The function's arguments, in C's way of calling:

    pixels, offsets, taps : pointers
    depth : int
        How many taps each output has, one at least.
    sums : pointer
    pitch : int
        Bytes from one output of `sums` to the next.
    count : int
        Of positions, a multiple of POSITIONS.
    """
    function = function_in(module, "sums", _SUMS)
    builder = ir.IRBuilder(function.append_basic_block())
    pixels, offsets, taps, depth, sums, pitch, count = function.args
    first = variable(builder, number(0))
    for vectors in dict.fromkeys((_WIDE[vector_bytes()], 1)):
        wide = vectors * vector_bytes() * 8 // kind.bitwidth

        def more(wide: int = wide) -> Any:
            end = builder.add(builder.load(first), number(wide))
            return builder.icmp_signed("<=", end, count)

        with repeated(builder, more):
            position = builder.load(first)
            ahead = builder.mul(position, number(kind.bitwidth // 8))
            place, goal = (builder.gep(pointer, [ahead]) for pointer in (pixels, sums))
            _Block(context, builder, kind, vectors, place, offsets, taps, depth, goal, pitch).emit()
            builder.store(builder.add(position, number(wide)), first)
    builder.ret_void()
    return function


def _emit_addition(context: Any, module: Any, kind: Any) -> Any:
    """Emit ``target[q] = line[q] + term``: of a line, a target, the place of a term, a count."""
    function = function_in(module, "addition", _ADDITION)
    builder = ir.IRBuilder(function.append_basic_block())
    line, target, place, count = function.args
    value, size = context.get_value_type(kind), kind.bitwidth // 8
    term = builder.load(builder.bitcast(place, value.as_pointer()))
    q = variable(builder, number(0))
    for lanes in (vector_bytes() // size, 1):
        vector = ir.VectorType(value, lanes)
        terms = builder.insert_element(ir.Constant(vector, ir.Undefined), term, number(0))
        terms = builder.shuffle_vector(terms, terms, lane_numbers([0] * lanes))

        def more(lanes: int = lanes) -> Any:
            return builder.icmp_signed("<=", builder.add(builder.load(q), number(lanes)), count)

        with repeated(builder, more):
            ahead = builder.mul(builder.load(q), number(size))
            source, goal = (
                builder.bitcast(builder.gep(pointer, [ahead]), vector.as_pointer())
                for pointer in (line, target)
            )
            builder.store(builder.fadd(builder.load(source, align=size), terms), goal, align=size)
            builder.store(builder.add(builder.load(q), number(lanes)), q)
    builder.ret_void()
    return function


_SUMS = [BYTES, BYTES, BYTES, INT, BYTES, INT, INT]
_ADDITION = [BYTES, BYTES, BYTES, INT]


@intrinsic  # type: ignore[untyped-decorator]
def _addresses(typing: Any, dtype: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        functions = (
            emit_one(context, builder.module, dtype.dtype)
            for emit_one in (_emit_sums, _emit_addition)
        )
        found = [builder.ptrtoint(function, INT) for function in functions]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.intp, 2)(dtype), emit


@njit(cache=True)
def addresses_of_sums(dtype: Any) -> tuple[int, int]:
    """Return where the functions that depend on the dtype lie, for `correlate_channels`."""
    return _addresses(dtype)  # type: ignore[no-any-return]


@intrinsic  # type: ignore[untyped-decorator]
def _sum_products(
    typing: Any, address: Any, pixels: Any, offsets: Any, taps: Any, depth: Any, sums: Any,
    pitch: Any, count: Any,
) -> Any:  # fmt: skip
    """Call what `_emit_sums` has emitted."""
    n, p = types.intp, types.voidptr
    return types.void(n, p, p, p, n, p, n, n), calling(_SUMS)


@intrinsic  # type: ignore[untyped-decorator]
def _add(typing: Any, address: Any, line: Any, target: Any, term: Any, count: Any) -> Any:
    """Call what `_emit_addition` has emitted."""
    n, p = types.intp, types.voidptr
    return types.void(n, p, p, p, n), calling(_ADDITION)


@njit(nogil=True, cache=True)
def correlate_channels(
    image: Array,
    taps: Array,
    bias: Array,
    out: Array,
    sum_products: int,
    add: int,
    rows: Array,
    columns: Array,
    begins: Array,
    offsets: Array,
    image_step: int,
    out_step: int,
    inputs: int,
    outputs: int,
    stride: int,
    fill: int,
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
    sum_products, add : int
        The addresses of the code for this dtype.
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
    fill : int
        What stands outside, as the integer with the same bytes.
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

    size = taps.itemsize
    room_of_sums, room_of_pixels = empty(OUTPUTS * most * size, uint8), empty(room * size, uint8)
    room_of_pixels[planes * lines * pitch * size :] = 0
    pixels, sums = start_of(room_of_pixels), start_of(room_of_sums)
    for i in range(first, stop, high):
        i1 = min(i + high, stop)
        count = -(-(i1 - i) * pitch // POSITIONS) * POSITIONS
        for j in range(0, width, wide):
            j1 = min(j + wide, width)
            for g in range(groups):
                plane = pixels
                for c in range(g * inputs, (g + 1) * inputs):
                    source = after(start_of(image), c * image_step)
                    for a in range(rows.shape[0]):
                        for b in range(columns.shape[0]):
                            lay_out(
                                size, source, image.strides[0], image.strides[1],
                                begins[b, 0] - j, begins[b, 2], begins[b, 1], stride,
                                after(pointer_to(rows), (a * rows.shape[1] + i) * 8),
                                after(pointer_to(columns), (b * columns.shape[1] + j) * 8),
                                fill, plane, pitch * size,
                                i1 - i + lines - high, j1 - j + pitch - wide,
                            )  # fmt: skip
                            plane = after(plane, lines * pitch * size)
                for k in range(blocks):
                    weights = after(start_of(taps), (g * blocks + k) * depth * OUTPUTS * size)
                    _sum_products(
                        sum_products, pixels, start_of(offsets), weights, depth, sums,
                        most * size, count,
                    )  # fmt: skip
                    for o in range(k * OUTPUTS, min((k + 1) * OUTPUTS, outputs)):
                        n = g * outputs + o
                        goal = after(start_of(out), n * out_step + j * size)
                        for r in range(i1 - i):
                            line = after(sums, ((o - k * OUTPUTS) * most + r * pitch) * size)
                            target = after(goal, (i + r) * out.strides[0])
                            if len(bias) == 0:
                                copy_bytes(line, target, (j1 - j) * size)
                            else:
                                _add(add, line, target, after(start_of(bias), n * size), j1 - j)
    keep(room_of_pixels)
    keep(room_of_sums)
