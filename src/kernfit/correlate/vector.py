"""Correlation of one strip of rows, in vector code emitted through Numba.

A loop in plain Numba loads every pixel once for every tap. Here the sums of a *block*, a few rows
by a few vectors of output, stay in registers while the image rows under it pass by, and each
vector of pixels that is loaded serves all rows of the block that need it. The size of the kernel
is an ordinary run-time value, so each pair of dtypes compiles once.

Every block, wide or narrow, sums a pixel in the same order with the same ``fmuladd``. The last
block of a row overlaps the one before it instead of being computed in another way; therefore a
pixel has the same bits wherever the output is cut.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from kernfit.correlate.emit import Emitter, lane_numbers, number
from kernfit.correlate.emit import vector_bytes as vector_bytes
from kernfit.correlate.pointers import address_of, after, bytes_of
from kernfit.errors import InvalidInput

# How many vectors of sums a block of so many rows has side by side. With these the sums, the
# pixels and a tap fit into 32 registers (16 below 64 bytes), and enough sums are under way at once
# to hide the delay of each multiplication.
_VECTORS = {
    64: {5: 4, 3: 4, 1: 4},
    32: {5: 2, 3: 3, 1: 4},
    16: {5: 2, 3: 3, 1: 4},
}
_SHIFTS = 8  # of the pixels in registers, before they are loaded again


class _Block(Emitter):
    """Emits the code for one block of sums."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        rows, wide, pixels, _, taps, *_ = signature.args
        self.rows = rows.literal_value
        vectors = _VECTORS[vector_bytes()][self.rows] if wide.literal_value else 1
        super().__init__(context, builder, pixels.dtype, taps.dtype, vectors)
        # Vectors of 64 bytes straddle two cache lines at all shifts but one, which costs more
        # than to put them together from registers; narrower ones seldom do.
        self.shuffles = self.vectors > 1 and vector_bytes() == 64 and self.is_float
        self.pixels, self.stride, self.taps, self.tall, self.broad, self.out, self.out_stride = (
            args[2:]
        )

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
        for n, total in enumerate(sums):
            row, vector = divmod(n, self.vectors)
            place = self.at(self.out_row(row), number(vector * self.lanes * self.sum_bytes))
            place = self.builder.bitcast(place, total.type.as_pointer())
            self.builder.store(total, place, align=1)

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


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _correlate_block(
    typing: Any,
    rows: Any,
    wide: Any,
    pixels: Any,
    stride: Any,
    taps: Any,
    tall: Any,
    broad: Any,
    out: Any,
    out_stride: Any,
) -> Any:
    """Write the block of sums that begins at `out`; it must lie inside."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _Block(context, builder, signature, args).emit()
        return context.get_dummy_value()

    number = types.intp
    return types.void(rows, wide, pixels, number, taps, number, number, out, number), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _block_width(typing: Any, rows: Any, wide: Any, taps: Any) -> Any:
    """Return how many columns a block has."""
    vectors = _VECTORS[vector_bytes()][rows.literal_value] if wide.literal_value else 1
    width = vectors * vector_bytes() * 8 // taps.dtype.bitwidth

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, width)

    return types.intp(rows, wide, taps), emit


def _sweep(rows: int) -> Any:
    """Return a function that writes `rows` rows of the output."""

    def sweep(
        pixels: Any,
        stride: int,
        taps: Any,
        tall: int,
        broad: int,
        out: Any,
        out_stride: int,
        width: int,
    ) -> None:
        wide = _block_width(rows, True, taps)
        narrow = _block_width(rows, False, taps)
        # The second block begins at a whole vector of the image's memory; these load faster.
        size = bytes_of(pixels)
        step = wide - address_of(pixels) // size % narrow
        j = 0
        # The last wide block overlaps the one before it, for a narrow one takes no less time.
        while j < width - narrow and wide <= width:
            start = min(j, width - wide)
            source, target = after(pixels, start * size), after(out, start * bytes_of(out))
            _correlate_block(rows, True, source, stride, taps, tall, broad, target, out_stride)
            j = start + step if start + wide < width else width
            step = wide
        while j < width:
            start = min(j, width - narrow)
            source, target = after(pixels, start * size), after(out, start * bytes_of(out))
            _correlate_block(rows, False, source, stride, taps, tall, broad, target, out_stride)
            j += narrow

    # Its code becomes part of that of its caller, once; a function of its own would be compiled
    # for itself and again as a part, and that for the first row, a literal 0, and for all others.
    return njit(inline="always")(sweep)


_one, _three, _five = (_sweep(rows) for rows in (1, 3, 5))


@njit(nogil=True)  # type: ignore[untyped-decorator]
def width_of_blocks(taps: Any, tall: int) -> int:
    """Return how many columns a wide block has for a kernel of so many rows."""
    if tall >= 5:
        return int(_block_width(5, True, taps))
    return int(_block_width(3, True, taps) if tall >= 3 else _block_width(1, True, taps))


@njit(nogil=True)  # type: ignore[untyped-decorator]
def correlate_strip(
    pixels: Any,
    stride: int,
    taps: Any,
    tall: int,
    broad: int,
    out: Any,
    out_stride: int,
    height: int,
    width: int,
) -> None:
    """Write the valid correlation of an image with a kernel.

    Arrays would be counted as used and unused again at each call, which takes longer than a block.

    Parameters
    ----------
    pixels : pointer
        To the first pixel of ``height + tall - 1`` rows, each of ``width + broad - 1`` pixels that
        follow one another.
    stride : int
        Bytes from one row of pixels to the next.
    taps : pointer
        To ``tall * broad`` taps, one after another.
    out : pointer
        To the first of `height` rows of `width` sums that follow one another, at least a vector.
    out_stride : int
        Bytes from one row of sums to the next.
    """
    if tall < 1 or broad < 1 or width < _block_width(1, False, taps):
        raise InvalidInput("there must be taps, and rows of at least one vector")
    i = 0
    while i < height:
        source, target = after(pixels, i * stride), after(out, i * out_stride)
        # A block has no more rows than the kernel, see _Block.emit.
        rows = min(height - i, tall)
        if rows >= 5:
            _five(source, stride, taps, tall, broad, target, out_stride, width)
            i += 5
        elif rows >= 3:
            _three(source, stride, taps, tall, broad, target, out_stride, width)
            i += 3
        else:
            _one(source, stride, taps, tall, broad, target, out_stride, width)
            i += 1
