"""One kernel on one image: kernfit, its peers and the limits of the machine, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import limits
from benchmarks.cells import Cell
from benchmarks.peers import PEERS, LeftOut, Task
from benchmarks.timing import Call, interleave
from kernfit import correlate2d
from kernfit.correlate import make_plan

OURS, OURS_OUT = "kernfit", "kernfit, out="
COPY, MULTIPLY = "copy", "multiply-add"


def measure(
    cell: Cell, *, rounds: int, seconds: float, patience: float, alone: bool = False
) -> dict[str, Any]:
    """Time one cell; every result is compared with ours before it counts.

    `alone` leaves out the peers: their times do not change when our code does.
    """
    image, taps = cell.inputs()
    options: dict[str, Any] = {"mode": "same", "threads": cell.threads}
    with threadpool_limits(cell.threads):
        right = correlate2d(image, taps, **options)
        task = Task(image, taps, right.dtype, cell.threads)
        out = np.zeros_like(right)
        kind = right.dtype
        multiply, count = limits.multiply(kind, cell.threads)
        calls = {
            OURS: Call(lambda: correlate2d(image, taps, **options)),
            OURS_OUT: Call(lambda: correlate2d(image, taps, out=out, **options)),
            COPY: Call(limits.copy(image, np.zeros_like(right), cell.threads)),
            MULTIPLY: Call(multiply),
        }
        left_out = {}
        for peer in () if alone else PEERS:
            try:
                call = peer.call(task, patience)
                # Some keep axes for the sample and the channel.
                _compare(np.asarray(call.run()).squeeze(), right, image, taps)
                calls[peer.name] = call
            except LeftOut as reason:
                left_out[peer.name] = str(reason)
        times = interleave(calls, rounds=rounds, seconds=seconds)
    plan = make_plan(image.shape, image.dtype, taps, **options)
    operations = taps.size * right.size
    return {
        "times": times,
        "left_out": left_out,
        "operations": operations / count,  # how often the loop of multiply-adds would have to run
        "method": plan.method,
    }


def _compare(result: np.ndarray, right: np.ndarray, image: np.ndarray, taps: np.ndarray) -> None:
    """Leave out what has computed something else than we have."""
    if result.shape != right.shape:
        raise LeftOut(f"gives another shape, {result.shape}")
    # What single or double precision may lose, for sums of the size that are met here.
    size = float(np.abs(taps).sum()) * float(np.abs(image).max())
    worst = float(np.abs(result.astype("f8") - right.astype("f8")).max(initial=0))
    single = result.dtype == np.float32 or right.dtype == np.float32
    if not worst <= (1e-6 if single else 1e-13) * size:
        raise LeftOut(f"is off by {worst / size:.0e}")
