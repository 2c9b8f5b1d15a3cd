"""What one operation does along one axis: which inputs stand behind an output, and how many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from kernfit.errors import InvalidInput

MOST = 2**24  # no model has a window as large; what claims one is damaged or means harm
Beyond = Literal["zeros", "edge", "reflect", "symmetric", "wrap"]


def _check(rule: Window | Transposed) -> None:
    for name in ("size", "stride", "dilation"):
        if not 1 <= getattr(rule, name) <= MOST:
            raise InvalidInput(
                f"{name} of a window must be from 1 to {MOST}, got {getattr(rule, name)}: check "
                "the model"
            )


@dataclass(frozen=True)
class Window:
    """Output i reads ``size`` inputs from ``i * stride - before`` on, ``dilation`` apart.

    Convolution and pooling; with one tap also padding (``before`` and ``after`` positive),
    cropping (negative), slicing with a step, and every element-wise operation.

    Attributes
    ----------
    size, stride, dilation : int
        Of the window, in input elements.
    before, after : int
        Elements added at the two ends of the input.
    ceil : bool
        The last window may reach beyond the end, as in pooling with ceil mode; it begins inside.
    same : {"", "upper", "lower"}
        ``before`` and ``after`` follow from the input's length, so that ``ceil(length / stride)``
        outputs come out; an odd one goes behind (upper) or in front (lower).
    beyond : str
        What is read beyond the input; a border of "zeros" stands for any constant.
    """

    size: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False
    same: Literal["", "upper", "lower"] = ""
    beyond: Beyond = "zeros"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def period(self) -> tuple[int, int]:
        """After so many outputs the taps have moved by so many inputs."""
        return 1, self.stride

    @property
    def reach(self) -> int:
        """Inputs from the first tap to the last."""
        return (self.size - 1) * self.dilation + 1

    def taps(self, output: int) -> Sequence[int]:
        """Return the inputs that one output reads; some may not exist."""
        first = output * self.stride - self.before
        return range(first, first + self.reach, self.dilation)

    def length(self, inputs: int) -> int:
        """Return the number of outputs for so many inputs; 0 or less if there is none."""
        room = inputs + self.before + self.after - self.reach
        if not self.ceil:
            return room // self.stride + 1
        outputs = -(-room // self.stride) + 1
        begins_behind = (outputs - 1) * self.stride >= inputs + self.before
        return outputs - 1 if begins_behind else outputs

    def at(self, inputs: int) -> Window:
        """Return the rule for an input of this length: `same` turned into two numbers."""
        if not self.same:
            return self
        outputs = -(-inputs // self.stride)
        padding = max((outputs - 1) * self.stride + self.reach - inputs, 0)
        less, more = padding // 2, padding - padding // 2
        before, after = (less, more) if self.same == "upper" else (more, less)
        return replace(self, before=before, after=after, same="")


@dataclass(frozen=True)
class Transposed:
    """Input j writes ``size`` outputs from ``j * stride - before`` on, ``dilation`` apart.

    Attributes
    ----------
    size, stride, dilation : int
        Of the window, in output elements.
    before, after : int
        Elements taken away at the two ends of the output; negative ones are added.
    """

    size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    beyond: Beyond = "zeros"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def period(self) -> tuple[int, int]:
        """After so many outputs the taps have moved by so many inputs."""
        return self.stride, 1

    def taps(self, output: int) -> Sequence[int]:
        """Return the inputs that one output reads: none, where the windows leave a gap."""
        places = (output + self.before - tap * self.dilation for tap in reversed(range(self.size)))
        return [place // self.stride for place in places if place % self.stride == 0]

    def length(self, inputs: int) -> int:
        """Return the number of outputs for so many inputs."""
        whole = (inputs - 1) * self.stride + (self.size - 1) * self.dilation + 1
        return whole - self.before - self.after

    def at(self, inputs: int) -> Transposed:
        """Return the rule itself: it does not depend on the input's length."""
        return self


@dataclass(frozen=True)
class Resize:
    """Output i reads the inputs around a place that moves by ``1 / scale``.

    Attributes
    ----------
    scale : Fraction
        Outputs for each input.
    method : {"nearest", "linear", "cubic"}
        How many inputs around the place: 1, up to 2, up to 4.
    places : {"half", "corner", "ends"}
        Where output i looks: at ``(i + 1/2) / scale - 1/2`` (pixel centres), at ``i / scale``
        (pixel corners), or at ``i (inputs - 1) / (outputs - 1)`` (the ends stay in place, so
        that the step, `ends`, depends on the image's size).
    rounding : {"floor", "ceil", "half_down", "half_up"}
        Of a nearest input.
    ends : Fraction or None
        Inputs for each output when `places` is "ends".
    smooth : bool
        Anti-aliased: the taps spread with the step where that is more than one input.
    """

    scale: Fraction
    method: Literal["nearest", "linear", "cubic"] = "nearest"
    places: Literal["half", "corner", "ends"] = "corner"
    rounding: Literal["floor", "ceil", "half_down", "half_up"] = "floor"
    ends: Fraction | None = None
    beyond: Beyond = "edge"
    smooth: bool = False

    def __post_init__(self) -> None:
        if not Fraction(1, MOST) <= self.scale <= MOST:
            raise InvalidInput(f"a map must be resized by a factor above 0, got {self.scale}")

    @property
    def step(self) -> Fraction:
        """Inputs from the place of one output to the next."""
        return 1 / self.scale if self.ends is None else self.ends

    @property
    def period(self) -> tuple[int, int]:
        """After so many outputs the taps have moved by so many inputs."""
        return self.step.denominator, self.step.numerator

    def taps(self, output: int) -> Sequence[int]:
        """Return the inputs that one output reads; some may not exist."""
        half = Fraction(1, 2)
        place = output * self.step
        if self.places == "half":
            place += half * self.step - half
        if self.method == "nearest":
            rounded = {
                "floor": math.floor(place),
                "ceil": math.ceil(place),
                "half_down": math.ceil(place - half),
                "half_up": math.floor(place + half),
            }
            return (rounded[self.rounding],)
        if self.smooth:
            reach = max(self.step, Fraction(1)) * (1 if self.method == "linear" else 2)
            return range(math.floor(place - reach) + 1, math.ceil(place + reach))
        first = math.floor(place)
        if place == first:
            return (first,)
        return range(first, first + 2) if self.method == "linear" else range(first - 1, first + 3)

    def length(self, inputs: int) -> int:
        """Return the number of outputs for so many inputs."""
        return math.floor(inputs * self.scale)

    def at(self, inputs: int) -> Resize:
        """Return the rule for an input of this length: the step where the ends stay in place."""
        if self.places != "ends":
            return self
        # One output, or one input, lies at the first place.
        steps = max(self.length(inputs) - 1, 1)
        return replace(self, ends=Fraction(max(inputs - 1, 1), steps))


@dataclass(frozen=True)
class Whole:
    """Every output may read every input.

    Attributes
    ----------
    reason : str
        Why, in words that fit behind "the whole image: ".
    outputs : int or None
        Their number; None: as many as inputs.
    """

    reason: str
    outputs: int | None = None

    def length(self, inputs: int) -> int:
        """Return the number of outputs for so many inputs."""
        return inputs if self.outputs is None else self.outputs

    def at(self, inputs: int) -> Whole:
        """Return the rule itself."""
        return self


Rule = Window | Transposed | Resize | Whole
SAME_PLACE = Window()
