"""What a kernel does to each spatial frequency, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernfit.arrays import Array, as_probability
from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From so many standard errors on a gain is told from 0, and its phase is known well enough.
_TOLD = 3.0
# A frequency counts as undetermined if so much of its wave lies in what the data do not tell.
_HIDDEN = 1e-6


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """How strongly, and how far moved, waves of each spatial frequency come through a kernel.

    Attributes
    ----------
    angle : float
        Direction in which the waves run, in degrees: 0 along a row, to the right; 90 along a
        column, down.
    frequency : ndarray, shape (n,)
        In cycles per pixel along that direction, from 0 to the highest that pixels can hold
        (0.5 along rows and columns).
    value : ndarray of complex, shape (n,)
        ``sum over a, b of k[a, b] exp(2 pi i f . (a - anchor))``: a wave comes through multiplied
        by this.
    stderr : ndarray, shape (n,)
        Standard error of `gain` to first order; NaN where the data do not determine it, 0 for a
        kernel that is given.
    worst : ndarray, shape (n,)
        Standard error of `value` in the direction of the complex plane where it is largest.
    freedom : float
        Degrees of freedom of the errors.

    Examples
    --------
    A mean of two pixels halves nothing but what changes from pixel to pixel:

    >>> from kernfit import Kernel
    >>> Kernel([[0.5, 0.5]]).frequency_response(points=3).gain.round(3)
    array([1.   , 0.707, 0.   ])
    """

    angle: float
    frequency: Array
    value: Array
    stderr: Array
    worst: Array
    freedom: float = np.inf

    @property
    def gain(self) -> Array:
        """By how much the contrast of each frequency is multiplied, ``|value|``, shape (n,)."""
        gain: Array = np.abs(self.value)
        return gain

    def interval(self, probability: float = 0.95) -> tuple[Array, Array]:
        """Return the limits between which each gain lies with the given probability.

        Where the gain is not told from 0 it cannot be normally distributed, as it has no sign:
        there the limits come from the circle in the complex plane that holds the value.

        Parameters
        ----------
        probability : float, default 0.95
            Between 0 and 1.

        Returns
        -------
        low, high : ndarray, shape (n,)

        Raises
        ------
        InvalidInput
            If `probability` is not between 0 and 1.
        """
        as_probability(probability)
        from scipy.special import fdtri, stdtrit

        # Beyond a million degrees of freedom Student's distribution is the normal one.
        freedom = min(self.freedom, 1e6)
        if not freedom > 0:
            return np.full_like(self.gain, np.nan), np.full_like(self.gain, np.nan)
        normal = float(stdtrit(freedom, (1 + probability) / 2)) * self.stderr
        circle = float(np.sqrt(2 * fdtri(2, freedom, probability))) * self.worst
        # From the one to the other without a jump.
        with np.errstate(divide="ignore", invalid="ignore"):
            told = np.clip(self.gain / self.worst - (_TOLD - 1), 0.0, 1.0)
        reach = np.where(self.worst == 0, 0.0, told * normal + (1 - told) * circle)
        return np.maximum(self.gain - reach, 0.0), self.gain + reach

    def falls_to(self, gain: float = 0.5) -> tuple[float, float]:
        """Return the first frequency at which the gain falls to a value, and its standard error.

        Of a normalised response and 0.5 this is MTF50, the usual figure of sharpness.

        Parameters
        ----------
        gain : float, default 0.5

        Returns
        -------
        frequency, stderr : float
            In cycles per pixel, between points interpolated linearly. NaN if it never does.
        """
        above = self.gain > gain
        falls = np.flatnonzero(above[:-1] & ~above[1:])
        if len(falls) == 0:
            return np.nan, np.nan
        at = int(falls[0])
        drop = self.gain[at] - self.gain[at + 1]
        share = (self.gain[at] - gain) / drop
        step = self.frequency[at + 1] - self.frequency[at]
        error = (1 - share) * self.stderr[at] + share * self.stderr[at + 1]
        return float(self.frequency[at] + share * step), float(error * step / drop)

    def plot(self, *, ax: Axes | None = None, label: str = "", dashed: bool = False) -> Axes:
        """Draw the gain with its band of 95 %.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.
        label : str
            Of the curve, for a legend.
        dashed : bool
            Draw it as the second of two curves.

        Returns
        -------
        matplotlib Axes
        """
        from kernfit.plots import plot_response

        low, high = self.interval()
        return plot_response(
            self.frequency, self.gain, low, high, ax=ax, label=label, dashed=dashed
        )


def respond(
    taps: Array,
    anchor: tuple[int, int],
    *,
    angle: float,
    points: int,
    normalise: bool,
    deviations: Array | None = None,
    undetermined: Array | None = None,
    freedom: float = np.inf,
) -> FrequencyResponse:
    """Return the frequency response of taps; errors come to first order from theirs.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    anchor : (row, column)
    angle : float
        In degrees.
    points : int
        Frequencies, at least 2.
    normalise : bool
        Divide by the response at frequency 0, the sum of the taps.
    deviations : ndarray, shape (n, kh * kw), optional
        Such that any combination c of taps has the variance ``sum((deviations @ c)^2)``. Default:
        no errors.
    undetermined : ndarray, shape (directions, kh * kw), optional
        Orthonormal combinations of taps of which nothing is known.
    freedom : float
        Degrees of freedom of the errors.

    Raises
    ------
    InvalidInput
        If `points` or `angle` is no such number, or the sum of the taps is 0, or not told from 0
        by three standard errors, and `normalise` asks to divide by it.
    """
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 2:
        raise InvalidInput(f"points must be an integer of at least 2, got {points!r}")
    if not np.isfinite(angle):
        raise InvalidInput(f"angle must be a finite number of degrees, got {angle}")
    down, right = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    # The highest frequency whose part along a row or along a column is half a cycle per pixel.
    frequency = np.linspace(0, 0.5 / max(abs(down), abs(right)), points)
    rows, columns = np.indices(taps.shape)
    along = down * (rows - anchor[0]) + right * (columns - anchor[1])
    waves = np.exp(2j * np.pi * frequency[:, np.newaxis] * along.ravel())
    value = waves @ taps.ravel()
    pulls = np.zeros((points, 1)) if deviations is None else waves @ deviations.T
    if normalise:
        total, unsure = value[0].real, float(np.sqrt(np.sum(np.abs(pulls[0]) ** 2)))
        if not abs(total) > max(_TOLD * unsure, 1e-9 * float(np.abs(taps).sum())):
            raise InvalidInput(
                f"the taps must have a sum other than 0 to normalise by, got {total:.3g} ± "
                f"{unsure:.2g}: leave normalise out"
            )
        value = value / total
        pulls = (pulls - value[:, np.newaxis] * pulls[0]) / total
        value[0], pulls[0] = 1, 0  # it is divided by itself
    gain = np.abs(value)
    towards = np.where(gain > 0, value, 1) / np.where(gain > 0, gain, 1)
    stderr = np.sqrt(np.sum((pulls * towards.conj()[:, np.newaxis]).real ** 2, axis=1))
    # The larger eigenvalue of the covariance of real and imaginary part.
    trace = np.sum(np.abs(pulls) ** 2, axis=1)
    worst = np.sqrt((trace + np.abs(np.sum(pulls**2, axis=1))) / 2)
    if undetermined is not None and len(undetermined):
        hidden = np.linalg.norm(waves @ undetermined.T, axis=1) > _HIDDEN * np.sqrt(taps.size)
        stderr[hidden] = worst[hidden] = np.nan
    return FrequencyResponse(float(angle), frequency, value, stderr, worst, freedom)
