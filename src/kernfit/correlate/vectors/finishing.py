"""Sums become whole levels: rounded half to even as the exact sums would be, and saturated.

A sum of floating-point numbers is off by a known bound at most. Where its distance to the nearest
integer and a half is larger than that, it rounds as the exact sum does. The few others are summed
again in integers of 128 bits, as which taps are exact, or nearly so: then a flag is set where even
that leaves a doubt.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.compiled import njit
from kernfit.correlate.vectors.emit import (
    BYTES,
    INT,
    function_in,
    lane_numbers,
    number,
    repeated,
    variable,
)
from kernfit.correlate.vectors.strips import vector_bytes

BIAS, LIMIT, SHIFT, MARGIN, UNDECIDED, BEYOND, EXACT = 0, 8, 16, 24, 32, 40, 64
"""Where in the data of a kernel what stands, in bytes: the bias; how far from an integer a sum may
be to be sure; how many bits of the exact sums are a fraction; how near to a half these may be in
doubt; whether one was; whether a level did not fit; the bias and the taps in 128 bits."""

_WIDE = ir.IntType(128)
_GROUP = 4  # vectors at once
_ARGUMENTS = [BYTES, INT, BYTES, INT, INT, INT, INT, INT, INT, BYTES, BYTES, INT, INT, INT]


class _Finish:
    """Emits the function that rounds rows of sums.

    Its arguments, in C's way of calling:

    sums : pointer, stride : int
        To the first row, and bytes from one row to the next.
    pixels : pointer, down, right, tap_down, tap_right : int
        To the pixel under the first tap for the first output; bytes to that of the next output in
        a column and in a row, and from one tap to the next.
    tall, broad : int
        Taps.
    data : pointer
        What is known of the kernel, see `BIAS`.
    out : pointer, out_stride : int
        To rows of levels that follow one another.
    height, width : int
    """

    def __init__(self, context: Any, module: Any, sums: Any, pixel: Any) -> None:
        self.function = function_in(module, "finish", _ARGUMENTS)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.sum, self.level = (context.get_value_type(kind) for kind in (sums, pixel))
        self.sum_bytes, self.bytes = sums.bitwidth // 8, pixel.bitwidth // 8
        self.signed = pixel.signed
        self.low, self.high = int(pixel.minval), int(pixel.maxval)
        self.lanes = vector_bytes() // self.sum_bytes
        self.whole = ir.IntType(8 * self.sum_bytes)
        # 1.5 times the float from which on floats are integers: what is added to it is rounded.
        self.bits = {4: 0x4B400000, 8: 0x4338000000000000}[self.sum_bytes]
        self.one = self._emit_one(module)

    def emit(self) -> Any:
        """Emit it: whole groups of vectors, then vectors, or else one level after the other."""
        builder = self.builder
        sums, stride, pixels, down, *_, out, out_stride, height, width = self.function.args
        data = self.function.args[9]
        wide = ir.VectorType(self.sum, self.lanes)
        self.bias, self.limit = (
            self._spread(self._load(self._at(data, number(n)), self.sum)) for n in (BIAS, LIMIT)
        )
        self.magic = builder.bitcast(
            ir.Constant(ir.VectorType(self.whole, self.lanes), [self.bits] * self.lanes), wide
        )
        beyond = variable(builder, ir.Constant(self.whole, 0))
        with cgutils.for_range(builder, height) as loop:
            line = self._at(sums, builder.mul(loop.index, stride))
            goal = self._at(out, builder.mul(loop.index, out_stride))
            under = self._at(pixels, builder.mul(loop.index, down))
            j = variable(builder, number(0))
            for vectors in (_GROUP, 1):
                count = vectors * self.lanes
                fits = builder.icmp_signed("<=", number(count), width)

                # After groups, what is left is less than one; the last vector may overlap.
                room = builder.sub(width, number(count if vectors > 1 else 1))

                def more(fits: Any = fits, room: Any = room) -> Any:
                    return builder.and_(fits, builder.icmp_signed("<=", builder.load(j), room))

                with repeated(builder, more):
                    last = builder.sub(width, number(count))
                    at = builder.load(j)
                    at = builder.select(builder.icmp_signed("<", at, last), at, last)
                    self._block(vectors, line, goal, under, at, beyond)
                    builder.store(builder.add(at, number(count)), j)
            with repeated(builder, lambda: builder.icmp_signed("<", builder.load(j), width)):
                self._call_one(under, goal, builder.load(j))
                builder.store(builder.add(builder.load(j), number(1)), j)
        some = builder.icmp_unsigned("!=", builder.load(beyond), ir.Constant(self.whole, 0))
        with builder.if_then(some):
            self._raise_flag(builder, data, BEYOND)
        builder.ret_void()
        return self.function

    def _block(self, vectors: int, line: Any, goal: Any, under: Any, j: Any, beyond: Any) -> None:
        """Emit some vectors of levels from column `j` on."""
        builder = self.builder
        wide, whole = (ir.VectorType(kind, self.lanes) for kind in (self.sum, self.whole))
        magic = ir.Constant(whole, [self.bits] * self.lanes)
        start = self._at(line, builder.mul(j, number(self.sum_bytes)))
        levels, doubts = [], []
        size = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(wide, [wide]),
            f"llvm.fabs.v{self.lanes}f{8 * self.sum_bytes}",
        )
        for n in range(vectors):
            place = self._at(start, number(n * self.lanes * self.sum_bytes))
            value = builder.fadd(self._load(place, wide), self.bias)
            moved = builder.fadd(value, self.magic)
            rest = builder.fsub(value, builder.fsub(moved, self.magic))
            doubts.append(builder.fcmp_ordered(">", builder.call(size, [rest]), self.limit))
            levels.append(builder.sub(builder.bitcast(moved, whole), magic))
        together = self._joined(levels)
        cut: list[Any] = []
        for limit, sign in ((self.low, ">"), (self.high, "<")):
            bound = ir.Constant(together.type, [limit] * together.type.count)
            now = cut[-1] if cut else together
            cut.append(builder.select(builder.icmp_signed(sign, now, bound), now, bound))
        stored = builder.trunc(cut[-1], ir.VectorType(self.level, vectors * self.lanes))
        place = self._at(goal, builder.mul(j, number(self.bytes)))
        builder.store(stored, builder.bitcast(place, stored.type.as_pointer()), align=1)
        # Levels in doubt are not yet known to be beyond.
        doubtful = self._joined(doubts)
        other = builder.and_(builder.icmp_signed("!=", together, cut[-1]), builder.not_(doubtful))
        bits = ir.IntType(vectors * self.lanes)
        flag = builder.icmp_unsigned("!=", builder.bitcast(other, bits), ir.Constant(bits, 0))
        builder.store(builder.or_(builder.load(beyond), builder.zext(flag, self.whole)), beyond)
        mask = builder.bitcast(doubtful, bits)
        with builder.if_then(builder.icmp_unsigned("!=", mask, ir.Constant(bits, 0)), likely=False):
            left = variable(builder, mask)
            lane = variable(builder, j)
            nothing = ir.Constant(bits, 0)
            with repeated(
                builder, lambda: builder.icmp_unsigned("!=", builder.load(left), nothing)
            ):
                odd = builder.trunc(builder.load(left), ir.IntType(1))
                with builder.if_then(odd):
                    self._call_one(under, goal, builder.load(lane))
                builder.store(builder.lshr(builder.load(left), ir.Constant(bits, 1)), left)
                builder.store(builder.add(builder.load(lane), number(1)), lane)

    def _joined(self, parts: list[Any]) -> Any:
        """Return vectors, one after another, as one."""
        while len(parts) > 1:
            count = 2 * parts[0].type.count
            parts = [
                self.builder.shuffle_vector(one, two, lane_numbers(range(count)))
                for one, two in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    # One level

    def _call_one(self, under: Any, goal: Any, j: Any) -> None:
        builder, args = self.builder, self.function.args
        pixels = self._at(under, builder.mul(j, args[4]))
        place = self._at(goal, builder.mul(j, number(self.bytes)))
        builder.call(self.one, [pixels, *args[5:10], place])

    def _emit_one(self, module: Any) -> Any:
        """Emit the function that sums one level exactly."""
        function = function_in(module, "level", [BYTES, INT, INT, INT, INT, BYTES, BYTES])
        pixels, down, right, tall, broad, data, out = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        number_of = self._load_by(builder)
        exact = builder.gep(data, [number(EXACT)])
        total = variable(builder, number_of(exact, _WIDE))
        tap = variable(builder, builder.gep(exact, [number(16)]))
        with cgutils.for_range(builder, tall) as a:
            line = builder.gep(pixels, [builder.mul(a.index, down)])
            with cgutils.for_range(builder, broad) as b:
                place = builder.gep(line, [builder.mul(b.index, right)])
                extend = builder.sext if self.signed else builder.zext
                pixel = extend(number_of(place, self.level), _WIDE)
                product = builder.mul(number_of(builder.load(tap), _WIDE), pixel)
                builder.store(builder.add(builder.load(total), product), total)
                builder.store(builder.gep(builder.load(tap), [number(16)]), tap)
        found, one = builder.load(total), ir.Constant(_WIDE, 1)
        shift = builder.zext(number_of(builder.gep(data, [number(SHIFT)]), INT), _WIDE)
        below = builder.ashr(found, shift)
        rest = builder.sub(found, builder.shl(below, shift))
        half = builder.shl(one, builder.sub(shift, one))
        odd = builder.trunc(below, ir.IntType(1))
        up = builder.or_(
            builder.icmp_signed(">", rest, half),
            builder.and_(builder.icmp_signed("==", rest, half), odd),
        )
        level = builder.add(below, builder.zext(up, _WIDE))
        margin = builder.sext(number_of(builder.gep(data, [number(MARGIN)]), INT), _WIDE)
        apart = builder.sub(rest, half)
        negative = builder.icmp_signed("<", apart, ir.Constant(_WIDE, 0))
        apart = builder.select(negative, builder.neg(apart), apart)
        with builder.if_then(builder.icmp_signed("<=", apart, margin)):
            self._raise_flag(builder, data, UNDECIDED)
        for limit, sign in ((self.low, "<"), (self.high, ">")):
            bound = ir.Constant(_WIDE, limit)
            beyond = builder.icmp_signed(sign, level, bound)
            with builder.if_then(beyond):
                self._raise_flag(builder, data, BEYOND)
            level = builder.select(beyond, bound, level)
        place = builder.bitcast(out, self.level.as_pointer())
        builder.store(builder.trunc(level, self.level), place, align=1)
        builder.ret_void()
        return function

    # Memory

    def _raise_flag(self, builder: Any, data: Any, flag: int) -> None:
        place = builder.gep(data, [number(flag)])
        builder.store(number(1), builder.bitcast(place, INT.as_pointer()))

    def _at(self, pointer: Any, offset: Any) -> Any:
        return self.builder.gep(pointer, [offset])

    def _load(self, pointer: Any, kind: Any) -> Any:
        return self._load_by(self.builder)(pointer, kind)

    def _load_by(self, builder: Any) -> Any:
        return lambda pointer, kind: builder.load(
            builder.bitcast(pointer, kind.as_pointer()), align=1
        )

    def _spread(self, value: Any) -> Any:
        nothing = ir.Constant(ir.VectorType(self.sum, self.lanes), ir.Undefined)
        lone = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(lone, nothing, lane_numbers([0] * self.lanes))


@intrinsic  # type: ignore[untyped-decorator]
def _address_of_finish(typing: Any, sums: Any, pixel: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        finish = _Finish(context, builder.module, sums.dtype, pixel.dtype).emit()
        return builder.ptrtoint(finish, INT)

    return types.intp(sums, pixel), emit


@njit(cache=True)
def address_of_finish(sums: Any, pixel: Any) -> int:
    """Return where the function lies that makes levels like `pixel` of such sums."""
    return int(_address_of_finish(sums, pixel))
