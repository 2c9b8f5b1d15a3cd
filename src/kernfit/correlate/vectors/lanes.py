"""Vector code for Fourier transforms, emitted through Numba: one butterfly for a vector of columns.

Complex numbers are kept as two planes, real and imaginary parts: an array of shape
``(2, rows, columns)``. A *strip* is a vector wide. Its columns are transformed side by side, one
in each lane, so nothing ever has to move between lanes but in `transpose`.

None of these functions checks an index: the callers are in `fourier/`, and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.correlate.vectors.strips import vector_bytes

_CONTRACT = ("contract",)  # a product and a sum may become one instruction, where there is one


@dataclass(frozen=True, slots=True)
class _Complex:
    """A vector of complex numbers in the code that is being emitted."""

    builder: Any
    re: Any
    im: Any

    def __add__(self, other: _Complex) -> _Complex:
        return self._of("fadd", "fadd", other.re, other.im)

    def __sub__(self, other: _Complex) -> _Complex:
        return self._of("fsub", "fsub", other.re, other.im)

    def plus_i(self, other: _Complex) -> _Complex:
        """Return ``self + i other``."""
        return self._of("fsub", "fadd", other.im, other.re)

    def minus_i(self, other: _Complex) -> _Complex:
        """Return ``self - i other``."""
        return self._of("fadd", "fsub", other.im, other.re)

    def __mul__(self, other: _Complex) -> _Complex:
        re, im = self._scaled(other.re), self._scaled(other.im)
        return re.plus_i(im)

    def plus_product(self, one: _Complex, two: _Complex) -> _Complex:
        """Return ``self + one * two``: four instructions where products and sums are one."""
        first = self + one._scaled(two.re)
        return first.plus_i(one._scaled(two.im))

    def conjugate_times(self, other: _Complex) -> _Complex:
        """Return the product with the conjugate of `other`."""
        re, im = self._scaled(other.re), self._scaled(other.im)
        return re.minus_i(im)

    def times(self, factor: float) -> _Complex:
        """Return the product with a real number."""
        kind = self.re.type
        return self._scaled(ir.Constant(kind, [factor] * kind.count))

    def _scaled(self, factor: Any) -> _Complex:
        return self._of("fmul", "fmul", factor, factor)

    def _of(self, first: str, second: str, re: Any, im: Any) -> _Complex:
        return _Complex(
            self.builder,
            getattr(self.builder, first)(self.re, re, flags=_CONTRACT),
            getattr(self.builder, second)(self.im, im, flags=_CONTRACT),
        )


class _Planes:
    """An array, of which whole vectors are loaded and stored; the last axis has unit stride."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.data = array.data
        self.strides = cgutils.unpack_tuple(builder, array.strides)
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        number = context.get_value_type(kind.dtype)
        self.size = context.get_abi_sizeof(number)
        self.vector = ir.VectorType(number, vector_bytes() // self.size)

    def address(self, *index: Any) -> Any:
        """Return the address of an element; axes that are left out count as 0."""
        builder = self.builder
        place = builder.bitcast(self.data, ir.IntType(8).as_pointer())
        strides = [*self.strides[:-1], ir.Constant(ir.IntType(64), self.size)]
        for n, stride in zip(index, strides, strict=False):
            place = builder.gep(place, [builder.mul(n, stride)])
        return builder.bitcast(place, self.data.type)

    def load(self, *index: Any) -> Any:
        place = self.builder.bitcast(self.address(*index), self.vector.as_pointer())
        return self.builder.load(place, align=1)

    def store(self, value: Any, *index: Any) -> None:
        place = self.builder.bitcast(self.address(*index), self.vector.as_pointer())
        self.builder.store(value, place, align=1)

    def load_rows(self, rows: list[Any]) -> list[_Complex]:
        """Return the first vector of some rows, of both planes."""
        return [
            _Complex(self.builder, *(self.load(_n(part), row, _n(0)) for part in (0, 1)))
            for row in rows
        ]

    def load_complex(self, *index: Any) -> _Complex:
        """Return the first vector at an index, whose next axis has the two parts."""
        return _Complex(self.builder, *(self.load(*index, _n(part), _n(0)) for part in (0, 1)))

    def store_rows(self, vectors: list[_Complex], rows: list[Any]) -> None:
        """Store what `load_rows` loads."""
        for row, vector in zip(rows, vectors, strict=True):
            self.store(vector.re, _n(0), row, _n(0))
            self.store(vector.im, _n(1), row, _n(0))

    def spread_complex(self, row: Any, column: int) -> _Complex:
        """Return the number at (row, column) and the one after it, each in every lane."""
        parts = []
        for part in (0, 1):
            number = self.builder.load(self.address(row, _n(column + part)))
            nothing = ir.Constant(self.vector, ir.Undefined)
            lone = self.builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
            first = ir.Constant(ir.VectorType(ir.IntType(32), self.vector.count), None)
            parts.append(self.builder.shuffle_vector(lone, nothing, first))
        return _Complex(self.builder, *parts)


def _n(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def _split(x: list[_Complex]) -> list[_Complex]:
    """Return the transform of 2, 3 or 4 numbers."""
    if len(x) == 2:
        return [x[0] + x[1], x[0] - x[1]]
    if len(x) == 3:
        both, apart = x[1] + x[2], (x[1] - x[2]).times(math.sqrt(0.75))
        middle = x[0] + both.times(-0.5)
        return [x[0] + both, middle.minus_i(apart), middle.plus_i(apart)]
    a, b, c, d = x[0] + x[2], x[0] - x[2], x[1] + x[3], x[1] - x[3]
    return [a + c, b.minus_i(d), a - c, b.plus_i(d)]


def _join(x: list[_Complex]) -> list[_Complex]:
    """Return the transform back, times 2, 3 or 4."""
    first, *others = _split(x)
    return [first, *others[::-1]]


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def lanes(typing: Any, array: Any) -> Any:
    """Return how many numbers of the array's dtype a vector has."""
    count = vector_bytes() * 8 // array.dtype.bitwidth

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, count)

    return types.intp(array), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def split(typing: Any, radix: Any, x: Any, row: Any, step: Any, twiddles: Any, n: Any) -> Any:
    """Take `radix` times `step` rows apart, in place: one step of a transform.

    Row n of the twiddles has what all but the first are multiplied by before.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        strip = _Planes(context, builder, x, args[1])
        table = _Planes(context, builder, twiddles, args[4])
        turns = [table.spread_complex(args[5], 2 * k) for k in range(radix.literal_value - 1)]
        with cgutils.for_range(builder, args[3]) as loop:
            first = builder.add(args[2], loop.index)
            rows = _rows(builder, radix.literal_value, first, args[3])
            strip.store_rows(_split(_turned(strip.load_rows(rows), turns)), rows)
        return context.get_dummy_value()

    return types.void(radix, x, types.intp, types.intp, twiddles, types.intp), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def join(typing: Any, radix: Any, x: Any, row: Any, step: Any, twiddles: Any, n: Any) -> Any:
    """Undo `split`, but for a factor of `radix`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        strip = _Planes(context, builder, x, args[1])
        table = _Planes(context, builder, twiddles, args[4])
        turns = [table.spread_complex(args[5], 2 * k) for k in range(radix.literal_value - 1)]
        with cgutils.for_range(builder, args[3]) as loop:
            first = builder.add(args[2], loop.index)
            rows = _rows(builder, radix.literal_value, first, args[3])
            strip.store_rows(_turned_back(_join(strip.load_rows(rows)), turns), rows)
        return context.get_dummy_value()

    return types.void(radix, x, types.intp, types.intp, twiddles, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def multiply(typing: Any, x: Any, spectrum: Any, row: Any, twiddles: Any, n: Any) -> Any:
    """Split 4 rows, multiply them by the same rows of the spectrum, and join them."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        strip = _Planes(context, builder, x, args[0])
        factors = _Planes(context, builder, spectrum, args[1])
        table = _Planes(context, builder, twiddles, args[3])
        turns = [table.spread_complex(args[4], 2 * k) for k in range(3)]
        rows = _rows(builder, 4, args[2], _n(1))
        parts = _split(_turned(strip.load_rows(rows), turns))
        parts = [part * factor for part, factor in zip(parts, factors.load_rows(rows), strict=True)]
        strip.store_rows(_turned_back(_join(parts), turns), rows)
        return context.get_dummy_value()

    return types.void(x, spectrum, types.intp, twiddles, types.intp), emit


def _turned(x: list[_Complex], turns: list[_Complex]) -> list[_Complex]:
    return [x[0], *(part * turn for part, turn in zip(x[1:], turns, strict=True))]


def _turned_back(x: list[_Complex], turns: list[_Complex]) -> list[_Complex]:
    return [x[0], *(part.conjugate_times(turn) for part, turn in zip(x[1:], turns, strict=True))]


def _rows(builder: Any, count: int, row: Any, step: Any) -> list[Any]:
    return [builder.add(row, builder.mul(step, _n(k))) for k in range(count)]


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def mix(
    typing: Any, size: Any, x: Any, factors: Any, o: Any, p: Any, out: Any, n: Any, k: Any
) -> Any:
    """Write ``out[p, o, n, :, k] = sum over c of x[c, p] * factors[o, c]``.

    That for two `o` and `size` `p`, whose sums stay in registers. `x` and `factors` have vectors of
    the real and of the imaginary parts as their last two axes.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pixels, weights, sums = (
            _Planes(context, builder, kind, args[n]) for n, kind in ((1, x), (2, factors), (5, out))
        )
        outputs = [builder.add(args[3], _n(n)) for n in range(2)]
        pairs = [builder.add(args[4], _n(n)) for n in range(size.literal_value)]
        zero = ir.Constant(sums.vector, None)
        places = [
            [cgutils.alloca_once_value(builder, zero) for _ in range(2)]
            for _ in range(2 * len(pairs))
        ]
        with cgutils.for_range(builder, weights.shape[1]) as loop:
            values = [pixels.load_complex(loop.index, pair) for pair in pairs]
            taps = [weights.load_complex(output, loop.index) for output in outputs]
            for n, place in enumerate(places):
                before = _Complex(builder, *map(builder.load, place))
                after = before.plus_product(values[n // 2], taps[n % 2])
                builder.store(after.re, place[0])
                builder.store(after.im, place[1])
        for n, place in enumerate(places):
            for part in (0, 1):
                index = pairs[n // 2], outputs[n % 2], args[6], _n(part), args[7], _n(0)
                sums.store(builder.load(place[part]), *index)
        return context.get_dummy_value()

    index = types.intp
    return types.void(size, x, factors, index, index, out, index, index), emit


@intrinsic  # type: ignore[untyped-decorator]
def copy(typing: Any, source: Any, i: Any, j: Any, target: Any, k: Any, l: Any) -> Any:
    """Copy one vector, of 2-D arrays."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x = _Planes(context, builder, source, args[0])
        y = _Planes(context, builder, target, args[3])
        y.store(x.load(args[1], args[2]), args[4], args[5])
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, target, index, index), emit


@intrinsic  # type: ignore[untyped-decorator]
def transpose(typing: Any, source: Any, i: Any, j: Any, target: Any, k: Any, l: Any) -> Any:
    """Copy a square block, as wide as a vector, so that its rows become columns; 2-D arrays."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x = _Planes(context, builder, source, args[0])
        y = _Planes(context, builder, target, args[3])
        count = x.vector.count
        rows = [x.load(builder.add(args[1], _n(n)), args[2]) for n in range(count)]
        # Swap the off-diagonal quarters of blocks of 2 by 2, then of 4 by 4, and so on.
        step = 1
        while step < count:
            low = [n if not n & step else count + n - step for n in range(count)]
            high = [n + step if not n & step else count + n for n in range(count)]
            for n in range(count):
                if not n & step:
                    pair = rows[n], rows[n + step]
                    rows[n], rows[n + step] = (
                        builder.shuffle_vector(*pair, _mask(lanes)) for lanes in (low, high)
                    )
            step *= 2
        for n, row in enumerate(rows):
            y.store(row, builder.add(args[4], _n(n)), args[5])
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, target, index, index), emit


@intrinsic  # type: ignore[untyped-decorator]
def raise_to(typing: Any, most: Any, source: Any, i: Any, j: Any) -> Any:
    """Raise a vector of `most`, from `j` on, to the bits in row `i` of a 2-D array, less signs."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x = _Planes(context, builder, source, args[1])
        y = _Planes(context, builder, most, args[0])
        # All bits but the first, which is the sign.
        mask = ir.Constant(x.vector, [(1 << (8 * x.size - 1)) - 1] * x.vector.count)
        size, before = builder.and_(x.load(args[2], args[3]), mask), y.load(args[3])
        y.store(builder.select(builder.icmp_signed(">", size, before), size, before), args[3])
        return context.get_dummy_value()

    return types.void(most, source, types.intp, types.intp), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def peak(typing: Any, count: Any, source: Any, i: Any, most: Any, j: Any) -> Any:
    """Write the largest magnitudes of `count` rows, from row `i` on, to `most`, from `j` on.

    One vector of the rows of a 2-D array is looked at. NaN is larger than anything else.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x = _Planes(context, builder, source, args[1])
        y = _Planes(context, builder, most, args[3])
        # Without their sign, numbers are in the order of their bits read as integers.
        whole = ir.VectorType(ir.IntType(8 * x.size), x.vector.count)
        mask = ir.Constant(whole, [(1 << (8 * x.size - 1)) - 1] * x.vector.count)
        found = ir.Constant(whole, None)
        for n in range(count.literal_value):
            row = builder.bitcast(x.load(builder.add(args[2], _n(n)), _n(0)), whole)
            size = builder.and_(row, mask)
            found = builder.select(builder.icmp_signed(">", size, found), size, found)
        y.store(builder.bitcast(found, x.vector), args[4])
        return context.get_dummy_value()

    return types.void(count, source, types.intp, most, types.intp), emit


def _mask(numbers: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)
