"""Write the measured part of docs/speed.md; what people wrote around it stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from statistics import median
from typing import Any

import kernfit
from benchmarks import picture, raw
from benchmarks.apply import OURS, OURS_OUT
from benchmarks.cells import DTYPES, KERNELS, SIZES, THREADS, all_cells
from benchmarks.peers import PEERS
from benchmarks.results import Result, result_of, time_of
from benchmarks.targets import TARGETS, two_threads

_DOCS = Path(__file__).parents[1] / "docs"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write(path: Path) -> None:
    """Write the tables and the picture from the raw results in `path`."""
    data = raw.read(path)
    results = [result_of(cell, data[cell.name]) for cell in all_cells() if cell.name in data]
    page = _DOCS / "speed.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    lines = [_BEGIN, "", *_conditions(data), *_verdicts(results), *_overview(results)]
    lines += [*_others(data), *_details(results), _END]
    page.write_text(before + "\n".join(lines) + after)
    if results:
        picture.draw(results, _DOCS / "images" / "speed.png")


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
    """Yield what was measured besides: layers, learning, overhead."""
    titles = {"layer": "Layers", "learn": "Learning", "small": "Small calls"}
    for prefix, title in titles.items():
        names = sorted(name for name in data if name.startswith(prefix))
        if not names:
            continue
        yield f"## {title}"
        yield ""
        for name in names:
            threads = 2 if name.endswith("t2") else 1
            # A child process is on the wall: its processor time is not ours.
            times = {who: time_of(one, threads) for who, one in data[name]["times"].items()}
            parts = [f"{who} {_spell(t)}" for who, t in sorted(times.items(), key=lambda i: i[1])]
            parts += [f"{who} –, {why}" for who, why in data[name].get("left_out", {}).items()]
            memory = data[name].get("mebibytes", {})
            parts += [f"{what} {much:.0f} MiB of scratch" for what, much in memory.items()]
            yield f"- `{name}`: " + "; ".join(parts) + "."
        yield ""


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
