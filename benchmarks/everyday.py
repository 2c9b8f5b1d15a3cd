"""The calls that people make every day, against the fastest function that others have for each.

Here a peer may use whatever it has for the job, `cv2.blur` for a box, `GaussianBlur` for a
Gaussian, however exact. Results have the dtype of the image, as is usual; kernfit's levels are the
exact sums, rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Call, interleave
from kernfit import correlate2d

SIZES = {"512": (512, 512), "2048": (2048, 2048), "4000x3000x3": (3000, 4000, 3)}
DTYPES = ("uint8", "uint16", "float32")
PAGE = Path("docs/everyday-speed.md")
OURS = "kernfit"


def gaussian(sigma: float) -> np.ndarray:
    """Return the taps of a Gaussian that reaches four times its width."""
    reach = max(round(4 * sigma), 1)
    line = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    return np.outer(line, line) / line.sum() ** 2


@dataclass(frozen=True, slots=True)
class Job:
    """One everyday filter: its taps, and how others are asked for it."""

    taps: np.ndarray
    cv2: Callable[[Any, np.ndarray], Any]
    ndimage: Callable[[Any, np.ndarray], Any] | None = None
    pillow: Callable[[Any], Any] | None = None  # the filter of ImageFilter


def _jobs() -> Iterator[tuple[str, Job]]:
    for side in (3, 5, 9, 15, 31, 101):
        yield (
            f"box{side}",
            Job(
                np.full((side, side), 1 / side**2),
                lambda cv2, x, side=side: cv2.blur(x, (side, side)),
                lambda nd, x, side=side: nd.uniform_filter(
                    x, side if x.ndim == 2 else (side, side, 1)
                ),
                lambda filters, side=side: filters.BoxBlur(side // 2),
            ),
        )
    for sigma in (0.5, 1, 2, 5, 10, 20):
        taps = gaussian(sigma)
        yield (
            f"gaussian{sigma:g}",
            Job(
                taps,
                lambda cv2, x, taps=taps, sigma=sigma: cv2.GaussianBlur(x, taps.shape, sigma),
                lambda nd, x, sigma=sigma: nd.gaussian_filter(
                    x, sigma if x.ndim == 2 else (sigma, sigma, 0)
                ),
                lambda filters, sigma=sigma: filters.GaussianBlur(sigma),
            ),
        )
    line = np.array([1, 4, 6, 4, 1]) / 16
    some = {
        "binomial5": np.outer(line, line),
        "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        "laplacian": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        "sobel": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    }
    some["unsharp"] = -0.5 * np.pad(gaussian(1), 0)
    some["unsharp"][4, 4] += 1.5
    rng = np.random.default_rng(0)
    for side in (3, 5, 7, 11, 31):
        taps = rng.standard_normal((side, side))
        some[f"random{side}"] = taps / abs(taps).sum()
    for name, taps in some.items():
        yield name, Job(taps, partial(_filter2d, taps=taps), partial(_correlate, taps=taps))


def _filter2d(cv2: Any, x: np.ndarray, taps: np.ndarray) -> Any:
    return cv2.filter2D(x, -1, taps)


def _correlate(ndimage: Any, x: np.ndarray, taps: np.ndarray) -> Any:
    return ndimage.correlate(x, taps if x.ndim == 2 else taps[..., None], mode="mirror")


def jobs(filters: list[str], **limits: float) -> Iterator[tuple[str, Any]]:
    """Yield what there is to measure."""
    for name, job in _jobs():
        for dtype in DTYPES:
            for size in SIZES:
                for threads in (1, 2):
                    cell = f"everyday-{name}-{dtype}-{size}-t{threads}"
                    parts = cell.split("-")
                    if not filters or any(set(each.split("-")) <= set(parts) for each in filters):
                        yield cell, partial(measure, job, dtype, size, threads, **limits)


def measure(
    job: Job, dtype: str, size: str, threads: int, *, rounds: int, seconds: float, patience: float
) -> dict[str, Any]:
    """Time one job: taps as a list, and arrays of float64 and float32, and the others."""
    shape, rng = SIZES[size], np.random.default_rng(1)
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = (rng.random(shape) * most).astype(dtype)
    options: dict[str, Any] = {
        "mode": "same",
        "boundary": "reflect",
        "threads": threads,
        "dtype": dtype,
        "overflow": "saturate",
        "channel_axis": -1 if image.ndim == 3 else None,
    }
    calls = {}
    for kind, taps in (
        (f"{OURS}, list", job.taps.tolist()),
        (f"{OURS}, float64", job.taps),
        (f"{OURS}, float32", job.taps.astype("f4")),
    ):
        calls[kind] = Call(partial(correlate2d, image, taps, **options))
    left_out = {}
    cv2 = import_module("cv2")
    cv2.setNumThreads(threads)
    calls["cv2"] = Call(lambda: job.cv2(cv2, image))
    if job.ndimage is not None and threads == 1:
        if image.size * job.taps.size * 1e-9 < patience:
            ndimage = import_module("scipy.ndimage")
            calls["scipy.ndimage"] = Call(lambda: job.ndimage(ndimage, image))
        else:
            left_out["scipy.ndimage"] = "takes too long"
    if job.pillow is not None and threads == 1 and dtype == "uint8":
        pillow, kinds = import_module("PIL.Image"), import_module("PIL.ImageFilter")
        picture = pillow.fromarray(image)
        calls["Pillow"] = Call(lambda: picture.filter(job.pillow(kinds)))
    for call in calls.values():
        call.run()  # what is compiled first is no sample
    times = interleave(calls, rounds=int(rounds), seconds=seconds)
    return {"times": times, "left_out": left_out}


def write(data: dict[str, Any]) -> None:
    """Write the page from what was measured, the worst cells first."""
    rows = []
    for cell, one in data.items():
        if not cell.startswith("everyday-"):
            continue
        times = {who: each["cpu"] for who, each in one["times"].items()}
        peers = {who: t for who, t in times.items() if not who.startswith(OURS)}
        ours = max(t for who, t in times.items() if who.startswith(OURS))
        best = min(peers, key=lambda who: peers[who])
        rows.append((peers[best] / ours, cell.removeprefix("everyday-"), ours, best, peers[best]))
    if not rows:
        return
    rows.sort()
    behind = sum(ratio < 1 for ratio, *_ in rows)
    lines = [
        "# Everyday speed",
        "",
        "Filters that people use every day, results of the image's dtype, against the fastest",
        "function that another library has for the job, however exact: `cv2.blur`, `GaussianBlur`",
        "and `filter2D` (up to one level off), those of `scipy.ndimage`, and Pillow's. kernfit's",
        "8- and 16-bit levels are the exact sums, rounded once. The slowest of three calls counts:",
        "taps as a list, as a float64 and as a float32 array. Processor time in milliseconds;",
        "below 1 another library is faster. Not measured: kornia_rs, pyvips and scikit-image, and",
        "cells that are not in the table.",
        "",
        f"kernfit is ahead in {len(rows) - behind} of {len(rows)} cells. The worst come first.",
        "",
        "| cell | kernfit | fastest other | times ahead |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {cell} | {1e3 * ours:.3g} | {1e3 * other:.3g} ({who}) | {ratio:.2f} |"
        for ratio, cell, ours, who, other in rows
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
