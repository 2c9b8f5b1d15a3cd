"""Long work in the terminal: how far it is, how much time is left, what an interruption keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def resumable(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give what draws a bar for each stage of work that can be taken up again.

    On a terminal a bar shows the time that is left; elsewhere nothing is drawn.
    """
    import sys

    try:
        if quiet or not sys.stderr.isatty():
            yield lambda stage, done, total: None
            return
        from rich import progress
        from rich.console import Console

        with progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("time left"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bars:
            under_way: dict[str, progress.TaskID] = {}

            def told(stage: str, done: int, total: int) -> None:
                task = under_way.get(stage)
                if task is None or bars.tasks[task].finished:
                    # A stage that begins anew is another one: time left counts from its start.
                    under_way[stage] = task = bars.add_task(stage, total=total or None)
                bars.update(task, completed=done, total=total or None)

            yield told
    except KeyboardInterrupt:
        print("kernfit: interrupted, what is finished is kept: start again", file=sys.stderr)
        raise typer.Exit(130) from None
