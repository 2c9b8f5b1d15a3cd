"""What every stage of an edit can do: the protocol, and how to add a stage.

A stage is a small frozen value that turns an image into an image. Images are float64, shape
(C, H, W), and **1 is white**: an 8-bit level is divided by 255 before the first stage, and
multiplied by it behind the last. Levels below 0 and above 1 pass through; what clips is a stage
of its own (`losses.Clip`).

To add a stage:

1. Write the value, one file, as a frozen dataclass that derives from `Stage`.
2. Add it to `STAGES` in registry.py: the records of files are read by its ``kind``.
3. Add a *family* to `FAMILIES` in registry.py, so that the search tries it: see `Family`.
4. Give an example of it to ``tests/edits/stage_examples.py``: the conformance suite runs over it.

Most stages look at a pixel alone (``reach`` is 0). Such stages must take images of any shape behind
the channels: (C, N) as well as (C, H, W), with a `Where` whose rows and columns broadcast against
it. A stage that looks at neighbours, or moves pixels, has ``pointwise = False``; it is always given
whole planes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.where import Where


@dataclass(frozen=True)
class Stage:
    """One step of an edit.

    Attributes
    ----------
    errors : tuple of float
        Standard error of each of `numbers`, in their order; empty where they are not known, or the
        number was given.
    """

    kind: ClassVar[str]  # in records: never changes
    pointwise: ClassVar[bool] = True
    same_size: ClassVar[bool] = True  # whether the image keeps its size
    local: ClassVar[bool] = True  # whether a part of a picture is enough to make a part of it

    errors: tuple[float, ...] = field(default=(), kw_only=True, compare=False)

    @property
    def numbers(self) -> Array:
        """The free numbers, shape (P,), that the solver may change; none by default."""
        return np.empty(0)

    def moved(self, numbers: Array, errors: Array | None = None) -> Self:
        """Return the stage with other numbers, in the order of `numbers`, and their errors."""
        return self

    @property
    def mark(self) -> str:
        """What tells a start of the search from others of this kind."""
        return str(len(self.numbers))

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns away a pixel is looked at: what parts must borrow."""
        return 0, 0

    @property
    def cost(self) -> float:
        """How much the stage adds to a chain, in numbers: the search takes simple ones first."""
        return float(len(self.numbers)) or 0.5

    def apply(self, image: Array, where: Where) -> Array:
        """Return the image behind the stage, shape (C', ...)."""
        raise NotImplementedError

    def columns(self, image: Array, where: Where) -> Array:
        """Return the derivative of `apply` by each of `numbers`, shape (P, C', ...)."""
        return np.empty((0, *self.apply(image, where).shape))

    def push(self, image: Array, planes: Array, where: Where) -> Array:
        """Return what small changes of the image, shape (P, C, ...), become behind the stage."""
        raise NotImplementedError

    def stiffness(self) -> Array | None:
        """Return the matrix R, (P, P), of a penalty ``(n - ease)^T R (n - ease)``, or None.

        In levels squared (white is 1) for each pixel. For stages of many numbers, where no pixel
        may speak for some of them.
        """
        return None

    @property
    def ease(self) -> Array:
        """The numbers at which `stiffness` is at rest."""
        return np.zeros(len(self.numbers))

    def inverse(self) -> Stage | None:
        """Return the stage that undoes this one, or None where there is none."""
        return None

    def words(self, white: float = 255.0) -> str:
        """Return the stage in words, each number with its error; levels in units of 1/`white`."""
        raise NotImplementedError

    def record(self) -> dict[str, Any]:
        """Return plain numbers, text and lists, without the kind; `from_record` reads them."""
        raise NotImplementedError

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the stage of a record: the same value to the last bit.

        Raises
        ------
        InvalidInput
            If the record does not make such a stage.
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Task:
    """What the search knows when it asks a family for longer chains.

    Attributes
    ----------
    before : ndarray, shape (C, H, W)
    after : ndarray, shape (C', H', W')
        The pair, white being 1; of a large pair, a part of it.
    used : ndarray of bool, shape (H', W')
        Which pixels of it count.
    where : Where
        Of the before image's pixels.
    rest : float
        Root mean square of what the chain leaves today.
    step : float
        Of the after image's levels: 1/255 for 8 bits, 0 for floating numbers.
    chain : tuple of Stage
        The stages there are.
    """

    before: Array
    after: Array
    used: Array
    where: Where
    rest: float
    step: float
    chain: tuple[Stage, ...] = ()

    def reaching(self, place: int) -> Array:
        """Return the before image behind the first `place` stages of the chain."""
        image = self.before
        for stage in self.chain[:place]:
            image = stage.apply(image, self.where)
        return image

    def with_stage(self, place: int, *stages: Stage) -> tuple[Stage, ...]:
        """Return the chain with stages put in at a place: 0 in front of all."""
        return (*self.chain[:place], *stages, *self.chain[place:])


class Family(Protocol):
    """Proposes longer chains to the search, which polishes all numbers of a chain together.

    A proposal need not be good: least squares (Gauss-Newton on all stages' numbers at once, with
    `Stage.columns` and `Stage.push`) takes it from there. A stage at rest (a gamma of 1, a turn of
    0) is a proposal. The families of `registry.FAMILIES` are asked in their order, round after
    round: first for chains of one stage (``task.chain`` is empty), then for the best chains with
    one stage more. Held-out blocks decide what stays.
    """

    name: str
    """One word, as in ``learn_edit(stages=...)``."""
    last_resort: bool
    """Whether it is asked only where no chain of the others is good enough."""

    def grow(self, task: Task) -> Iterable[tuple[Stage, ...]]:
        """Return chains to try: usually ``task.with_stage(place, stage)``."""
