"""Learn: find the kernel behind a pair of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_pair_of_ints, one_of
from kernfit.devices import is_elsewhere
from kernfit.errors import InvalidInput
from kernfit.learning.answering import learn_pair
from kernfit.learning.answering_varying import learn_varying
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.remarks import remarks
from kernfit.learning.answers.stored import fit_statistics
from kernfit.learning.answers.verdict import Status
from kernfit.learning.elsewhere import ElsewherePair
from kernfit.learning.grouped import learn_groups
from kernfit.learning.outliers.robust import residuals_of_fit
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.place import placed
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.strided import dilated, strided, told_of_stride
from kernfit.learning.sums.statistics import Statistics
from kernfit.learning.transfer import compared, in_linear_light, limits_in_linear_light, peak_of
from kernfit.learning.varying.fit import VaryingFit
from kernfit.learning.varying.kernel_field import KernelField

__all__ = [
    "Fit",
    "KernelField",
    "Statistics",
    "Status",
    "VaryingFit",
    "fit_statistics",
    "learn",
    "learn_pair",
    "learn_varying",
]


def learn(
    before: ArrayLike,
    after: ArrayLike,
    *,
    shape: str | int | Sequence[int] = "auto",
    bias: bool = True,
    clip: Sequence[float] | None = None,
    clip_before: Sequence[float] | None = None,
    mask: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    before_variance: ArrayLike | None = None,
    channels: str = "alike",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    transfer: str | None = None,
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    whole_levels: bool = True,
    robust: bool = False,
    constraints: str | Sequence[str] = (),
    free: ArrayLike | None = None,
    ridge: float | str | None = None,
    smooth: float | str | None = None,
    threads: int | None = None,
) -> Fit:
    """Find the kernel and bias that turn one image into another.

    The answer is exact least squares, with a standard error for each tap and word of what the
    data cannot tell; or, with `descent`, what gradient descent arrives at.

    Parameters
    ----------
    before : array_like, shape (H, W) or (channels, H, W)
        The image that went in. Or a list of such arrays, and so for `after`: several pairs that
        share one kernel, of any sizes. `mask` and the variances may then be lists too. Eight or
        more pairs also tell the errors, by how far they disagree.
    after : array_like
        The image that came out. Of equal size: the kernel's anchor sits on the same pixel, and
        the border, whose rule is unknown, is left out. Smaller: it holds only the outputs with a
        whole patch (mode "valid"), and the difference in size gives the kernel's shape. Much
        smaller, or of another size than `shape` asks for: it was cropped, and is looked for in
        the before image.
    shape : "auto", int or (rows, columns), default "auto"
        The kernel's shape. "auto" chooses the smallest one, up to 31x31, that explains the data.
    bias : bool, default True
        Whether to learn a constant offset too.
    clip : (low, high), optional
        Levels at which the after image saturates; pixels at or beyond them are left out. Default:
        the limits of an 8- or 16-bit integer dtype, none for others.
    clip_before : (low, high), optional
        Levels at which the before image saturates; what sees a pixel at or beyond them is left
        out. Default: for 8- and 16-bit integers it is found out whether the after image was made
        from more light than the before image shows at its limits; ``fit.notes`` says so.
    mask : array_like of bool, shape (H, W) of the after image, optional
        True where a pixel of the after image shall count, in all channels. NaN is always left out.
    variance : array_like, shape (H, W) or (channels, H, W) of the after image, optional
        Variance of the noise of each pixel, in the after image's unit squared. Pixels then count
        by one over it, and ``fit.chi2`` is 1 if that noise is all that is left. Infinite or NaN:
        the pixel does not count. Slower, since weighted sums take no short cuts.
    before_variance : float or array_like, shape of the before image, optional
        Variance of the noise in the before image, independent from pixel to pixel. Such noise
        draws any least-squares kernel towards 0, and makes it look wider; with its variance known,
        both are corrected.
    channels : {"alike", "full"}, default "alike"
        "alike": one kernel serves every channel. "full": a kernel (out, in, kh, kw) that mixes
        them.
    stride : int or (rows, columns), default 1
        The after image is so many times smaller: it holds every so many-th output.
    dilation : int or (rows, columns), default 1
        The taps lie so many pixels apart. ``fit.predict`` needs to be told it again.
    groups : int, default 1
        With channels "full": output channels take only from the input channels of the same group,
        as in a grouped layer; as many groups as channels make a depthwise one. The kernel is 0
        between groups. With one pair and no variances.
    transfer : {"srgb"}, optional
        The levels of both images are those of sRGB, and the kernel acted on the light behind them:
        learn in linear light (white stays as it is). ``fit.notes`` says whether that fits better
        than the levels as they are. 8 or 16 bits, or floating levels from 0 to 1.
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
    constraints : str or sequence of str, optional
        What the taps shall be: "symmetric" (left to right and top to bottom), "point-symmetric"
        (turned by 180 degrees), "isotropic" (all mirrors, diagonal ones too), "separable" (a
        column times a row), "sum-to-one", "non-negative".
    free : array_like of bool, shape of the kernel, optional
        True where a tap may differ from 0.
    ridge, smooth : float or "auto", optional
        Penalties on the squares of the taps, and on the squared differences of neighbours,
        relative to the mean square that a tap sees. "auto" takes the strength at which parts of
        the image that were held out are predicted best. A penalty shifts the answer, which the
        errors do not tell.
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
    _check_options(bias=bias, whole_levels=whole_levels, robust=robust)
    _check_descent(descent, steps, start)
    several = _several(before, after)
    if groups != 1:
        own = (variance, before_variance, start, transfer)
        if several or channels != "full" or any(value is not None for value in own):
            raise InvalidInput(
                "groups must go with channels='full' and one pair, without variances, start and "
                f"transfer, got channels={channels!r} and {groups!r} groups"
            )

        def mixed(first: Array, second: Array, size: Any) -> Fit:
            return learn(
                first,
                second,
                shape=size,
                bias=bias,
                clip=clip,
                clip_before=clip_before,
                mask=mask,
                channels="full",
                stride=stride,
                dilation=dilation,
                descent=descent,
                steps=steps,
                whole_levels=whole_levels,
                robust=robust,
                threads=threads,
            )

        return learn_groups(before, after, groups, mixed, shape)
    apart = _steps(stride, dilation, several is not None)
    images: list[tuple[Any, Any]] = [*several] if several else [(before, after)]

    def fitted(images: list[tuple[Any, Any]], clip: Any, clip_before: Any) -> tuple[Fit, Any]:
        found: list[tuple[Pair, tuple[int, int] | None]] = []
        for n, (first, second) in enumerate(images):
            own = [
                given[n] if several and isinstance(given, (list, tuple)) else given
                for given in (mask, variance, before_variance)
            ]
            if is_elsewhere(first) or is_elsewhere(second):
                elsewhere = ElsewherePair.of_arrays(
                    first,
                    second,
                    clip=clip,
                    mask=own[0],
                    channels=channels,
                    clip_before=clip_before,
                    variance=variance,
                    before_variance=before_variance,
                    robust=robust,
                    transfer=transfer,
                )
                if apart:
                    raise InvalidInput(
                        "stride and dilation need images in NumPy arrays, got arrays of another "
                        "library: convert them first"
                    )
                found.append(placed(elsewhere, shape))
                continue
            pair = Pair.of(
                first,
                second,
                clip=clip,
                clip_before=clip_before,
                mask=own[0],
                variance=own[1],
                before_variance=own[2],
                channels=channels,
            )
            found.append((pair, None) if apart else placed(pair, shape))
        pairs = [pair for pair, _ in found]
        together: Pair | Pairs = pairs[0] if len(pairs) == 1 else Pairs.of(pairs)
        if apart:
            together, said_of_steps = _in_steps(pairs[0], shape, *apart)
        fit = learn_pair(
            together,
            shape=shape,
            bias=bias,
            descent=descent,
            steps=steps,
            start=start,
            whole_levels=whole_levels,
            robust=robust,
            constraints=constraints,
            free=free,
            ridge=ridge,
            smooth=smooth,
            threads=threads,
        )
        if apart:
            return said_of_steps(fit), together
        said = remarks(fit, together.before, together.after)
        offset = found[0][1] if len(found) == 1 else None
        return replace(fit, offset=offset, notes=(*fit.notes, *said)), together

    plain, _ = fitted(images, clip, clip_before)
    if transfer is None:
        return plain
    one_of(transfer, ("srgb",), "transfer")
    linear = [in_linear_light(first, second, clip) for first, second in images]
    if clip_before is not None:
        white = peak_of(images[0][0], "before")
        clip_before = limits_in_linear_light(clip_before, np.dtype(float), white)
    fit, pair = fitted([(x, y) for x, y, *_ in linear], linear[0][2], clip_before)
    levels, errors = [], []
    for member in getattr(pair, "members", (pair,)):
        equations, left = residuals_of_fit(member, fit)
        levels.append(equations.y[equations.used])
        errors.append(left[equations.used])
    return compared(fit, plain, np.concatenate(levels), np.concatenate(errors), linear[0][3])


