"""`kernfit table TABLE OUT`: learn from every pair of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernfit.cli.options import Bias, Channels, Clip, Memory, Quiet, Scheduler, Shape


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
    shape: Shape = "auto",
    bias: Bias = "constant",
    channels: Channels = "alike",
    clip: Clip = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Rows at a time.  [default: all cores]", show_default=False),
    ] = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Learn from every pair of a table.

    Rows that fail are listed and left out, and the status is then 1; a run that was interrupted
    goes on where it was.
    """
    import sys

    from kernfit.arrays import one_of
    from kernfit.cli.memory import memory_for
    from kernfit.cli.progress import resumable
    from kernfit.cli.values import as_bias, as_shape
    from kernfit.scale.many import learn_table
    from kernfit.scale.tables import check_table
    from kernfit.scale.workers import workers_at

    check_table(out)
    options = {
        "bias": as_bias(bias),
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
    if outcome.failures:
        raise typer.Exit(1)
