"""Clipping between stages: levels below black and above white are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where


@dataclass(frozen=True)
class Clip(Stage):
    """Levels below 0 become 0, those above 1 become 1: white."""

    kind: ClassVar[str] = "clip"

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image, cut off at black and white."""
        return np.clip(image, 0.0, 1.0)

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return the changes where nothing is cut off, else 0."""
        return planes * ((image >= 0.0) & (image <= 1.0))

    def words(self, white: float = 255.0) -> str:
        """Return what is done."""
        return f"levels are cut off at 0 and {white:g}"

    def record(self) -> dict[str, Any]:
        """Return nothing: there is nothing to say."""
        return {}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage."""
        return cls()