def _steps(
    stride: int | Sequence[int], dilation: int | Sequence[int], several: bool
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return stride and dilation, None if both are 1."""
    steps = as_pair_of_ints(stride, "stride", least=1)
    apart = as_pair_of_ints(dilation, "dilation", least=1)
    if steps == apart == (1, 1):
        return None
    if several or (steps != (1, 1) and apart != (1, 1)):
        raise InvalidInput(
            "stride and dilation go one at a time and with one pair, got stride "
            f"{steps}, dilation {apart}{' and several pairs' if several else ''}"
        )
    return steps, apart


def _in_steps(
    pair: Pair, shape: Any, stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[Pair | Pairs, Callable[[Fit], Fit]]:
    """Return the pair as one without stride and dilation, and what puts that in words."""
    if dilation != (1, 1):
        note = f"the taps lie {dilation[0]}x{dilation[1]} pixels apart"
        return dilated(pair, dilation), lambda fit: replace(fit, notes=(*fit.notes, note))
    size = None if isinstance(shape, str) else as_pair_of_ints(shape, "shape", least=1)
    whole, first = strided(pair, stride, size)
    return whole, lambda fit: told_of_stride(fit, pair, stride, first)


def _several(before: object, after: object) -> list[tuple[Array, Array]] | None:
    """Return pairs of images if both are lists of arrays, else None."""
    lists = [
        isinstance(images, (list, tuple))
        and len(images) > 0
        and all(
            (isinstance(image, np.ndarray) or is_elsewhere(image)) and image.ndim > 1
            for image in images
        )
        for images in (before, after)
    ]
    if not all(lists):
        return None
    first, second = list(before), list(after)  # type: ignore[call-overload]
    if len(first) != len(second):
        raise InvalidInput(
            f"before and after must be lists of equally many images, got {len(first)} and "
            f"{len(second)}"
        )
    return list(zip(first, second, strict=True))


def _check_options(**options: object) -> None:
    for name, value in options.items():
        if not isinstance(value, (bool, np.bool_)):
            raise InvalidInput(f"{name} must be True or False, got {value!r}")


def _check_descent(descent: object, steps: object, start: object) -> None:
    """Check what belongs to gradient descent before anything is summed up."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise InvalidInput(f"steps must be an integer of at least 0, got {steps!r}")
    if descent is None:
        if start is not None:
            raise InvalidInput(
                "start is where gradient descent begins, got no descent: give a learning rate, "
                "for example descent=0.01"
            )
        return
    number = isinstance(descent, (int, float, np.number)) and not isinstance(descent, bool)
    if not number or not 0 < float(descent) < np.inf:  # type: ignore[arg-type]
        raise InvalidInput(f"descent must be a positive learning rate, got {descent!r}")
