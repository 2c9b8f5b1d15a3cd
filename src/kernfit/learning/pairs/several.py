"""Several pairs of images that share one kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.learning.pairs.equations import Equations, Strip
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sums.statistics import Statistics

# With so many pairs, errors come from how far the pairs disagree; with fewer, from blocks of each.
_LEAST_PAIRS = 8


@dataclass(frozen=True)
class Together:
    """The equations of several pairs, an `EquationSource`.

    Attributes
    ----------
    members : tuple of Equations
    interlaced : bool
        Whether they are sets of pixels of the same image.
    """

    members: tuple[Equations, ...]
    interlaced: bool = False

    @property
    def left_out(self) -> dict[str, int]:
        """How many pixels of the after images do not count, by reason."""
        reasons = self.members[0].left_out
        return {why: sum(member.left_out[why] for member in self.members) for why in reasons}

    @property
    def size(self) -> int:
        """Number of outputs, in all channels, whether they count or not."""
        return sum(member.size for member in self.members)

    @property
    def count(self) -> int:
        """Number of outputs that count, in all channels."""
        return sum(member.count for member in self.members)

    def sums(
        self,
        function: Callable[[Equations], Any],
        shape: tuple[int, int],
        number: int = 1,
        *,
        threads: int = 1,
    ) -> list[Any]:
        """Return what a function, whose results add up, gives for each of about so many blocks.

        No block holds parts of two pairs; with enough pairs, each of them is a block.
        """
        if self.interlaced:
            # The same block of all sets lies in the same part of the image.
            parts = [
                member.sums(function, shape, number, threads=threads) for member in self.members
            ]
            longest = max(len(part) for part in parts)
            found = [
                reduce(add, (part[n] for part in parts if n < len(part))) for n in range(longest)
            ]
            return [reduce(add, found)] if number == 1 else found
        each = 1 if len(self.members) >= _LEAST_PAIRS else -(-number // len(self.members))
        found = [
            value
            for member in self.members
            for value in member.sums(function, shape, each, threads=threads)
        ]
        return [reduce(add, found)] if number == 1 else found

    def strips(self, shape: tuple[int, int], every: int = 1) -> Iterator[Strip]:
        """Give the outputs strip by strip, pair after pair; only every so many-th if told so."""
        for member in self.members:
            yield from member.strips(shape, every)


@dataclass(frozen=True)
class Pairs:
    """Several pairs that share one kernel, to be learnt from like a `Pair`.

    Attributes
    ----------
    members : tuple of Pair
        With equal channels, and each with both images of equal size, or each with the same
        difference in size.
    interlaced : bool
        Whether they are sets of pixels of the same image.
    """

    members: tuple[Pair, ...]
    interlaced: bool = False

    @classmethod
    def of(cls, members: Sequence[Pair]) -> Pairs:
        """Check pairs against one another.

        Parameters
        ----------
        members : sequence of Pair

        Raises
        ------
        InvalidInput
            If they cannot share a kernel, or two of them are the same.
        """
        kinds = {
            (
                len(pair.before),
                len(pair.after),
                pair.after.dtype.kind in "iu",
                "equal" if pair.same_size else pair.valid_shape,
            )
            for pair in members
        }
        if len(kinds) > 1:
            raise InvalidInput(
                "all pairs must have as many channels, levels of one kind, and images of equal "
                "size or of the same difference in size, got pairs that differ in that: learn "
                "them apart"
            )
        for (m, first), (n, second) in combinations(enumerate(members, 1), 2):
            if first.same_as(second):
                raise InvalidInput(
                    f"each pair must be given once, got the same images as pairs {m} and {n}: "
                    "what agrees because it is the same would make the errors too small"
                )
        return cls(tuple(members))

    def statistics(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, threads: int | None = None
    ) -> Statistics:
        """Sum up all that counts for a kernel of this shape and anchor."""
        found = [pair.statistics(shape, anchor, threads=threads) for pair in self.members]
        return sum(found[1:], found[0])

    @property
    def channels(self) -> str:
        """Whether channels are "alike" or mixed in "full"."""
        return self.members[0].channels

    @property
    def at_hand(self) -> bool:
        """Whether views can be taken of all images, as of a `Pair`."""
        return all(member.at_hand for member in self.members)

    @property
    def before(self) -> Array:
        """The largest before image."""
        return max(self.members, key=lambda pair: pair.before.size).before

    @property
    def after(self) -> Array:
        """The largest after image."""
        return max(self.members, key=lambda pair: pair.after.size).after

    @property
    def clip(self) -> tuple[float, float]:
        """Levels between which no after image saturates."""
        lows, highs = zip(*(pair.clip for pair in self.members), strict=True)
        return max(lows), min(highs)

    @property
    def variance(self) -> Array | None:
        """The variance of the first pair's pixels, if it is known."""
        return self.members[0].variance

    @property
    def same_size(self) -> bool:
        """Whether both images of each pair have equal sizes."""
        return self.members[0].same_size

    @property
    def valid_shape(self) -> tuple[int, int]:
        """Shape of the kernel if the after images hold only outputs with a whole patch."""
        return self.members[0].valid_shape

    def equations(
        self, shape: tuple[int, int], anchor: tuple[int, int], *, margin: int = 0
    ) -> Together:
        """Return what counts for a kernel of this shape and anchor."""
        members = tuple(pair.equations(shape, anchor, margin=margin) for pair in self.members)
        return Together(members, self.interlaced)


def disagreement(residuals: Sequence[float]) -> tuple[str, ...]:
    """Say which pairs have a residual far larger than the others.

    Parameters
    ----------
    residuals : sequence of float
        Root mean square of each pair's residual.
    """
    usual = float(np.median(residuals))
    far = [n for n, size in enumerate(residuals, 1) if size > 3 * usual > 0]
    if not far or len(residuals) < 3:
        return ()
    names = ", ".join(map(str, far))
    return (
        f"pair{'s' if len(far) > 1 else ''} {names} of {len(residuals)} "
        f"{'leave' if len(far) > 1 else 'leaves'} a residual more than three times the others'",
    )
