"""A kernel that changes smoothly over the image."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, as_pair_of_ints, one_of
from kernfit.correlate import correlate2d
from kernfit.correlate.threads import for_strips, thread_count
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import size_of_file, whole_file
from kernfit.io.kernels import FIELD_FORMAT
from kernfit.kernel import Kernel
from kernfit.learning.varying.polynomial import Polynomial

_NUMBERS = 1 << 18  # of all terms over a strip of the result
_VERSION = 1
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class KernelField:
    """A kernel and a background that are polynomials in the place in the image.

    At output pixel (i, j) the taps are ``sum over m of P_m(i, j) * weights[m]`` and the background
    is ``sum over n of Q_n(i, j) * background[n]``, P and Q being products of Legendre polynomials
    in row and column, which run from -1 to 1 over the image; the first of them is 1.

    Attributes
    ----------
    weights : ndarray, shape (terms, kh, kw)
        A kernel for each term; the first is the mean kernel over the field.
    background : ndarray, shape (background terms,)
        In the after image's unit; empty where none was learnt.
    degree, background_degree : int
        Of both polynomials; -1 for no background.
    size : (rows, columns)
        Of the after images that it makes.
    anchor : (row, column)
        The tap that sits on the output pixel. ``(0, 0)`` where the before image is larger than
        the after image by the kernel's shape less 1.
    same_size : bool
        Whether before and after have equal sizes. A border as wide as the kernel is then NaN.

    See Also
    --------
    learn_varying : Finds one from a pair of images.
    Kernel : A kernel that is the same all over.

    Examples
    --------
    >>> import numpy as np, kernfit
    >>> x = kernfit.scene((60, 80)).astype(float)
    >>> field = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1).field
    >>> field.shape, field.degree, field.weights.shape
    ((1, 1), 1, (3, 1, 1))
    """

    weights: Array
    background: Array
    degree: int
    background_degree: int
    size: tuple[int, int]
    anchor: tuple[int, int]
    same_size: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the taps."""
        rows, columns = self.weights.shape[1:]
        return rows, columns

    @property
    def terms(self) -> Polynomial:
        """The polynomial of the kernel."""
        return Polynomial(self.degree, self.size)

    @property
    def background_terms(self) -> Polynomial:
        """The polynomial of the background."""
        return Polynomial(self.background_degree, self.size)

    @property
    def kernel(self) -> Kernel:
        """The mean kernel over the field."""
        background = float(self.background[0]) if self.background.size else 0.0
        return Kernel(self.weights[0], background, anchor=self.anchor)

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

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> field = kernfit.learn_varying(x, 2 * x, degree=1, background=0, shape=1).field
        >>> field.at(10, 70).taps.round(6)
        array([[2.]])
        """
        row, column = self.check_place(row, column)
        taps = np.tensordot(self.terms.at(row, column), self.weights, 1)
        bias = self.background_terms.at(row, column) @ self.background
        return Kernel(taps, float(bias), anchor=self.anchor)

    def check_place(self, row: float, column: float) -> tuple[float, float]:
        """Return a place in the after image, or refuse one outside."""
        row, column = float(row), float(column)
        if not (0 <= row <= self.size[0] - 1 and 0 <= column <= self.size[1] - 1):
            raise InvalidInput(
                f"row and column must lie in an image of {self.size[0]}x{self.size[1]}, "
                f"got {row:g} and {column:g}"
            )
        return row, column

    def predict(
        self,
        before: ArrayLike,
        *,
        boundary: str | None = None,
        fill_value: float = 0,
        threads: int | None = None,
    ) -> Array:
        """Return the after image that the field makes of a before image.

        Parameters
        ----------
        before : array_like
            Of the size that was learnt from. NaN stays in the footprint of the kernel.
        boundary : {"edge", "reflect", "symmetric", "wrap", "constant"}, optional
            What stands beyond the before image, if before and after have equal sizes. Default:
            nothing does, and outputs that would need it are NaN.
        fill_value : float, default 0
            The level of boundary "constant".
        threads : int, optional
            Default: all cores.

        Returns
        -------
        ndarray of float64, shape `size`
            NaN at the border, where the kernel does not find its whole patch, if before and after
            have equal sizes and there is no boundary.

        Raises
        ------
        InvalidInput
            If `before` has another size, or `boundary` is no such word or not needed.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> y = x + 0.1 * np.arange(80)
        >>> field = kernfit.learn_varying(x, y, degree=0, background=1, shape=1).field
        >>> bool(np.abs(field.predict(x) - y).max() < 1e-6)
        True
        """
        image = as_image(before, "before").astype(np.float64)
        kh, kw = self.shape
        grown = (0, 0) if self.same_size else (kh - 1, kw - 1)
        expected = (self.size[0] + grown[0], self.size[1] + grown[1])
        if image.shape != expected:
            raise InvalidInput(
                f"before must have the size {expected[0]}x{expected[1]} over which the field "
                f"varies, got shape {image.shape}"
            )
        result = np.full(self.size, np.nan)
        top, left = self.anchor if self.same_size else (0, 0)
        if boundary is not None:
            one_of(boundary, ("edge", "reflect", "symmetric", "wrap", "constant"), "boundary")
            if not self.same_size:
                raise InvalidInput(
                    "boundary must be None for a field whose after images hold only outputs with "
                    f"their whole patch, got {boundary!r}"
                )
            around = ((top, kh - 1 - top), (left, kw - 1 - left))
            image = _padded(image, around, boundary, fill_value)
            top = left = 0
        rows = slice(top, top + image.shape[0] - kh + 1)
        columns = slice(left, left + image.shape[1] - kw + 1)
        result[rows, columns] = self.over(image, rows, columns, threads=threads)
        return result

    def over(self, seen: Array, rows: slice, columns: slice, *, threads: int | None = 1) -> Array:
        """Return the prediction for a rectangle of the after image from the pixels it sees."""
        kh, _ = self.shape
        height, width = rows.stop - rows.start, columns.stop - columns.start
        terms, levels = self.terms, self.background_terms
        bank = Kernel(self.weights[:, np.newaxis])
        found = np.empty((height, width))
        count = -(-height // max(4 * kh, _NUMBERS // (len(self.weights) * width)))

        def work(first: int, stop: int) -> None:
            for n in range(first, stop):
                begin, end = height * n // count, height * (n + 1) // count
                part = slice(rows.start + begin, rows.start + end)
                each = correlate2d(seen[np.newaxis, begin : end + kh - 1], bank, threads=1)
                terms.weighted(each, part, columns, out=found[begin:end])
                found[begin:end] += levels.combined(self.background, part, columns)

        for_strips(work, count, thread_count(threads))
        return found

    def difference(
        self, before: ArrayLike, after: ArrayLike, *, threads: int | None = None
    ) -> Array:
        """Return the difference image: after less what the field makes of before.

        What is new, gone or changed in the after image is all that stands out in it.

        Parameters
        ----------
        before, after : array_like
            Of the sizes that were learnt from.
        threads : int, optional
            Default: all cores.

        Returns
        -------
        ndarray of float64, shape `size`
            NaN where `predict` is, or the after image.

        Raises
        ------
        InvalidInput
            If a size is another one.

        See Also
        --------
        KernelField.predict : What is taken off.

        Examples
        --------
        >>> import numpy as np, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> y = 2 * x
        >>> field = kernfit.learn_varying(x, y, degree=0, background=0, shape=1).field
        >>> y[30, 40] += 50  # something new
        >>> float(field.difference(x, y)[30, 40].round(6))
        50.0
        """
        image = as_image(after, "after")
        if image.shape != self.size:
            raise InvalidInput(
                f"after must have the size {self.size[0]}x{self.size[1]} over which the field "
                f"varies, got shape {image.shape}"
            )
        return image - self.predict(before, threads=threads)

    def to_dict(self) -> dict[str, Any]:
        """Return the field as plain lists and numbers; `from_dict` gives the same field back.

        Returns
        -------
        dict
            Of lists, numbers and truth values, as JSON takes them.

        See Also
        --------
        KernelField.from_dict : The way back.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> field = kernfit.learn_varying(x, x, degree=0, background=0, shape=1).field
        >>> sorted(field.to_dict())[:3]
        ['anchor', 'background', 'background_degree']
        """
        return {
            "weights": self.weights.tolist(),
            "background": self.background.tolist(),
            "degree": self.degree,
            "background_degree": self.background_degree,
            "size": list(self.size),
            "anchor": list(self.anchor),
            "same_size": self.same_size,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> KernelField:
        """Return the field that `to_dict` described.

        Parameters
        ----------
        record : mapping
            What `to_dict` gives.

        Returns
        -------
        KernelField

        Raises
        ------
        InvalidInput
            If something is missing or does not fit together.

        See Also
        --------
        KernelField.load : From a file.

        Examples
        --------
        >>> import kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> field = kernfit.learn_varying(x, x, degree=1, background=0, shape=1).field
        >>> kernfit.KernelField.from_dict(field.to_dict()).size
        (60, 80)
        """
        try:
            weights = np.array(record["weights"], float)
            background = np.array(record["background"], float)
            degrees = int(record["degree"]), int(record["background_degree"])
            size = as_pair_of_ints(record["size"], "size", least=1)
            anchor = as_pair_of_ints(record["anchor"], "anchor")
            same_size = bool(record["same_size"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"a field must have all that KernelField.to_dict gives, got {error!r}"
            ) from None
        terms = tuple(len(Polynomial(degree, size)) for degree in degrees)
        fits = weights.ndim == 3 and weights.size and (len(weights), len(background)) == terms
        numbers = np.append(weights.ravel(), background)
        inside = fits and all(0 <= a < n for a, n in zip(anchor, weights.shape[1:], strict=True))
        if not inside or background.ndim != 1 or not np.isfinite(numbers).all():
            raise InvalidInput(
                "a field must have finite numbers, weights (terms, kh, kw) and an anchor among "
                f"them, with {terms[0]} terms and {terms[1]} for the background, got weights "
                f"{weights.shape}, background {background.shape} and anchor {anchor}"
            )
        return cls(weights, background, *degrees, size, anchor, same_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the field to a .json file, to the last digit.

        Parameters
        ----------
        path : path-like
            Ends in .json. An existing file is replaced once the new one is whole.

        Raises
        ------
        RefusedFile
            If the suffix is another or the file cannot be written.

        See Also
        --------
        KernelField.load : Reads it.

        Examples
        --------
        >>> import pathlib, tempfile, kernfit
        >>> x = kernfit.scene((60, 80)).astype(float)
        >>> field = kernfit.learn_varying(x, x, degree=1, background=0, shape=1).field
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "field.json"
        >>> field.save(path)
        >>> kernfit.KernelField.load(path).degree
        1
        """
        check_field_suffix(path)
        record = {"format": FIELD_FORMAT, "version": _VERSION, **self.to_dict()}
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(record, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KernelField:
        """Read a field that `save` wrote.

        Parameters
        ----------
        path : path-like
            A file that `save` wrote.

        Returns
        -------
        KernelField

        Raises
        ------
        RefusedFile
            If there is no such file, or it holds something else.

        See Also
        --------
        KernelField.save : Writes it, with an example.
        """
        check_field_suffix(path)
        if size_of_file(path) > _MOST_BYTES:
            raise RefusedFile(f"{path} must have at most {_MOST_BYTES} bytes: check its kind")
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            raise RefusedFile(
                f"{path} is not readable JSON: write it with KernelField.save"
            ) from None
        wanted = (FIELD_FORMAT, _VERSION)
        if not isinstance(record, dict) or (record.get("format"), record.get("version")) != wanted:
            raise RefusedFile(
                f'{path} must have "format": "{FIELD_FORMAT}" and "version": {_VERSION}: write it '
                "with KernelField.save"
            )
        try:
            return cls.from_dict(record)
        except InvalidInput as error:
            raise RefusedFile(f"{path} does not hold a field: {error}") from None


def _padded(
    image: Array, around: tuple[tuple[int, int], tuple[int, int]], boundary: str, fill: float
) -> Array:
    """Return an image with what stands beyond it; the boundaries' names are NumPy's."""
    if boundary == "constant":
        return np.pad(image, around, mode="constant", constant_values=fill)
    padded: Array = np.pad(image, around, mode=boundary)  # type: ignore[call-overload]
    return padded


def check_field_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse a path to which no field could be written."""
    if Path(path).suffix.lower() != ".json":
        raise RefusedFile(f"{path} must end in .json to hold a kernel that varies: rename it")
