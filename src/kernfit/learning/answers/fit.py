"""The answer of `learn`: kernel, errors, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_probability, taps_between
from kernfit.correlate import correlate2d
from kernfit.kernel import Kernel
from kernfit.learning.answers.shown import Shown
from kernfit.learning.answers.verdict import Status
from kernfit.learning.certainty.moments import Moments, moments
from kernfit.learning.certainty.uncertainty import Uncertainty
from kernfit.learning.naming.match import Recognition
from kernfit.learning.request import Request
from kernfit.learning.sums.descent import Descent

if TYPE_CHECKING:
    from kernfit.frequencies import FrequencyResponse


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Shown):
    """A kernel learnt from a pair of images, how sure it is, and whether to believe it.

    Attributes
    ----------
    kernel : Kernel
        The taps, bias and anchor.
    uncertainty : Uncertainty
        The errors of all weights; `stderr`, `bias_stderr`, `covariance` and `interval` read it.
    residual_rms : float
        Root mean square of what the kernel leaves unexplained, in the after image's unit.
    residual_floor : float
        What rounding to whole levels alone would leave: 1/sqrt(12) for integer images, else 0; or
        the root mean square noise where the variance was given.
    r2 : float
        Share of the after image's variance that is explained. A poor judge: a median reaches
        0.996. Compare `residual_rms` with `residual_floor` instead.
    used : int
        Number of pixels of the after image that counted.
    reproduced : int or None
        How many of them lie within half a level of what the kernel gives: all that rounding
        explains. None where the after image is not made of integers. If it is all of them, the
        taps are those that keep every pixel within its half level, which no rounding shifts.
    left_out : dict
        How many did not: "border", "missing", "masked", "clipped", "clipped before", "outliers";
        and "near clipped" if some were predicted so near a limit that clipping cut their noise.
    status : Status
        The verdict.
    undetermined : ndarray, shape (directions, in, kh, kw)
        Orthonormal combinations of taps of which the data say nothing.
    weak : ndarray, shape (directions, in, kh, kw)
        Orthonormal combinations whose standard error is larger than the whole kernel.
    history : Descent or None
        The path of gradient descent, if that was asked for.
    offset : (row, column) or None
        Where in the before image the after image lies, if it was found to be cropped.
    chi2 : float or None
        Mean square of the residual over the given variance, 1 if that is all; None without one.
    held_out : dict
        Where the shape was found: root mean square residual in blocks that were held out, by the
        kernel's shape: that found, a smaller and a larger one.
    request : Request or None
        What was asked. None of a fit from statistics alone.
    notes : tuple of str
        What was done with the images, or was seen of them, one sentence each.
    """

    kernel: Kernel
    uncertainty: Uncertainty
    residual_rms: float
    residual_floor: float
    r2: float
    used: int
    reproduced: int | None
    left_out: dict[str, int]
    status: Status
    undetermined: Array
    history: Descent | None = None
    offset: tuple[int, int] | None = None
    chi2: float | None = None
    notes: tuple[str, ...] = ()
    held_out: dict[tuple[int, int], float] = field(default_factory=dict)
    weak: Array = field(default_factory=lambda: np.empty((0, 1, 1, 1)))
    request: Request | None = None

    @property
    def stderr(self) -> Array:
        """Standard error of each tap, in the shape of ``kernel.taps``.

        (Of ``kernel.weight`` if it mixes channels.) NaN where the data do not determine the tap.
        """
        return self._as_taps(self._errors()[:, :-1])

    @property
    def bias_stderr(self) -> Array:
        """Standard error of the bias, shape (out,), in grey levels; 0 where none was learnt."""
        return self._errors()[:, -1]

    @property
    def covariance(self) -> Array:
        """Covariance of the weights of each output channel, the bias last, shape (out, P, P)."""
        return self.uncertainty.covariance

    def interval(self, probability: float = 0.95) -> tuple[Array, Array]:
        """Return the limits between which each tap lies with the given probability.

        Parameters
        ----------
        probability : float, default 0.95
            Between 0 and 1.

        Returns
        -------
        low, high : ndarray
            In the shape of `stderr`: the taps less and plus Student's quantile times their
            standard errors. NaN where the data do not determine the tap.

        Raises
        ------
        InvalidInput
            If `probability` is not between 0 and 1.

        See Also
        --------
        Fit.stderr : One standard error.

        Examples
        --------
        >>> import numpy as np
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> noise = np.random.default_rng(0).normal(0, 1, x.shape)
        >>> low, high = learn(x, 2 * x + noise, shape=1).interval(0.99)
        >>> bool(low < 2 < high)
        True
        """
        as_probability(probability)
        from scipy.special import stdtrit

        quantile = self._as_taps(stdtrit(self.uncertainty.freedom, (1 + probability) / 2)[:, :-1])
        taps = self.kernel.weight.reshape(self.stderr.shape)
        reach = quantile * self.stderr
        return taps - reach, taps + reach

    def _errors(self) -> Array:
        errors: Array = np.sqrt(np.diagonal(self.uncertainty.covariance, axis1=1, axis2=2))
        return errors

    def _as_taps(self, values: Array) -> Array:
        """Give values (out, taps) the shape of the kernel's taps, or of its weight if it mixes."""
        weight = self.kernel.weight
        single = weight.shape[0] == weight.shape[1] == 1
        return values.reshape(weight.shape[2:] if single else weight.shape)

    def predict(self, image: ArrayLike, **options: Any) -> Array:
        """Return what the kernel makes of an image: ``correlate2d(image, fit.kernel, ...)``.

        Parameters
        ----------
        image : array_like
            As for `kernfit.correlate2d`.
        **options
            Passed on: ``mode``, ``boundary`` and the others.

        Returns
        -------
        ndarray

        See Also
        --------
        Fit.prediction_error : How sure it is.

        Examples
        --------
        >>> import numpy as np
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> learn(x, x[:, 1:] - x[:, :-1]).predict(np.eye(2), mode="same").round(6) + 0.0
        array([[-1.,  0.],
               [ 1., -1.]])
        """
        return correlate2d(image, self.kernel, **options)

    def prediction_error(self, image: ArrayLike, **options: Any) -> Array:
        """Return the standard error of each pixel of `predict`, that of the kernel alone.

        The after image's own noise comes on top.

        Parameters
        ----------
        image : array_like
            As for `predict`.
        **options
            As for `predict`.

        Returns
        -------
        ndarray
            Of the shape of what `predict` returns, in its unit. NaN if not all weights are
            determined.

        See Also
        --------
        Fit.predict : The prediction itself.

        Examples
        --------
        >>> import numpy as np
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> fit = learn(x, x + np.random.default_rng(0).normal(0, 1, x.shape), shape=1)
        >>> error = fit.prediction_error(x)
        >>> error.shape, bool(error.max() < 0.1)
        ((60, 80), True)
        """
        from kernfit.learning.certainty.prediction import prediction_error

        return prediction_error(self.kernel, self.uncertainty, image, **options)

    def recognise(self, *, output: int = 0, source: int = 0) -> Recognition:
        """Say what the kernel is called: a named one, simple fractions, or a known family.

        Parameters
        ----------
        output, source : int, default 0
            Channels, of a kernel that mixes them.

        Returns
        -------
        Recognition
            All that agrees with every tap within its error, the simplest first, or what comes
            nearest. As text, a sentence.

        Raises
        ------
        InvalidInput
            If there is no such channel.

        See Also
        --------
        catalogue : Kernels with a name.

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> print(learn(x, (x[:, 1:] - x[:, :-1]) / 2).recognise())
        It is forward_difference_x times 1/2: (-1 1) / 2.
        """
        own = taps_between(self.kernel.weight.shape, output, source)
        if (output, source) not in self._names:
            self._names[output, source] = self._recognised(output, source, own)
        return self._names[output, source]

    @cached_property
    def _names(self) -> dict[tuple[int, int], Recognition]:
        """What the kernels are called, as far as that was asked for."""
        return {}

    def _recognised(self, output: int, source: int, own: slice) -> Recognition:
        from kernfit.learning.naming.match import Bias
        from kernfit.learning.naming.recognise import recognise

        return recognise(
            self.kernel.weight[output, source],
            self.covariance[output, own, own],
            anchor=self.kernel.anchor,
            reproduced=self.reproduced == self.used,
            bias=Bias(
                float(self.kernel.bias[output]),
                float(self.bias_stderr[output]),
                whole_levels=self.reproduced is not None,
            ),
        )

    @property
    def moments(self) -> Moments:
        """Sum, centroid and width of the kernel, each with its standard error.

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> learn(x, (x[:, 1:] + x[:, :-1]) / 2).moments.centroid
        (0.0, 0.5)
        """
        return moments(self.kernel, self.uncertainty)

    def frequency_response(
        self,
        *,
        angle: float = 0.0,
        points: int = 129,
        normalise: bool = False,
        output: int = 0,
        source: int = 0,
    ) -> FrequencyResponse:
        """Return what the kernel does to waves of each spatial frequency, with its errors.

        Parameters
        ----------
        angle : float, default 0
            Direction in which the waves run, in degrees: 0 along a row, 90 along a column.
        points : int, default 129
            How many frequencies, from 0 to the highest that pixels can hold.
        normalise : bool, default False
            Whether to divide by the response at frequency 0. The gain is then what optics calls
            the modulation transfer function, MTF.
        output, source : int, default 0
            Channels, of a kernel that mixes them.

        Returns
        -------
        FrequencyResponse
            NaN errors where the data do not determine a frequency.

        Raises
        ------
        InvalidInput
            If there is no such channel, or the taps' sum is not told from 0 and it is to be
            normalised.

        See Also
        --------
        Kernel.frequency_response : Without errors.

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80)).astype(float)
        >>> response = learn(x, (x[:, 1:] + x[:, :-1]) / 2).frequency_response(normalise=True)
        >>> print(f"MTF50 at {response.falls_to(0.5)[0]:.3f} cycles per pixel")
        MTF50 at 0.333 cycles per pixel
        """
        from kernfit.frequencies import respond

        own = taps_between(self.kernel.weight.shape, output, source)
        taps = self.kernel.weight[output, source].astype(np.float64)
        return respond(
            taps,
            self.kernel.anchor,
            angle=angle,
            points=points,
            normalise=normalise,
            deviations=self.uncertainty.deviations(output, own),
            undetermined=self.undetermined.reshape(-1, self.kernel.weight[0].size)[:, own],
            freedom=float(self.uncertainty.freedom[output, own].min()),
        )
