"""Sums of small integers times taps, of which one instruction takes two.

x86 has multiplications of bytes, and of words of 16 bits, that add the products of neighbours: half
the instructions, and pixels need not be widened before. A vector of pixels so gives the sums of
every other column, and the one a pixel further those between; they are kept apart until they are
stored. Taps must be as narrow as pixels. Sums of two products of bytes saturate, where others wrap
around: `dtypes.py` sees to it that none is so large.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from kernfit.correlate.vectors.emit import Emitter, cpu_features, lane_numbers, number, vector_bytes

# By the bytes of a pixel, whether it is signed, and the bytes of a vector: the feature that the CPU
# must have, and LLVM's name for the instruction.
_INSTRUCTIONS = {
    (1, False, 64): ("avx512bw", "llvm.x86.avx512.pmaddubs.w.512"),
    (1, False, 32): ("avx2", "llvm.x86.avx2.pmadd.ub.sw"),
    (1, False, 16): ("ssse3", "llvm.x86.ssse3.pmadd.ub.sw.128"),
    (2, True, 64): ("avx512bw", "llvm.x86.avx512.pmaddw.d.512"),
    (2, True, 32): ("avx2", "llvm.x86.avx2.pmadd.wd"),
    (2, True, 16): ("sse2", "llvm.x86.sse2.pmadd.wd"),
}


def takes_pairs(block: Emitter) -> bool:
    """Return whether the sums of a block can be made in this way on this CPU."""
    twice = block.sum_bytes == 2 * block.pixel_bytes
    return twice and block.vectors % 2 == 0 and has_instruction(block.pixel_bytes, block.signed)


def has_instruction(pixel_bytes: int, signed: bool) -> bool:
    """Return whether this CPU takes two products of such pixels at once."""
    feature, _ = _INSTRUCTIONS.get((pixel_bytes, signed, vector_bytes()), ("", ""))
    return feature in cpu_features()


def add_row(block: Any, pixels: Any, taps: list[Any], sums: list[Any]) -> list[Any]:
    """Add a row of taps, for each row of sums its own; of two vectors, even columns come first."""
    builder = block.builder
    last = builder.sub(block.broad, number(1))
    even = builder.and_(block.broad, number(-2))

    def two(b: Any, sums: list[Any]) -> list[Any]:
        loaded = [_load(block, pixels, b, vector, vector % 2) for vector in range(block.vectors)]
        return _add(block, loaded, [(_pair(block, tap, b),) * 2 for tap in taps], sums)

    def one(sums: list[Any]) -> list[Any]:
        # The pixel after the last tap's may lie outside: both columns come from one vector.
        loaded = [_load(block, pixels, last, vector, 0) for vector in range(block.vectors)]
        return _add(block, loaded, [_lone(block, tap, last) for tap in taps], sums)

    some = builder.icmp_signed(">", even, number(0))
    sums = block.when(some, sums, lambda sums: block.loop(number(0), even, 2, sums, two))
    is_odd = builder.icmp_signed("==", even, last)
    found: list[Any] = block.when(is_odd, sums, one)
    return found


def in_order(block: Any, sums: list[Any]) -> list[Any]:
    """Return sums in the order of their columns."""
    count = block.lanes
    order = [lane + count * odd for lane in range(count) for odd in (0, 1)]
    return [
        block.builder.shuffle_vector(*sums[n : n + 2], lane_numbers(half))
        for n in range(0, len(sums), 2)
        for half in (order[:count], order[count:])
    ]


def _load(block: Any, pixels: Any, b: Any, vector: int, further: int) -> Any:
    """Return what lies under tap `b` for the columns of a pair of vectors, or a pixel further."""
    builder, size = block.builder, block.pixel_bytes
    place = block.at(pixels, builder.mul(b, number(size)))
    place = block.at(place, number(vector // 2 * vector_bytes() + further * size))
    return builder.load(builder.bitcast(place, _pixels(block).as_pointer()), align=1)


def _pair(block: Any, tap: Any, b: Any) -> Any:
    """Return tap `b` and the next, narrowed, again and again."""
    builder, bits = block.builder, 8 * block.pixel_bytes
    both = ir.IntType(4 * bits)
    taps = builder.load(_place(block, tap, b, both), align=block.sum_bytes)
    mask = (1 << bits) - 1
    first = builder.and_(taps, ir.Constant(both, mask))
    second = builder.and_(
        builder.lshr(taps, ir.Constant(both, bits)), ir.Constant(both, mask << bits)
    )
    return _spread(block, builder.trunc(builder.or_(first, second), block.sum))


def _lone(block: Any, tap: Any, b: Any) -> tuple[Any, Any]:
    """Return tap `b`, narrowed, before a zero, and after one, again and again."""
    builder, bits = block.builder, 8 * block.pixel_bytes
    alone = builder.load(_place(block, tap, b, block.sum), align=block.sum_bytes)
    first = builder.and_(alone, ir.Constant(block.sum, (1 << bits) - 1))
    return _spread(block, first), _spread(block, builder.shl(alone, ir.Constant(block.sum, bits)))


def _place(block: Any, tap: Any, b: Any, kind: Any) -> Any:
    place = block.at(tap, block.builder.mul(b, number(block.sum_bytes)))
    return block.builder.bitcast(place, kind.as_pointer())


def _spread(block: Any, pair: Any) -> Any:
    return block.builder.bitcast(block.in_all_lanes(pair), _pixels(block))


def _pixels(block: Any) -> Any:
    return ir.VectorType(block.pixel, 2 * block.lanes)


def _add(block: Any, loaded: list[Any], taps: list[tuple[Any, Any]], sums: list[Any]) -> list[Any]:
    """Return the sums with the products of pixels and taps, for even and odd columns, added."""
    builder, total = block.builder, ir.VectorType(block.sum, block.lanes)
    _, name = _INSTRUCTIONS[block.pixel_bytes, block.signed, vector_bytes()]
    kind = ir.FunctionType(total, [_pixels(block)] * 2)
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    added = []
    for n, before in enumerate(sums):
        row, vector = divmod(n, block.vectors)
        products = builder.call(function, [loaded[vector], taps[row][vector % 2]])
        added.append(builder.add(before, products))
    return added
