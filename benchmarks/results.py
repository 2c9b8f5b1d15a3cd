"""What the measured cells come to: a time for each participant, and how they compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.apply import COPY, MULTIPLY, OURS, OURS_OUT
from benchmarks.cells import Cell


@dataclass(frozen=True, slots=True)
class Result:
    """One cell as it was measured, in seconds."""

    cell: Cell
    times: dict[str, float]
    left_out: dict[str, str]
    method: str
    limit: float  # for the direct method: the copy, or the multiply-adds of all taps
    copies: float

    @property
    def ours(self) -> float:
        """End to end, into fresh memory."""
        return self.times[OURS]

    @property
    def peers(self) -> dict[str, float]:
        """The times of the others."""
        return {who: time for who, time in self.times.items() if who not in (OURS, OURS_OUT)}

    @property
    def ahead(self) -> float:
        """How many times quicker than the best peer."""
        return min(self.peers.values()) / self.ours if self.peers else float("inf")

    @property
    def best_peer(self) -> str:
        """Who is quickest among the others."""
        return min(self.peers, key=lambda who: self.times[who], default="none")

    @property
    def over_limit(self) -> float:
        """How many times the direct limit a call takes."""
        return self.ours / self.limit


def time_of(one: dict[str, float], threads: int) -> float:
    """Return the time that counts.

    With one thread that is the processor's: on a machine with other users it is the time that a
    call would take alone. With more it can only be the time on the wall.
    """
    return one["cpu"] if threads == 1 else one["best"]


def result_of(cell: Cell, raw: dict[str, Any]) -> Result:
    """Return what one raw result says."""
    times = {who: time_of(one, cell.threads) for who, one in raw["times"].items()}
    copies, multiply = times.pop(COPY), times.pop(MULTIPLY)
    return Result(
        cell,
        times,
        raw["left_out"],
        raw["method"],
        max(copies, multiply * raw["operations"]),
        copies,
    )
