"""Checkpoints: sums on their way, kept beside the result so that an interrupted job goes on."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.errors import RefusedFile

_SECONDS = 5.0  # between two looks to the disk


class Checkpoint:
    """A folder of sums, each with how far it has got; without a folder nothing is kept.

    Parameters
    ----------
    path : path or None
        The folder.
    mark : str
        What the sums are made from. Those that were begun from anything else are thrown away.
    kinds : types
        The dataclasses, of arrays and numbers, that are summed up.
    """

    def __init__(self, path: Path | None, mark: str, kinds: tuple[type, ...]) -> None:
        self._path, self._kinds = path, {kind.__name__: kind for kind in kinds}
        self._next = 0.0
        if path is None:
            return
        try:
            head = path / "mark"
            if path.exists() and (not head.exists() or head.read_bytes() != mark.encode()):
                shutil.rmtree(path)
            path.mkdir(exist_ok=True)
            head.write_bytes(mark.encode())
        except OSError as error:
            raise RefusedFile(
                f"{path.parent} must be a folder that can be written to ({error.strerror}): "
                "choose another for the result"
            ) from error

    def load(self, key: str) -> tuple[int, list[Any], dict[str, int]]:
        """Return how far a list of sums has got, the sums, and counts that go with them."""
        if self._path is None or not (file := self._path / f"{key}.npz").exists():
            return 0, [], {}
        try:
            return self._loaded(file)
        # A damaged archive makes NumPy and zipfile raise nearly anything: the sums begin again.
        except Exception:
            file.unlink(missing_ok=True)
            return 0, [], {}

    def _loaded(self, file: Path) -> tuple[int, list[Any], dict[str, int]]:
        with open(file, "rb") as content, np.load(content, allow_pickle=False) as stored:
            sums = [
                self._restored(stored, f"{number}.") if f"{number}.kind" in stored else None
                for number in range(int(stored["length"]))
            ]
            counts = dict(zip(stored["names"].tolist(), stored["counts"].tolist(), strict=True))
            return int(stored["position"]), sums, counts

    def _restored(self, stored: Any, prefix: str) -> Any:
        """Return a dataclass that was taken apart."""
        kind = self._kinds[str(stored[f"{prefix}kind"])]
        values = {}
        for field in dataclasses.fields(kind):
            name = f"{prefix}{field.name}"
            nested = f"{name}.kind" in stored
            if not nested and name not in stored:
                continue  # it was None, which is what such fields are by default
            values[field.name] = (
                self._restored(stored, f"{name}.") if nested else _plain(stored[name])
            )
        return kind(**values)

    def save(
        self, key: str, position: int, sums: list[Any], counts: dict[str, int], *, last: bool
    ) -> None:
        """Keep sums, if they are the last or some seconds have gone by."""
        if self._path is None or (not last and time.monotonic() < self._next):
            return
        values: dict[str, Any] = {
            "position": position,
            "length": len(sums),
            "names": np.array(list(counts), str),
            "counts": np.array(list(counts.values()), np.int64),
        }
        for number, value in enumerate(sums):
            if value is not None:
                values |= _taken_apart(value, f"{number}.")
        temporary = self._path / ".new.npz"
        start = time.monotonic()
        np.savez(temporary, **values)
        os.replace(temporary, self._path / f"{key}.npz")
        # Large sums take long to write: that shall cost a few percent at most.
        self._next = time.monotonic() + max(_SECONDS, 20 * (time.monotonic() - start))

    def discard(self) -> None:
        """Take all away: the result is there."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)


def _taken_apart(value: Any, prefix: str) -> dict[str, Any]:
    """Return the arrays and numbers of a dataclass, and of those in it, by name."""
    found: dict[str, Any] = {f"{prefix}kind": type(value).__name__}
    for field in dataclasses.fields(value):
        part, name = getattr(value, field.name), f"{prefix}{field.name}"
        if part is None:
            continue
        found |= _taken_apart(part, f"{name}.") if dataclasses.is_dataclass(part) else {name: part}
    return found


def _plain(value: Any) -> Any:
    """Return the integers, tuples of integers, numbers and arrays that were stored."""
    if value.ndim == 0:
        return value.item()
    if value.ndim == 1 and value.dtype.kind == "i":
        return tuple(value.tolist())
    return value
