"""How fast a kernel and a background vary: degrees chosen by what held-out blocks say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.varying.polynomial import Polynomial
from kernfit.learning.varying.solution import normal
from kernfit.learning.varying.sums import Block, Design

_FOLDS = 8
# A higher degree must predict held-out blocks better by so many standard errors of the gain.
_SURELY = 1.0
# A gain below this share of the after image's energy is what sums of squares leave of arithmetic.
_ARITHMETIC = 1e-12


def choose_degrees(
    largest: Design, blocks: list[Block], degrees: list[int], backgrounds: list[int]
) -> tuple[Design, dict[tuple[int, int], float]]:
    """Return the simplest design that predicts blocks it has not seen as well as any.

    First the kernel's degree is chosen, with the largest background; then the background's.

    Parameters
    ----------
    largest : Design
    blocks : list of Block
        With sums around the answer of `largest`.
    degrees, backgrounds : list of int
        To choose from, ascending; at least one each.

    Returns
    -------
    design : Design
    held_out : dict
        Root mean square of the residual in held-out blocks, by (degree, background degree).
    """
    errors: dict[tuple[int, int], Array] = {}
    count = sum(block.sums.count for block in blocks)
    energy = sum(float(block.sums.energy.sum()) for block in blocks)

    def design(degree: int, background: int) -> Design:
        size = largest.kernel.size
        return replace(
            largest, kernel=Polynomial(degree, size), background=Polynomial(background, size)
        )

    def best(pairs: list[tuple[int, int]]) -> tuple[int, int]:
        for pair in pairs:
            if pair not in errors:
                errors[pair] = held_out_errors(design(*pair), blocks)
        least = min(pairs, key=lambda pair: float(errors[pair].sum()))
        for pair in pairs:
            excess = errors[pair] - errors[least]
            chance = _SURELY * float(excess.std(ddof=1)) * np.sqrt(len(blocks))
            if excess.sum() <= max(chance, _ARITHMETIC * energy):
                return pair
        return least

    degree = degrees[0]
    if len(degrees) > 1:
        degree = best([(degree, backgrounds[-1]) for degree in degrees])[0]
    background = backgrounds[0]
    if len(backgrounds) > 1:
        background = best([(degree, background) for background in backgrounds])[1]
    held_out = {pair: float(np.sqrt(error.sum() / count)) for pair, error in errors.items()}
    return design(degree, background), held_out


def held_out_errors(design: Design, blocks: list[Block]) -> Array:
    """Return each block's squared error under the answer of the blocks of other folds."""
    folds = min(_FOLDS, len(blocks))
    fold = np.arange(len(blocks)) * 3 % folds
    errors = np.empty(len(blocks))
    for held in range(folds):
        others = [block for block, n in zip(blocks, fold, strict=True) if n != held]
        cross = sum(design.from_block(block, block.sums.cross[:, 0]) for block in others)
        numbers = normal(design, design.normal_matrix(others, constant=True)).inverse @ cross
        for n in np.flatnonzero(fold == held):
            weights = design.at_block(blocks[n], numbers)
            errors[n] = blocks[n].sums.squared_error(weights[:, np.newaxis])[0]
    return errors
