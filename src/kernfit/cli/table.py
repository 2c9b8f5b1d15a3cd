"""`kernfit table TABLE OUT`: learn from every pair of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernfit.cli.options import Memory, Scheduler, memory_for


def table(
    pairs: Annotated[
        Path,
        typer.Argument(
            help="A .csv or .parquet with the columns 'before' and 'after', and 'mask' if wanted.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The kernels: .csv or .parquet.", show_default=False)],
    by: Annotated[
        str | None,
        typer.Option(
            help="Merge the rows that are alike in this column; --shape must then be given.",
            metavar="COLUMN",
            show_default=False,
        ),
    ] = None,
    shape: Annotated[
        str, typer.Option(help="Rows x columns of the kernels, such as 3x3, or 'auto'.")
    ] = "auto",
    bias: Annotated[
        str, typer.Option(help="Learn a 'constant' offset too, or 'none'.")
    ] = "constant",
    channels: Annotated[
        str, typer.Option(help="One kernel for every channel 'alike', or a 'full' mix of them.")
    ] = "alike",
    clip: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Levels at which the after images saturate.  [default: the files' own]",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Rows at a time.  [default: all cores]", show_default=False),
    ] = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Learn from every pair of a table.

    Rows that fail are listed and left out; a run that was interrupted goes on where it was.
    """
    import sys

    from kernfit.arrays import one_of
    from kernfit.cli.options import as_shape
    from kernfit.cli.progress import resumable
    from kernfit.scale.many import learn_table
    from kernfit.scale.tables import check_table
    from kernfit.scale.workers import workers_at

    check_table(out)
    options = {
        "bias": one_of(bias, ("constant", "none"), "--bias") == "constant",
        "channels": one_of(channels, ("alike", "full"), "--channels"),
    }
    if clip is not None:
        options["clip"] = clip
    with resumable(quiet) as told, workers_at(scheduler, threads) as workers:
        outcome = learn_table(
            pairs,
            out,
            workers=workers,
            by=by,
            shape=as_shape(shape),
            memory=memory_for(memory),
            progress=lambda done: told("rows", done, 0),
            **options,
        )
    for number, error in outcome.failed:
        print(f"row {number}: {error}", file=sys.stderr)
    if outcome.failures > len(outcome.failed):
        print(f"and {outcome.failures - len(outcome.failed)} more rows failed", file=sys.stderr)
    if not quiet:
        failed = f", {outcome.failures} of them failed" if outcome.failures else ""
        print(f"{out}: {outcome.kernels:,} kernels from {outcome.rows:,} rows{failed}")
