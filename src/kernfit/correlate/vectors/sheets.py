"""Sheets of strips, copied from images and to them, in code emitted through Numba.

What is copied here needs no index checked and no loop unrolled: each is a small function of its
own, which takes Numba and LLVM much less time than as a part of `fourier/transform.py`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.correlate.vectors.emit import BYTES, INT, function_in, number, repeated, variable
from kernfit.correlate.vectors.strips import vector_bytes


class _Function:
    """A function that is being emitted, for numbers of a type."""

    def __init__(self, context: Any, module: Any, name: str, dtype: Any, arguments: Any) -> None:
        self.function = function_in(module, name, arguments)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.kind = context.get_value_type(dtype)
        self.size = context.get_abi_sizeof(self.kind)
        self.wide = vector_bytes() // self.size
        self.vector = ir.VectorType(self.kind, self.wide)

    def within(self, n: Any, count: Any) -> Any:
        """Return whether ``0 <= n < count``."""
        none = self.builder.icmp_signed("<", count, number(0))
        return self.builder.icmp_unsigned("<", n, self.builder.select(none, number(0), count))

    def at(self, pointer: Any, *steps: tuple[Any, Any]) -> Any:
        """Return the address so many times so many bytes further on."""
        for n, step in steps:
            pointer = self.builder.gep(pointer, [self.builder.mul(n, step)])
        return pointer

    def load(self, pointer: Any, kind: Any) -> Any:
        place = self.builder.bitcast(pointer, kind.as_pointer())
        return self.builder.load(place, align=self.size)

    def store(self, value: Any, pointer: Any) -> None:
        place = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, place, align=self.size)

    def call(self, builder: Any, *args: Any) -> None:
        """End the function, and emit a call of it."""
        self.builder.ret_void()
        builder.call(self.function, args)


def _parts(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, list[Any], list[Any]]:
    """Return the address, the shape and the strides of an array."""
    array = context.make_array(kind)(context, builder, value)
    shape, strides = (cgutils.unpack_tuple(builder, each) for each in (array.shape, array.strides))
    return builder.bitcast(array.data, BYTES), shape, strides


@intrinsic  # type: ignore[untyped-decorator]
def fill(typing: Any, source: Any, i: Any, j: Any, strips: Any, part: Any) -> Any:
    """Copy a sheet of `source`, from (i, j) on, into a part of strips, with zeros around it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        image, (height, width), (down, _) = _parts(context, builder, source, args[0])
        sheet, (count, _, rows, _), steps = _parts(context, builder, strips, args[3])
        sheet = builder.gep(sheet, [builder.mul(args[4], steps[1])])
        f = _Function(context, builder.module, "fill", source.dtype, [BYTES, BYTES, *[INT] * 9])
        _emit_fill(f)
        f.call(builder, image, sheet, *args[1:3], height, width, down, count, rows, *steps[::2])
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, strips, types.intp), emit


def _emit_fill(f: _Function) -> None:
    image, sheet, i, j, height, width, down, count, rows, across, along = f.function.args
    builder, each = f.builder, number(f.size)
    room = builder.sub(width, number(f.wide - 1))  # for the first column of a vector
    last = builder.add(j, builder.mul(builder.sub(count, number(1)), number(f.wide)))
    inside = builder.and_(f.within(j, room), f.within(last, room))  # as nearly always

    def copy(line: Any, strip: Any, row: Any) -> None:
        k = builder.add(j, builder.mul(strip, number(f.wide)))
        goal = f.at(sheet, (strip, across), (row, along))
        f.store(f.load(f.at(line, (k, each)), f.vector), goal)

    def piece_together(line: Any, strip: Any, row: Any, there: Any) -> None:
        k = builder.add(j, builder.mul(strip, number(f.wide)))
        goal = f.at(sheet, (strip, across), (row, along))
        f.store(ir.Constant(f.vector, None), goal)
        with cgutils.for_range(builder, number(f.wide)) as lane:
            x = builder.add(k, lane.index)
            with builder.if_then(builder.and_(there, f.within(x, width))):
                value = f.load(f.at(line, (x, each)), f.kind)
                f.store(value, f.at(goal, (lane.index, each)))

    with cgutils.for_range(builder, rows) as row:
        y = builder.add(i, row.index)
        there, line = f.within(y, height), f.at(image, (y, down))
        with builder.if_else(builder.and_(there, inside)) as (whole, other):
            with whole, cgutils.for_range(builder, count) as strip:
                copy(line, strip.index, row.index)
            with other, cgutils.for_range(builder, count) as strip:
                k = builder.add(j, builder.mul(strip.index, number(f.wide)))
                fits = builder.and_(there, f.within(k, room))
                with builder.if_else(fits) as (within, beside):
                    with within:
                        copy(line, strip.index, row.index)
                    with beside:
                        piece_together(line, strip.index, row.index, there)


