"""Matching and subtracting images of the sky: kernfit against SFFT.

SFFT (L. Hu et al., ApJ 936, 2022) is no dependency of anything here; where it is not installed, it
is left out. Both get the same pair and give a difference image. SFFT's first run compiles, which
is not counted; nor are its files.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Call, interleave
from kernfit import Statistics, correlate2d, learn_varying, star_field

SIDE = 11
OURS = "kernfit learn_varying and difference"
SUMS = "kernfit statistics, solve and difference"
SFFT = "SFFT, NumPy"


def jobs(filters: list[str], **limits: float) -> Iterator[tuple[str, Any]]:
    """Yield each measurement with its name."""
    cells = [(512, 0), (1024, 0), (2048, 0), (512, 2), (1024, 2)]
    for (side, degree), noise, threads in product(cells, (True, False), (1, 2)):
        name = f"sky-{side}-degree{degree}-{'photons' if noise else 'clean'}-t{threads}"
        if not filters or any(set(f.split("-")) <= set(name.split("-")) for f in filters):
            yield name, partial(_measure, side, degree, noise, threads, **limits)


def pair(side: int, degree: int, *, noise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a star field, and what another night's seeing, sky and photons make of it."""
    before = star_field((side, side), stars=side * side // 100)
    i, j = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    place = np.linspace(-1, 1, side)
    across, down = np.meshgrid(place, place)
    after = np.zeros_like(before)
    shares = (1, 0.3 * down, 0.3 * across * down) if degree else (1,)
    for sigma, share in zip((1.2, 1.5, 1.0), shares, strict=False):
        taps = np.exp(-(i**2 + (j - 0.2) ** 2) / (2 * sigma**2))
        after += share * correlate2d(before, taps / taps.sum(), mode="same", boundary="wrap")
    after += 20 * down * (degree > 0)
    rng = np.random.default_rng(1)
    return before, rng.poisson(after).astype(float) if noise else after


def _measure(
    side: int,
    degree: int,
    noise: bool,
    threads: int,
    *,
    rounds: int,
    seconds: float,
    patience: float,
) -> dict[str, Any]:
    before, after = pair(side, degree, noise=noise)
    calls = {OURS: partial(_ours, before, after, degree, threads)}
    if degree == 0:
        calls[SUMS] = partial(_sums, before, after, threads)
    left_out = {}
    with threadpool_limits(threads):
        try:
            calls[SFFT] = partial(_sfft(side, degree, threads), before, after)
        except ImportError:
            left_out[SFFT] = "not installed"
        # What it leaves: a residual as small as SFFT's, but for half a per cent.
        inner = slice(SIDE, -SIDE)
        spread = {who: float(np.std(call()[inner, inner])) for who, call in calls.items()}
        for who in (OURS, SUMS):
            least = spread.get(SFFT, np.inf)
            if who in spread and spread[who] > max(1.005 * least, 1e-9 * after.std()):
                raise AssertionError(f"{who} leaves {spread[who]:.6g}, SFFT {least:.6g}")
        times = interleave(
            {who: Call(call) for who, call in calls.items()}, rounds=rounds, seconds=2 * seconds
        )
    return {"times": times, "left_out": left_out, "residual": spread}


def _ours(before: np.ndarray, after: np.ndarray, degree: int, threads: int) -> np.ndarray:
    fit = learn_varying(
        before, after, shape=SIDE, degree=degree, background=degree, threads=threads
    )
    return fit.difference(before, after, threads=threads)


def _sums(before: np.ndarray, after: np.ndarray, threads: int) -> np.ndarray:
    half = SIDE // 2
    inner = after[half:-half, half:-half]
    weights = Statistics.of(before, inner, SIDE, threads=threads).solve().weights[:, 0]
    taps = weights[:-1].reshape(SIDE, SIDE)
    found = np.full(after.shape, np.nan)
    correlate2d(before, taps, threads=threads, out=found[half:-half, half:-half])
    np.subtract(after, found, out=found)
    found -= weights[-1]
    return found


def _sfft(side: int, degree: int, threads: int) -> Any:
    """Return SFFT as a function of a pair, with what it compiles once."""
    configure = import_module("sfft.sfftcore.SFFTConfigure").SingleSFFTConfigure
    subtract = import_module("sfft.sfftcore.SFFTSubtract").ElementalSFFTSubtract
    with contextlib.redirect_stdout(io.StringIO()):
        settings = configure.SSC(
            NX=side,
            NY=side,
            KerHW=SIDE // 2,
            KerPolyOrder=degree,
            BGPolyOrder=degree,
            ConstPhotRatio=False,
            BACKEND_4SUBTRACT="Numpy",
            NUM_CPU_THREADS_4SUBTRACT=threads,
            VERBOSE_LEVEL=0,
        )

    def run(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            _, difference = subtract.ESS(
                PixA_I=before,
                PixA_J=after,
                SFFTConfig=settings,
                Subtract=True,
                BACKEND_4SUBTRACT="Numpy",
                NUM_CPU_THREADS_4SUBTRACT=threads,
                VERBOSE_LEVEL=0,
            )[:2]
        return difference

    return run
