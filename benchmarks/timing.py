"""Time several ways to do one thing, side by side: one sample of each in turn, round after round.

Whatever else the machine does then disturbs all of them alike, and the least time of each is the
one that was disturbed least.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import median

_SAMPLE = 2e-3  # seconds; what is quicker is repeated within a sample
_SETTLE = 2e-3  # seconds; threads of the one before may still spin, waiting for more work
_PATIENCE = 200  # times; those of OpenBLAS spin for a tenth of a second
_SLOW = 1.0  # seconds; what takes longer is timed once only


@dataclass(slots=True)
class Times:
    """What was measured for one participant, in seconds a call."""

    loops: int = 1
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds in all."""
        return sum(self.wall) * self.loops

    def record(self) -> dict[str, float]:
        """Return what is kept: a wall time far above the CPU time tells of a busy machine."""
        return {
            "best": min(self.wall),
            "median": median(self.wall),
            "cpu": min(self.cpu),
            "samples": len(self.wall),
        }


@dataclass(frozen=True, slots=True)
class Call:
    """Something to be timed."""

    run: Callable[[], object]
    pinned: bool = False  # to one core: for what knows no other way to use one thread


def interleave(
    calls: dict[str, Call], *, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Time every call in turn, until `rounds` are over or a call has had its `seconds`."""
    times = {name: _first(call) for name, call in calls.items()}
    for n in range(rounds):
        order = list(calls)
        for name in order[n % len(order) :] + order[: n % len(order)]:
            one = times[name]
            # Two samples of what is slow; more would not change the order.
            if one.spent < (seconds if len(one.wall) > 1 else _SLOW):
                _sample(calls[name], one)
    return {name: one.record() for name, one in times.items()}


def _first(call: Call) -> Times:
    """Warm up, and find out how many calls make a sample."""
    times = Times()
    _sample(call, times)
    if times.wall[0] > _SLOW:
        return times
    quick = Times(loops=max(1, round(_SAMPLE / times.wall[0])))
    if quick.loops > 1:
        _sample(call, quick)  # the first call of all may have been slow for reasons of its own
    return Times(loops=max(1, round(_SAMPLE / min(times.wall + quick.wall))))


def _sample(call: Call, times: Times) -> None:
    _settle()
    gc.disable()
    with one_core() if call.pinned else nullcontext():
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times.loops):
            call.run()
        times.wall.append((time.perf_counter() - wall) / times.loops)
        times.cpu.append((time.process_time() - cpu) / times.loops)
    gc.enable()


def _settle() -> None:
    """Wait until no thread of this process works any more."""
    for _ in range(_PATIENCE):
        before = time.process_time()
        time.sleep(_SETTLE)
        if time.process_time() - before < _SETTLE / 10:
            return


@contextmanager
def one_core() -> Iterator[None]:
    """Keep all threads of this process on one core, where the system can do so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _pin({min(before)})
    try:
        yield
    finally:
        _pin(before)


def _pin(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(thread), cores)
        except ProcessLookupError:  # it has ended meanwhile
            continue
