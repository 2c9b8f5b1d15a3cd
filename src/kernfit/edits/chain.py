"""Edit: a chain of stages, as one frozen value that can be applied, said and saved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from kernfit.arrays import Array, as_image, one_of
from kernfit.edits.registry import STAGES
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import size_of_file, whole_file

FORMAT = "kernfit-edit"
VERSION = 1
_MOST_BYTES = 64 << 20
_PIXELS = 1 << 21  # of a strip
_SAYS_EDIT = f'"{FORMAT}"'.encode()


@dataclass(frozen=True)
class Edit:
    """What was done to a picture: stages, the first of them done first.

    Attributes
    ----------
    stages : tuple of Stage
        They work on levels whose white is 1.
    white : float, default 255
        White of floating images: integers are taken to have white at the largest level of their
        dtype.
    rounding : {"nearest", "down"}, default "nearest"
        How levels become integers. Some programs cut off what is behind the point.
    name : str, optional
        What the edit is called.

    Examples
    --------
    >>> import numpy as np
    >>> from kernfit.edits.clip import Clip
    >>> Edit((Clip(),)).apply(np.array([[-20.0, 300.0]]))
    array([[  0., 255.]])
    """

    stages: tuple[Stage, ...] = ()
    white: float = 255.0
    rounding: str = "nearest"
    name: str = ""

    def __post_init__(self) -> None:
        """Check the values."""
        if not (self.white > 0 and np.isfinite(self.white)):
            raise InvalidInput(f"white must be a positive level, got {self.white}")
        one_of(self.rounding, ("nearest", "down"), "rounding")

    def apply(
        self, image: ArrayLike, *, dtype: DTypeLike | None = None, white: float | None = None
    ) -> Array:
        """Return what the edit makes of an image.

        Parameters
        ----------
        image : array_like, shape (H, W) or (C, H, W)
            Integers have their white at the largest level of their dtype, so that an edit learnt
            from 8 bits does the same to 16. Floating levels are in the unit of `white`.
        dtype : dtype, optional
            Of the result. Default: the image's own. Integers are rounded as the edit says and cut
            off at the limits of their dtype.
        white : float, optional
            White of a floating image. Default: the edit's own, 255 where it was learnt from 8 bits.

        Returns
        -------
        ndarray
            Of shape (H, W) where the image has those axes and the edit makes one channel of it,
            else (C, H, W). Beyond the border the outermost pixels are repeated.

        Raises
        ------
        InvalidInput
            If the image has other channels than the edit takes.
        """
        source = as_image(image)
        if source.dtype.kind not in "biuf" or source.ndim > 3 or source.size == 0:
            raise InvalidInput(
                "image must be real numbers of shape (rows, columns) or (channels, rows, columns), "
                f"got {source.dtype} of shape {source.shape}"
            )
        target = np.dtype(source.dtype if dtype is None else dtype)
        inner = white_of(source.dtype, self.white if white is None else white)
        outer = white_of(target, self.white if white is None else white)
        planes = source[None] if source.ndim == 2 else source
        parts = [
            _as_levels(part, target, outer, self.rounding) for part in self._strips(planes, inner)
        ]
        result = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return result[0] if source.ndim == 2 and len(result) == 1 else result

    def _strips(self, planes: Array, white: float) -> Any:
        """Yield the floating result, strip by strip where stages keep the size."""
        rows, columns = planes.shape[1:]
        whole = Where.whole(rows, columns)
        high = max(1, _PIXELS // (columns * len(planes)))
        if high >= rows or not all(stage.same_size for stage in self.stages):
            yield self.levels(planes / white, whole)
            return
        halo = sum(stage.reach[0] for stage in self.stages)
        for first in range(0, rows, high):
            top, last = max(0, first - halo), min(rows, first + high)
            part = planes[:, top : min(rows, last + halo)] / white
            made = self.levels(part, whole.strip(top, top + part.shape[1]))
            yield made[:, first - top : last - top]

    def levels(self, image: Array, where: Where) -> Array:
        """Return what the stages make of levels whose white is 1, shape (C, H, W)."""
        for stage in self.stages:
            made = stage.apply(image, where)
            if made.shape[1:] != image.shape[1:]:
                where = Where.whole(*made.shape[1:])
            image = made
        return image

    def inverse(self) -> Edit:
        """Return the edit that undoes this one.

        Raises
        ------
        InvalidInput
            If a stage has no inverse: clipping, blurring, a table.
        """
        undone = []
        for stage in reversed(self.stages):
            back = stage.inverse()
            if back is None:
                raise InvalidInput(
                    f"every stage must have an inverse, got one that has none: {stage.words()}"
                )
            undone.append(back)
        return Edit(tuple(undone), self.white)

    def sentences(self) -> list[str]:
        """Return the stages in words, in their order, each number with its error."""
        return [stage.words(self.white) for stage in self.stages]

    def to_dict(self) -> dict[str, Any]:
        """Return the edit as plain lists and numbers; `from_dict` gives the same edit back."""
        stages = []
        for stage in self.stages:
            record = {"kind": stage.kind, **stage.record()}
            if stage.errors:
                record["errors"] = [e if np.isfinite(e) else None for e in stage.errors]
            stages.append(record)
        return {
            "white": self.white,
            "rounding": self.rounding,
            "name": self.name,
            "stages": stages,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Edit:
        """Return the edit that `to_dict` has written down, to the last bit.

        Raises
        ------
        InvalidInput
            If a value does not make an edit.
        """
        given = record.get("stages")
        if not isinstance(given, (list, tuple)):
            raise InvalidInput(f"an edit's record must have 'stages', got {sorted(record)}")
        stages = tuple(_stage_of(item) for item in given)
        try:
            white, name = float(record.get("white", 255.0)), str(record.get("name", ""))
        except (TypeError, ValueError):
            raise InvalidInput(f"white must be a number, got {record['white']!r}") from None
        return cls(stages, white, str(record.get("rounding", "nearest")), name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the edit to a .json file. An existing file is replaced once the new one is whole.

        Raises
        ------
        RefusedFile
            If the path does not end in .json or cannot be written.
        """
        if Path(path).suffix.lower() != ".json":
            raise RefusedFile(f"{path} must end in .json to be the file of an edit: rename it")
        content = {"format": FORMAT, "version": VERSION, **self.to_dict()}
        with whole_file(path) as temporary:
            text = json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Edit:
        """Read an edit from the file that `save` wrote, the same value to the last bit.

        Raises
        ------
        RefusedFile
            If there is no such file or it does not hold an edit.
        """
        if size_of_file(path) > _MOST_BYTES:
            raise RefusedFile(f"{path} must have at most 64 MiB to be the file of an edit")
        try:
            content = json.loads(Path(path).read_bytes())
        except (ValueError, RecursionError) as error:
            raise RefusedFile(f"{path} is not readable JSON ({str(error)[:200]})") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise RefusedFile(f'{path} must have "format": "{FORMAT}": write it with Edit.save')
        version = content.get("version")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise RefusedFile(
                f"{path} is of version {str(version)[:40]}, this kernfit reads up to {VERSION}: "
                "update kernfit"
            )
        try:
            return cls.from_dict(content)
        except InvalidInput as error:
            raise RefusedFile(f"{path} does not hold an edit: {error}") from error


