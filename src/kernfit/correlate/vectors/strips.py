"""Correlation of one strip of rows, in vector code emitted through Numba.

A loop in plain Numba loads every pixel once for every tap. Here the sums of a *block*, a few rows
by a few vectors of output, stay in registers while the image rows under it pass by, and each
vector of pixels that is loaded serves all rows of the block that need it. The size of the kernel
is an ordinary run-time value, so each pair of dtypes compiles once.

Every block, wide or narrow, sums a pixel in the same order with the same ``fmuladd``. The last
block of a row overlaps the one before it instead of being computed in another way; therefore a
pixel has the same bits wherever the output is cut.

All of it is emitted, and is a function of its own that is called by its address: what Numba would
have to understand of it takes longer to compile than the code itself, and what calls it need not
be compiled again for each dtype.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

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
)
from kernfit.correlate.vectors.emit import vector_bytes as vector_bytes
from kernfit.correlate.vectors.tap_pairs import add_row, in_order, takes_pairs
from kernfit.heap import LINE

# How many vectors of sums a block of so many rows has side by side. With these the sums, the
# pixels and a tap fit into 32 registers (16 below 64 bytes), and enough sums are under way at once
# to hide the delay of each multiplication.
_VECTORS = {
    64: {5: 4, 3: 4, 1: 4},
    32: {5: 2, 3: 3, 1: 4},
    16: {5: 2, 3: 3, 1: 4},
}
_SHIFTS = 8  # of the pixels in registers, before they are loaded again


def vectors_of_blocks() -> tuple[int, int, int]:
    """Return how many vectors a wide block of 1, of 3 and of 5 rows has."""
    vectors = _VECTORS[vector_bytes()]
    return vectors[1], vectors[3], vectors[5]


class _Block(Emitter):
    """Emits the code for one block of sums, `vectors` wide; it must lie inside."""

    def __init__(
        self, context: Any, builder: Any, kinds: tuple[Any, Any], shape: tuple[int, int], *args: Any
    ) -> None:
        self.rows, vectors = shape
        super().__init__(context, builder, *kinds, vectors)
        # Vectors of 64 bytes straddle two cache lines at all shifts but one, which costs more
        # than to put them together from registers; narrower ones seldom do.
        self.shuffles = self.vectors > 1 and vector_bytes() == 64 and self.is_float
        self.shuffles = self.shuffles and self.pixel == self.sum
        self.pairs = takes_pairs(self)
        self.pixels, self.stride, self.taps, self.tall, self.broad, *results = args
        self.out, self.out_stride, self.passes_by = results

    # Memory

    def load_words(self, pointer: Any, vector: int) -> Any:
        """Return a vector of pixels as integers of the same bits."""
        kind = ir.VectorType(ir.IntType(8 * self.pixel_bytes), self.lanes)
        place = self.at(pointer, number(vector * self.lanes * self.pixel_bytes))
        place = self.builder.bitcast(place, kind.as_pointer())
        return self.builder.load(place, align=1)

    def join(self, one: Any, two: Any, shift: int) -> Any:
        """Return the pixels that begin `shift` lanes into the words `one` and end in `two`."""
        # Words, since for floats LLVM (20) does not see that one instruction does it.
        joined = self.builder.shuffle_vector(
            one, two, lane_numbers(range(shift, shift + self.lanes))
        )
        return self.builder.bitcast(joined, ir.VectorType(self.sum, self.lanes))

    # The block

    def emit(self) -> None:
        """Emit the block: image rows come one by one, each serves all rows that it lies under.

        The first and the last image rows lie under fewer rows of the block than those between;
        this needs at least as many rows of taps as the block has rows.
        """
        last = self.rows - 1
        sums = [self.zero()] * (self.rows * self.vectors)
        for n in range(last):
            sums = self.image_row(number(n), 0, n, sums)
        sums = self.loop(
            number(last), self.tall, 1, sums, lambda n, sums: self.image_row(n, 0, last, sums)
        )
        for n in range(last):
            sums = self.image_row(self.builder.add(self.tall, number(n)), n + 1, last, sums)
        if self.pairs:
            sums = in_order(self, sums)
        if self.vectors * vector_bytes() % LINE:
            self.store(sums, 1)
            return
        builder = self.builder
        place = builder.or_(builder.ptrtoint(self.out, INT), self.out_stride)
        in_lines = builder.icmp_signed("==", builder.and_(place, number(LINE - 1)), number(0))
        with builder.if_else(builder.and_(in_lines, self.passes_by)) as (lines, others):
            with lines:
                self.store(sums, LINE)
            with others:
                self.store(sums, 1)

    def store(self, sums: list[Any], align: int) -> None:
        """Store the sums; if they fill lines of the cache, past it."""
        for n, total in enumerate(sums):
            row, vector = divmod(n, self.vectors)
            place = self.at(self.out_row(row), number(vector * self.lanes * self.sum_bytes))
            place = self.builder.bitcast(place, total.type.as_pointer())
            stored = self.builder.store(total, place, align=min(align, vector_bytes()))
            if align == LINE:
                yes = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
                stored.set_metadata("nontemporal", yes)

    def out_row(self, row: int) -> Any:
        return self.at(self.out, self.builder.mul(number(row), self.out_stride))

    def image_row(self, n: Any, first: int, last: int, sums: list[Any]) -> list[Any]:
        """Add what image row `n` gives to the rows `first` to `last` of the block."""
        builder = self.builder
        pixels = self.at(self.pixels, builder.mul(n, self.stride))
        tap_stride = builder.mul(self.broad, number(self.sum_bytes))
        taps = [
            self.at(self.taps, builder.mul(builder.sub(n, number(row)), tap_stride))
            for row in range(first, last + 1)
        ]
        begin, end = first * self.vectors, (last + 1) * self.vectors
        along = self.shuffled_taps if self.shuffles else self.loaded_taps
        if self.pairs:
            along = partial(add_row, self)
        return sums[:begin] + along(pixels, taps, sums[begin:end]) + sums[end:]

    def loaded_taps(self, pixels: Any, taps: list[Any], sums: list[Any]) -> list[Any]:
        """Add a row of taps: every shift of the pixels is loaded."""

        def body(b: Any, sums: list[Any]) -> list[Any]:
            start = self.at(pixels, self.builder.mul(b, number(self.pixel_bytes)))
            shifted = [self.load_pixels(start, vector) for vector in range(self.vectors)]
            along = self.builder.mul(b, number(self.sum_bytes))
            return self.add_taps(shifted, [self.at(tap, along) for tap in taps], sums)

        return self.loop(number(0), self.broad, 1, sums, body)

    def shuffled_taps(self, pixels: Any, taps: list[Any], sums: list[Any]) -> list[Any]:
        """Add a row of taps: shifts of the pixels are put together from registers.

        All but the last vector: the one after it may lie outside the image.
        """
        builder = self.builder
        after = builder.append_basic_block("row_done")
        ends: list[tuple[Any, list[Any]]] = []

        def body(b: Any, sums: list[Any]) -> list[Any]:
            start = self.at(pixels, builder.mul(b, number(self.pixel_bytes)))
            along = [self.at(tap, builder.mul(b, number(self.sum_bytes))) for tap in taps]
            loaded = [self.load_words(start, vector) for vector in range(self.vectors)]
            left = builder.sub(self.broad, b)
            for shift in range(_SHIFTS):
                if shift:
                    ends.append((builder.block, sums))
                    more = builder.append_basic_block("shift")
                    builder.cbranch(builder.icmp_signed("==", left, number(shift)), after, more)
                    builder.position_at_end(more)
                shifted = [self.join(one, two, shift) for one, two in pairwise(loaded)]
                shifted.append(
                    self.load_pixels(
                        self.at(start, number(shift * self.pixel_bytes)), self.vectors - 1
                    )
                )
                sums = self.add_taps(
                    shifted, [self.at(tap, number(shift * self.sum_bytes)) for tap in along], sums
                )
            return sums

        sums = self.loop(number(0), self.broad, _SHIFTS, sums, body)
        ends.append((builder.block, sums))
        builder.branch(after)
        builder.position_at_end(after)
        merged = []
        for n, total in enumerate(sums):
            merged.append(builder.phi(total.type))
            for block, totals in ends:
                merged[-1].add_incoming(totals[n], block)
        return merged


_STRIP = [BYTES, INT, BYTES, INT, INT, BYTES, INT, INT, INT, INT]


class _Strip:
    """Emits the function that writes the valid correlation of an image with a kernel.

    Its arguments, in C's way of calling:

    pixels : pointer
        To the first pixel of ``height + tall - 1`` rows, each of ``width + broad - 1`` pixels that
        follow one another.
    stride : int
        Bytes from one row of pixels to the next.
    taps : pointer
        To ``tall * broad`` taps, one after another; there is one at least.
    tall, broad : int
    out : pointer
        To the first of `height` rows of `width` sums that follow one another, at least a vector.
    out_stride : int
        Bytes from one row of sums to the next.
    height, width : int
    large : int
        Whether there are so many sums that those written first would be gone from the cache before
        they are read: where they fill whole lines they need not be read into it either.
    """

    def __init__(self, context: Any, module: Any, kinds: tuple[Any, Any]) -> None:
        self.function = function_in(module, "strip", _STRIP)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.context, self.kinds = context, kinds
        self.pixel_bytes, self.sum_bytes = (kind.bitwidth // 8 for kind in kinds)

    def emit(self) -> Any:
        """Emit it: rows by fives, then by threes, then one by one; return the function."""
        builder = self.builder
        pixels, stride, taps, tall, broad, out, out_stride, height, width, large = (
            self.function.args
        )
        self.large = builder.icmp_signed("!=", large, number(0))
        i = variable(builder, number(0))
        for rows in (5, 3, 1):
            # A block has no more rows than the kernel, see _Block.emit.
            tall_enough = builder.icmp_signed(">=", tall, number(rows))

            def more(rows: int = rows, tall_enough: Any = tall_enough) -> Any:
                last = builder.add(builder.load(i), number(rows))
                return builder.and_(tall_enough, builder.icmp_signed("<=", last, height))

            with repeated(builder, more):
                at = builder.load(i)
                source = builder.gep(pixels, [builder.mul(at, stride)])
                target = builder.gep(out, [builder.mul(at, out_stride)])
                self.sweep(rows, width, source, stride, taps, tall, broad, target, out_stride)
                builder.store(builder.add(at, number(rows)), i)
        with builder.if_then(self.large):
            builder.fence("seq_cst")  # or other threads might not see what went past the cache
        builder.ret_void()
        return self.function

    def sweep(
        self, rows: int, width: Any, pixels: Any, stride: Any, taps: Any, tall: Any, broad: Any,
        out: Any, out_stride: Any,
    ) -> None:  # fmt: skip
        """Emit `rows` rows of the output: wide blocks, or where there is no room, narrow ones."""
        builder = self.builder
        vectors = _VECTORS[vector_bytes()][rows]
        narrow = vector_bytes() // self.sum_bytes
        wide = vectors * narrow

        def block(j: Any, vectors: int) -> Any:
            """Emit the block at column `j`, or before it if it would not fit; return where."""
            last = builder.sub(width, number(vectors * narrow))
            start = builder.select(builder.icmp_signed("<", j, last), j, last)
            source = builder.gep(pixels, [builder.mul(start, number(self.pixel_bytes))])
            target = builder.gep(out, [builder.mul(start, number(self.sum_bytes))])
            memory = source, stride, taps, tall, broad, target, out_stride, self.large
            _Block(self.context, builder, self.kinds, (rows, vectors), *memory).emit()
            return start

        # The second block begins at a whole vector of the image's memory, for these load faster, or
        # of the output's where it passes by the cache.
        places = (
            builder.udiv(builder.ptrtoint(memory, INT), number(size))
            for memory, size in ((out, self.sum_bytes), (pixels, self.pixel_bytes))
        )
        place = builder.select(self.large, *places)
        step = variable(builder, builder.sub(number(wide), builder.urem(place, number(narrow))))
        j = variable(builder, number(0))
        room = builder.icmp_signed("<=", number(wide), width)

        # The last wide block overlaps the one before it, for a narrow one takes no less time.
        def more() -> Any:
            rest = builder.sub(width, number(narrow))
            return builder.and_(room, builder.icmp_signed("<", builder.load(j), rest))

        with repeated(builder, more):
            start = block(builder.load(j), vectors)
            within = builder.icmp_signed("<", builder.add(start, number(wide)), width)
            after = builder.add(start, builder.load(step))
            builder.store(builder.select(within, after, width), j)
            builder.store(number(wide), step)
        with repeated(builder, lambda: builder.icmp_signed("<", builder.load(j), width)):
            block(builder.load(j), 1)
            builder.store(builder.add(builder.load(j), number(narrow)), j)


@intrinsic  # type: ignore[untyped-decorator]
def _address_of_strip(typing: Any, pixels: Any, sums: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        strip = _Strip(context, builder.module, (pixels.dtype, sums.dtype)).emit()
        return builder.ptrtoint(strip, INT)

    return types.intp(pixels, sums), emit


@njit(cache=True)
def address_of_strip(pixels: Any, sums: Any) -> int:
    """Return where the function for pixels and sums of these dtypes lies, for `correlate_strip`."""
    return int(_address_of_strip(pixels, sums))


@intrinsic  # type: ignore[untyped-decorator]
def correlate_strip(
    typing: Any, strip: Any, pixels: Any, stride: Any, taps: Any, tall: Any, broad: Any,
    out: Any, out_stride: Any, height: Any, width: Any, large: Any,
) -> Any:  # fmt: skip
    """Call the function at the address `strip`; see `_Strip`."""
    n, p = types.intp, types.voidptr
    return types.void(n, p, n, p, n, n, p, n, n, n, n), calling(_STRIP)
