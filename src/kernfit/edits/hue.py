"""Hue: lightness, saturation and hue, each changed by a number, as programs' sliders do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage, Task
from kernfit.edits.tone import number_in_words
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

SPACES = ("HSL", "HSV")
# Where the search begins, in turns of the circle.
TURNS = (0.0, 1 / 6, -1 / 6, 1 / 3, -1 / 3, 0.5)
_STEP = 1e-5  # of numeric derivatives


@dataclass(frozen=True)
class Hue(Stage):
    """Lightness and saturation are multiplied, and the hue is turned.

    In HSL the lightness is the mean of the largest and the least channel, in HSV it is the
    largest ("value"); the hue is the angle on the hexagon of colours (A. R. Smith, SIGGRAPH 1978).

    Attributes
    ----------
    lightness, saturation : float
        What they are multiplied by.
    turn : float
        Of the hue, in turns of the whole circle; from red towards green.
    space : {"HSL", "HSV"}
    """

    kind: ClassVar[str] = "hue"

    lightness: float = 1.0
    saturation: float = 1.0
    turn: float = 0.0
    space: str = "HSL"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.space not in SPACES or not np.isfinite(self.numbers).all():
            raise InvalidInput(
                f"a hue stage must have finite numbers and be in {' or '.join(SPACES)}, got "
                f"{self.numbers} and {self.space!r}"
            )

    @property
    def numbers(self) -> Array:
        """Lightness, saturation, turn."""
        return np.array([self.lightness, self.saturation, self.turn])

    @property
    def mark(self) -> str:
        """The colour space, and from which sixth of the circle the search begins."""
        return f"{self.space} {round(self.turn * 6)}"

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with other numbers."""
        told = () if errors is None else tuple(float(e) for e in errors)
        lightness, saturation, turn = (float(n) for n in numbers)
        turn = (turn + 0.5) % 1.0 - 0.5
        return type(self)(lightness, saturation, turn, self.space, errors=told)

    def apply(self, image: Array, where: Where) -> Array:
        """Return the colours with other lightness, saturation and hue."""
        if len(image) == 1:  # grey: no saturation, no hue
            return self.lightness * image
        if len(image) != 3:
            raise InvalidInput(
                f"the image must have 3 channels, got {len(image)}: this edit turns hues"
            )
        return self._changed(image, self.numbers)

    def _changed(self, image: Array, numbers: Array) -> Array:
        factor, more, turn = numbers
        most, least = image.max(axis=0), image.min(axis=0)
        chroma = most - least
        hue = _hue(image, most, chroma) + 6.0 * turn
        if self.space == "HSL":
            middle = (most + least) / 2
            # The largest chroma at a lightness: of it the saturation is a share.
            room, light = 1 - np.abs(2 * middle - 1), factor * middle
            made = more * chroma * (1 - np.abs(2 * light - 1)) / np.where(room > 1e-9, room, np.inf)
            dark = light - made / 2
        else:
            made = more * factor * chroma
            dark = factor * most - made
        spread = [np.clip(2 - np.abs((hue - place + 3) % 6 - 3), 0, 1) for place in (0.0, 2.0, 4.0)]
        return np.stack([dark + made * share for share in spread])

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivatives by the three numbers."""
        if len(image) == 1:
            return np.stack([image, np.zeros_like(image), np.zeros_like(image)])
        made = []
        for n in range(3):
            step = np.eye(3)[n] * _STEP
            ahead, behind = (self._changed(image, self.numbers + s) for s in (step, -step))
            made.append((ahead - behind) / (2 * _STEP))
        return np.stack(made)

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return what small changes of the colours become."""
        if len(image) == 1:
            return self.lightness * planes
        made = []
        for plane in planes:
            ahead, behind = (
                self._changed(image + s * plane, self.numbers) for s in (_STEP, -_STEP)
            )
            made.append((ahead - behind) / (2 * _STEP))
        return np.stack(made)

    def inverse(self) -> Hue | None:
        """Return the stage that undoes this one where nothing was cut off."""
        if not (self.lightness and self.saturation) or self.space == "HSL":
            return None
        return Hue(1 / self.lightness, 1 / self.saturation, -self.turn, self.space)

    def words(self, white: float = 255.0) -> str:
        """Return the three numbers."""
        errors = self.errors or (None,) * 3
        degrees = None if errors[2] is None else 360 * errors[2]
        name = "lightness" if self.space == "HSL" else "value"
        return (
            f"{name} times {number_in_words(self.lightness, errors[0])}, saturation times "
            f"{number_in_words(self.saturation, errors[1])}, hue turned by "
            f"{number_in_words(360 * self.turn, degrees)} degrees ({self.space})"
        )

    def record(self) -> dict[str, Any]:
        """Return the numbers and the space."""
        return {
            "lightness": self.lightness,
            "saturation": self.saturation,
            "turn": self.turn,
            "space": self.space,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        return cls(
            float(record["lightness"]),
            float(record["saturation"]),
            float(record["turn"]),
            str(record["space"]),
        )


def _hue(image: Array, most: Array, chroma: Array) -> Array:
    """Return the hue in sixths of the circle, 0 of a grey."""
    red, green, blue = image
    wide = np.where(chroma > 0, chroma, 1.0)
    made: Array = np.where(
        most == red,
        (green - blue) / wide,
        np.where(most == green, 2 + (blue - red) / wide, 4 + (red - green) / wide),
    )
    return made


class HueFamily:
    """Proposes sliders of hue, saturation and lightness."""

    name = "hue"
    last_resort = False

    def grow(self, task: Task) -> Iterator[tuple[Stage, ...]]:
        """Return chains with such a stage, from several turns."""
        if not (len(task.before) == len(task.after) == 3):
            return
        if any(isinstance(stage, Hue) for stage in task.chain):
            return
        turns = TURNS if not task.chain else (0.0,)
        for place in {0, len(task.chain)}:
            for space in SPACES:
                for turn in turns:
                    yield task.with_stage(place, Hue(turn=turn, space=space))
