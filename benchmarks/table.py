"""Write the measured parts of docs/speed.md and README.md; what people wrote around them stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from statistics import median
from typing import Any

import kernfit
from benchmarks import everyday, picture, raw
from benchmarks.apply import OURS, OURS_OUT
from benchmarks.cells import DTYPES, KERNELS, SIZES, THREADS, all_cells
from benchmarks.page import replace_measured
from benchmarks.peers import PEERS
from benchmarks.results import Result, result_of, time_of
from benchmarks.targets import TARGETS, two_threads

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"
_QUOTED = (3, 7, 11, 31, 127)  # kernels
_KNOWN = ("cv2.filter2D", "torch", "onnxruntime", "scipy.ndimage", "scipy")


def write(path: Path) -> None:
    """Write the tables and the picture from the raw results in `path`."""
    data = raw.read(path)
    results = [result_of(cell, data[cell.name]) for cell in all_cells() if cell.name in data]
    lines = [*_conditions(data), *_verdicts(results), *_overview(results)]
    replace_measured(_DOCS / "speed.md", [*lines, *_others(data), *_details(results)])
    replace_measured(_ROOT / "README.md", list(_quoted(results)))
    everyday.write(data)
    if results:
        picture.draw(results, _DOCS / "images" / "speed.png")


def _quoted(results: list[Result]) -> Iterator[str]:
    """Yield a few cells for the first page: large images on one thread."""
    peers = (
        "cv2.filter2D",
        "onnxruntime Conv",
        "torch conv2d",
        "scipy.ndimage",
        "scipy oaconvolve",
    )
    here = [r for r in results if (r.cell.size, r.cell.threads) == ("4096", 1)]
    here = [r for r in here if r.cell.dtype == "float32" and r.cell.kernel in _QUOTED]
    yield from _header(["4096x4096 float32, one thread", "kernfit", *peers, "limit of summing"])
    for r in here:
        times = [_spell(r.times[n]) if n in r.times else "–" for n in peers]
        size = f"{r.cell.kernel}x{r.cell.kernel}"
        yield f"| {size} | **{_spell(r.ours)}** | " + " | ".join([*times, _spell(r.limit)]) + " |"
    yield ""


def _conditions(data: dict[str, Any]) -> Iterator[str]:
    loads = [one["load"] for one in data.values() if one["load"] is not None]
    yield f"Measured {time.strftime('%Y-%m-%d')} on {raw.processor()}."
    if loads:
        yield f"Other work kept {median(loads):.1f} of {os.cpu_count()} cores busy (median load)."
    versions = {"kernfit": kernfit.__version__}
    for peer in PEERS:
        try:
            versions[peer.package] = peer.version()
        except PackageNotFoundError:
            versions[peer.package] = "not installed"
    for package in ("numpy", "numba"):
        versions[package] = raw.version(package)
    yield "Versions: " + ", ".join(f"{name} {v}" for name, v in versions.items()) + "."
    yield ""


def _verdicts(results: list[Result]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    for target in TARGETS:
        yield from target.lines(results)
    yield from two_threads(results)
    yield ""


def _overview(results: list[Result]) -> Iterator[str]:
    yield "## How many times quicker than the best peer"
    yield ""
    found = {r.cell.name: r for r in results}
    head = ["image", "threads", *(f"{k}x{k}" for k in KERNELS)]
    yield from _header(head)
    for dtype in DTYPES:
        for size in SIZES:
            for threads in THREADS:
                names = [f"{dtype}-{size}-k{k}-t{threads}" for k in KERNELS]
                cells = [_ratio(found[n].ahead) if n in found else "" for n in names]
                if any(cells):
                    yield f"| {_title(size)} {dtype} | {threads} | " + " | ".join(cells) + " |"
    yield ""


def _title(size: str) -> str:
    return size if "x" in size else f"{size}x{size}"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value >= 1.05 else f"**{value:.2f}**"


def _others(data: dict[str, Any]) -> Iterator[str]:
    """Yield what was measured besides: layers, learning, single calls."""
    for prefix, title in (("layer", "Layers"), ("learn", "Learning")):
        here = {name: one for name, one in data.items() if name.startswith(prefix)}
        if here:
            yield f"## {title}"
            yield ""
            yield from _table(here)
            yield ""
    small = {name: one for name, one in data.items() if name.startswith("small")}
    if small:
        yield "## Single calls"
        yield ""
        for one in small.values():
            for what, time in one["times"].items():
                yield f"- {what}: {_spell(time_of(time, 1))}"
            for what, much in one.get("mebibytes", {}).items():
                yield f"- memory beyond image and result, {what}: {much:.1f} MiB"
        yield ""


def _table(results: dict[str, Any]) -> Iterator[str]:
    """Yield a row for each result, a column for each participant, ours first."""
    names: dict[str, None] = {}
    for one in results.values():
        names |= dict.fromkeys((*one["times"], *one.get("left_out", {})))
    names = dict.fromkeys(sorted(names, key=lambda name: not name.startswith(OURS)))
    yield from _header(["", *names])
    for title, one in sorted(results.items()):
        threads = 2 if title.endswith("t2") else 1
        cells = [
            _spell(time_of(one["times"][name], threads))
            if name in one["times"]
            else f"–, {one.get('left_out', {}).get(name, '')}"
            for name in names
        ]
        yield f"| {title} | " + " | ".join(cells) + " |"


def _details(results: list[Result]) -> Iterator[str]:
    yield "## Every cell"
    yield ""
    names = [peer.name for peer in PEERS]
    for dtype in DTYPES:
        for size in SIZES:
            for threads in THREADS:
                here = [
                    r
                    for r in results
                    if (r.cell.dtype, r.cell.size, r.cell.threads) == (dtype, size, threads)
                ]
                if not here:
                    continue
                plural = "thread" if threads == 1 else "threads"
                yield f"### {dtype}, {_title(size)}, {threads} {plural}"
                yield ""
                yield from _header(["kernel", "limit", OURS, OURS_OUT, "method", *names])
                for r in here:
                    ours = f"{_spell(r.ours)} | {_spell(r.times[OURS_OUT])} | {r.method}"
                    peers = [
                        _spell(r.times[n]) if n in r.times else f"–, {r.left_out.get(n, '')}"
                        for n in names
                    ]
                    size_ = f"{r.cell.kernel}x{r.cell.kernel}"
                    yield f"| {size_} | {_spell(r.limit)} | {ours} | " + " | ".join(peers) + " |"
                yield ""


def _header(head: list[str]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)


def _spell(seconds: float) -> str:
    """Return three digits of a time, with its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
