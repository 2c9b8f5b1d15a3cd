"""Whether two images show the same thing at other places: mirrored, turned, scaled, shifted."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernfit.arrays import Array
from kernfit.learning.pairs.offset import find_offset, slope

# An image is called mirrored or turned if it is found so at this correlation, and by so much
# better than as it is.
_FOUND, _BETTER = 0.5, 0.25
_RIM = 6  # this part of it on each side is not looked for, so that the rest may be moved
# Places are compared over a grid of so many tiles each way, each up to so many pixels wide and
# looked for within so many.
_TILES, _SIDE, _REACH = 7, 64, 12
# A tile counts if it is found at this correlation; so many of them must agree within so many
# pixels, and at least this share of those that count.
_LIKE, _LEAST, _AGREE, _SHARE = 0.6, 9, 0.7, 0.6
# Displacements count if they differ by so many pixels, and so many standard errors, over the image.
_PIXELS, _ERRORS = 0.5, 6.0
# And if so many times more tiles lie so close to the map than would to one shift of all.
_MORE, _CLOSE = 1.25, 0.35

# What turns the after image back, quarters counter-clockwise and then a mirror, and what it was.
_TURNS = {
    (0, True): ("mirrored left to right", "Mirror it back first."),
    (2, True): ("mirrored top to bottom", "Mirror it back first."),
    (2, False): ("turned by 180 degrees", "Turn it back first."),
    (1, False): ("turned by 90 degrees clockwise", "Turn it back first."),
    (3, False): ("turned by 90 degrees counter-clockwise", "Turn it back first."),
    (1, True): ("mirrored about a diagonal", "Mirror it back first."),
    (3, True): ("mirrored about a diagonal", "Mirror it back first."),
}


def turned(before: Array, after: Array) -> tuple[str, str] | None:
    """Say how the after image was mirrored or turned, and what to do; None if it was not.

    Parameters
    ----------
    before, after : ndarray, shape (channels, H, W)

    Returns
    -------
    (words, remedy) or None
    """
    height, width = after.shape[1:]
    scores: dict[tuple[int, bool], float] = {}
    for quarters, mirrored in ((0, False), *_TURNS):
        if quarters % 2 and height != width:
            continue
        back = np.rot90(after, quarters, axes=(1, 2))
        back = back[:, :, ::-1] if mirrored else back
        top, left = height // _RIM, width // _RIM
        middle = back[:, top : height - top, left : width - left]
        scores[quarters, mirrored] = find_offset(before, middle)[1]
    best = max(scores, key=lambda turn: scores[turn])
    as_it_is = scores[0, False]
    if best == (0, False) or scores[best] < max(_FOUND, as_it_is + _BETTER):
        return None
    return _TURNS[best]


def moved(
    before: Array, after: Array, pixel: int, kernel: tuple[int, int]
) -> tuple[str, str] | None:
    """Say how the after image was rotated, scaled or shifted, and what to do; None if it was not.

    Tiles of the after image are looked for in the before image, and a linear map is fitted to
    where they are found.

    Parameters
    ----------
    before, after : ndarray, shape (channels, H, W)
    pixel : int
        How many of the true pixels each way one of theirs stands for.
    kernel : (rows, columns)
        A shift of the whole by less is a kernel's.

    Returns
    -------
    (words, remedy) or None
    """
    places, shifts = _displacements(slope(before), slope(after))
    if len(places) < _LEAST:
        return None
    terms = np.column_stack([np.ones(len(places)), places])
    kept = np.ones(len(places), bool)
    for _ in range(6):
        found = np.linalg.lstsq(terms[kept], shifts[kept], rcond=None)[0]
        off = np.linalg.norm(shifts - terms @ found, axis=1)
        agree = off < max(_AGREE, 1.5 * float(np.median(off)))
        if np.array_equal(agree, kept) or agree.sum() < _LEAST:
            break
        kept = agree
    off = np.linalg.norm(shifts - terms @ found, axis=1)
    good = off < _AGREE
    if good.sum() < max(_LEAST, _SHARE * len(places)):
        return None
    rms = float(np.sqrt(np.mean(off[good] ** 2) / 2)) + 0.05
    errors = rms * np.sqrt(np.diagonal(np.linalg.inv(terms[good].T @ terms[good])))[1:]
    # Places are from -1 to 1, so a coefficient is the displacement at the image's edge.
    slopes = found[1:]
    alike = np.linalg.norm(shifts - np.median(shifts, axis=0), axis=1)
    needed = np.count_nonzero(off < _CLOSE) > _MORE * np.count_nonzero(alike < _CLOSE)
    half = np.array(after.shape[1:]) / 2
    if needed and np.any(np.abs(slopes) > np.maximum(_ERRORS * errors[:, np.newaxis], _PIXELS)):
        return _map_in_words(slopes / half[:, np.newaxis])
    return _shift_in_words(-found[0] * pixel, pixel, kernel)


def shifted(
    before: Array, after: Array, pixel: int, kernel: tuple[int, int]
) -> tuple[str, str] | None:
    """Say by how much the whole after image was shifted; as `moved`, for large shifts."""
    height, width = after.shape[1:]
    top, left = height // _RIM, width // _RIM
    middle = after[:, top : height - top, left : width - left]
    (row, column), like = find_offset(before, middle)
    if like < _FOUND:
        return None
    return _shift_in_words(np.array([top - row, left - column]) * pixel, pixel, kernel)


def _shift_in_words(shift: Array, pixel: int, kernel: tuple[int, int]) -> tuple[str, str] | None:
    """Say by how much an image was shifted, unless a kernel may have done it."""
    if np.all(np.abs(shift) <= np.array(kernel) / 2 + pixel):
        return None
    parts = [
        f"{abs(by):.0f} pixels {words[bool(by < 0)]}"
        for by, words in zip(shift, (("down", "up"), ("right", "left")), strict=True)
        if abs(by) > 0.5
    ]
    return f"shifted by {' and '.join(parts)}", "Shift it back first."


def _map_in_words(linear: Array) -> tuple[str, str]:
    """Say what the linear part of a map from after to before does."""
    turn = (linear[0, 1] - linear[1, 0]) / 2
    grow = (linear[0, 0] + linear[1, 1]) / 2
    rest = max(abs(linear[0, 1] + linear[1, 0]) / 2, abs(linear[0, 0] - linear[1, 1]) / 2)
    words = []
    if abs(turn) > max(1.5 * rest, 0.1 * abs(grow)):
        way = "clockwise" if turn > 0 else "counter-clockwise"
        size = f"{abs(np.degrees(turn)):.2g}"
        words.append(f"rotated by about {size} degree{'s' * (size != '1')} {way}")
    if abs(grow) > max(1.5 * rest, 0.1 * abs(turn)):
        words.append(f"scaled by about {1 / (1 + grow):.3g}")
    if not words:
        words.append("sheared, or seen from another place")
    return " and ".join(words), "Bring both to the same geometry first."


def _displacements(before: Array, after: Array) -> tuple[Array, Array]:
    """Return places of tiles of the after image, from -1 to 1, and how far off before has them."""
    size = np.array(after.shape)
    side = int(min(_SIDE, *(size // 4)))
    reach = min(_REACH, side // 2)
    if side < 16 or before.shape != after.shape:
        return np.empty((0, 2)), np.empty((0, 2))
    places, shifts = [], []
    for top in np.linspace(reach, size[0] - side - reach, _TILES).astype(int):
        for left in np.linspace(reach, size[1] - side - reach, _TILES).astype(int):
            tile = after[top : top + side, left : left + side]
            around = before[top - reach : top + side + reach, left - reach : left + side + reach]
            where = _best_place(around, tile)
            if where is not None:
                places.append((np.array([top, left]) + side / 2) / size * 2 - 1)
                shifts.append(where - reach)
    return np.array(places).reshape(-1, 2), np.array(shifts).reshape(-1, 2)


def _best_place(around: Array, tile: Array) -> Array | None:
    """Return the row and column, to a part of a pixel, at which a tile fits best."""
    windows = sliding_window_view(around, tile.shape)
    level = tile - tile.mean()
    power = float(np.sum(level**2))
    mean = windows.mean(axis=(2, 3))
    spread = np.einsum("ijab,ijab->ij", windows, windows) - tile.size * mean**2
    if power <= 0 or spread.min() <= 0:
        return None
    score = np.einsum("ijab,ab->ij", windows, level) / np.sqrt(spread * power)
    i, j = np.unravel_index(int(np.argmax(score)), score.shape)
    if score[i, j] < _LIKE or i in (0, len(score) - 1) or j in (0, score.shape[1] - 1):
        return None
    return np.array([i + _top(score[i - 1 : i + 2, j]), j + _top(score[i, j - 1 : j + 2])])


def _top(three: Array) -> float:
    """Return where the parabola through three values is highest, the middle one being largest."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(0.5 * (three[0] - three[2]) / bend) if bend < 0 else 0.0
