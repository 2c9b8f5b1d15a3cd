"""Correlation of whole planes, borders and all, in one call of compiled code.

Where windows lie within the image, its own memory is read. Elsewhere, and where memory does not lie
as vector code wants it, a piece of the padded image is laid out first, small enough to stay in the
cache. Which is which depends on the shapes alone; every piece sums a pixel in the same way.

Of what dtype pixels and sums are, only the code for a strip knows (`vectors/strips.py`), and that
is called by its address: so this is compiled once for all of them, and moves bytes.
"""

from __future__ import annotations

from numpy import empty, uint8

from kernfit.arrays import Array
from kernfit.compiled import njit
from kernfit.correlate.vectors.laying_out import check_places, lay_out
from kernfit.correlate.vectors.pointers import (
    address_of,
    after,
    copy_bytes,
    copy_elements,
    keep,
    pointer_to,
    start_of,
)
from kernfit.correlate.vectors.strips import correlate_strip, vector_bytes, vectors_of_blocks
from kernfit.errors import InvalidInput

_VECTOR, _BLOCKS = vector_bytes(), vectors_of_blocks()

_PIECE = 1 << 18  # bytes of pixels that stay in the cache while all kernels pass over them
# A row is laid out whole if its bytes are so few, or so few for each multiplication of a pixel: its
# ends, laid out alone, are summed with less than all registers.
_NARROW, _NARROW_EACH = 1 << 10, 50
_WIDE = 1 << 13  # bytes of a row of a piece, at most, besides those the kernel spans
_ROWS = 15  # a piece has a multiple of these: blocks have 3 or 5


