"""The normal equations of a kernel that varies, exactly: sums that count by polynomials.

Where all pixels count alike, the products of two patches, each pixel times a polynomial in its
place, still depend on little but the lag between the taps: a step to the next tap changes the
polynomial into others of no higher degree, and the border. So lag products of the image with
itself times each polynomial hold nearly all, as in `kernfit.learning.sums.gram`, where the only
polynomial is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial.legendre import leggauss, legmul, legvander

from kernfit.arrays import Array
from kernfit.correlate.lags.sums import lag_sums
from kernfit.correlate.lags.tile import SPARE, LagTile, Room
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.sums.footprint import seen_by
from kernfit.learning.sums.gram import Border
from kernfit.learning.sums.origin import usual_level
from kernfit.learning.varying.polynomial import Polynomial
from kernfit.learning.varying.sums import Design

# Outputs that are taken off are summed up so many together, in so many parts at most.
_TOGETHER, _MOST_PARTS = 500, 8
# Rows of an image that are turned into float64 together.
_STRIP = 256


def exact_equations(
    design: Design, equations: Equations, origin: tuple[int, int], *, threads: int | None
) -> tuple[Array, Array]:
    """Return the normal equations of pixels that count alike, or not at all.

    Those that do not are taken off one by one, each of which costs as much as some hundred others.

    Parameters
    ----------
    design : Design
    equations : Equations
        Of one plane.
    origin : (row, column)
        Of the first output in the after image.
    threads : int, optional

    Returns
    -------
    matrix : ndarray, shape (numbers, numbers)
    cross : ndarray, shape (numbers,)
        The right-hand side.
    """
    kh, kw = design.shape
    used = equations.used[0]
    height, width = used.shape
    image, y = equations.x[0], equations.y[0]
    # Counted from its usual level, an image on a pedestal loses no digits to its lags.
    level = usual_level(image)
    if not used.all():
        image = np.where(seen_by(used, design.shape), image, image.dtype.type(level))
        y = np.where(used, y, 0)

    def pixels(rows: slice, columns: slice) -> Array:
        found: Array = np.subtract(image[rows, columns], level, dtype=np.float64)
        return found

    high, wide = image.shape
    border = Border.of(pixels, (high, wide), design.shape)
    degree = design.kernel.degree + max(design.kernel.degree, design.background.degree)
    down, across = (
        _Axis(length, degree, begin, count, taps)
        for length, begin, count, taps in zip(
            design.kernel.size, origin, (height, width), design.shape, strict=True
        )
    )
    powers = degree + 1
    lags, cross = _lags(design, image, level, y, origin, threads)
    gram = _go_down(_first_rows(lags, border, down, across), border, down, across)
    gram = gram.reshape(powers, powers, kh * kw, kh * kw)
    moments = _seen(image, down, across).reshape(powers, kh, powers, kw)
    patches = moments.transpose(0, 2, 1, 3).reshape(powers, powers, kh * kw)
    places = np.outer(down.inside.sum(axis=1), across.inside.sum(axis=1))
    gram += level * (patches[..., np.newaxis] + patches[..., np.newaxis, :])
    gram -= level**2 * places[..., np.newaxis, np.newaxis]
    rows, columns = (slice(at, at + n) for at, n in zip(origin, used.shape, strict=True))
    own = used.size * design.background.mean_products(design.background, rows, columns)
    matrix = design.joined(
        _of_terms(design.kernel, design.kernel, gram),
        _of_terms(design.kernel, design.background, patches),
        own,
    )
    if not used.all():
        matrix -= _of_outputs(design, image, ~used, origin, threads)
    cross += level * design.kernel.products(y, rows, columns)[:, np.newaxis]
    return matrix, np.append(cross, design.background.products(y, rows, columns))


class _Axis:
    """The Legendre polynomials along one axis of the outputs.

    Attributes
    ----------
    inside : ndarray, shape (powers, outputs)
    first : ndarray, shape (powers,)
        At the first output.
    beyond : ndarray, shape (powers, taps)
        At the places after the last output.
    back : ndarray, shape (powers, powers)
        What makes polynomials one place before of those at a place.
    windows : ndarray, shape (powers * taps, pixels)
        For each tap the polynomials at its pixels, 0 elsewhere.
    """

    def __init__(self, length: int, degree: int, begin: int, count: int, taps: int) -> None:
        step = 2 / max(1, length - 1)
        values = legvander(step * np.arange(begin, begin + count + taps) - 1, degree).T
        self.inside, self.first, self.beyond = values[:, :count], values[:, 0], values[:, count:]
        nodes = leggauss(degree + 1)[0]
        self.back = np.linalg.solve(legvander(nodes, degree), legvander(nodes - step, degree)).T
        windows = np.zeros((degree + 1, taps, count + taps - 1))
        for tap in range(taps):
            windows[:, tap, tap : tap + count] = self.inside
        self.windows = windows.reshape(-1, count + taps - 1)


def _seen(image: Array, down: _Axis, across: _Axis) -> Array:
    """Return the sums of what is under each tap times polynomials, (powers * kh, powers * kw)."""
    lines = np.zeros((len(down.windows), image.shape[1]))
    for top in range(0, len(image), _STRIP):
        part = slice(top, top + _STRIP)
        lines += down.windows[:, part] @ image[part].astype(np.float64, copy=False)
    found: Array = lines @ across.windows.T
    return found


def _lags(
    design: Design,
    image: Array,
    level: float,
    y: Array,
    origin: tuple[int, int],
    threads: int | None,
) -> tuple[Array, Array]:
    """Return lag products of an image with itself times polynomials, and with the after image.

    Returns
    -------
    lags : ndarray, shape (powers, powers, kh, 2 kw - 1)
    cross : ndarray, shape (kernel terms, taps)
    """
    kh, kw = design.shape
    products = Polynomial(2 * design.kernel.degree, design.kernel.size)

    def load(at: tuple[slice, slice], room: Room) -> LagTile:
        rows, columns = at
        height, width = rows.stop - rows.start, columns.stop - columns.start
        begin = max(0, columns.start - kw + 1)
        lacking = begin - (columns.start - kw + 1)
        seen, own = room.arrays(
            (1, height + kh - 1, width + 2 * (kw - 1) + SPARE),
            (len(products) + len(design.kernel), height, width),
        )
        seen[0, :, :lacking] = seen[0, :, -SPARE:] = 0.0
        reach = slice(rows.start, rows.stop + kh - 1), slice(begin, columns.stop + kw - 1)
        np.subtract(image[reach], level, out=seen[0, :, lacking:-SPARE])
        down, across = (
            slice(start + part.start, start + part.stop)
            for start, part in zip(origin, at, strict=True)
        )
        middle = seen[0, :height, kw - 1 : kw - 1 + width]
        products.times(middle, down, across, own[: len(products)])
        design.kernel.times(y[at], down, across, own[len(products) :])
        return LagTile(seen, own, None, np.zeros(0))

    firsts = [0] * len(products) + [kw - 1] * len(design.kernel)
    found = lag_sums(load, y.shape, (kh, 2 * kw - 1), firsts, 1, threads=threads)[0][:, 0]
    powers = design.kernel.degree + max(design.kernel.degree, design.background.degree) + 1
    lags = np.zeros((powers, powers, kh, 2 * kw - 1))
    lags[products.powers[:, 0], products.powers[:, 1]] = found[: len(products)]
    return lags, found[len(products) :, :, kw - 1 :].reshape(len(design.kernel), -1)


def _first_rows(lags: Array, border: Border, down: _Axis, across: _Axis) -> Array:
    """Return the products of the top row of taps with every tap, (powers, powers, kw, kh, kw)."""
    powers, _, kh, span = lags.shape
    kw, height = (span + 1) // 2, down.inside.shape[1]

    def products(mine: Array, others: Array) -> Array:
        heavy = (down.inside[:, np.newaxis] * mine[:, :height]).reshape(-1, height)
        found = [heavy @ others[:, c : c + height].T for c in range(kh)]
        return np.array(found).reshape(kh, powers, kw - 1, len(others)).transpose(1, 2, 0, 3)

    ends = products(border.right[kw - 1 :], border.right)  # (powers, kw - 1, kh, 2 (kw - 1))
    change = np.multiply.outer(across.beyond[:, 0], ends[..., kw - 1 :])
    change -= np.multiply.outer(across.first, products(border.left, border.left))
    change = change.swapaxes(0, 1)
    block = np.empty((powers, powers, kw, kh, kw))
    block[:, :, 0] = lags[..., kw - 1 :]
    moved = np.eye(powers)
    for b in range(1, kw):
        # The window over the first tap has moved by b columns: those are added.
        moved = across.back @ moved
        alone = lags[..., kw - 1 - b].copy()
        for m in range(b):
            alone += across.beyond[:, m, np.newaxis] * ends[:, np.newaxis, m, :, kw - 1 + m - b]
        block[:, :, b, :, 0] = moved @ alone
        before = block[:, :, b - 1, :, :-1] + change[:, :, b - 1]
        block[:, :, b, :, 1:] = np.einsum("qs,pscd->pqcd", across.back, before)
    return block


def _go_down(block: Array, border: Border, down: _Axis, across: _Axis) -> Array:
    """Return the products of all taps, shape (powers, powers, kh, kw, kh, kw)."""
    powers, _, kw, kh, _ = block.shape
    width = across.inside.shape[1]

    def products(rows: Array) -> Array:
        patches = sliding_window_view(rows, width, axis=1).reshape(-1, width)
        heavy = patches * across.inside[:, np.newaxis]
        found: Array = heavy @ patches.T
        return found.reshape(powers, kh - 1, kw, kh - 1, kw)

    gram = np.empty((powers, powers, kh, kw, kh, kw))
    gram[:, :, 0] = block
    gram[:, :, :, :, 0] = block.transpose(0, 1, 3, 4, 2)
    if kh > 1:
        bottom, top = products(border.bottom), products(border.top)
        for a in range(kh - 1):
            before = gram[:, :, a, :, :-1] + np.multiply.outer(down.beyond[:, 0], bottom[:, a])
            before -= np.multiply.outer(down.first, top[:, a])
            gram[:, :, a + 1, :, 1:] = np.tensordot(down.back, before, 1)
    return gram


def _of_terms(first: Polynomial, second: Polynomial, sums: Array) -> Array:
    """Return sums for each product of two terms from those for each polynomial along both axes."""
    powers = len(sums)
    table = _linearised(max(first.degree, second.degree) + 1, powers)
    down, across = (
        table[first.powers[:, np.newaxis, axis], second.powers[:, axis]].reshape(-1, powers)
        for axis in (0, 1)
    )
    both = (down[:, :, np.newaxis] * across[:, np.newaxis]).reshape(len(down), powers**2)
    found: Array = both @ sums.reshape(powers**2, -1)
    return found


def _of_outputs(
    design: Design, image: Array, outputs: Array, origin: tuple[int, int], threads: int | None
) -> Array:
    """Return the normal matrix of some outputs, from a row of numbers for each."""
    patches = sliding_window_view(image, design.shape)
    places = np.argwhere(outputs)
    count = min(_MOST_PARTS, -(-len(places) // _TOGETHER))
    found = np.zeros((count, len(design), len(design)))

    def work(first: int, stop: int) -> None:
        room, split = np.empty((_TOGETHER, len(design))), len(design.kernel) * design.taps
        for n in range(first, stop):
            part = places[len(places) * n // count : len(places) * (n + 1) // count]
            for begin in range(0, len(part), _TOGETHER):
                some = part[begin : begin + _TOGETHER]
                rows, where = room[: len(some)], (some + origin).T
                terms = rows[:, :split].reshape(len(some), len(design.kernel), -1)
                seen = patches[some[:, 0], some[:, 1]].reshape(len(some), 1, -1)
                np.multiply(design.kernel.at(*where)[:, :, np.newaxis], seen, out=terms)
                rows[:, split:] = design.background.at(*where)
                found[n] += rows.T @ rows

    for_strips(work, count, thread_count(threads))
    total: Array = found.sum(axis=0)
    return total


def _linearised(degrees: int, powers: int) -> Array:
    """Return products of Legendre polynomials as sums of them, shape (degrees, degrees, powers)."""
    table = np.zeros((degrees, degrees, powers))
    for first, mine in enumerate(np.eye(degrees)):
        for second, theirs in enumerate(np.eye(degrees)):
            product = legmul(mine, theirs)[:powers]
            table[first, second, : len(product)] = product
    return table