def is_edit_file(path: str | os.PathLike[str]) -> bool:
    """Say whether a file holds an edit."""
    if Path(path).suffix.lower() != ".json" or not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return _SAYS_EDIT in file.read(200)


def white_of(dtype: np.dtype[Any], floating: float) -> float:
    """Return the level that is white: the largest of an integer dtype."""
    if dtype.kind == "b":
        return 1.0
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else float(floating)


def _as_levels(image: Array, dtype: np.dtype[Any], white: float, rounding: str) -> Array:
    levels = image * white
    if dtype.kind == "b":
        made: Array = levels >= 0.5
        return made
    if dtype.kind not in "iu":
        return levels.astype(dtype)
    limits = np.iinfo(dtype)
    whole = np.floor(levels + 1e-6 if rounding == "down" else levels + 0.5)
    return np.clip(whole, limits.min, limits.max).astype(dtype)


def _stage_of(record: Any) -> Stage:
    """Return the stage that a record describes."""
    if not isinstance(record, dict) or record.get("kind") not in STAGES:
        kind = record.get("kind") if isinstance(record, dict) else record
        raise InvalidInput(
            f"a stage must be one of {', '.join(sorted(STAGES))}, got {str(kind)[:40]!r}"
        )
    try:
        stage = STAGES[record["kind"]].from_record(record)
        errors = [float("nan") if e is None else float(e) for e in record.get("errors", ())]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"the stage {record['kind']!r} must have all its numbers: {str(error)[:200]}"
        ) from error
    if errors and len(errors) != len(stage.numbers):
        raise InvalidInput(
            f"the stage {record['kind']!r} must have an error for each of {len(stage.numbers)} "
            f"numbers, got {len(errors)}"
        )
    return stage.moved(stage.numbers, np.array(errors)) if errors else stage
