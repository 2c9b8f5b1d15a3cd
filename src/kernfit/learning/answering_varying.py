"""Learn a kernel that varies smoothly over the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from kernfit.arrays import Array, as_pair_of_ints, one_of
from kernfit.correlate.threads import at_once, thread_count
from kernfit.errors import InvalidInput, ResultTooLarge
from kernfit.learning.answers.verdict import Status
from kernfit.learning.misfits.clues import Clues, with_retouched
from kernfit.learning.misfits.misfit import kind_of_misfit
from kernfit.learning.misfits.structure import structure
from kernfit.learning.outliers.robust import without_outliers
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.noise import photon_noise
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sizes.survey import survey
from kernfit.learning.varying.degree import choose_degrees
from kernfit.learning.varying.errors import field_errors
from kernfit.learning.varying.fit import VaryingFit
from kernfit.learning.varying.kernel_field import KernelField
from kernfit.learning.varying.polynomial import Polynomial
from kernfit.learning.varying.solution import (
    VaryingSolution,
    around_solution,
    solve_varying,
)
from kernfit.learning.varying.sums import Block, Design, block_sums, residual_strips

# Degrees that "auto" chooses from.
_DEGREES = (0, 1, 2, 3)
_HIGHEST = 12
# Blocks for each term of the kernel, and at least: errors compare blocks beyond those that the
# terms take up, and within a block the terms should change little.
_BLOCKS_EACH, _LEAST_BLOCKS = 8, 25
_BLOCK_BYTES = 1 << 30  # of all blocks' statistics
_MATRIX_BYTES = 2 << 30  # of the normal matrix
# "auto" looks only at fields with at most so many numbers, and so few for each pixel.
_MOST_NUMBERS = 2600
_PIXELS_EACH = 4
# A residual below this share of the after image's spread is that of arithmetic in float32.
_ARITHMETIC = 1e-6
# A residual this many times above its floor is more than rounding.
_ABOVE_FLOOR = 1.35


def learn_varying(
    before: ArrayLike,
    after: ArrayLike,
    *,
    degree: int | str = "auto",
    background: int | str | None = "auto",
    scale: str = "varying",
    shape: str | int | Sequence[int] = "auto",
    variance: ArrayLike | str | None = None,
    clip: Sequence[float] | None = None,
    mask: ArrayLike | None = None,
    robust: bool = False,
    threads: int | None = None,
) -> VaryingFit:
    """Find a kernel and a background that vary smoothly over the image.

    Each tap, and the background, is a polynomial in the place. This is how images of the sky are
    matched before they are subtracted: the star images of telescope and air differ from corner to
    corner (C. Alard and R. H. Lupton, ApJ 503, 1998; L. Hu et al., ApJ 936, 2022).

    Parameters
    ----------
    before : array_like, shape (H, W)
        The image that went in: of the sky, the sharper or deeper one.
    after : array_like
        The image that came out, of equal size, or smaller by the kernel's shape less 1.
    degree : int or "auto", default "auto"
        Degree of the polynomial in row and column, 0 for a kernel that is the same everywhere.
        "auto" takes the lowest one, up to 3, that predicts blocks of the image which were held
        out as well as any.
    background : int, "auto" or None, default "auto"
        The same for what is added; None for nothing.
    scale : {"varying", "constant"}, default "varying"
        Whether the kernel's sum, the photometric scale, may vary with the place.
    shape : "auto", int or (rows, columns), default "auto"
        The kernel's shape.
    variance : array_like or "photons", optional
        Of the noise in each pixel of the after image, on any scale: pixels count by its inverse.
        "photons" finds it from the residual, as a constant plus a share of the level: bright stars
        have more noise. Default: all pixels count alike, which is faster.
    clip, mask, robust, threads
        As for `kernfit.learn`.

    Returns
    -------
    VaryingFit
        ``.at(row, column)`` is the kernel at a pixel, ``.stderr_at`` its errors, ``.difference``
        makes the difference image.

    Raises
    ------
    InvalidInput
        If the images have channels, do not belong together, there are fewer pixels than numbers
        to learn, or an option is not one of those above.
    ResultTooLarge
        If the sums for so many taps and terms would not fit in memory.

    See Also
    --------
    learn : One kernel for the whole image.

    Examples
    --------
    A blur that grows from left to right:

    >>> import numpy as np, kernfit
    >>> x = kernfit.scene((120, 200)).astype(float)
    >>> share = np.linspace(0, 0.5, 200)
    >>> y = (1 - share) * x
    >>> y[:, 1:-1] += (share[1:-1] / 2) * (x[:, 2:] + x[:, :-2])
    >>> fit = learn_varying(x, y, degree=1, background=0, shape=(1, 3))
    >>> fit.at(60, 20).taps.round(4) + 0
    array([[0.0251, 0.9497, 0.0251]])
    >>> fit.at(60, 180).taps.round(4) + 0
    array([[0.2261, 0.5477, 0.2261]])
    """
    for value, name in ((degree, "degree"), (background, "background")):
        _check_degree(value, name)
    constant_sum = one_of(scale, ("varying", "constant"), "scale") == "constant"
    photons = isinstance(variance, str)
    if photons and variance != "photons":
        raise InvalidInput(f"variance must be an array or 'photons', got {variance!r}")
    given = None if photons else variance
    pair = Pair.of(before, after, clip=clip, mask=mask, variance=given)
    if len(pair.before) != 1 or len(pair.after) != 1:
        raise InvalidInput(
            "before and after must be single planes (rows, columns) for a kernel that varies, got "
            f"{len(pair.before)} and {len(pair.after)} channels: learn each apart"
        )
    threads = thread_count(threads)
    if pair.variance is not None:
        pair = _of_mean_weight_1(pair, pair.variance)
    with threadpool_limits(1, user_api="blas"):
        size = _size(pair, shape, robust=robust, threads=threads)
        question = _Question(pair, size, degree, background, constant_sum, threads)
        if photons:
            # Bright stars pull a fit in which all pixels count alike, so it shows too little of
            # their noise; the second time they no longer do.
            for _ in range(2):
                field = question.field(pair)
                pair = _of_mean_weight_1(pair, _photon_variance(pair, field)[np.newaxis])
        if robust:
            pair = without_outliers(pair, question.field, _residuals)[1]
        return question.answer(pair)


class _Question:
    """What is asked of a pair, whichever of its pixels count."""

    def __init__(
        self,
        pair: Pair,
        shape: tuple[int, int],
        degree: int | str,
        background: int | str | None,
        constant_sum: bool,
        threads: int,
    ) -> None:
        self.shape, self.threads, self.constant_sum = shape, threads, constant_sum
        self.size = (pair.after.shape[1], pair.after.shape[2])
        self.same_size, self.clip = pair.same_size, pair.clip
        self.anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2) if pair.same_size else (0, 0)
        used = pair.equations(shape, self.anchor).count
        self.backgrounds = _choices(background)
        most = min(_MOST_NUMBERS, used // _PIXELS_EACH)
        self.degrees = [
            each
            for each in _choices(degree)
            if each == 0 or degree != "auto" or len(self.design(each, self.backgrounds[-1])) <= most
        ]
        numbers = len(self.largest())
        if numbers > used:
            raise InvalidInput(
                f"there must be more pixels than numbers to learn, got {used} pixels that count "
                f"for {numbers} numbers: use larger images, a lower degree or a smaller shape"
            )
        if numbers**2 * 8 > _MATRIX_BYTES:
            raise ResultTooLarge(
                f"the field must have at most {int((_MATRIX_BYTES / 8) ** 0.5)} numbers, got "
                f"{numbers}, {shape[0]}x{shape[1]} taps in {len(self.largest().kernel)} terms: "
                "ask for a lower degree or a smaller shape"
            )

    def design(self, degree: int, background: int) -> Design:
        return Design(
            Polynomial(degree, self.size),
            Polynomial(background, self.size),
            self.shape,
            self.constant_sum,
        )

    def largest(self) -> Design:
        return self.design(self.degrees[-1], self.backgrounds[-1])

    def answer(self, pair: Pair) -> VaryingFit:
        """Choose the degrees, if that is asked for, and fit."""
        design = self.largest()
        held_out: dict[tuple[int, int], float] = {}
        if len(self.degrees) > 1 or len(self.backgrounds) > 1:
            equations, blocks = self._sums(pair, design)
            blocks = around_solution(self._solve(design, equations, blocks), blocks)
            design, held_out = choose_degrees(design, blocks, self.degrees, self.backgrounds)
        return self.fit(pair, design, held_out)

    def field(self, pair: Pair) -> KernelField:
        """Return the field of largest degrees, neither judged nor with errors."""
        return self._solve(self.largest(), *self._sums(pair, self.largest())).field

    def fit(self, pair: Pair, design: Design, held_out: dict[tuple[int, int], float]) -> VaryingFit:
        """Fit a field of given degrees."""
        equations, blocks = self._sums(pair, design)
        solution = self._solve(design, equations, blocks)
        count = sum(block.sums.count for block in blocks)
        total = sum(float(block.sums.cross[-1, 0]) for block in blocks)
        variance = sum(float(block.sums.energy[0]) for block in blocks) - total**2 / count
        squared = max(0.0, float(solution.residual.squared.sum()))
        floor = 1 / np.sqrt(12) if pair.after.dtype.kind in "iu" else 0.0
        rms = float(np.sqrt(squared / count))
        errors, status = at_once(
            partial(field_errors, solution, blocks, threads=self.threads),
            partial(self._judge, solution, blocks, rms, floor, variance / count),
            threads=self.threads,
        )
        return VaryingFit(
            field=solution.field,
            errors=errors,
            residual_rms=rms,
            residual_floor=floor,
            r2=1 - squared / variance if variance > 0 else np.nan,
            used=count,
            left_out=equations.left_out,
            status=status,
            held_out=held_out,
        )

    def _sums(self, pair: Pair, design: Design) -> tuple[Equations, list[Block]]:
        equations = pair.equations(self.shape, self.anchor)
        number = max(_LEAST_BLOCKS, _BLOCKS_EACH * len(design.kernel))
        number = max(1, min(number, _BLOCK_BYTES // (8 * (design.taps + 1) ** 2)))
        return equations, block_sums(
            equations,
            self.anchor,
            self.shape,
            self.anchor,
            number,
            threads=self.threads,
        )

    def _solve(self, design: Design, equations: Equations, blocks: list[Block]) -> VaryingSolution:
        nothing = np.zeros((1, *self.shape))
        template = KernelField(nothing, np.zeros(0), 0, -1, self.size, self.anchor, self.same_size)
        return solve_varying(design, equations, blocks, template, threads=self.threads)

    def _judge(
        self,
        solution: VaryingSolution,
        blocks: list[Block],
        rms: float,
        floor: float,
        variance: float,
    ) -> Status:
        """Say whether to believe the answer."""
        unknown = int(np.count_nonzero(~solution.normal.determined))
        if unknown:
            return Status(
                "undetermined",
                f"{unknown} of {len(solution.design)} numbers of the field are not determined: "
                "the before image has too little detail in parts",
                "Ask for a lower degree or a smaller shape.",
            )
        if rms <= max(_ABOVE_FLOOR * floor, _ARITHMETIC * np.sqrt(variance)):
            return Status("good", "The varying kernel explains the after image")
        strips = list(residual_strips(solution.residual, blocks, self.anchor))
        found = structure(strips, self.anchor, self.clip)
        found = with_retouched(found, strips, self.anchor)
        r2 = 1 - rms**2 / variance if variance > 0 else 0.0
        misfit = kind_of_misfit(found, Clues(), rms=rms, floor=floor, r2=r2)
        if misfit is None:
            return Status(
                "good",
                f"The varying kernel explains the after image, up to noise of {rms:.3g} grey "
                "levels",
            )
        remedy = misfit.remedy
        if misfit.kind == "varies over the field":
            remedy = "Ask for a higher degree, of the kernel or of the background."
        return Status("misfit", misfit.about("a varying kernel"), remedy, misfit.kind)


def _of_mean_weight_1(pair: Pair, variance: Array) -> Pair:
    """Return a pair with variances on a scale on which pixels count as 1 in the mean."""
    return replace(pair, variance=variance * float(np.mean(1 / variance)))


def _photon_variance(pair: Pair, field: KernelField) -> Array:
    """Return the variance of photon noise in each pixel, by the predicted level."""
    equations, errors = _residuals(pair, field)
    used = equations.used
    levels = np.where(used, equations.y - errors, 0.0)
    readout, photons = photon_noise(errors[used], levels[used])
    variance = np.full(pair.after.shape[1:], np.inf)
    inside = tuple(
        slice(at, at + n) for at, n in zip(field.anchor, equations.y.shape[1:], strict=True)
    )
    inner = np.clip(levels[0], levels[used].min(), levels[used].max())
    variance[inside] = np.maximum(readout + photons * inner, np.finfo(float).tiny)
    return variance


def _residuals(pair: Pair, field: KernelField) -> tuple[Equations, Array]:
    """Return the equations of a pair, and the residual of each output, 0 where none counts."""
    equations = pair.equations(field.shape, field.anchor)
    height, width = equations.y.shape[1:]
    rows, columns = (slice(at, at + n) for at, n in zip(field.anchor, (height, width), strict=True))
    errors = equations.y - field.over(equations.x[0].astype(float), rows, columns, threads=None)
    return equations, np.where(equations.used, errors, 0.0)


def _size(
    pair: Pair, shape: str | int | Sequence[int], *, robust: bool, threads: int
) -> tuple[int, int]:
    """Return the kernel's shape, asking the data if told to."""
    if isinstance(shape, str):
        if shape != "auto":
            raise InvalidInput(
                f"shape must be 'auto', an integer or (rows, columns), got {shape!r}"
            )
        if not pair.same_size:
            return pair.valid_shape
        if robust:
            from kernfit.learning import learn_pair

            return learn_pair(pair, shape=shape, robust=True, threads=threads).kernel.shape
        return survey(pair, threads=threads)
    size = as_pair_of_ints(shape, "shape", least=1)
    if not pair.same_size and size != pair.valid_shape:
        rows, columns = pair.valid_shape
        raise InvalidInput(
            f"shape must be {rows}x{columns}, the difference between the images' sizes, got "
            f"{size[0]}x{size[1]}: give images of equal size"
        )
    return size


def _check_degree(value: Any, name: str) -> None:
    if value == "auto" or (value is None and name == "background"):
        return
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value <= _HIGHEST:
        raise InvalidInput(
            f"{name} must be 'auto' or a whole number from 0 to {_HIGHEST}, got {value!r}"
        )


def _choices(degree: int | str | None) -> list[int]:
    """Return the degrees to choose from; -1 stands for no term at all."""
    if degree is None:
        return [-1]
    return list(_DEGREES) if isinstance(degree, str) else [int(degree)]