@njit(nogil=True, cache=True)
def correlate_planes(
    image: Array,
    taps: Array,
    out: Array,
    strip: int,
    rows: Array,
    columns: Array,
    down: int,
    right: int,
    fill: int,
    image_step: int,
    out_step: int,
    each: int,
    begin: int,
    end: int,
    first: int,
    stop: int,
    large: int,
) -> None:
    """Correlate planes with kernels, and write some rows of some planes of the output.

    Each plane of the image serves `each` planes of the output, one after another; the kernels are
    taken in turn, and begin anew when there are no more.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        The first plane, any strides.
    taps : ndarray, shape (m, kh, kw)
        Contiguous, of the dtype in which the sums are kept.
    out : ndarray, shape (h, w)
        The first plane of the output, any strides.
    strip : int
        The address of the code that sums these dtypes.
    rows, columns : ndarray of int64, shapes (h + kh - 1,) and (w + kw - 1,)
        Which row and column of the image stands at each position of the padded image; -1 where the
        fill value does.
    down, right : int
        At which position the image itself begins.
    fill : int
        What stands outside, as the integer with the same bytes.
    image_step, out_step : int
        Bytes from one plane to the next.
    each : int
        Planes of the output for every one of the image.
    begin, end : int
        Planes of the image. The caller knows that there are as many.
    first, stop : int
        Rows of the output.
    large : int
        Whether the whole output is too large for the cache.
    """
    (height, width), (tall, broad) = out.shape, taps.shape[1:]
    if taps.size == 0:
        raise InvalidInput("there must be taps")
    if first >= stop or begin >= end or width == 0:
        return
    if len(rows) != height + tall - 1 or len(columns) != width + broad - 1:
        raise InvalidInput("out must have the shape of the image less that of the taps, plus 1")
    if first < 0 or stop > height or down < 0 or right < 0:
        raise InvalidInput("rows must lie in the output, and the image not before its padding")
    check_places(rows, image.shape[0])
    check_places(columns, image.shape[1])

    # Where windows lie within the image, and memory will do.
    size, total = image.itemsize, out.itemsize
    vector = _VECTOR // total
    block = _BLOCKS[2 if tall >= 5 else 1 if tall >= 3 else 0] * vector
    # Narrow rows are summed as if they were as wide as a vector, or a block if they nearly are.
    least = vector if 2 * width <= block else block
    sums_fit = out.strides[1] == total and width >= least
    # What the sums of a row have too many may fall on the next row, which is written later: if
    # every row is one block, be it one of 5 rows, of 3 or of 1.
    falls = width < least <= 2 * width and out.strides == (width * total, total)
    for vectors in _BLOCKS:
        falls = falls and vectors * vector == block
    fit = image.strides[1] == size and sums_fit
    top = min(max(down, first), stop)
    bottom = min(max(down + image.shape[0] - tall + 1, top), stop) if fit else top
    left = min(right, width)
    right_end = min(max(right + image.shape[1] - broad + 1, left), width)
    if left > 0 or right_end < width:
        narrow = max(_NARROW, min(_NARROW_EACH * each * tall * broad, _WIDE // 2))
        if width * total <= narrow:
            bottom = top
    if left > 0:
        left = min(max(left, vector), width)
    if right_end < width:
        right_end = max(min(right_end, width - vector), left)
    if right_end - left < vector:
        right_end = left

    # Memory for a piece of the padded image and, where that of the output will not do, of sums.
    inside = first == top and stop == bottom and left == 0 and right_end == width
    most = max(min(width, _WIDE // total), least)
    pitch = (most + broad - 1 + vector - 1) & -vector  # a vector has 2^n numbers
    high = stop - first
    if not inside:
        high = min(max((_PIECE // (pitch * total) - tall + 1) // _ROWS, 1) * _ROWS, high)
    room = 0 if inside else ((high + tall - 1) * pitch + vector) * size
    scratch, paper = empty(room, uint8), empty(0 if sums_fit else high * most * total, uint8)
    if width < least:
        scratch[:] = 0  # what lies beside narrow rows is summed as well, and left behind

    pixels, sums = start_of(scratch), start_of(paper)
    # Whole vectors are loaded and stored faster: windows that begin with one have sums that do.
    start = (address_of(start_of(out)) & (_VECTOR - 1)) // total * size
    pixels = after(pixels, (start - address_of(pixels)) & (vector * size - 1))
    pitch *= size
    for n in range(begin, end):
        plane = after(start_of(image), n * image_step)
        i = first
        while i < stop:
            within = top <= i < bottom
            i1 = min(i + high, top if i < top else bottom if within else stop)
            j = 0
            while j < width:
                direct = within and left <= j < right_end
                if direct:
                    j0, j1, wide = j, right_end, right_end - j
                    start = (i - down) * image.strides[0] + (j - right) * size
                    source, stride = after(plane, start), image.strides[0]
                else:
                    j1 = min(j + most, left if within and j < left else width)
                    j0 = max(min(j, j1 - vector), 0)
                    wide = least if width < least else j1 - j0
                    source, stride = pixels, pitch
                    lay_out(
                        size, plane, image.strides[0], image.strides[1], right - j0,
                        image.shape[1], 0, 1, after(pointer_to(rows), i * 8),
                        after(pointer_to(columns), j0 * 8), fill, pixels, pitch,
                        i1 - i + tall - 1, j1 - j0 + broad - 1,
                    )  # fmt: skip
                for o in range(n * each, (n + 1) * each):
                    k = o % len(taps) * tall * broad * total
                    target = after(start_of(out), o * out_step + i * out.strides[0])
                    target = after(target, j0 * out.strides[1])
                    weights, done = after(start_of(taps), k), i1 - i
                    if not sums_fit:
                        done = done - 1 if falls else 0
                    correlate_strip(
                        strip, source, stride, weights, tall, broad, target, out.strides[0],
                        done, wide, large,
                    )  # fmt: skip
                    if not sums_fit:
                        correlate_strip(
                            strip, after(source, done * stride), stride, weights, tall, broad,
                            sums, most * total, i1 - i - done, wide, 0,
                        )  # fmt: skip
                        for a in range(done, i1 - i):
                            line = after(target, a * out.strides[0])
                            summed = after(sums, (a - done) * most * total)
                            if out.strides[1] == total:
                                copy_bytes(summed, line, (j1 - j0) * total)
                            else:
                                copy_elements(total, summed, total, line, out.strides[1], j1 - j0)
                j = j1
            i = i1
    keep(scratch)
    keep(paper)
