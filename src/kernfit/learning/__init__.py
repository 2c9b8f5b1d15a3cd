"""Learn: find the kernel behind a pair of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from kernfit.arrays import as_pair_of_ints
from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput
from kernfit.learning.fit import Fit
from kernfit.learning.kernel_field import KernelField
from kernfit.learning.offset import find_offset
from kernfit.learning.pair import Pair
from kernfit.learning.robust import residuals_of_fit, without_outliers
from kernfit.learning.solution import fit_pair
from kernfit.learning.statistics import Statistics
from kernfit.learning.survey import smallest_exact, survey
from kernfit.learning.varying import learn_varying
from kernfit.learning.varying_fit import VaryingFit
from kernfit.learning.verdict import Status

# Where the size is to be found among outliers, these are first found with a kernel of this size.
_FIRST_LOOK = 7
# A larger difference in size than that of such a kernel is that of a crop.
_LARGEST_VALID = 31
# So alike must the slopes of two images be if one is to be a crop of the other.
_SURELY_THERE = 0.5

__all__ = ["Fit", "KernelField", "Statistics", "Status", "VaryingFit", "learn", "learn_varying"]


def learn(
    before: ArrayLike,
    after: ArrayLike,
    *,
    shape: str | int | Sequence[int] = "auto",
    bias: bool = True,
    clip: Sequence[float] | None = None,
    mask: ArrayLike | None = None,
    channels: str = "alike",
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    whole_levels: bool = True,
    robust: bool = False,
    threads: int | None = None,
) -> Fit:
    """Find the kernel and bias that turn one image into another.

    The answer is exact least squares, with a standard error for each tap and word of what the
    data cannot tell; or, with `descent`, what gradient descent arrives at.

    Parameters
    ----------
    before : array_like, shape (H, W) or (channels, H, W)
        The image that went in.
    after : array_like
        The image that came out. Of equal size: the kernel's anchor sits on the same pixel, and
        the border, whose rule is unknown, is left out. Smaller: it holds only the outputs with a
        whole patch (mode "valid"), and the difference in size gives the kernel's shape. Much
        smaller, or of another size than `shape` asks for: it was cropped, and is looked for in
        the before image.
    shape : "auto", int or (rows, columns), default "auto"
        The kernel's size. "auto" chooses the smallest one, up to 31x31, that explains the data.
    bias : bool, default True
        Whether to learn a constant offset too.
    clip : (low, high), optional
        Levels at which the after image saturates; pixels at or beyond them are left out. Default:
        the limits of an 8- or 16-bit integer dtype, none for others.
    mask : array_like of bool, shape of the after image, optional
        True where a pixel of the after image shall count. NaN is always left out.
    channels : {"alike", "full"}, default "alike"
        "alike": one kernel serves every channel. "full": a kernel (out, in, kh, kw) that mixes
        them.
    descent : float, optional
        Learning rate. Takes gradient descent on the sum of squared errors instead of the exact
        answer; ``fit.history`` keeps its path.
    steps : int, default 10
        Steps of gradient descent.
    start : array_like, optional
        The kernel that gradient descent starts from. Default 0.
    whole_levels : bool, default True
        Where the after image is made of integers and rounding may be all that is left, look for
        the taps that keep every pixel within half a level. False stays with least squares.
    robust : bool, default False
        Whether to leave out outliers, such as cosmic rays: pixels of the after image farther than
        5 standard deviations from what the kernel predicts, over and over until none is left.
    threads : int, optional
        For the sums over the images; the answer does not depend on it. Default: all cores.

    Returns
    -------
    Fit
        Shows itself: kernel, errors, bias, residual and verdict.

    Raises
    ------
    InvalidInput
        If the images do not belong together, no pixel is left to learn from, or an option is not
        one of those above.

    Examples
    --------
    The lesson: from an image and its edges, the detector ``[1, -1]``.

    >>> import numpy as np
    >>> x = np.array([[1, 1, 0, 0, 0, 0, 1, 1]] * 6)
    >>> y = x[:, :-1] - x[:, 1:]
    >>> learn(x, y).kernel.taps.round(9)
    array([[ 1., -1.]])
    """
    pair, offset = _placed(Pair.of(before, after, clip=clip, mask=mask, channels=channels), shape)
    fit = learn_pair(
        pair,
        shape=shape,
        bias=bias,
        descent=descent,
        steps=steps,
        start=start,
        whole_levels=whole_levels,
        robust=robust,
        threads=threads,
    )
    return replace(fit, offset=offset)


def learn_pair(
    pair: Pair,
    *,
    shape: str | int | Sequence[int] = "auto",
    bias: bool = True,
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    whole_levels: bool = True,
    robust: bool = False,
    threads: int | None = None,
) -> Fit:
    """Learn from a pair whose images lie one on the other; see `learn` for the parameters."""
    threads = thread_count(threads)

    def answer(pair: Pair, shape: str | int | Sequence[int] = shape) -> Fit:
        size = _size(pair, shape, threads=threads)
        found = isinstance(shape, str)

        def of_size(size: tuple[int, int]) -> Fit:
            # Whatever the border's rule, a program leaves a border as wide as its kernel on every
            # side. If the size was found and not told, zeros around the taps may hide how wide
            # that is, so the wider of the two margins serves all four sides.
            return fit_pair(
                pair,
                size,
                bias=bias,
                margin=(max(size) // 2) if found else 0,
                descent=descent,
                steps=steps,
                start=start,
                whole_levels=whole_levels,
                threads=threads,
            )

        fit = of_size(size)
        return smallest_exact(fit, of_size) if found else fit

    # The matrices are small: threads of their own would cost linear algebra more than they give.
    with threadpool_limits(1, user_api="blas"):
        if not robust:
            return answer(pair)
        if isinstance(shape, str) and pair.same_size:
            # A kernel found too small among outliers would make outliers of what it lacks.
            largest = min(_FIRST_LOOK, *pair.before.shape[1:])
            pair = without_outliers(pair, lambda part: answer(part, largest), residuals_of_fit)[1]
        return without_outliers(pair, answer, residuals_of_fit)[0]


def _placed(pair: Pair, shape: str | int | Sequence[int]) -> tuple[Pair, tuple[int, int] | None]:
    """Return the pair, and, where the after image was cropped, both cut to where it lies."""
    if pair.same_size:
        return pair, None
    if isinstance(shape, str):
        cropped = max(pair.valid_shape) > _LARGEST_VALID
    else:
        cropped = as_pair_of_ints(shape, "shape", least=1) != pair.valid_shape
    if not cropped:
        return pair, None
    (row, column), correlation = find_offset(pair.before, pair.after)
    if correlation < _SURELY_THERE:
        rows, columns = pair.valid_shape
        raise InvalidInput(
            f"after must show a part of before, or shape must be {rows}x{columns}, the difference "
            f"between the images' sizes, got shape {shape!r} and no place where they are alike"
        )
    height, width = pair.after.shape[1:]
    before = pair.before[:, row : row + height, column : column + width]
    return replace(pair, before=before), (row, column)


def _size(pair: Pair, shape: str | int | Sequence[int], *, threads: int | None) -> tuple[int, int]:
    """Return the kernel's shape, asking the data if told to."""
    if isinstance(shape, str):
        if shape != "auto":
            raise InvalidInput(
                f"shape must be 'auto', an integer or (rows, columns), got {shape!r}"
            )
        # Without a constant, taps far off would stand in for what rounding shifts all levels by.
        return survey(pair, threads=threads) if pair.same_size else pair.valid_shape
    return as_pair_of_ints(shape, "shape", least=1)
