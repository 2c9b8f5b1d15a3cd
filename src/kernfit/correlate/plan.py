"""Plans: everything about a correlation that does not depend on the pixels, settled once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, as_mask
from kernfit.correlate.problem import Straight
from kernfit.correlate.run import Work, run_samples
from kernfit.display import pairs_as_html
from kernfit.errors import InvalidInput
from kernfit.heap import LINE, PAGE, lend


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """How a correlation will be computed, and why; call it with an image to do so.

    Attributes
    ----------
    method : str
        "direct", "separable", "fourier" or "definition"; also "channels" or "blas" for kernels
        that mix channels.
    reason : str
        Why this method.
    cost : float
        Predicted time in seconds, on one current core.
    error_bound : float
        No result is further from the exact one than this times the largest magnitude among the
        image, the fill value and the bias, unless a number over- or underflows, or a pixel is
        left out by nan="omit". Rounding to an integer dtype adds half a unit. For the Fourier
        method the bound takes rounding errors as independent; everywhere else it is certain.
    shape : tuple of int
        Of the result.
    dtype : numpy.dtype
        Of the result.
    threads : int
        How many threads will share the work.

    See Also
    --------
    make_plan : Makes one.
    correlate2d : Makes one and runs it.

    Examples
    --------
    >>> from kernfit.correlate import make_plan
    >>> plan = make_plan((64, 64), "float32", [[1, -1]])
    >>> plan.method, plan.shape, plan.dtype
    ('direct', (64, 63), dtype('float32'))
    """

    method: str
    reason: str
    cost: float
    error_bound: float
    image_shape: tuple[int, ...]
    image_dtype: np.dtype[Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    threads: int
    masked: bool
    work: Work
    large: bool  # whether the memory of the result is lent
    straight: Straight | None  # where one call of compiled code is all there is to do

    def _lines(self) -> list[tuple[str, str]]:
        """Return what there is to say, as names and values."""
        image = " x ".join(map(str, self.image_shape))
        result = " x ".join(map(str, self.shape))
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        bound = (
            f"{self.error_bound:.2g} times the largest magnitude in the image"
            if self.error_bound
            else "0: each level is that of the exact sum, rounded half to even"
            if self.work.levels
            else "0: the result is exact"
        )
        return [
            ("image", f"{image} {self.image_dtype}"),
            ("result", f"{result} {self.dtype}"),
            ("method", f"{self.method}, {self.reason}"),
            ("predicted cost", f"{_time(self.cost)} of one core, on {threads}"),
            ("error bound", bound),
        ]

    def __str__(self) -> str:
        (_, image), (_, result), *others = self._lines()
        lines = (f"{name + ':':<15} {value}" for name, value in others)
        return "\n".join([f"{image} -> {result}", *lines])

    def __repr__(self) -> str:
        return f"Plan: {self}"

    def _repr_html_(self) -> str:
        return pairs_as_html("plan", self._lines())

    def __call__(
        self, image: ArrayLike, *, mask: ArrayLike | None = None, out: Array | None = None
    ) -> Array:
        """Correlate an image of the shape and dtype that were planned for.

        Parameters
        ----------
        image : array_like
            The image.
        mask : array_like of bool, optional
            False marks a missing pixel; only for a plan with ``masked=True``.
        out : ndarray, optional
            Where to write, not overlapping the image.

        Returns
        -------
        ndarray
            `out` if it was given.

        Raises
        ------
        InvalidInput
            If an array is not what was planned for.
        ResultTooLarge
            As for `correlate2d`.
        """
        image = as_image(image)
        if image.shape != self.image_shape or image.dtype != self.image_dtype:
            raise InvalidInput(
                f"image must be {self.image_dtype} of shape {self.image_shape}, as planned, got "
                f"{image.dtype} {image.shape}: make another plan"
            )
        if (mask is not None) != self.masked:
            given = "given" if self.masked else "left out"
            raise InvalidInput(
                f"mask must be {given} with a plan that has masked={self.masked}: make another plan"
            )
        return self.run(image, mask, out)

    def run(self, image: Array, mask: ArrayLike | None, out: Array | None) -> Array:
        """Do the same for an image that is known to fit the plan."""
        if out is None:
            out = self._lend(image) if self.large else np.empty(self.shape, self.dtype)
        else:
            _check_out(out, self.shape, self.dtype, image)
        if self.straight is not None and self.straight.run(image, out, self.threads):
            return out
        where = None
        if mask is not None:
            shape = image.shape[-2:] if np.ndim(mask) == 2 else image.shape
            where = np.broadcast_to(as_mask(mask, shape), image.shape)
        run_samples(self.work, image, where, out)
        return out

    def _lend(self, image: Array) -> Array:
        """Return memory for a large result: whole lines of the cache, half a page from the image.

        A processor that compares the last 12 bits of addresses would else take what it is about to
        read for what it has just written.
        """
        return lend(self.shape, self.dtype, like=image.ctypes.data // LINE * LINE + PAGE // 2)


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], image: Array) -> None:
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InvalidInput(f"out must be an array of {dtype} and shape {shape}, got {got}")
    if not out.flags.writeable:
        raise InvalidInput("out must be writeable, got a read-only array: give a copy")
    if not out.flags.c_contiguous and _overlaps_itself(out):
        raise InvalidInput(
            f"out must have memory of its own for each element, got strides {out.strides} for "
            f"shape {out.shape}: give a plain array"
        )
    if np.may_share_memory(out, image) and np.shares_memory(out, image):
        raise InvalidInput(
            "out must not share memory with image, whose pixels are still needed: give a new one"
        )


def _overlaps_itself(array: Array) -> bool:
    """Say whether two elements of an array share bytes."""
    steps = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    span = array.itemsize
    for step, count in steps:
        if step < span:
            break
        span += step * (count - 1)
    else:
        return False
    if not array.size or steps[0][0] == 0:
        return array.size > 0
    # Elements of one axis may lie between those of another: look at every one.
    places = np.zeros(array.shape, np.int64)
    for axis, step in enumerate(array.strides):
        along = np.arange(array.shape[axis]) * step
        places += along.reshape([-1 if n == axis else 1 for n in range(array.ndim)])
    return bool((np.diff(np.sort(places, axis=None)) < array.itemsize).any())


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
