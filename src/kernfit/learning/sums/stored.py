"""Statistics in files: a year of images, added night by night.

A file is one NPY vector of float64: the numbers of `_HEADER`, then gram, cross, energy, the two
levels that these are counted from (version 1 had none: its sums are those of the plain images), and
in version 3 what noise of the before image added.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kernfit.errors import RefusedFile
from kernfit.io.npy import read_npy, write_npy
from kernfit.learning.sums.origin import Sums

if TYPE_CHECKING:
    from kernfit.arrays import Array

# format and version, rows and columns, anchor, channels in and out, count
_HEADER = 9
_FORMAT = 9.0714
_WITHOUT_LEVELS, _PLAIN, _WITH_NOISE = 1.0, 2.0, 3.0
_MOST_BYTES = 5 << 30


class Stored:
    """What `Statistics` has for being kept in files."""

    sums: Sums
    count: int
    shape: tuple[int, int]
    anchor: tuple[int, int]
    noise: Array | None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the statistics to an .npy file, to the last bit.

        Parameters
        ----------
        path : path-like
            Ends in .npy. An existing file is replaced once the new one is whole.

        Raises
        ------
        RefusedFile
            If the suffix is another or the file cannot be written.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from kernfit import Statistics, scene
        >>> x = scene((60, 80))
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "night.npy"
        >>> Statistics.of(x, x[1:-1, 1:-1], 3).save(path)
        >>> Statistics.load(path).count
        4524
        """
        if Path(path).suffix.lower() != ".npy":
            raise RefusedFile(f"{path} must end in .npy: statistics are stored as a NumPy array")
        sums = self.sums
        header = (
            _FORMAT,
            _PLAIN if self.noise is None else _WITH_NOISE,
            *self.shape,
            *self.anchor,
            len(sums.before),
            len(sums.energy),
            self.count,
        )
        parts: list[Any] = [header, sums.gram, sums.cross, sums.energy, sums.before, sums.after]
        if self.noise is not None:
            parts.append(self.noise)
        write_npy(path, np.concatenate([np.ravel(part) for part in parts]).astype(np.float64))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read statistics that `save` wrote.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        Statistics
            Equal to the last bit.

        Raises
        ------
        RefusedFile
            If there is no such file, or it holds something else.
        """
        numbers = read_npy(path, max_bytes=_MOST_BYTES)
        refusal = RefusedFile(f"{path} does not hold statistics of this version: make it anew")
        if numbers.ndim != 1 or numbers.dtype != np.float64 or numbers.size < _HEADER:
            raise refusal
        header = numbers[:_HEADER]
        if header[0] != _FORMAT or header[1] not in (_WITHOUT_LEVELS, _PLAIN, _WITH_NOISE):
            raise refusal
        if not np.isfinite(numbers).all():
            raise refusal
        if header[1] == _WITHOUT_LEVELS:
            numbers = np.append(numbers, np.zeros(int(min(max(sum(header[6:8]), 0), 1e6))))
        if not np.array_equal(header[2:], np.floor(header[2:])) or header[2:].max() > 2**53:
            raise refusal
        kh, kw, row, column, inputs, outputs, count = (int(value) for value in header[2:])
        if min(kh, kw, inputs, outputs) < 1 or count < 0:
            raise refusal
        size = kh * kw * inputs + 1
        noisy = size if header[1] == _WITH_NOISE else 0
        parts = np.cumsum([size * size, size * outputs, outputs, inputs, outputs, noisy])
        if numbers.size != _HEADER + parts[-1]:
            raise refusal
        split = np.split(numbers[_HEADER:], parts[:-1].tolist())
        gram, cross, energy, before, after, noise = split
        sums = Sums(gram.reshape(size, size), cross.reshape(size, outputs), energy, before, after)
        found = sums, count, (kh, kw), (row, column), noise if noisy else None
        return cls(*found)  # type: ignore[call-arg]
