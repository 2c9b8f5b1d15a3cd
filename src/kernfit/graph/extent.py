"""Which stretch of the image stands behind each element of a node, along one axis, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from kernfit.errors import InvalidInput
from kernfit.graph.rules import Resize, Transposed, Window

MOST_SPANS = 2**16  # listed one by one
Span = tuple[int, int] | None  # first and last image element; None: it depends on nothing


@dataclass(frozen=True)
class Extent:
    """The windows of all elements along one axis: a short list that repeats.

    After up-sampling, neighbouring elements see windows that differ in size and step. They
    repeat: element ``i + outputs`` sees what element i sees, ``inputs`` further on.

    Attributes
    ----------
    inputs : int
        Image elements that the windows move by in one period.
    spans : tuple of (first, last) or None
        The windows of elements 0, 1, ... of one period, both ends included.
    """

    inputs: int
    spans: tuple[Span, ...]

    @property
    def stride(self) -> Fraction:
        """Image elements from one element to the next, on average."""
        return Fraction(self.inputs, len(self.spans))

    @property
    def size(self) -> int:
        """Image elements in the largest window."""
        return max((span[1] - span[0] + 1 for span in self.spans if span), default=0)

    def span(self, element: int) -> Span:
        """Return the window of any element, first and last image element."""
        turns, place = divmod(element, len(self.spans))
        span = self.spans[place]
        if span is None:
            return None
        return span[0] + turns * self.inputs, span[1] + turns * self.inputs

    def through(self, rule: Window | Transposed | Resize) -> Extent:
        """Return the windows of an operation's outputs, `self` being those of its inputs."""
        outputs, inputs = rule.period
        turns = len(self.spans) // math.gcd(len(self.spans), inputs)
        if outputs * turns > MOST_SPANS:
            raise InvalidInput(
                f"windows must repeat within {MOST_SPANS} elements, got {outputs * turns}: sizes "
                "are changed by factors that share none"
            )
        spans = tuple(
            union(self.span(tap) for tap in rule.taps(output)) for output in range(outputs * turns)
        )
        return Extent(self.inputs * (inputs * turns) // len(self.spans), spans)._shortest()

    def merged(self, other: Extent) -> Extent:
        """Return the windows of a merge of two nodes of the same stride."""
        count = math.lcm(len(self.spans), len(other.spans))
        if count > MOST_SPANS:
            raise InvalidInput(f"windows must repeat within {MOST_SPANS} elements, got {count}")
        spans = tuple(union((self.span(i), other.span(i))) for i in range(count))
        return Extent(int(self.stride * count), spans)._shortest()

    def aligned_with(self, other: Extent) -> bool:
        """Say whether the windows of both have the same centre, at every element."""
        count = math.lcm(len(self.spans), len(other.spans))
        pairs = ((self.span(i), other.span(i)) for i in range(count))
        return all(a is None or b is None or sum(a) == sum(b) for a, b in pairs)

    def _shortest(self) -> Extent:
        """Return the same windows with the shortest list that repeats."""
        count = len(self.spans)
        for shorter in range(1, count):
            if count % shorter or self.inputs * shorter % count:
                continue
            candidate = Extent(self.inputs * shorter // count, self.spans[:shorter])
            if all(candidate.span(i) == self.spans[i] for i in range(count)):
                return candidate
        return self


def union(spans: Iterable[Span]) -> Span:
    """Return the least stretch that holds all of them."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(first for first, _ in known), max(last for _, last in known)


ONE_TO_ONE = Extent(1, ((0, 0),))
