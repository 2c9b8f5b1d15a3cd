"""Measure kernfit, its peers and the limits of the machine: ``python -m benchmarks``.

Without options everything is measured, which takes an hour or more, and docs/speed.md and
docs/images/speed.png are written. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

SUBJECTS = ("apply", "everyday", "layers", "small", "learn", "sky")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[[], *SUBJECTS, "table"], metavar="subject",
                        help=f"{', '.join(SUBJECTS)} or table; default: all")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a few cells, printed only")
    parser.add_argument("--cells", nargs="*", default=[], metavar="PARTS",
                        help="only cells with these parts, as uint8-4096 or k3-t1")  # fmt: skip
    parser.add_argument("--alone", action="store_true",
                        help="kernfit again without its peers, whose times are known")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="also what has been measured before")
    parser.add_argument("--rounds", type=int, default=15, help="samples of each, at most")
    parser.add_argument("--seconds", type=float, default=0.6, help="for each in a cell, about")
    parser.add_argument("--patience", type=float, default=20.0,
                        help="leave out what takes more seconds a call")  # fmt: skip
    parser.add_argument("--raw", type=Path, default=Path("build/benchmarks.jsonl"))
    options = parser.parse_args(arguments)
    if options.quick:
        options.raw = Path(os.devnull)
    subjects = options.subjects or (["apply"] if options.quick else [*SUBJECTS, "table"])
    for subject in subjects:
        if subject == "table":
            import_module("benchmarks.table").write(options.raw)
        else:
            _measure(_jobs(subject, options), options)


Job = Callable[[], dict[str, Any]]


def _jobs(subject: str, options: argparse.Namespace) -> dict[str, Job]:
    """Return what there is to measure, by name."""
    limits = {"rounds": options.rounds, "seconds": options.seconds, "patience": options.patience}
    if subject != "apply":
        return dict(import_module(f"benchmarks.{subject}").jobs(options.cells, **limits))
    from functools import partial

    from benchmarks.apply import measure
    from benchmarks.cells import all_cells, chosen, quick_cells

    cells = chosen(quick_cells() if options.quick else all_cells(), options.cells)
    return {cell.name: partial(measure, cell, alone=options.alone, **limits) for cell in cells}


def _measure(jobs: dict[str, Job], options: argparse.Namespace) -> None:
    from benchmarks import raw

    done = {} if options.again or options.alone else raw.read(options.raw)
    for name, job in jobs.items():
        if name in done:
            continue
        start = time.perf_counter()
        result = job()
        raw.append(options.raw, name, result)
        print(f"{name}  (took {time.perf_counter() - start:.1f} s)")
        _show(result)


def _show(result: dict[str, Any]) -> None:
    """Print one result; where time and processor time differ, the machine was busy."""
    for who, one in sorted(result["times"].items(), key=lambda item: item[1]["cpu"]):
        print(f"{1e3 * one['best']:12.4f} ms, processor {1e3 * one['cpu']:12.4f} ms  {who}")
    for who, why in result.get("left_out", {}).items():
        print(f"           –                               {who}: {why}")
    for what, much in result.get("mebibytes", {}).items():
        print(f"{much:12.1f} MiB  {what}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
