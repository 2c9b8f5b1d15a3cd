"""What is asked of `learn`, as a value: what the data are, what the model is, how it is solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import as_numbers, as_pair_of_ints, one_of
from kernfit.errors import InvalidInput
from kernfit.learning.imposed.constraints import Imposed

Sides = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Data:
    """What is known of the images; see `kernfit.learn`. Of several pairs there may be lists."""

    clip: Sequence[float] | None = None
    clip_before: Sequence[float] | None = None
    mask: Any = None
    variance: Any = None
    before_variance: Any = None

    def of_pair(self, number: int) -> Data:
        """Return what is known of one of several pairs."""
        own = {
            name: value[number]
            for name in ("mask", "variance", "before_variance")
            if isinstance(value := getattr(self, name), (list, tuple))
        }
        return replace(self, **own)


@dataclass(frozen=True, eq=False)
class Model:
    """What the kernel is; see `kernfit.learn`.

    Attributes
    ----------
    shape : (kh, kw) or None
        None to find it.
    stride, dilation : (rows, columns)
    imposed : Imposed
        Constraints and penalties.
    """

    shape: Any = "auto"
    bias: bool = True
    channels: str = "alike"
    stride: Any = 1
    dilation: Any = 1
    groups: int = 1
    transfer: str | None = None
    imposed: Imposed = field(default_factory=Imposed)

    def __post_init__(self) -> None:
        if isinstance(self.shape, str):
            if self.shape != "auto":
                raise InvalidInput(
                    f"shape must be 'auto', an integer or (rows, columns), got {self.shape!r}"
                )
            object.__setattr__(self, "shape", None)
        elif self.shape is not None:
            object.__setattr__(self, "shape", as_pair_of_ints(self.shape, "shape", least=1))
        for name in ("stride", "dilation"):
            steps = as_pair_of_ints(getattr(self, name), name, least=1)
            object.__setattr__(self, name, steps)
        _check_flag("bias", self.bias)
        one_of(self.channels, ("alike", "full"), "channels")
        if self.transfer is not None:
            one_of(self.transfer, ("srgb",), "transfer")
        _check_whole("groups", self.groups, least=1)

    @property
    def apart(self) -> bool:
        """Whether outputs or taps lie more than a pixel apart."""
        return not self.stride == self.dilation == (1, 1)


@dataclass(frozen=True, eq=False)
class Solver:
    """How the kernel is found; see `kernfit.learn`."""

    descent: float | None = None
    steps: int = 10
    start: ArrayLike | None = None
    whole_levels: bool = True
    robust: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        _check_flag("whole_levels", self.whole_levels)
        _check_flag("robust", self.robust)
        _check_whole("steps", self.steps, least=0)
        rate = self.descent
        number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
        if rate is not None and not (number and 0 < float(rate) < np.inf):
            raise InvalidInput(f"descent must be a positive learning rate, got {rate!r}")


class Exclusion(NamedTuple):
    """Two things that cannot be asked together, and why."""

    first: str
    second: str
    asked: Callable[[Request], bool]
    why: str


# All that excludes one another. What is not here goes together.
EXCLUSIONS = (
    Exclusion(
        "groups",
        "channels='alike'",
        lambda asked: asked.model.groups > 1 and asked.model.channels != "full",
        "groups must go with channels='full', got channels='alike': one kernel that serves all "
        "channels has no groups",
    ),
    Exclusion(
        "start",
        "no descent",
        lambda asked: asked.solver.start is not None and asked.solver.descent is None,
        "start is where gradient descent begins, got no descent: give a learning rate, for "
        "example descent=0.01",
    ),
    Exclusion(
        "descent",
        "constraints, penalties",
        lambda asked: asked.solver.descent is not None and bool(asked.model.imposed),
        "descent knows no constraints and no penalties, for its path is that of the plain sum of "
        "squares, got both: drop one",
    ),
)


@dataclass(frozen=True, eq=False)
class Request:
    """A question to the images. It checks itself: one that exists can be answered.

    Attributes
    ----------
    data : Data
    model : Model
    solver : Solver

    Raises
    ------
    InvalidInput
        If an option is not one of those of `learn`, or two of them exclude one another.
    """

    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    solver: Solver = field(default_factory=Solver)

    def __post_init__(self) -> None:
        for exclusion in EXCLUSIONS:
            if exclusion.asked(self):
                raise InvalidInput(exclusion.why)

    @classmethod
    def of(cls, **given: Any) -> Request:
        """Return the request that the keywords of `kernfit.learn` make; those left out default."""
        penalties = {
            name: given.pop(name)
            for name in ("constraints", "free", "ridge", "smooth")
            if name in given
        }
        parts: list[Any] = [
            kind(**{each.name: given.pop(each.name) for each in fields(kind) if each.name in given})
            for kind in (Data, Model, Solver)
        ]
        if given:
            raise TypeError(f"learn has no option {', '.join(sorted(given))}")
        parts[1] = replace(parts[1], imposed=Imposed.of(**penalties))
        return cls(*parts)

    def but(self, **changes: Any) -> Request:
        """Return the request with some options of its model or solver changed."""
        of_model = {each.name for each in fields(Model)}
        model = {name: value for name, value in changes.items() if name in of_model}
        solver = {name: value for name, value in changes.items() if name not in of_model}
        return replace(
            self, model=replace(self.model, **model), solver=replace(self.solver, **solver)
        )

    def of_group(self, outputs: slice, inputs: slice, channels: Sides) -> Request:
        """Return the request for the channels of one group.

        Parameters
        ----------
        outputs, inputs : slice
            The group's channels.
        channels : (out, in)
            How many there are in all.
        """
        start = self.solver.start
        if start is not None:
            given = as_numbers(start, "start")
            out, into = channels
            if given.ndim != 4 or given.shape[:2] not in (channels, (out, into // self.groups)):
                raise InvalidInput(
                    f"start must have shape ({out}, {into // self.groups}, rows, columns) for "
                    f"{self.groups} groups, got {given.shape}"
                )
            start = given[outputs, inputs] if given.shape[1] == into else given[outputs]
        return self.but(groups=1, start=start)

    @property
    def groups(self) -> int:
        """Into how many groups the channels are split."""
        return self.model.groups


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidInput(f"{name} must be True or False, got {value!r}")


def _check_whole(name: str, value: object, *, least: int) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise InvalidInput(f"{name} must be an integer of at least {least}, got {value!r}")
