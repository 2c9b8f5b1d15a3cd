"""What is imposed on a kernel beforehand: symmetries, a sum, signs, zeros, and penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_mask
from kernfit.errors import InvalidInput

SYMMETRIC, POINT, ISOTROPIC = "symmetric", "point-symmetric", "isotropic"
SEPARABLE, SUM, SIGN = "separable", "sum-to-one", "non-negative"
_NAMES = (SYMMETRIC, POINT, ISOTROPIC, SEPARABLE, SUM, SIGN)
_SYMMETRIES = {
    SYMMETRIC: (np.flipud, np.fliplr),
    POINT: (lambda taps: taps[::-1, ::-1],),
    ISOTROPIC: (np.flipud, np.fliplr, np.transpose),
}


@dataclass(frozen=True, eq=False)
class Imposed:
    """What is imposed on the taps.

    Attributes
    ----------
    names : tuple of str
        Constraints.
    free : ndarray of bool, shape (kh, kw), or None
        True where a tap may differ from 0.
    ridge, smooth : float
        Strengths of the penalties on the taps' squares and on the squared differences between
        neighbours, relative to the mean square that a tap sees. NaN to choose it by blocks that
        are held out.
    """

    names: tuple[str, ...] = ()
    free: Array | None = None
    ridge: float = 0.0
    smooth: float = 0.0

    @classmethod
    def of(
        cls,
        constraints: str | Sequence[str] = (),
        free: ArrayLike | None = None,
        ridge: float | str | None = None,
        smooth: float | str | None = None,
    ) -> Imposed:
        """Check what a user asks for; see `kernfit.learn` for the parameters."""
        names = (constraints,) if isinstance(constraints, str) else tuple(constraints)
        for name in names:
            if name not in _NAMES:
                raise InvalidInput(f"constraints must be among {', '.join(_NAMES)}, got {name!r}")
        names = tuple(name for name in _NAMES if name in names)
        if SEPARABLE in names and ({POINT, ISOTROPIC} & set(names) or free is not None):
            raise InvalidInput(
                "separable goes with symmetric, sum-to-one and non-negative, got "
                f"{', '.join(names)}{' and free' if free is not None else ''}: drop one"
            )
        mask = None
        if free is not None:
            mask = as_mask(free, np.shape(free), "free")
            if mask.ndim != 2 or not mask.any():
                raise InvalidInput(
                    "free must be a table of booleans, rows by columns, with at least one True, "
                    f"got shape {mask.shape} and {np.count_nonzero(mask)} True"
                )
        return cls(names, mask, _strength(ridge, "ridge"), _strength(smooth, "smooth"))

    def __bool__(self) -> bool:
        """Return whether anything is imposed."""
        return bool(self.names or self.free is not None or self.ridge != 0 or self.smooth != 0)

    @property
    def penalised(self) -> bool:
        """Whether there is a penalty."""
        return self.ridge != 0 or self.smooth != 0

    @property
    def words(self) -> str:
        """What is imposed, in words."""
        found = list(self.names)
        if self.free is not None and not self.free.all():
            found.append(f"{np.count_nonzero(~self.free)} taps held at 0")
        for name, strength in (("ridge", self.ridge), ("smooth", self.smooth)):
            if strength:
                found.append(f"{name} {strength:.3g}")
        return ", ".join(found)

    def check(self, shape: tuple[int, int], inputs: int, outputs: int) -> None:
        """Refuse a kernel on which this cannot be imposed."""
        if (inputs, outputs) != (1, 1):
            raise InvalidInput(
                "constraints and penalties need a kernel with one input and one output channel, "
                f"got {inputs} in and {outputs} out: learn each apart"
            )
        if self.free is not None and self.free.shape != shape:
            raise InvalidInput(
                f"free must have the kernel's shape {shape[0]}x{shape[1]}, got "
                f"{self.free.shape[0]}x{self.free.shape[1]}: give shape too"
            )
        if ISOTROPIC in self.names and shape[0] != shape[1]:
            raise InvalidInput(f"isotropic needs a square kernel, got {shape[0]}x{shape[1]}")

    def groups(self, shape: tuple[int, int]) -> Array:
        """Return the taps that have to be equal, as a column of 0 and 1 for each group.

        Taps held at 0 are in none.
        """
        label = np.arange(shape[0] * shape[1]).reshape(shape)
        turns = [turn for name in self.names for turn in _SYMMETRIES.get(name, ())]
        while any((turn(label) < label).any() for turn in turns):
            for turn in turns:
                label = np.minimum(label, turn(label))
        columns: Array = (label.ravel()[:, np.newaxis] == np.unique(label)).astype(float)
        if self.free is not None:
            columns = columns[:, columns[~self.free.ravel()].sum(axis=0) == 0]
            if columns.shape[1] == 0:
                raise InvalidInput(
                    "some tap must be free, but by symmetry all are held at 0: free more of them"
                )
        return columns

    def exactly(self, taps: Array, solved: Array, shape: tuple[int, int]) -> Array:
        """Return taps that were moved by rounding alone as what is imposed on them asks for.

        Parameters
        ----------
        taps : ndarray, shape (taps,)
        solved : ndarray, shape (taps,)
            The answer that they come from, which has its zeros exactly.
        shape : (kh, kw)
        """
        found = np.where(solved == 0, 0.0, taps)
        if SEPARABLE in self.names:
            column, lengths, row = np.linalg.svd(found.reshape(shape))
            found = np.outer(column[:, 0] * lengths[0], row[0]).ravel()
        if SIGN in self.names:
            found = np.maximum(found, 0.0)
        if SUM in self.names:
            found = found / found.sum()
        columns = self.groups(shape)
        # The mean of each group, in every place of it; a rank of 1 is kept by mirrored means.
        exact: Array = columns @ ((columns.T @ found) / columns.sum(axis=0))
        return exact

    def penalty(self, shape: tuple[int, int], scale: float) -> Array:
        """Return the matrix Q of the penalty ``w^T Q w``, shape (taps, taps)."""
        taps = shape[0] * shape[1]
        matrix = self.ridge * np.eye(taps)
        if self.smooth:
            places = np.arange(taps).reshape(shape)
            for first, second in (
                (places[1:], places[:-1]),
                (places[:, 1:], places[:, :-1]),
            ):
                step = np.zeros((first.size, taps))
                step[np.arange(first.size), first.ravel()] = 1
                step[np.arange(first.size), second.ravel()] = -1
                matrix += self.smooth * step.T @ step
        scaled: Array = scale * matrix
        return scaled


def _strength(value: float | str | None, name: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, str) and value == "auto":
        return np.nan
    try:
        strength = float(value)
    except (TypeError, ValueError):
        strength = -1.0
    if not (0 <= strength < np.inf):
        raise InvalidInput(f"{name} must be 'auto' or a number from 0 on, got {value!r}")
    return strength
