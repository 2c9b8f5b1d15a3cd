"""The answer of `learn_varying`: a kernel that changes over the image, errors, verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_probability
from kernfit.kernel import Kernel
from kernfit.learning.answers.verdict import Status
from kernfit.learning.varying.errors import FieldErrors
from kernfit.learning.varying.kernel_field import KernelField


@dataclass(frozen=True, eq=False)
class VaryingFit:
    """A kernel that varies over the image, learnt from a pair, and how sure it is.

    Attributes
    ----------
    field : KernelField
        Kernel and background as polynomials in the place.
    errors : FieldErrors
        Of all numbers of the field: its taps term by term, then its background.
    residual_rms : float
        Root mean square of what the field leaves unexplained, in the after image's unit; pixels
        count by their weights, if they have any.
    residual_floor : float
        What rounding to whole levels alone would leave: 1/sqrt(12) for integer images, else 0.
    r2 : float
        Share of the after image's variance that is explained.
    used : int
        Number of pixels of the after image that counted.
    left_out : dict
        How many did not, as "border", "missing", "masked", "clipped" and "outliers".
    status : Status
        The verdict.
    held_out : dict
        Where degrees were chosen: root mean square of the residual in blocks that were held out,
        by (degree, background degree).

    See Also
    --------
    learn_varying : Makes one.
    Fit : Of a kernel that is the same all over.

    Examples
    --------
    >>> import kernfit
    >>> x = kernfit.scene((60, 80)).astype(float)
    >>> fit = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1)
    >>> fit.kernel.taps.round(6), fit.status.code
    (array([[2.]]), 'good')
    """

    field: KernelField
    errors: FieldErrors
    residual_rms: float
    residual_floor: float
    r2: float
    used: int
    left_out: dict[str, int]
    status: Status
    held_out: dict[tuple[int, int], float]

    @property
    def kernel(self) -> Kernel:
        """The mean kernel over the field."""
        return self.field.kernel

    def at(self, row: float, column: float) -> Kernel:
        """Return the kernel at one pixel of the after image, its background as the bias.

        Parameters
        ----------
        row, column : float
            A pixel of the after image.

        Returns
        -------
        Kernel

        Raises
        ------
        InvalidInput
            If the pixel lies outside the image.

        See Also
        --------
        VaryingFit.stderr_at : How sure its taps are.
        VaryingFit.kernel : The mean over the field.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1).at(5, 70).taps.round(6)
        array([[2.]])
        """
        return self.field.at(row, column)

    def stderr_at(self, row: float, column: float) -> Array:
        """Return the standard error of each tap at one pixel, in the kernel's shape.

        NaN where the data do not determine the tap.

        Parameters
        ----------
        row, column : float
            A pixel of the after image.

        Returns
        -------
        ndarray, shape (kh, kw)

        Raises
        ------
        InvalidInput
            If the pixel lies outside the image.

        See Also
        --------
        VaryingFit.interval_at : Limits instead.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> y = x + np.random.default_rng(0).normal(0, 2, x.shape)
        >>> kernfit.learn_varying(x, y, degree=1, background=0, shape=3).stderr_at(30, 40).shape
        (3, 3)
        """
        errors: Array = np.sqrt(self.errors.variance(self._pulls_at(row, column)))
        return errors

    def interval_at(
        self, row: float, column: float, probability: float = 0.95
    ) -> tuple[Array, Array]:
        """Return the limits between which each tap at one pixel lies with a given probability.

        Parameters
        ----------
        row, column : float
        probability : float, default 0.95
            Between 0 and 1.

        Returns
        -------
        low, high : ndarray, shape (kh, kw)
            Student's, with the degrees of freedom of `FieldErrors.freedom`.

        Raises
        ------
        InvalidInput
            If `probability` is not between 0 and 1, or the pixel lies outside the image.

        See Also
        --------
        VaryingFit.stderr_at : One standard error.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> y = x + np.random.default_rng(0).normal(0, 2, x.shape)
        >>> fit = kernfit.learn_varying(x, y, degree=0, background=0, shape=1)
        >>> low, high = fit.interval_at(30, 40)
        >>> bool(low[0, 0] < 1 < high[0, 0])
        True
        """
        as_probability(probability)
        from scipy.special import stdtrit

        pulls = self._pulls_at(row, column)
        quantile = stdtrit(self.errors.freedom(pulls), (1 + probability) / 2)
        reach = quantile * np.sqrt(self.errors.variance(pulls))
        taps = self.at(row, column).taps
        return taps - reach, taps + reach

    def scale_at(self, row: float, column: float) -> tuple[float, float]:
        """Return the kernel's sum at one pixel, the photometric scale, and its standard error.

        Parameters
        ----------
        row, column : float
            A pixel of the after image.

        Returns
        -------
        scale : float
        stderr : float

        See Also
        --------
        VaryingFit.at : The kernel itself.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> fit = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1)
        >>> scale, _ = fit.scale_at(30, 40)
        >>> round(scale, 6)
        2.0
        """
        pulls = self._pulls_at(row, column).sum(axis=(1, 2))
        return float(self.at(row, column).taps.sum()), float(np.sqrt(self.errors.variance(pulls)))

    def predict(self, before: ArrayLike, **options: Any) -> Array:
        """Return what the field makes of a before image; takes what `KernelField.predict` takes.

        Parameters
        ----------
        before : array_like
            Of the size that was learnt from.
        **options
            As `KernelField.predict` takes them.

        Returns
        -------
        ndarray of float64

        See Also
        --------
        VaryingFit.difference : After less prediction.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> fit = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1)
        >>> bool(np.abs(fit.predict(x) - 2 * x).max() < 1e-6)
        True
        """
        return self.field.predict(before, **options)

    def difference(
        self, before: ArrayLike, after: ArrayLike, *, threads: int | None = None
    ) -> Array:
        """Return the difference image, after less prediction; see `KernelField.difference`.

        Parameters
        ----------
        before, after : array_like
            Of the sizes that were learnt from.
        threads : int, optional
            Default: all cores.

        Returns
        -------
        ndarray of float64, shape of `after`

        See Also
        --------
        KernelField.difference : The same, of the field alone.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> fit = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1)
        >>> bool(np.abs(fit.difference(x, 2 * x)).max() < 1e-6)
        True
        """
        return self.field.difference(before, after, threads=threads)

    def _pulls_at(self, row: float, column: float) -> Array:
        """Return the roots of the errors of the taps at one pixel, shape (n, kh, kw)."""
        terms = self.field.terms.at(*self.field.check_place(row, column))
        kernels = self.errors.roots[:, : self.field.weights.size]
        pulls: Array = np.tensordot(
            kernels.reshape(-1, *self.field.weights.shape), terms, axes=(1, 0)
        )
        return pulls

    def sentences(self) -> list[str]:
        """Return the answer in a few sentences: what, how sure, and whether to believe it.

        Returns
        -------
        list of str

        See Also
        --------
        VaryingFit.report : The whole answer as a page.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> bool(kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1).sentences())
        True
        """
        from kernfit.learning.varying.words import in_sentences

        return in_sentences(self)

    def report(
        self,
        path: str | os.PathLike[str],
        before: ArrayLike | None = None,
        after: ArrayLike | None = None,
        *,
        clip: Sequence[float] | None = None,
        mask: ArrayLike | None = None,
        title: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Write the answer as one page for the browser, which needs nothing else.

        Verdict, images side by side, the kernel at nine places, how its sum and the background
        vary, and the residual.

        Parameters
        ----------
        path : path-like
            Ends in .html. An existing file is replaced once the new one is whole.
        before, after, clip, mask
            As they were given to `learn_varying`. Without the images the page has no pictures.
        title : str
            Put above.
        notes : sequence of str
            To be said beside the figures.

        Raises
        ------
        InvalidInput
            If these are not the images that were learnt from, or the suffix is another.
        RefusedFile
            If the file cannot be written.

        See Also
        --------
        VaryingFit.sentences : The same in a few lines.

        Examples
        --------
        >>> import tempfile, pathlib, kernfit
        >>> x = kernfit.scene((60, 80))
        >>> fit = kernfit.learn_varying(x, x, degree=1, background=0, shape=1)
        >>> page = pathlib.Path(tempfile.mkdtemp()) / "page.html"
        >>> fit.report(page, x, x, title="Nothing was done")
        >>> "<h1>Nothing was done</h1>" in page.read_text(encoding="utf-8")
        True
        """
        from kernfit.learning.varying.scenes import views_for
        from kernfit.report.varying import write_varying_report

        scene, views = views_for(self, before, after, clip=clip, mask=mask)
        write_varying_report(self, path, scene, views, title=title, notes=list(notes))

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain numbers, lists and strings; NaN becomes None.

        Returns
        -------
        dict

        See Also
        --------
        KernelField.to_dict : The field alone, which can be read back.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> kernfit.learn_varying(x, x, degree=0, background=0, shape=1).to_dict()["status"]["code"]
        'good'
        """
        from kernfit.learning.varying.words import as_record

        return as_record(self)

    def __repr__(self) -> str:
        from kernfit.learning.varying.words import as_text

        return as_text(self)
