"""Sums of products for many outputs at once, in vector code emitted through Numba.

A layer's outputs are products of its taps with pixels at fixed offsets from each position. Here the
sums of a *block*, eight outputs by a few vectors of positions, stay in registers while all taps go
by: each vector of pixels that is loaded serves eight outputs, and no patches are laid out as for a
matrix product. Every block sums in the same order, so that a sum has the same bits in any of them.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.arrays import Array
from kernfit.correlate.emit import Emitter, number, vector_bytes
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
        wide, pixels, _, taps, _, _ = signature.args
        super().__init__(context, builder, pixels.dtype, taps.dtype, _vectors(wide))
        image, offsets, weights, sums = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[1:5], args[1:5], strict=True)
        )
        along = builder.mul(args[5], number(self.sum_bytes))
        self.image, self.out = self.at(image.data, along), self.at(sums.data, along)
        self.offsets, self.taps = self.at(offsets.data), self.at(weights.data)
        self.depth = cgutils.unpack_tuple(builder, weights.shape)[0]
        self.pitch = cgutils.unpack_tuple(builder, sums.strides)[0]

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
    typing: Any, wide: Any, pixels: Any, offsets: Any, taps: Any, sums: Any, first: Any
) -> Any:
    """Write the sums of one block, from position `first` on; it must lie inside."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _Block(context, builder, signature, args).emit()
        return context.get_dummy_value()

    return types.void(wide, pixels, offsets, taps, sums, types.intp), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _block_width(typing: Any, wide: Any, taps: Any) -> Any:
    """Return how many positions a block has."""
    width = _vectors(wide) * vector_bytes() * 8 // taps.dtype.bitwidth

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, width)

    return types.intp(wide, taps), emit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def sum_products(pixels: Array, offsets: Array, taps: Array, sums: Array) -> None:
    """Write ``sums[k, o, q] = sum over n of pixels[q + offsets[n]] * taps[k, n, o]``.

    Parameters
    ----------
    pixels : ndarray, 1-D
        Contiguous.
    offsets : ndarray of int64, shape (depth,)
        Where the pixel of each tap lies, from the position on.
    taps : ndarray, shape (blocks, depth, OUTPUTS)
        Contiguous, of the dtype of the pixels.
    sums : ndarray, shape (blocks, OUTPUTS, positions)
        Contiguous; a multiple of POSITIONS.
    """
    blocks, depth, outputs = taps.shape
    count = sums.shape[2]
    if depth == 0 or len(offsets) != depth or outputs != OUTPUTS or sums.shape[0] != blocks:
        raise InvalidInput("taps must have an offset each, and sums to go to")
    if sums.shape[1] != OUTPUTS or count % POSITIONS:
        raise InvalidInput("sums must have whole blocks")
    for offset in offsets:  # a plain loop compiles in a fraction of the time of min and max
        if offset < 0 or count + offset > len(pixels):
            raise InvalidInput("pixels must reach as far as the positions and offsets")
    wide, narrow = _block_width(True, taps), _block_width(False, taps)
    first = 0
    while first + wide <= count:
        for k in range(blocks):
            _sum_block(True, pixels, offsets, taps[k], sums[k], first)
        first += wide
    while first < count:
        for k in range(blocks):
            _sum_block(False, pixels, offsets, taps[k], sums[k], first)
        first += narrow
