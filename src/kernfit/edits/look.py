"""Look: a table of colours, for what matrices and curves cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.stage import Stage
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput

WAYS = ("tetrahedral", "trilinear")
LARGEST = 129  # nodes along a side


@dataclass(frozen=True, eq=False)
class Look(Stage):
    """A table of colours at the nodes of a cube; between them colours are interpolated.

    Attributes
    ----------
    table : ndarray
        (n, n, n, 3): the colour for red, green and blue of ``i / (n - 1)``, white being 1. Colours
        beyond black and white take the cube's surface.
    between : {"tetrahedral", "trilinear"}
        How colours are interpolated.
    shown : ndarray of bool or None
        (n, n, n): around which nodes the picture had colours. The others are extrapolated.
    """

    kind: ClassVar[str] = "look"

    table: Array
    between: str = "tetrahedral"
    shown: Array | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        table = np.asarray(self.table, float)
        size = table.shape[0] if table.ndim == 4 else 0
        if table.shape != (size, size, size, 3) or not 2 <= size <= LARGEST:
            raise InvalidInput(
                f"a look's table must be of shape (n, n, n, 3), n from 2 to {LARGEST}, got "
                f"{table.shape}"
            )
        if not np.isfinite(table).all() or self.between not in WAYS:
            raise InvalidInput(
                f"a look must have finite colours and be one of {', '.join(WAYS)}, got "
                f"{self.between!r}"
            )
        table = table.copy()
        table.flags.writeable = False
        object.__setattr__(self, "table", table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Look) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        shown = None if self.shown is None else np.asarray(self.shown, bool).tobytes()
        return self.table.shape, self.table.tobytes(), self.between, shown

    @property
    def cost(self) -> float:
        """Much: all else is asked before."""
        return 40.0

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image with its colours looked up."""
        if len(image) != 3:
            raise InvalidInput(f"a look must be given red, green and blue, got {len(image)} planes")
        nodes, weights = corners_and_weights(image, len(self.table), self.between)
        flat = self.table.reshape(-1, 3)
        made = np.zeros((3, nodes.shape[1]))
        for node, weight in zip(nodes, weights, strict=True):
            made += weight * flat[node].T
        return made.reshape(image.shape)

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return small changes of the colours behind the table."""
        step = 1e-7
        ahead = [self.apply(image + step * plane, where) for plane in planes]
        behind = [self.apply(image - step * plane, where) for plane in planes]
        return np.asarray((np.array(ahead) - np.array(behind)) / (2 * step))

    def words(self, white: float = 255.0) -> str:
        """Return the table's size and how much of it was seen."""
        size = len(self.table)
        said = f"a table of {size} x {size} x {size} colours"
        if self.shown is None:
            return said
        part = 100 * float(np.mean(self.shown))
        return f"{said}, of which the picture shows {part:.0f} % (the others are extrapolated)"

    def record(self) -> dict[str, Any]:
        """Return the table as a list: red changes slowest."""
        shown = None if self.shown is None else np.flatnonzero(self.shown.ravel()).tolist()
        return {
            "size": len(self.table),
            "between": self.between,
            "table": self.table.ravel().tolist(),
            "shown": shown,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record."""
        size = int(record["size"])
        if not 2 <= size <= LARGEST:
            raise InvalidInput(f"a look must have 2 to {LARGEST} nodes along a side, got {size}")
        table = np.array(record["table"], float).reshape(size, size, size, 3)
        listed = record["shown"]
        shown = None
        if listed is not None:
            flags = np.zeros(size**3, bool)
            flags[np.array(listed, int)] = True
            shown = flags.reshape(size, size, size)
        return cls(table, str(record["between"]), shown)


def corners_and_weights(image: Array, size: int, between: str) -> tuple[Array, Array]:
    """Return which nodes of a cube a colour is made of, and with what weights.

    Parameters
    ----------
    image : ndarray
        (3, ...), white being 1.
    size : int
        Nodes along a side.
    between : {"tetrahedral", "trilinear"}

    Returns
    -------
    nodes, weights : ndarray
        (corners, pixels): 4 corners or 8.
    """
    place = np.clip(image.reshape(3, -1), 0.0, 1.0) * (size - 1)
    low = np.minimum(place.astype(np.int64), size - 2)
    part = place - low
    strides = np.array([size * size, size, 1])
    first = strides @ low
    if between == "trilinear":
        nodes, weights = [], []
        for corner in np.ndindex(2, 2, 2):
            up = np.array(corner)
            nodes.append(first + int(strides @ up))
            weights.append(np.prod(np.where(up[:, np.newaxis], part, 1 - part), axis=0))
        return np.array(nodes), np.array(weights)
    # Along the axes in the order of their parts, the largest first (Kasson et al., 1995).
    order = np.argsort(-part, axis=0, kind="stable")
    steps = np.take_along_axis(part, order, axis=0)
    nodes = [first]
    for axis in order:
        nodes.append(nodes[-1] + strides[axis])
    ends = np.concatenate([np.ones((1, place.shape[1])), steps, np.zeros((1, place.shape[1]))])
    return np.array(nodes), ends[:-1] - ends[1:]