@intrinsic  # type: ignore[untyped-decorator]
def give(typing: Any, strips: Any, part: Any, j: Any, target: Any, add: Any) -> Any:
    """Write what of a part of strips belongs into `target`, from column `j` on, or add it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sheet, (count, *_), steps = _parts(context, builder, strips, args[0])
        sheet = builder.gep(sheet, [builder.mul(args[1], steps[1])])
        image, (height, width), (down, _) = _parts(context, builder, target, args[3])
        kinds = [BYTES, BYTES, *[INT] * 7, args[4].type]
        f = _Function(context, builder.module, "give", target.dtype, kinds)
        _emit_give(f)
        f.call(builder, image, sheet, args[2], height, width, down, count, *steps[::2], args[4])
        return context.get_dummy_value()

    return types.void(strips, types.intp, types.intp, target, types.boolean), emit


def _emit_give(f: _Function) -> None:
    image, sheet, j, height, width, down, count, across, along, add = f.function.args
    builder, each = f.builder, number(f.size)

    def put(source: Any, goal: Any, kind: Any) -> None:
        value = f.load(source, kind)
        with builder.if_else(add) as (more, all_of_it):
            with more:
                f.store(builder.fadd(f.load(goal, kind), value), goal)
            with all_of_it:
                f.store(value, goal)

    with cgutils.for_range(builder, height) as row:
        line = f.at(image, (row.index, down))
        with cgutils.for_range(builder, count) as strip:
            k = builder.add(j, builder.mul(strip.index, number(f.wide)))
            source, goal = (
                f.at(sheet, (strip.index, across), (row.index, along)),
                f.at(line, (k, each)),
            )
            left = builder.sub(width, k)
            with builder.if_else(builder.icmp_signed(">=", left, number(f.wide))) as (whole, some):
                with whole:
                    put(source, goal, f.vector)
                with some, cgutils.for_range(builder, left) as lane:
                    ahead = lane.index, each
                    put(f.at(source, ahead), f.at(goal, ahead), f.kind)


@intrinsic  # type: ignore[untyped-decorator]
def clear(typing: Any, stack: Any, n: Any, part: Any, first: Any, rows: Any) -> Any:
    """Set so many rows of a part of the n-th strip of a stack to 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, _, steps = _parts(context, builder, stack, args[0])
        for index, step in zip(args[1:4], steps, strict=False):
            place = builder.gep(place, [builder.mul(index, step)])
        cgutils.memset(builder, place, builder.mul(args[4], steps[2]), 0)
        return context.get_dummy_value()

    size = types.intp
    return types.void(stack, size, size, size, size), emit


@intrinsic  # type: ignore[untyped-decorator]
def fetch(typing: Any, source: Any, i: Any, j: Any, rows: Any, columns: Any) -> Any:
    """Have what there is of so many rows and columns, from (i, j) on, fetched into the cache.

    Row after row, as memory likes it.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        image, (height, width), (down, _) = _parts(context, builder, source, args[0])
        f = _Function(context, builder.module, "fetch", source.dtype, [BYTES, *[INT] * 7])
        _emit_fetch(f)
        f.call(builder, image, *args[1:], height, width, down)
        return context.get_dummy_value()

    size = types.intp
    return types.void(source, size, size, size, size), emit


def _emit_fetch(f: _Function) -> None:
    image, i, j, rows, columns, height, width, down = f.function.args
    builder = f.builder

    def span(first: Any, count: Any, most: Any) -> tuple[Any, Any]:
        last = builder.add(first, count)
        last = builder.select(builder.icmp_signed("<", last, most), last, most)
        return builder.select(builder.icmp_signed("<", first, number(0)), number(0), first), last

    kind, flag = ir.FunctionType(ir.VoidType(), [BYTES] + [ir.IntType(32)] * 3), ir.IntType(32)
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [BYTES], kind)
    (top, bottom), (left, right) = span(i, rows, height), span(j, columns, width)
    n = variable(builder, top)
    with repeated(builder, lambda: builder.icmp_signed("<", builder.load(n), bottom)):
        line, k = f.at(image, (builder.load(n), down)), variable(builder, left)
        with repeated(builder, lambda: builder.icmp_signed("<", builder.load(k), right)):
            place = f.at(line, (builder.load(k), number(f.size)))
            # To be read, into the second-level cache, as data.
            builder.call(prefetch, [place, *(ir.Constant(flag, option) for option in (0, 2, 1))])
            builder.store(builder.add(builder.load(k), number(f.wide)), k)
        builder.store(builder.add(builder.load(n), number(1)), n)
