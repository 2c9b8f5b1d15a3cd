"""Measure what learning costs, against its targets: ``python -m benchmarks.learning``.

It takes less than ten minutes on a quiet machine with two cores, prints what it finds and writes
docs/learning-speed.md; with ``--quick`` small images are taken, and nothing is written. SFFT,
PyTorch and Keras are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import kernfit
from benchmarks import raw, sky
from benchmarks.learn import STEPS, torch_loop
from benchmarks.page import replace_measured
from benchmarks.timing import Call, interleave
from kernfit import Statistics, correlate2d, learn

_PAGE = Path(__file__).parents[1] / "docs" / "learning-speed.md"
_SIDE, _QUICK_SIDE = 4096, 1024
_ROUNDS, _SECONDS = 9, 3.0
# Seconds that SFFT 1.7.3 took with two threads for a constant kernel (degree 0) and a varying one,
# where one forward pass of PyTorch over 4096x4096 with 11x11 taps took so many with one.
_SFFT = {(512, 0): 0.40, (2048, 0): 8.5, (1024, 2): 14.3}
_FORWARD_THEN = 1.16
# The most that a process takes, in MiB, beyond what it had with both images.
_MEMORY = """
import re
import numpy as np
from kernfit import Statistics

def mebibytes(name):
    return int(re.search(name + ":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 2**10

def sums(side):
    x = np.random.default_rng(0).random((side, side), np.float32)
    y = x[: side - {kernel} + 1, : side - {kernel} + 1].copy()
    before = mebibytes("VmRSS")
    held = Statistics.of(x, y, {kernel}, threads=2).sums.gram.nbytes / 2**20
    return before, held

sums(300)
before, held = sums({side})
print(mebibytes("VmHWM") - before - held)
"""


@dataclass(frozen=True)
class Line:
    """A line of the table: what was asked, and what was found."""

    what: str
    wanted: str
    found: str
    met: bool | None  # None where it could not be measured

    def __str__(self) -> str:
        verdict = {True: "yes", False: "**no**", None: "–"}[self.met]
        return f"| {self.what} | {self.wanted} | {self.found} | {verdict} |"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images, printed only")
    quick = parser.parse_args(arguments).quick
    start = time.perf_counter()
    lines = ["| what | wanted | found | met |", "|---|---|---|---|"]
    print(*lines, sep="\n")
    for line in _lines(_QUICK_SIDE if quick else _SIDE, quick=quick):
        lines.append(str(line))
        print(line, flush=True)
    took = time.perf_counter() - start
    print(f"took {took:.0f} s")
    if not quick:
        _write(lines)


def _write(lines: list[str]) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    versions = ", ".join(f"{name} {_version(name)}" for name in ("numpy", "torch", "keras", "sfft"))
    said = [
        f"Measured {time.strftime('%Y-%m-%d')} on {raw.processor()}, kernfit "
        f"{kernfit.__version__}, {versions}. The load was {load:.1f} at the end, of which this "
        "measurement is up to 2.",
        "",
    ]
    replace_measured(_PAGE, [*said, *lines, ""])


def _version(package: str) -> str:
    try:
        return raw.version(package)
    except ImportError:
        return "not installed"


def _lines(side: int, *, quick: bool) -> Iterator[Line]:
    """Measure each target in turn."""
    forward = yield from _against_torch(side)
    yield from _small_and_large(side)
    yield _two_threads(side)
    yield from _linear([256, 512, 1024] if quick else [512, 1024, 2048, 4096, 8192])
    for kernel in (11, 31):
        yield _memory(side, kernel)
    cells = [(256, 0), (256, 2)] if quick else [(512, 0), (1024, 0), (2048, 0), (512, 2), (1024, 2)]
    for size, degree in cells:
        yield from _against_sfft(size, degree, forward)


def _pair(side: int, kernel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((side, side), np.float32)
    taps = rng.standard_normal((kernel, kernel)).astype(np.float32)
    return x, correlate2d(x, taps), taps


def _converged(x: np.ndarray, y: np.ndarray, kernel: int, threads: int = 1) -> np.ndarray:
    weights: np.ndarray = Statistics.of(x, y, kernel, threads=threads).solve().weights
    return weights[:-1, 0].reshape(kernel, kernel)


def _timed(rounds: int = _ROUNDS, **calls: Callable[[], object]) -> dict[str, dict[str, float]]:
    """Return least times on the wall and of the processor, of calls that take turns.

    Each is called once before, for what is compiled then is no part of it.
    """
    for call in calls.values():
        call()
    return interleave(
        {name: Call(call) for name, call in calls.items()}, rounds=rounds, seconds=_SECONDS
    )


def _once(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _against_torch(side: int) -> Iterator[Line]:
    """Compare with a forward pass, and with ten steps of training; return the forward pass."""
    kernel = 11
    x, y, taps = _pair(side, kernel)
    if not np.allclose(_converged(x, y, kernel), taps, atol=1e-4):
        raise AssertionError("learnt something else")
    sums = partial(Statistics.of, x, y, kernel, threads=1)
    what = f"one pass of statistics, 11x11, {side}x{side} float32, one thread"
    wanted = "half of a forward pass of PyTorch"
    with threadpool_limits(1):
        try:
            forward, train = torch_loop(x, y, kernel, 1, 0.5 / x.size)
        except ImportError:
            ours = _timed(ours=sums)["ours"]["cpu"]
            yield Line(what, wanted, f"{ours:.3f} s; PyTorch is not installed", None)
            return None
        times = _timed(ours=sums, torch=forward)
        ours, pass_ = times["ours"]["cpu"], times["torch"]["cpu"]
        found = f"{ours:.3f} s against {pass_:.3f} s: {ours / pass_:.2f}"
        yield Line(what, wanted, found, ours < 0.5 * pass_)
        learning = _timed(ours=partial(_converged, x, y, kernel))["ours"]["cpu"]
        loops: dict[str, Callable[[], object]] = {"PyTorch": train}
        try:
            loops["Keras"] = _keras(x, y, kernel)
        except ImportError:
            yield Line(f"{STEPS} steps of Keras", "over 50 times slower", "not installed", None)
        for name, loop in loops.items():
            seconds = _once(loop)
            found = f"{seconds:.1f} s against {learning:.3f} s: {seconds / learning:.0f} times"
            wanted = "over 50 times slower than learning to convergence"
            yield Line(
                f"{STEPS} steps of {name}, same pair", wanted, found, seconds > 50 * learning
            )
        whole = _timed(2, ours=partial(learn, x, y, shape=kernel, threads=1))["ours"]["cpu"]
        yield Line(
            "`learn`: kernel, errors, second look, verdict, same pair",
            "no target",
            f"{whole:.2f} s",
            None,
        )
    return pass_ * (_SIDE / side) ** 2


def _keras(x: np.ndarray, y: np.ndarray, kernel: int) -> Callable[[], object]:
    """Return ten steps of a Keras model, built and warmed up."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = import_module("keras")
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, kernel)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    image, target = x[None, :, :, None], y[None, :, :, None]
    model.train_on_batch(image[:, :64, :64], target[:, : 65 - kernel, : 65 - kernel])

    def train() -> None:
        for _ in range(STEPS):
            model.train_on_batch(image, target)

    return train


def _small_and_large(side: int) -> Iterator[Line]:
    x, y, _ = _pair(side, 3)
    times = _timed(
        copy=lambda: (x.copy(), y.copy()), ours=partial(Statistics.of, x, y, 3, threads=1)
    )
    ours, copy = times["ours"]["cpu"], times["copy"]["cpu"]
    yield Line(
        "3x3, one thread",
        "within 4 times the cost of copying both images",
        f"{1e3 * ours:.0f} ms against {1e3 * copy:.1f} ms: {ours / copy:.1f} times",
        ours <= 4 * copy,
    )
    x, y, _ = _pair(side, 31)
    ours = _timed(3, ours=partial(Statistics.of, x, y, 31, threads=1))["ours"]["cpu"]
    yield Line("31x31, one thread", "under 1.5 s", f"{ours:.2f} s", ours < 1.5)


def _two_threads(side: int) -> Line:
    x, y, _ = _pair(side, 11)
    times = _timed(
        one=partial(Statistics.of, x, y, 11, threads=1),
        two=partial(Statistics.of, x, y, 11, threads=2),
    )
    one, two = times["one"]["best"], times["two"]["best"]
    found = f"{one:.3f} s and {two:.3f} s: {one / two:.2f} times"
    return Line("11x11, two threads", "1.7 times one thread", found, one >= 1.7 * two)


def _linear(sides: list[int]) -> Iterator[Line]:
    costs = {}
    for side in sides:
        x, y, _ = _pair(side, 11)
        ours = _timed(5, ours=partial(Statistics.of, x, y, 11, threads=1))["ours"]["cpu"]
        costs[side] = 1e9 * ours / x.size
    found = ", ".join(f"{side**2 / 2**20:g}: {cost:.1f}" for side, cost in costs.items())
    most = max(costs.values()) / costs[sides[0]]
    yield Line(
        f"11x11, nanoseconds a pixel, by megapixels from {sides[0] ** 2 / 2**20:g} on",
        "linear: none over 1.2 times the first",
        f"{found}; most {most:.2f} times",
        most <= 1.2,
    )


def _memory(side: int, kernel: int) -> Line:
    what = f"memory beyond images and statistics, {kernel}x{kernel}, two threads"
    if not Path("/proc/self/status").exists():
        return Line(what, "64 MiB at most", "this system does not tell", None)
    script = _MEMORY.format(side=side, kernel=kernel)
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    found = float(told)
    return Line(what, "64 MiB at most", f"{found:.0f} MiB", found <= 64)


def _against_sfft(side: int, degree: int, forward: float | None) -> Iterator[Line]:
    """Compare what gives a difference image, with two threads."""
    # A kernel that varies is held against SFFT on large images only; the small one is of interest.
    wanted = 50 if degree == 0 else 20 if side >= 1024 else None
    target = f"{wanted} times quicker" if wanted else "no target"
    for noise in (False, True):
        before, after = sky.pair(side, degree, noise=noise)
        ours = (
            partial(sky._ours, before, after, degree, 2)
            if degree
            else partial(sky._sums, before, after, 2)
        )
        kind = "varying to second degree" if degree else "constant"
        what = f"SFFT, {kind} 11x11, {side}x{side}, {'photons' if noise else 'clean'}, two threads"
        with threadpool_limits(2):
            try:
                theirs = partial(sky._sfft(side, degree, 2), before, after)
            except ImportError:
                yield _against_known(what, target, wanted, ours, _SFFT.get((side, degree)), forward)
                continue
            inner = slice(sky.SIDE, -sky.SIDE)
            left, least = (float(np.std(call()[inner, inner])) for call in (ours, theirs))
            times = _timed(ours=ours, sfft=theirs)
        ratio = times["sfft"]["best"] / times["ours"]["best"]
        small = left <= max(1.005 * least, 1e-9 * float(after.std()))
        yield Line(
            what,
            f"{target}, residual at most 0.5 % larger",
            f"{1e3 * times['ours']['best']:.1f} ms against {times['sfft']['best']:.2f} s: "
            f"{ratio:.0f} times; residual {left:.4g}, SFFT's {least:.4g}",
            small and (None if wanted is None else ratio >= wanted),
        )


def _against_known(
    what: str,
    target: str,
    wanted: int | None,
    ours: Callable[[], object],
    known: float | None,
    forward: float | None,
) -> Line:
    """Compare with a known time, scaled by how quick this machine is."""
    seconds = _timed(ours=ours)["ours"]["best"]
    if known is None or forward is None:
        return Line(what, target, f"{1e3 * seconds:.1f} ms", None)
    scaled = known * forward / _FORWARD_THEN
    found = (
        f"{1e3 * seconds:.1f} ms against {scaled:.2f} s, not measured but scaled from another "
        f"machine by PyTorch's forward pass: {scaled / seconds:.0f} times"
    )
    return Line(what, target, found, None if wanted is None else scaled >= wanted * seconds)


if __name__ == "__main__":
    main()
