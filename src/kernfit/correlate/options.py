"""All that may be asked of a correlation besides its arrays, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np

from kernfit.arrays import as_pair_of_ints, one_of
from kernfit.correlate.axes import MODES, Pads, as_pads, boundaries_of
from kernfit.correlate.dtypes import OVERFLOWS, Dtype, as_dtype
from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput

Pair = tuple[int, int]

METHODS = ("auto", "direct", "separable", "fourier", "channels", "blas", "definition")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `correlate2d`, checked, each in one form; with the shapes, the key of a plan.

    Attributes
    ----------
    mode, fill_value, nan, overflow, method, threads
        As for `correlate2d`.
    boundary : (rows, columns)
    padding : ((top, bottom), (left, right)) or None
    anchor, stride, dilation : (rows, columns)
        The anchor may be None.
    masked : bool
        Whether there is a mask.
    dtype : numpy.dtype or None

    Raises
    ------
    InvalidInput
        If one of them is not what it may be, or both `mode` and `padding` are given.
    """

    mode: str = "valid"
    boundary: Any = "constant"
    fill_value: complex = 0
    padding: Any = None
    anchor: Any = None
    stride: Any = 1
    dilation: Any = 1
    nan: str = "propagate"
    masked: bool = False
    dtype: Any = None
    overflow: str = "raise"
    method: str = "auto"
    threads: int | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one_of(self.method, METHODS, "method")
        one_of(self.nan, ("propagate", "omit"), "nan")
        one_of(self.mode, MODES, "mode")
        one_of(self.overflow, OVERFLOWS, "overflow")
        thread_count(self.threads)
        if self.padding is not None and self.mode != "valid":
            raise InvalidInput(
                f"padding takes the place of mode, got both padding={self.padding!r} and "
                f"mode={self.mode!r}: give one of them"
            )
        boundary: tuple[str, str] = boundaries_of(self.boundary)
        padding: Pads | None = None if self.padding is None else as_pads(self.padding)
        anchor: Pair | None = None
        if self.anchor is not None:
            anchor = as_pair_of_ints(self.anchor, "anchor")
        dtype: Dtype | None = None if self.dtype is None else as_dtype(self.dtype)
        settled = {
            "boundary": boundary,
            "padding": padding,
            "anchor": anchor,
            "stride": as_pair_of_ints(self.stride, "stride", least=1),
            "dilation": as_pair_of_ints(self.dilation, "dilation", least=1),
            "dtype": dtype,
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        if np.ndim(self.fill_value) or np.asarray(self.fill_value).dtype.kind not in "biufc":
            raise InvalidInput(f"fill_value must be a number, got {self.fill_value!r}")
        # It is asked for at every call.
        values = (getattr(self, each.name) for each in fields(self) if each.compare)
        object.__setattr__(self, "_hash", hash(tuple(values)))

    def __hash__(self) -> int:
        return self._hash


_known = lru_cache(maxsize=256, typed=True)(Options)


def options_of(*values: Any) -> Options:
    """Return options in the order of the fields of `Options`; equal ones are one and the same."""
    try:
        return _known(*values)
    except TypeError:
        # Lists and arrays cannot be looked up: turn them into tuples, and try again.
        return _known(*map(_hashable, values))


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_hashable, value))
    try:
        hash(value)
    except TypeError:
        return repr(value)  # no option looks like this: the checks will refuse it
    return value
