"""What Dask costs: graphs made, and chunks run, against the time of the tasks themselves.

``python -m benchmarks.scale_dask [CHUNKS]``: an image of CHUNKS x CHUNKS chunks of 2048 x 2048
float32, on one thread, the least of four.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.diagnostics import Profiler

from kernfit import correlate2d, scale

CHUNK = 2048


def least(work: Callable[[], object], rounds: int = 3) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main(count: int = 5) -> None:
    big = da.zeros((CHUNK * 32, CHUNK * 32), chunks=CHUNK, dtype="f4")
    for name, make in (
        ("correlate2d", lambda: scale.correlate2d(big, np.ones((11, 11)), mode="same")),
        ("statistics", lambda: scale.statistics(big, big, 11)),
    ):
        print(f"graph of {name:<12} {least(make) / 32**2 * 1e3:.3f} ms a chunk")

    side = count * CHUNK
    image = np.random.default_rng(0).random((side, side), np.float32)
    lazily = da.from_array(image, CHUNK)
    after = correlate2d(image, np.ones((11, 11), "f4"), mode="same")
    lazily_after = da.from_array(after, CHUNK)
    for taps in (3, 11):
        kernel = np.random.default_rng(1).normal(size=(taps, taps)).astype("f4")
        result = scale.correlate2d(lazily, kernel, method="direct")
        # Each chunk is dropped once it is made, as when it is written to a file.
        say(f"correlate2d {taps}x{taps}", result.map_blocks(lambda x: x[:1, :1].copy()))
        say(f"statistics {taps}x{taps}", scale.statistics(lazily, lazily_after, taps))


def say(name: str, lazily: Any) -> None:
    """Compare the time of a whole graph with that of its tasks."""
    best = None
    for _ in range(4):
        start = time.perf_counter()
        with Profiler() as profile:
            dask.compute(lazily, scheduler="sync", optimize_graph=True)
        whole = time.perf_counter() - start
        tasks = sum(task.end_time - task.start_time for task in profile.results)
        best = min(best or (9e9, 0.0), (whole, tasks))
    whole, tasks = best
    print(f"{name:<18} tasks {tasks:6.2f} s   whole {whole:6.2f} s   {whole / tasks - 1:+.1%}")


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:2]))
