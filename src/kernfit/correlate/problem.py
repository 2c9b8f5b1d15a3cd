"""What there is to compute: the question that every method answers in its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kernfit.arrays import Array
from kernfit.correlate.axes import Axis
from kernfit.correlate.dtypes import Dtype, Numbers
from kernfit.correlate.run import Apply

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Weights, dtypes and geometry of one correlation."""

    weights: Array  # (out, in / groups, kh, kw)
    bias: Array  # (out,)
    groups: int  # of channels; 0: a sample is one plane
    image: Dtype
    numbers: Numbers
    rows: Axis
    columns: Axis
    threads: int  # at most
    fill: Any = None  # what stands outside the image; None where that differs

    @property
    def stride(self) -> Pair:
        """Pixels between two windows."""
        return self.rows.stride, self.columns.stride

    @property
    def dilation(self) -> Pair:
        """Pixels between two taps."""
        return self.rows.dilation, self.columns.dilation

    @property
    def extent(self) -> Pair:
        """Pixels that a window spans."""
        return self.rows.extent, self.columns.extent

    @property
    def has_steps(self) -> bool:
        """Whether windows or taps lie further apart than one pixel."""
        return (self.stride, self.dilation) != ((1, 1), (1, 1))

    @property
    def zeros(self) -> Pair:
        """How many rows and columns of zeros are read before the image, and after it, at least."""
        counts = [0, 0]
        for n, axis in enumerate((self.rows, self.columns)):
            if self._has_zeros(axis):
                start, stop = axis.window(0, axis.outputs)
                counts[n] = max(min(-start, stop - axis.size), 0)
        return counts[0], counts[1]

    @property
    def reads_zeros(self) -> bool:
        """Whether nothing but zeros is read outside the image."""
        return all(
            self._has_zeros(axis) or axis.inside == (0, axis.outputs)
            for axis in (self.rows, self.columns)
        )

    def _has_zeros(self, axis: Axis) -> bool:
        return axis.boundary == "constant" and self.fill is not None and bool(self.fill == 0)

    @property
    def outputs(self) -> int:
        """How many outputs a plane has."""
        return self.rows.outputs * self.columns.outputs

    @property
    def axes(self) -> int:
        """How many axes a sample has."""
        return 3 if self.groups else 2

    def plane(self, output: int = 0, channel: int = 0) -> Problem:
        """Return the problem of one output plane and one input plane."""
        weights = self.weights[output : output + 1, channel : channel + 1]
        return replace(self, weights=weights, groups=0)


class Straight(Protocol):
    """All that a method needs besides the image."""

    def run(self, image: Array, out: Array, threads: int) -> bool:
        """Write the result for `image` into `out`, both of the shape and dtype planned for.

        Or return False, if they do not lie in memory as the method needs it.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """One answer to a problem."""

    name: str
    cost: float  # seconds of one thread for one sample
    make: Callable[[], tuple[Apply, float]]  # the tile worker, and the bound on its sums
    numbers: Numbers
    note: str = ""  # what else there is to say about it
    block: Pair | None = None  # the greatest tile
    threads: int | None = None  # how many it can use, if not any number
    uses_image: bool = False  # whether it works as well on the image's own memory
    # Where one call of compiled code does it all: from rows, columns, fill value and bias.
    straight: Callable[..., Straight] | None = None
