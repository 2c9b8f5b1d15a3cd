"""Whether an image was compressed as JPEG: the grid of its blocks, from the image alone."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array

_SIDE = 8
_TILE = 16  # pixels from one vote to the next: their blocks share no place to start
_VOTES = 1024
_LEAST = 0.1  # of the voters
_CHANCE = 1e-6


def grid_votes(image: Array) -> tuple[int, int]:
    """Let parts of an image vote for the grid of 8x8 blocks on which it was compressed.

    JPEG rounds most of the frequencies in a block to zero. Blocks that lie otherwise have fewer
    zeros, so each part of the image votes for the one of the 64 grids with most of them; without
    compression no grid is favoured (T. Nikoukhah and others, ZERO: a local JPEG grid origin
    detector, IPOL 11, 2021).

    Parameters
    ----------
    image : ndarray, shape (H, W)

    Returns
    -------
    (votes, voters)
        For the grid that starts in the top left corner of the image, and for any grid.
    """
    from scipy.fft import dct

    span = 2 * _SIDE - 1
    tops = range(0, image.shape[0] - span + 1, _TILE)
    lefts = range(0, image.shape[1] - span + 1, _TILE)
    places = [(top, left) for top in tops for left in lefts]
    places = places[:: -(-len(places) // _VOTES) or 1]
    if not places:
        return 0, 0
    basis = dct(np.eye(_SIDE), axis=0, norm="ortho")
    votes = voters = 0
    for top, left in places:
        tile = image[top : top + span, left : left + span].astype(float)
        windows = np.lib.stride_tricks.sliding_window_view(tile, (_SIDE, _SIDE))
        zeros = np.count_nonzero(np.abs(basis @ windows @ basis.T) < 0.5, axis=(2, 3)).ravel()
        best = zeros.max()
        if zeros.min() == best or np.count_nonzero(zeros == best) > 1:
            continue  # a flat part has no say
        voters += 1
        votes += int(zeros[0] == best)  # tiles start at multiples of 8
    return votes, voters


def compressed(image: Array, predicted: Array) -> bool:
    """Whether an image was compressed in blocks of 8x8 pixels, and what predicts it was not.

    The image before may have been compressed too, and its grid shine through; so the votes for
    the grid in the corner have to be more than chance and the prediction together explain.

    Parameters
    ----------
    image, predicted : ndarray, shape (H, W)
        In levels of 8 bits.

    Returns
    -------
    bool
    """
    from scipy.special import bdtrc

    votes, voters = grid_votes(image)
    if voters == 0 or votes < _LEAST * voters:
        return False
    before, of = grid_votes(predicted)
    rate = (before + 1) / (of + 2)
    rate = max(1 / _SIDE**2, rate + 3 * np.sqrt(rate * (1 - rate) / (of + 2)))
    return rate < 1 and bool(bdtrc(votes - 1, voters, rate) < _CHANCE)
