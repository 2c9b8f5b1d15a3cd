"""Statistics: all that a pair of images says about a kernel, in sums that merge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_mask, as_numbers, as_pair_of_ints, as_planes, one_of
from kernfit.correlate.direct.blas import one_blas_thread
from kernfit.errors import InvalidInput
from kernfit.learning.sums.checks import as_weight, check_detail, check_memory, either, not_negative
from kernfit.learning.sums.descent import Descent, descend
from kernfit.learning.sums.least_squares import Solution, least_squares
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.stored import Stored
from kernfit.learning.sums.summing import RANGE, noise_sums, refuse_range, sum_up


@dataclass(frozen=True, eq=False)
class Statistics(Stored):
    """The sums through which a pair of images determines the kernel that maps one to the other.

    Statistics of tiles, files, channels and days merge with ``+``; what went in can be taken out
    with ``-``. They are exact sums in float64: no image is needed to solve, to choose a smaller
    support, or to run gradient descent. Make them with `Statistics.of`.

    Attributes
    ----------
    sums : Sums
        The sums themselves. They are counted from the usual levels of both images, so that a
        pedestal on an image costs no accuracy; `gram`, `cross` and `energy` are those of the
        plain images.
    count : int
        Number of output pixels in the sums.
    shape : (kh, kw)
        The support: rows and columns of taps.
    anchor : (row, column)
        The tap that sits on the output pixel.
    noise : ndarray, shape (P,), or None
        What noise of the before image added to the diagonal of the Gram matrix, where it was told:
        the sums are those without it.

    See Also
    --------
    fit_statistics : The whole answer from statistics: errors, verdict.
    learn : From the images at once.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1, 1, 0, 0, 0, 0, 1, 1]] * 6)
    >>> y = x[:, :-1] - x[:, 1:]
    >>> top, rest = Statistics.of(x[:3], y[:3], (1, 2)), Statistics.of(x[3:], y[3:], (1, 2))
    >>> (top + rest).solve(bias=False).weights[:-1, 0].round(12)
    array([ 1., -1.])
    """

    sums: Sums
    count: int
    shape: tuple[int, int]
    anchor: tuple[int, int]
    noise: Array | None = None

    @classmethod
    def of(
        cls,
        before: ArrayLike,
        after: ArrayLike,
        shape: int | tuple[int, int],
        *,
        anchor: tuple[int, int] | None = None,
        mask: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        before_variance: ArrayLike | None = None,
        channels: str = "alike",
        threads: int | None = None,
    ) -> Statistics:
        """Sum up a pair in which every output pixel has its whole patch.

        Parameters
        ----------
        before : array_like, shape (H, W) or (in, H, W)
            Real and finite.
        after : array_like, shape (H - kh + 1, W - kw + 1) or (out, H - kh + 1, W - kw + 1)
            Real; finite wherever `mask` is True.
        shape : int or (kh, kw)
            The support.
        anchor : (row, column), optional
            Which tap sits on the output pixel; only carried along. Default
            ``((kh - 1) // 2, (kw - 1) // 2)``.
        mask : array_like of bool, shape (H - kh + 1, W - kw + 1), optional
            True where an output pixel counts. What is left out is subtracted from the fast sums.
            With channels "alike" a mask of the shape of `after` may judge each channel apart.
        variance : array_like, shape of `mask`, optional
            Variance of the noise of each pixel of the after image, in its unit squared; positive.
            Each pixel then counts one over its variance. Weighted sums take longer: as many
            multiply-adds a pixel as half the number of taps squared.
        before_variance : float or array_like, shape of `before`, optional
            Variance of the noise in the before image, independent from pixel to pixel. It adds to
            the squares of the Gram matrix, which draws the taps towards 0; what it is expected to
            add is taken off (W. A. Fuller, Measurement Error Models, 1987).
        channels : {"alike", "full"}
            "alike": each channel is one more image under the same single kernel.
            "full": every output channel takes from every input channel.
        threads : int, optional
            For the sums over the image. Default: all cores.

        Returns
        -------
        Statistics

        Raises
        ------
        InvalidInput
            If the shapes do not belong together or a number that counts is not finite.
        ResultTooLarge
            If the support has so many taps that its Gram matrix would take more than 2 GiB.

        See Also
        --------
        Statistics.solve : The weights.
        learn : Also finds the shape, borders, clipping and missing pixels.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((40, 50))
        >>> kernfit.Statistics.of(x, x[1:-1, 1:-1], 3).count
        1824
        """
        kh, kw = as_pair_of_ints(shape, "shape", least=1)
        x, y = as_planes(before, "before"), as_planes(after, "after")
        expected = (x.shape[1] - kh + 1, x.shape[2] - kw + 1)
        if y.shape[1:] != expected or min(expected) < 1:
            raise InvalidInput(
                f"after must have {max(expected[0], 1)}x{max(expected[1], 1)} pixels for a "
                f"{kh}x{kw} kernel over a before image of {x.shape[1]}x{x.shape[2]}, "
                f"got {y.shape[1]}x{y.shape[2]}"
            )
        inputs = len(x) if channels == "full" else 1
        check_memory(inputs, (kh, kw))
        used = None
        if mask is not None:
            apart = channels == "alike" and np.ndim(mask) == 3
            used = np.broadcast_to(as_mask(mask, y.shape if apart else expected), y.shape)
            used = None if used.all() else used
        weight = None
        if variance is not None:
            shared = channels != "alike"
            counts = used[0] if shared and used is not None else used
            weight = as_weight(variance, expected if shared else y.shape, counts)
        noise = None
        if before_variance is not None:
            noise = not_negative(before_variance, x.shape)
        where = ((kh - 1) // 2, (kw - 1) // 2) if anchor is None else anchor
        if one_of(channels, ("alike", "full"), "channels") == "full":
            joint = None if used is None else used[0]
            total = cls._of_planes(x, y, (kh, kw), where, joint, weight, threads)
            return total if noise is None else total.without_noise(noise, joint, weight)
        if len(x) != len(y):
            raise InvalidInput(
                f"before and after must have equally many channels to treat each alike, "
                f"got {len(x)} and {len(y)}: give channels='full' to mix them"
            )
        parts = []
        for c in range(len(x)):
            mine = None if used is None or used[c].all() else used[c]
            heavy = None if weight is None else weight[c]
            part = cls._of_planes(x[c : c + 1], y[c : c + 1], (kh, kw), where, mine, heavy, threads)
            if noise is not None:
                part = part.without_noise(noise[c : c + 1], mine, heavy)
            parts.append(part)
        total = parts[0]
        for part in parts[1:]:
            total += part
        return total

    def without_noise(
        self, variance: Array, used: Array | None, weight: Array | None
    ) -> Statistics:
        """Return the statistics less what noise of the before image adds to its squares.

        Parameters
        ----------
        variance : ndarray, shape (in, H + kh - 1, W + kw - 1)
        used : ndarray of bool, shape (H, W), or None
            Which outputs count.
        weight : ndarray, shape (H, W), or None
            How much each does.

        Returns
        -------
        Statistics

        See Also
        --------
        Statistics.of : Takes the variance off itself, with ``before_variance=``.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((40, 50)).astype(float)
        >>> sums = kernfit.Statistics.of(x, x, 1)
        >>> less = sums.without_noise(np.full((1, 40, 50), 4.0), None, None)
        >>> float((sums.gram - less.gram)[0, 0].round(3))  # 2000 pixels, 4 each
        8000.0
        """
        added = noise_sums(variance, self.shape, used, weight)
        gram = self.sums.gram.copy()
        gram[np.diag_indices_from(gram)] -= added
        return replace(self, sums=replace(self.sums, gram=gram), noise=added)

    @classmethod
    def _of_planes(
        cls,
        x: Array,
        y: Array,
        shape: tuple[int, int],
        anchor: tuple[int, int],
        used: Array | None,
        weight: Array | None,
        threads: int | None,
    ) -> Statistics:
        with one_blas_thread():
            total = sum_up(x, y, shape, used=used, weight=weight, threads=threads)
        count = y[0].size if used is None else int(np.count_nonzero(used))
        return cls(total, count, shape, anchor)

    @classmethod
    def of_sums(
        cls,
        gram: Array,
        cross: Array,
        energy: Array,
        count: int,
        shape: tuple[int, int],
        anchor: tuple[int, int],
    ) -> Statistics:
        """Return the statistics that hold these sums over plain images; see the properties.

        Parameters
        ----------
        gram : ndarray, shape (P, P)
        cross : ndarray, shape (P, out)
        energy : ndarray, shape (out,)
            As the properties of these names.
        count : int
            Number of output pixels in them.
        shape : (kh, kw)
            The support.
        anchor : (row, column)
            The tap that sits on the output pixel.

        Returns
        -------
        Statistics

        See Also
        --------
        Statistics.of : From images.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((40, 50))
        >>> one = kernfit.Statistics.of(x, x, 1)
        >>> same = kernfit.Statistics.of_sums(
        ...     one.gram, one.cross, one.energy, one.count, one.shape, one.anchor
        ... )
        >>> same.solve().weights.round(6) + 0
        array([[1.],
               [0.]])
        """
        inputs = (len(gram) - 1) // (shape[0] * shape[1])
        sums = Sums(gram, cross, energy, np.zeros(inputs), np.zeros(len(energy)))
        return cls(sums, count, shape, anchor)

    @cached_property
    def _plain(self) -> Sums:
        return self.sums.about(np.zeros(self.inputs), np.zeros(self.outputs))

    @property
    def gram(self) -> Array:
        """Sum over the output pixels of ``p p^T``, shape (P, P), P = in * kh * kw + 1.

        p is the patch under the kernel, closed by a 1 for the bias.
        """
        return self._plain.gram

    @property
    def cross(self) -> Array:
        """Sum of ``p y``, shape (P, out)."""
        return self._plain.cross

    @property
    def energy(self) -> Array:
        """Sum of ``y^2``, shape (out,)."""
        return self._plain.energy

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return len(self.sums.before)

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return len(self.sums.energy)

    def __add__(self, other: Statistics) -> Statistics:
        return self._combined(other, 1)

    def __sub__(self, other: Statistics) -> Statistics:
        return self._combined(other, -1)

    def _combined(self, other: Statistics, sign: int) -> Statistics:
        if not isinstance(other, Statistics):
            return NotImplemented
        mine = (self.shape, self.anchor, self.inputs, self.outputs)
        theirs = (other.shape, other.anchor, other.inputs, other.outputs)
        if mine != theirs:
            raise InvalidInput(
                "statistics merge only for the same support, anchor and channels, got "
                f"{_spell(*mine)} and {_spell(*theirs)}"
            )
        return replace(
            self,
            sums=self.sums.combined(other.sums, sign),
            noise=either(self.noise, other.noise, sign),
            count=self.count + sign * other.count,
        )

    def about(self, other: Statistics) -> Statistics:
        """Return the same statistics, counted from the levels of others.

        Parameters
        ----------
        other : Statistics
            Of the same channels.

        Returns
        -------
        Statistics

        See Also
        --------
        Statistics.of : Chooses levels near the images' own.
        """
        moved = self.sums.about(other.sums.before, other.sums.after)
        return self if moved is self.sums else replace(self, sums=moved)

    def support(self, rows: slice, columns: slice) -> Statistics:
        """Return the statistics of a smaller support inside this one: a sub-matrix.

        Parameters
        ----------
        rows, columns : slice
            Which rows and columns of taps to keep, as in ``taps[rows, columns]``.

        Returns
        -------
        Statistics
            Over the same output pixels; the anchor stays on the same pixel of the image.

        See Also
        --------
        fit_statistics : The answer from statistics.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((40, 50))
        >>> wide = kernfit.Statistics.of(x, x[2:-2, 2:-2], 5)
        >>> narrow = wide.support(slice(1, 4), slice(1, 4))
        >>> narrow.shape, narrow.anchor, narrow.count == wide.count
        ((3, 3), (1, 1), True)
        """
        kh, kw = self.shape
        sums = self.sums
        kept = np.arange(len(sums.gram) - 1).reshape(self.inputs, kh, kw)[:, rows, columns]
        top, left = rows.indices(kh)[0], columns.indices(kw)[0]
        index = np.append(kept.ravel(), len(sums.gram) - 1)
        return replace(
            self,
            sums=replace(sums, gram=sums.gram[np.ix_(index, index)], cross=sums.cross[index]),
            noise=None if self.noise is None else self.noise[index],
            shape=(kept.shape[1], kept.shape[2]),
            anchor=(self.anchor[0] - top, self.anchor[1] - left),
        )

    def solve(self, *, bias: bool = True) -> Solution:
        """Return the exact least-squares weights, of smallest norm where there is a choice.

        Parameters
        ----------
        bias : bool, default True
            Whether a constant is learnt too.

        Returns
        -------
        Solution
            ``.weights`` has shape (P, out), the bias last.

        Raises
        ------
        InvalidInput
            If no pixel is in the sums, or they leave the range of numbers.

        See Also
        --------
        Statistics.descend : By gradient descent.
        fit_statistics : With errors and a verdict.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((40, 50))
        >>> kernfit.Statistics.of(x, 2.0 * x + 3, 1).solve().weights.round(6)
        array([[2.],
               [3.]])
        """
        if self.count < 1 or not self.sums.weight > 0:
            raise InvalidInput(
                f"the statistics must hold at least one pixel, got {self.count}: add some first"
            )
        for squares in (np.diagonal(self.sums.gram)[:-1], self.sums.energy):
            largest = float(squares.max()) / self.sums.weight
            if largest > 0 and not RANGE[0] < largest < RANGE[1]:
                refuse_range(largest**0.5)
        if self.noise is not None:
            check_detail(self.sums, self.noise, self.count)
        with one_blas_thread():
            return least_squares(self.sums, bias=bias)

    def descend(
        self, rate: float, steps: int, start: ArrayLike | None = None, *, bias: bool = True
    ) -> Descent:
        """Follow `steps` steps of gradient descent on the sum of squared errors.

        The path is that of a training loop over the images, step by step; but a step costs
        nothing that grows with them.

        Parameters
        ----------
        rate : float
            The learning rate.
        steps : int
            How many steps.
        start : array_like, optional
            The first weights: shape (P, out) with the bias last, or the taps alone (their bias
            is 0). Default all 0.
        bias : bool, default True
            Whether the bias is learnt, or stays at its start.

        Returns
        -------
        Descent
            ``.losses`` and ``.weights`` before every step and after the last.

        Raises
        ------
        InvalidInput
            If `start` has another number of weights, or `rate` or `steps` is not positive.

        See Also
        --------
        Statistics.solve : The exact answer.

        Examples
        --------
        The lesson: the loss on the way to ``[1, -1]``.

        >>> import numpy as np, kernfit
        >>> x = np.array([[1.0, 1, 0, 0, 0, 0, 1, 1]] * 6)
        >>> sums = kernfit.Statistics.of(x, x[:, :-1] - x[:, 1:], (1, 2))
        >>> sums.descend(0.03, 10, [[0, 0]], bias=False).losses[:4].round(4)
        array([12.    ,  4.9152,  2.0133,  0.8246])
        """
        if not (rate > 0 and np.isfinite(rate)) or steps < 0:
            raise InvalidInput(
                "the learning rate must be positive and finite and steps at least 0, got rate "
                f"{rate} and steps {steps}"
            )
        first = np.zeros_like(self.cross)
        if start is not None:
            given = as_numbers(start, "start").astype(np.float64)
            if given.size == first.size:
                first[:] = given.reshape(first.shape)
            elif given.size == first.size - self.outputs:
                # Taps come as a kernel's weight does: output channels first.
                first[:-1] = given.reshape(self.outputs, -1).T
            else:
                raise InvalidInput(
                    f"start must have {first.size - self.outputs} taps, or {first.size} weights "
                    f"with the bias last, got {given.size}"
                )
        return descend(
            self.gram, self.cross, self.energy, rate=rate, steps=steps, start=first, bias=bias
        )

    def squared_error(self, weights: Array) -> Array:
        """Return the sum of squared errors of given weights (P, out), for each output channel.

        Parameters
        ----------
        weights : ndarray, shape (P, out)
            The taps, the bias last.

        Returns
        -------
        ndarray, shape (out,)

        See Also
        --------
        Statistics.solve : The weights that make it least.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = np.array([[1.0, 2.0, 4.0]])
        >>> kernfit.Statistics.of(x, 2 * x, 1).squared_error(np.array([[1.0], [0.0]])).round(9)
        array([21.])
        """
        sums, local = self.sums, self.sums.local(weights)
        errors: Array = sums.energy + np.sum(local * (sums.gram @ local - 2 * sums.cross), axis=0)
        return np.maximum(errors, 0.0)

    def pull(self, weights: Array) -> Array:
        """Return the sum of patch times residual of given weights, shape (P, out).

        The patches are counted from the levels of `sums`.

        Parameters
        ----------
        weights : ndarray, shape (P, out)
            The taps, the bias last.

        Returns
        -------
        ndarray, shape (P, out)
            Half the negative gradient of `squared_error`, counted from the levels of `sums`.

        See Also
        --------
        Statistics.squared_error : What it leads down.
        """
        pulled: Array = self.sums.cross - self.sums.gram @ self.sums.local(weights)
        return pulled


def _spell(shape: tuple[int, int], anchor: tuple[int, int], inputs: int, outputs: int) -> str:
    return f"{shape[0]}x{shape[1]} at {anchor} ({inputs} in, {outputs} out)"
