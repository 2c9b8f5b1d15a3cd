"""One axis of an image cut into strips whose results are those of the whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernfit.graph.extent import Extent, union
from kernfit.graph.graph import Pair
from kernfit.graph.halo import AxisPlan, clean_elements
from kernfit.graph.refusals import NeedsWhole


@dataclass(frozen=True)
class Strip:
    """One tile's place along one axis.

    Attributes
    ----------
    start, stop : int
        What is read from the image.
    first, last : int
        The outputs that are kept, half-open, numbered as in the whole result.
    skip : int
        Outputs of the tile in front of those.
    """

    start: int
    stop: int
    first: int
    last: int
    skip: int

    @property
    def length(self) -> int:
        """Pixels that are read."""
        return self.stop - self.start


@dataclass(frozen=True)
class Cutter:
    """Cuts one axis.

    Attributes
    ----------
    plan : AxisPlan
    extent : Extent
        Of the node that is wanted.
    total : int
        Its elements that are kept, from the first on.
    """

    plan: AxisPlan
    extent: Extent
    total: int

    @property
    def halo(self) -> Pair:
        """How far the windows of whole periods of outputs reach beyond their own pixels.

        What tiles keep begins and ends with a period, as the grid is made of whole ones.
        """
        span = union(self.extent.spans)
        if span is None:
            return 0, 0
        return max(0, -span[0]), max(0, span[1] + 1 - self.extent.inputs)

    @property
    def least(self) -> int:
        """Pixels of the shortest strip that keeps something."""
        return sum(self.halo) + 2 * self.plan.grid

    def work(self, count: int) -> int:
        """Pixels that so many strips read in all, about: each cut is read from both sides."""
        return self.plan.length + (count - 1) * sum(self.halo)

    def length(self, count: int) -> int:
        """Pixels of each of so many strips, about, put on the grid."""
        grid = self.plan.grid
        return min(self.plan.length, (-(-self.work(count) // (count * grid)) + 1) * grid)

    def counts(self) -> range:
        """How many strips there may be."""
        halo, grid = sum(self.halo), self.plan.grid
        return range(1, max(1, (self.plan.length - halo) // (2 * grid)) + 1)

    def cut(self, size: int) -> tuple[Strip, ...]:
        """Cut so that no strip is longer than `size`, if that is possible, in as few as may be.

        Strips at the ends need no halo there, so they keep more than those within. But if it takes
        no more strips, all except the last keep the same number of outputs: see `is_even`.
        """
        if self.plan.length <= size:
            return (Strip(0, self.plan.length, 0, self.total, 0),)
        known: dict[tuple[int, ...], Pair] = {}
        longest = even = self._cut(size, self.total, known)
        while not is_even(even):
            even = self._cut(size, min(strip.last - strip.first for strip in even[:-1]), known)
        return tuple(even if len(even) == len(longest) else longest)

    def _cut(self, size: int, most: int, known: dict[tuple[int, ...], Pair]) -> list[Strip]:
        strips: list[Strip] = []
        while not strips or strips[-1].last < self.total:
            strips.append(self._next(strips[-1].last if strips else 0, size, most, known))
        return strips

    def _next(self, first: int, size: int, most: int, known: dict[tuple[int, ...], Pair]) -> Strip:
        """Return the longest strip of at most `size` pixels that begins with an output.

        But for the last one it keeps no more than `most` outputs.
        """
        grid, stride = self.plan.grid, self.extent.stride
        outputs = int(grid / stride)
        front = min(self.halo[0], int(first * stride))
        steps = max(1, min((size - front - self.halo[1]) // grid + 1, most // outputs))
        # The last strip needs no halo behind.
        if self.plan.length - int(first * stride) + front <= size:
            steps = max(steps, -(-(self.total - first) // outputs))
        while True:
            last = min(first + steps * outputs, self.total)
            strip = self._strip(first, last, known)
            # Putting it on the grid may make it longer than asked for.
            if steps == 1 or strip.length <= size:
                return strip
            steps = min(steps, -(-(last - first) // outputs)) - 1 or 1

    def _strip(self, first: int, last: int, known: dict[tuple[int, ...], Pair]) -> Strip:
        start, stop = self._window(first, last)
        # Strips far from both ends are alike: what was found for one holds for all.
        origin = int(first * self.extent.stride)
        far = self.extent.size + int((last - first) * self.extent.stride)
        ends = min(start, far), min(self.plan.length - stop, far)
        where = (start - origin, stop - origin, last - first, *ends)
        if where not in known:
            start, stop = self._widened(start, stop, first, last)
            known[where] = start - origin, stop - origin
        start, stop = origin + known[where][0], origin + known[where][1]
        return Strip(start, stop, first, last, first - int(start / self.extent.stride))

    def _window(self, first: int, last: int) -> Pair:
        """Return what the windows of some outputs cover, with both ends put on the grid."""
        extent, grid = self.extent, self.plan.grid
        period = len(extent.spans)
        ends = {*range(first, min(first + period, last)), *range(max(first, last - period), last)}
        span = union(extent.span(element) for element in ends)
        low, high = span or (int(first * extent.stride), int(first * extent.stride))
        start = max(0, low) // grid * grid
        start = min(start, (self.plan.length - 1) // grid * grid)
        return start, self._stop(high + 1, start)

    def _widened(self, start: int, stop: int, first: int, last: int) -> Pair:
        """Return the least strip around this one whose outputs are the whole's, each proved."""
        plan = self.plan
        while True:
            clean = clean_elements(plan, start, stop)
            skip = first - int(start / self.extent.stride)
            if clean is not None:
                kept = clean[plan.output][skip : skip + last - first]
                if len(kept) == last - first and kept.all():
                    return start, stop
            if start == 0 and stop == plan.length:
                raise NeedsWhole(
                    f"no tile along {plan.along} equals the whole image at output {first}: "
                    "run the model on the whole image"
                )
            start = max(0, start - plan.grid)
            stop = self._stop(stop + plan.grid, start)

    def _stop(self, least: int, start: int) -> int:
        """Return the least end from `least` on that is congruent to the image's length.

        So every operation divides a tile with the remainder that the whole image leaves.
        """
        least, length = max(least, start + 1), self.plan.length
        return min(length, least + (length - least) % self.plan.grid)


def is_even(strips: Sequence[Strip]) -> bool:
    """Whether all but the last keep the same number of outputs.

    Then each is a chunk of the result, or whole chunks, and may be written by a process of its own.
    """
    return len({strip.last - strip.first for strip in strips[:-1]}) <= 1


def overhead(cutters: tuple[Cutter, ...], counts: tuple[int, ...]) -> float:
    """Return how often each pixel is computed, about, if each axis is cut into so many strips."""
    return math.prod(c.work(n) / c.plan.length for c, n in zip(cutters, counts, strict=True))


def strips_for(cutter: Cutter, size: int) -> int:
    """Return into how many strips of at most `size` pixels an axis is cut, about."""
    halo = sum(cutter.halo)
    if size >= cutter.plan.length:
        return 1
    core = max(size - halo, cutter.plan.grid)
    return max(2, -(-(cutter.plan.length - halo) // core))
