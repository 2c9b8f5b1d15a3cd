"""The kernel: weights, bias and anchor, as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_pair_of_ints, finite_and_frozen, taps_between
from kernfit.display import readable, taps_as_html
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.io.kernels import read_kernel_record, write_kernel_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kernfit.frequencies import FrequencyResponse


class Kernel:
    """A 2-D kernel: the small array of weights that slides over an image.

    Applied to an image ``x`` it gives
    ``y[o, i, j] = bias[o] + sum over c, a, b of x[c, i + a, j + b] * weight[o, c, a, b]``:
    correlation, as in deep learning.

    Parameters
    ----------
    weight : array_like
        The taps: shape (kh, kw), or (out, in, kh, kw) for kernels that mix channels.
        Integers stay integers (int64), so that integer images stay exact; else float64.
    bias : float or array_like, default 0
        Added to every output pixel, in the image's unit; one number for each output channel.
    anchor : pair of int, optional
        (row, column) of the tap that sits on the output pixel when the output has the size of
        the image. Default ``((kh - 1) // 2, (kw - 1) // 2)``.
    name : str, optional
        What the kernel is called.

    Raises
    ------
    InvalidInput
        If `weight` has no tap or not 2 or 4 axes, if a number is not finite, if `bias` does not
        have one value for each output channel, or `anchor` is not one of the taps.

    See Also
    --------
    catalogue : Kernels with a name.
    learn : The kernel behind a pair of images.

    Examples
    --------
    >>> edge = Kernel([[1, -1]], name="lesson edge")
    >>> edge
    Kernel([[1, -1]], name='lesson edge')
    >>> edge.flipped().taps
    array([[-1,  1]])
    >>> edge == Kernel([[1, -1]])
    True
    """

    __slots__ = ("_anchor", "_bias", "_name", "_weight")

    _weight: Array
    _bias: Array
    _anchor: tuple[int, int]
    _name: str

    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike = 0,
        *,
        anchor: int | Sequence[int] | None = None,
        name: str = "",
    ) -> None:
        weights = finite_and_frozen(weight, "weight")
        if weights.ndim == 2:
            weights = weights[np.newaxis, np.newaxis]
        if weights.ndim != 4 or weights.size == 0:
            raise InvalidInput(
                "weight must have shape (rows, columns) or (out, in, rows, columns) and at least "
                f"one tap, got shape {np.shape(weight)}"
            )
        outputs, _, rows, columns = weights.shape
        biases = finite_and_frozen(bias, "bias")
        if biases.ndim == 0:
            biases = finite_and_frozen(np.full(outputs, biases), "bias")
        if biases.shape != (outputs,):
            raise InvalidInput(
                f"bias must be one number or have shape ({outputs},), one for each output "
                f"channel, got shape {biases.shape}"
            )
        if anchor is None:
            anchor = ((rows - 1) // 2, (columns - 1) // 2)
        row, column = as_pair_of_ints(anchor, "anchor")
        if not (0 <= row < rows and 0 <= column < columns):
            raise InvalidInput(
                f"anchor must be one of the taps of a {rows}x{columns} kernel, got {(row, column)}"
            )
        # object.__setattr__ because the class forbids assignment, see __setattr__.
        for slot, value in (
            ("_weight", weights),
            ("_bias", biases),
            ("_anchor", (row, column)),
            ("_name", str(name)),
        ):
            object.__setattr__(self, slot, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse assignment: the value is frozen."""
        raise AttributeError("a Kernel does not change: make a new one")

    @property
    def weight(self) -> Array:
        """All weights, shape (out, in, kh, kw), read-only."""
        return self._weight

    @property
    def taps(self) -> Array:
        """The taps of a kernel with one input and one output channel, shape (kh, kw).

        Raises
        ------
        InvalidInput
            If the kernel mixes channels; then use `weight`.
        """
        outputs, inputs = self._weight.shape[:2]
        if (outputs, inputs) != (1, 1):
            raise InvalidInput(
                "taps needs a kernel with one input and one output channel, got "
                f"{inputs} in and {outputs} out: use weight[out, in]"
            )
        taps: Array = self._weight[0, 0]
        return taps

    @property
    def bias(self) -> Array:
        """What is added to each output channel, shape (out,), in the image's unit, read-only."""
        return self._bias

    @property
    def anchor(self) -> tuple[int, int]:
        """(row, column) of the tap that sits on the output pixel."""
        return self._anchor

    @property
    def name(self) -> str:
        """What the kernel is called, or an empty string."""
        return self._name

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the taps."""
        rows, columns = self._weight.shape[2:]
        return rows, columns

    def flipped(self) -> Kernel:
        """Return the kernel flipped in both axes.

        Correlation with it is convolution with this one, and the other way round.

        Returns
        -------
        Kernel
            With its anchor on the same tap as before.

        See Also
        --------
        convolve2d : Correlation with the kernel flipped.

        Examples
        --------
        >>> Kernel([[1, 2, 3]], anchor=(0, 0)).flipped()
        Kernel([[3, 2, 1]], anchor=(0, 2))
        """
        rows, columns = self.shape
        row, column = self._anchor
        return Kernel(
            self._weight[:, :, ::-1, ::-1],
            self._bias,
            anchor=(rows - 1 - row, columns - 1 - column),
            name=self._name,
        )

    def frequency_response(
        self, *, angle: float = 0.0, points: int = 129, normalise: bool = False
    ) -> FrequencyResponse:
        """Return what the kernel does to waves of each spatial frequency.

        For kernels with one input and one output channel. `Fit.frequency_response` has errors too.

        Parameters
        ----------
        angle : float, default 0
            Direction in which the waves run, in degrees: 0 along a row, 90 along a column.
        points : int, default 129
            How many frequencies, from 0 to the highest that pixels can hold.
        normalise : bool, default False
            Whether to divide by the response at frequency 0. The gain is then what optics calls
            the modulation transfer function, MTF.

        Returns
        -------
        FrequencyResponse

        Raises
        ------
        InvalidInput
            If the kernel mixes channels, or its taps sum to 0 and it is to be normalised.

        See Also
        --------
        Fit.frequency_response : With a band of uncertainty.

        Examples
        --------
        >>> kernel = Kernel([[1, 2, 1]])
        >>> kernel.frequency_response(points=3, normalise=True).gain
        array([1. , 0.5, 0. ])
        """
        from kernfit.frequencies import respond

        taps = self.taps.astype(np.float64)
        return respond(taps, self._anchor, angle=angle, points=points, normalise=normalise)

    def plot(self, *, output: int = 0, source: int = 0, ax: Axes | None = None) -> Axes:
        """Draw the taps as a heat map, zero being white.

        Parameters
        ----------
        output, source : int, default 0
            Channels, of a kernel that mixes them.
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InvalidInput
            If there is no such channel.

        See Also
        --------
        Kernel.frequency_response : What it does to each frequency.

        Examples
        --------
        >>> import kernfit
        >>> kernfit.catalogue["sobel_x"].plot().get_xlabel()
        'column'
        """
        from kernfit.plots import plot_taps

        taps_between(self._weight.shape, output, source)
        return plot_taps(self._weight[output, source], ax=ax, title=self._name)

    def to_dict(self) -> dict[str, Any]:
        """Return the kernel as plain lists and numbers; `from_dict` gives the same kernel back.

        Returns
        -------
        dict

        See Also
        --------
        Kernel.from_dict : The way back.

        Examples
        --------
        >>> import kernfit
        >>> kernfit.Kernel([[1, -1]]).to_dict()["anchor"]
        [0, 0]
        """
        return {
            "weight": self._weight.tolist(),
            "bias": self._bias.tolist(),
            "anchor": list(self._anchor),
            "name": self._name,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Kernel:
        """Return the kernel that `to_dict` has written down.

        Parameters
        ----------
        record : mapping
            With "weight" and, if wanted, "bias", "anchor" and "name".

        Returns
        -------
        Kernel
            The same value, to the last bit.

        Raises
        ------
        InvalidInput
            If "weight" is missing or a value does not make a kernel.

        See Also
        --------
        Kernel.load : From a file.

        Examples
        --------
        >>> import kernfit
        >>> kernfit.Kernel.from_dict(kernfit.Kernel([[1, -1]]).to_dict()).taps
        array([[ 1, -1]])
        """
        if "weight" not in record:
            raise InvalidInput(f"a kernel's record must have 'weight', got {sorted(record)}")
        return cls(
            record["weight"],
            record.get("bias", 0),
            anchor=record.get("anchor"),
            name=record.get("name", ""),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the kernel to a file: .json keeps everything; .npy and .txt keep bare taps.

        Parameters
        ----------
        path : path-like
            Ends in .json, .npy or .txt. An existing file is replaced once the new one is whole.

        Raises
        ------
        RefusedFile
            If the file cannot be written, or its format cannot hold this kernel (a bias, an
            anchor off the default, or several channels in .txt).

        See Also
        --------
        Kernel.load : Reads it.

        Examples
        --------
        >>> import pathlib, tempfile, kernfit
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "edge.json"
        >>> kernfit.Kernel([[1, -1]]).save(path)
        >>> kernfit.Kernel.load(path).taps
        array([[ 1, -1]])
        """
        write_kernel_record(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Kernel:
        """Read a kernel from a .json, .npy or .txt file.

        Parameters
        ----------
        path : path-like
            A file that `save` wrote, a NumPy array, or a text table of taps.

        Returns
        -------
        Kernel
            From .json the same value that was saved, to the last bit.

        Raises
        ------
        RefusedFile
            If there is no such file or it does not hold a kernel.

        See Also
        --------
        Kernel.save : Writes it, with an example.
        """
        try:
            return cls.from_dict(read_kernel_record(path))
        except InvalidInput as error:
            raise RefusedFile(f"{path} does not hold a kernel: {error}") from error

    def __eq__(self, other: object) -> bool:
        """Compare weights, bias and anchor; the name does not count."""
        if not isinstance(other, Kernel):
            return NotImplemented
        return (
            self._anchor == other._anchor
            and np.array_equal(self._weight, other._weight)
            and np.array_equal(self._bias, other._bias)
        )

    def __hash__(self) -> int:
        """Return the same number for equal kernels."""
        # Through tuples of Python numbers: an integer and a float of the same value compare
        # equal, and so must hash equal.
        return hash(
            (self._anchor, self._weight.shape, *self._weight.ravel().tolist(), *self._bias.tolist())
        )

    # NumPy's own numbers on the left leave the arithmetic to this class.
    __array_ufunc__ = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the taps, or of a kernel that mixes channels all weights, for other libraries."""
        weight = self._weight[0, 0] if self._weight.shape[:2] == (1, 1) else self._weight
        if copy is False and dtype is not None and np.dtype(dtype) != weight.dtype:
            raise ValueError(f"taps of {weight.dtype} are no {np.dtype(dtype)} without a copy")
        return weight.astype(dtype or weight.dtype, copy=bool(copy))

    def __mul__(self, factor: float) -> Kernel:
        """Return the kernel whose answer is that of this one times a number: taps and bias."""
        if isinstance(factor, Kernel) or np.ndim(factor) or not np.isrealobj(factor):
            return NotImplemented
        return Kernel(self._weight * factor, self._bias * factor, anchor=self._anchor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Kernel:
        """Return the kernel whose answer is that of this one divided by a number."""
        if isinstance(divisor, Kernel) or np.ndim(divisor) or not np.isrealobj(divisor):
            return NotImplemented
        if divisor == 0:
            raise ZeroDivisionError("a kernel divided by 0")
        return Kernel(self._weight / divisor, self._bias / divisor, anchor=self._anchor)

    def __neg__(self) -> Kernel:
        """Return the kernel whose answer is that of this one with the other sign."""
        return self * -1

    def __repr__(self) -> str:
        """Show the taps, and the rest where it is not the default."""
        weight = self._weight[0, 0] if self._weight.shape[:2] == (1, 1) else self._weight
        rows, columns = self.shape
        if weight.size <= 121:
            shown = np.array2string(
                readable(weight, weight),
                separator=", ",
                precision=6,
                # Plain digits beside large taps; but a kernel of tiny ones is not all zeros.
                suppress_small=bool(np.abs(weight).max() > 1e-4),
                prefix="Kernel(",
            )
            if rows == 1:  # nothing to align
                shown = " ".join(shown.split()).replace("[ ", "[")
        else:
            shown = f"<{'x'.join(map(str, weight.shape))} taps>"
        extra = ""
        bias = readable(self._bias, weight).tolist()
        if any(bias):
            extra += f", bias={bias[0] if len(bias) == 1 else bias}"
        if self._anchor != ((rows - 1) // 2, (columns - 1) // 2):
            extra += f", anchor={self._anchor}"
        if self._name:
            extra += f", name={self._name!r}"
        return f"Kernel({shown}{extra})"

    def _repr_html_(self) -> str:
        """Show the taps as tables whose colours tell sign and size."""
        outputs, inputs = self._weight.shape[:2]
        tables = (
            taps_as_html(
                readable(self._weight[o, i], self._weight),
                caption=self._name if (outputs, inputs) == (1, 1) else f"{o} from {i}",
            )
            for o in range(outputs)
            for i in range(inputs)
        )
        bias = ", ".join(f"{b:g}" for b in readable(self._bias, self._weight))
        return f"<div>{''.join(tables)}<p>bias {bias}, anchor {self._anchor}</p></div>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle through the dictionary form, as slots are read-only."""
        return (_rebuild, (self.to_dict(),))


def _rebuild(record: dict[str, Any]) -> Kernel:
    """Rebuild a kernel in another process."""
    return Kernel.from_dict(record)
