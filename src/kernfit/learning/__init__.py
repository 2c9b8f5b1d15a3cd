"""Learn: find the kernel behind a pair of images."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from kernfit.learning.answering import answer, learn_pair
from kernfit.learning.answering_varying import learn_varying
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.stored import fit_statistics
from kernfit.learning.answers.verdict import Status
from kernfit.learning.given import source_of
from kernfit.learning.request import Request
from kernfit.learning.sums.statistics import Statistics
from kernfit.learning.varying.fit import VaryingFit
from kernfit.learning.varying.kernel_field import KernelField

__all__ = [
    "Fit",
    "KernelField",
    "Request",
    "Statistics",
    "Status",
    "VaryingFit",
    "answer",
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
        between groups. `start` may leave those zeros out: (out, in / groups, kh, kw).
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

    See Also
    --------
    learn_varying : A kernel that changes over the image.
    Statistics : The sums that it solves.

    Examples
    --------
    The lesson: from an image and its edges, the detector ``[1, -1]``.

    >>> import numpy as np
    >>> x = np.array([[1, 1, 0, 0, 0, 0, 1, 1]] * 6)
    >>> y = x[:, :-1] - x[:, 1:]
    >>> learn(x, y).kernel.taps.round(9)
    array([[ 1., -1.]])
    """
    request = Request.of(
        shape=shape,
        bias=bias,
        clip=clip,
        clip_before=clip_before,
        mask=mask,
        variance=variance,
        before_variance=before_variance,
        channels=channels,
        stride=stride,
        dilation=dilation,
        groups=groups,
        transfer=transfer,
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
    return answer(source_of(before, after, request), request)
