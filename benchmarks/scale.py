"""Images larger than memory: a pair of 30,000 x 30,000 in Zarr, learnt and applied under 1 GB.

``python -m benchmarks.scale [SIDE] [FOLDER]`` makes the before image on the fly, applies a kernel
to it, learns the kernel back, each by the command line in a process of its own, and says the peak
of its resident memory and its throughput; then the same work on arrays in memory, for as many
pixels as fit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHUNK = 2048
KERNEL = np.random.default_rng(3).normal(size=(7, 7))
KERNEL /= np.abs(KERNEL).sum()
IN_MEMORY = 6000

# Runs the command line and prints what it cost.
PROGRAM = """
import json, resource, sys, time
from kernfit.cli import main
start, cpu = time.perf_counter(), time.process_time()
status = main(sys.argv[1:])
print(json.dumps({
    "status": status,
    "seconds": time.perf_counter() - start,
    "processor": time.process_time() - cpu,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
"""


def texture(side: int, seed: int = 0) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=(side, side))
    smooth = gaussian_filter(noise, 1.5, mode="wrap")
    return np.clip(smooth / smooth.std() * 6000 + 32768, 0, 65535).astype(np.uint16)


def make_before(path: Path, side: int) -> None:
    """Write an image whose chunks are turned and shifted pieces of one texture."""
    import zarr

    image = zarr.create_array(
        str(path), shape=(side, side), dtype="u2", chunks=(CHUNK, CHUNK), overwrite=True
    )
    base = texture(CHUNK)
    for number, top in enumerate(range(0, side, CHUNK)):
        for other, left in enumerate(range(0, side, CHUNK)):
            part = np.roll(base, (97 * number, 61 * other), (0, 1))
            image[top : top + CHUNK, left : left + CHUNK] = part[: side - top, : side - left]


def run(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    lines = done.stdout.strip().splitlines()
    cost: dict[str, float] = json.loads(lines[-1])
    if cost["status"]:
        sys.exit(done.stderr)
    print("\n".join(lines[:3]))
    return cost


def say(name: str, pixels: float, cost: dict[str, float]) -> None:
    print(
        f"{name:<24} {cost['seconds']:8.1f} s  {pixels / cost['seconds'] / 1e6:8.1f} MP/s  "
        f"{pixels / cost['processor'] / 1e6:8.1f} MP/s of one core  "
        f"peak {cost['peak'] / 1e6:7.0f} MB"
    )


def main(side: int = 30_000, folder: str | None = None) -> None:
    from kernfit import Kernel

    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        start = time.perf_counter()
        make_before(work / "before.zarr", side)
        print(f"made {side} x {side} uint16 in {time.perf_counter() - start:.0f} s")
        Kernel(KERNEL, bias=[20000.0]).save(work / "k.json")
        before, after, kernel = (str(work / n) for n in ("before.zarr", "after.zarr", "k.json"))
        say("apply, on disk", side**2, run("apply", kernel, before, after, "--memory", "900MB"))
        learnt = str(work / "learnt.json")
        cost = run("learn", before, after, "-o", learnt, "--shape", "7", "--memory", "900MB")
        say("learn, on disk", side**2, cost)
        found = Kernel.load(learnt).taps
        print(f"largest error of a tap: {np.abs(found - KERNEL).max():.2g}")

    compare(folder)


def compare(folder: str | None = None) -> None:
    """Say what parts cost against the whole in memory: from arrays, and from Zarr to Zarr."""
    import zarr

    from kernfit import Kernel, correlate2d, learn
    from kernfit.scale.files import apply_file
    from kernfit.scale.learning import learn_files
    from kernfit.scale.workers import local_workers

    kernel = Kernel(KERNEL, bias=[20000.0])
    options = {"mode": "same", "boundary": "edge", "dtype": "uint16", "overflow": "saturate"}
    with tempfile.TemporaryDirectory(dir=folder) as name, local_workers(1) as workers:
        work = Path(name)
        before, after = work / "before.zarr", work / "after.zarr"
        make_before(before, IN_MEMORY)
        apply_file(kernel, before, after, workers=workers, memory=10**9, **options)

        def read(path: Path) -> np.ndarray:
            return zarr.open_array(str(path), mode="r")[:]

        def write(pixels: np.ndarray) -> None:
            zarr.create_array(
                str(work / "whole.zarr"), data=pixels, chunks=(CHUNK, CHUNK), overwrite=True
            )

        def whole_apply() -> np.ndarray:
            return correlate2d(read(before), kernel, threads=1, **options)

        def parts_apply() -> None:
            out = work / f"{time.monotonic_ns()}.zarr"
            apply_file(kernel, before, out, workers=workers, memory=10**9, **options)

        def parts_learn(memory: int) -> None:
            learn_files(before, after, workers=workers, memory=memory, shape=7)

        x, y = read(before), read(after)
        for what, job in (
            ("read", lambda: read(before)),
            ("write", lambda: write(y)),
            ("apply, arrays", lambda: correlate2d(x, kernel, threads=1, **options)),
            ("apply, whole", lambda: write(whole_apply())),
            ("apply, in parts", parts_apply),
            ("learn, arrays", lambda: learn(x, y, shape=7, threads=1)),
            ("learn, whole", lambda: learn(read(before), read(after), shape=7, threads=1)),
            ("learn, kept", lambda: parts_learn(10**9)),
            ("learn, in parts", lambda: parts_learn(560 * 10**6)),
        ):
            costs = []
            for _ in range(2 if what[:5] == "learn" else 4):
                start, cpu = time.perf_counter(), time.process_time()
                job()
                costs.append((time.process_time() - cpu, time.perf_counter() - start))
            processor, seconds = min(costs)
            cost = {"seconds": seconds, "processor": processor, "peak": 0}
            say(f"{what}, {IN_MEMORY}^2", IN_MEMORY**2, cost)


if __name__ == "__main__":
    main(*(int(sys.argv[1]),) if len(sys.argv) > 1 else (), *sys.argv[2:3])
