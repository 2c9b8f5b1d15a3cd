"""Pieces of the padded image, laid out in scratch memory by compiled code.

What a pixel means does not matter here, only how many bytes it has: there is a function for each
size, emitted as in `strips.py`, so that the choice is made once for a piece.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.emit import BYTES, INT, function_in, number
from kernfit.errors import InvalidInput

_SIZES = (1, 2, 4, 8)
_PLACES = INT.as_pointer()
_PIECE = [BYTES, *[INT] * 6, _PLACES, _PLACES, INT, BYTES, INT, INT, INT]


def _emit(module: Any, size: int) -> Any:
    """Emit what `lay_out` does for pixels of so many bytes, and return the function."""
    function = function_in(module, f"lay_out_{size}", _PIECE)
    builder = ir.IRBuilder(function.append_basic_block())
    image, down, step, right, columns_of_image, origin, apart, *rest = function.args
    rows, columns, fill, pixels, pitch, height, width = rest
    pixel, each = ir.IntType(8 * size), number(size)
    outside = builder.trunc(fill, pixel) if size < 8 else fill

    def between(value: Any, least: Any, most: Any) -> Any:
        value = builder.select(builder.icmp_signed("<", value, least), least, value)
        return builder.select(builder.icmp_signed("<", value, most), value, most)

    def at(pointer: Any, n: Any, step: Any) -> Any:
        return builder.gep(pointer, [builder.mul(n, step)])

    def load(pointer: Any) -> Any:
        return builder.load(builder.bitcast(pointer, pixel.as_pointer()), align=1)

    def put(value: Any, line: Any, n: Any) -> None:
        place = builder.bitcast(at(line, n, each), pixel.as_pointer())
        builder.store(value, place, align=1)

    def put_places(source: Any, line: Any, start: Any, stop: Any) -> None:
        """Put what stands at some places of the row `source`."""
        with cgutils.for_range_slice(builder, start, stop, number(1), INT) as (n, _):
            place = builder.load(builder.gep(columns, [n]))
            with builder.if_else(builder.icmp_signed("<", place, number(0))) as (beyond, within):
                with beyond:
                    put(outside, line, n)
                with within:
                    put(load(at(source, place, step)), line, n)

    begin = between(right, number(0), width)
    end = between(builder.add(right, columns_of_image), begin, width)
    stride, count = builder.mul(apart, step), builder.sub(end, begin)
    first = builder.add(origin, builder.mul(builder.sub(begin, right), apart))
    dense = builder.icmp_signed("==", stride, each)
    with cgutils.for_range(builder, height) as loop:
        line = at(pixels, loop.index, pitch)
        row = builder.load(builder.gep(rows, [loop.index]))
        with builder.if_else(builder.icmp_signed("<", row, number(0))) as (beyond, within):
            with beyond, cgutils.for_range(builder, width) as along:
                put(outside, line, along.index)
            with within:
                source = at(image, row, down)
                inner, goal = at(source, first, step), at(line, begin, each)
                with builder.if_else(dense) as (together, scattered):
                    with together:
                        bytes_of_row = builder.mul(count, each)
                        cgutils.raw_memcpy(builder, goal, inner, bytes_of_row, number(1))
                    with scattered, cgutils.for_range(builder, count) as along:
                        put(load(at(inner, along.index, stride)), goal, along.index)
                put_places(source, line, number(0), begin)
                put_places(source, line, end, width)
    builder.ret_void()
    return function


@intrinsic  # type: ignore[untyped-decorator]
def lay_out(
    typing: Any, each: Any, image: Any, down: Any, step: Any, right: Any, size: Any, origin: Any,
    apart: Any, rows: Any, columns: Any, fill: Any, pixels: Any, pitch: Any, height: Any,
    width: Any,
) -> Any:  # fmt: skip
    """Lay out a piece of the padded image.

    Parameters
    ----------
    each : int
        Bytes of a pixel: 1, 2, 4 or 8.
    image : pointer
        To the image's first pixel.
    down, step : int
        Bytes to the next row and column.
    right, size : int
        Where the image begins in a row of the piece, maybe before it, and how many pixels it has
        there.
    origin, apart : int
        Its first column there, and how far it is to the next.
    rows, columns : pointer
        To where the rows and columns of the piece come from.
    fill : int
        What stands outside, as the integer with the same bytes.
    pixels : pointer
        Where the piece goes.
    pitch : int
        Bytes from one row of the piece to the next.
    height, width : int
        Of the piece.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        done = builder.append_basic_block("laid_out")
        switch = builder.switch(args[0], done)
        for each in _SIZES:
            block = builder.append_basic_block()
            switch.add_case(number(each), block)
            builder.position_at_end(block)
            builder.call(_emit(builder.module, each), args[1:])
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    n, p = types.intp, types.voidptr
    places = types.CPointer(n)
    return types.void(n, p, *[n] * 6, places, places, n, p, n, n, n), emit


@njit(nogil=True)
def check_places(places: Array, size: int) -> None:
    """Refuse places that are neither -1 nor on an axis of so many pixels."""
    least, most = 0, -1
    for place in places:  # min and max take long to compile; a way out of the loop, to run
        least = place if place < least else least
        most = place if place > most else most
    if least < -1 or most >= size:
        raise InvalidInput("positions must be those of the image's rows and columns")
