"""Nothing of theirs is lost: no command writes over what it reads, nor unasked over another file.

Each command is wrapped once, where it is registered: what it reads and what it writes is told by
the names of its parameters, so a command that is added later is guarded too.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from kernfit.errors import InvalidInput, RefusedFile

# Parameters that name a file to be written; every other one that names a file is read.
WRITTEN = ("out", "output", "report", "difference", "plot", "maps", "export")

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are there already.")
]


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that checks what it would write over before it begins.

    Parameters
    ----------
    command : callable
        With Typer's annotations. One that writes files gets the option --overwrite, unless it has
        it already and checks for itself.

    Returns
    -------
    callable
    """
    signature = inspect.signature(command, eval_str=True)
    if "overwrite" in signature.parameters or not signature.parameters.keys() & set(WRITTEN):
        return command

    @wraps(command)
    def checked(*arguments: Any, overwrite: bool = False, **given: Any) -> Any:
        values = signature.bind(*arguments, **given).arguments
        written = [Path(values[name]) for name in WRITTEN if values.get(name) is not None]
        others = (value for name, value in values.items() if name not in WRITTEN)
        check_outputs(files_in(others), written, overwrite=overwrite)
        return command(*arguments, **given)

    option = inspect.Parameter(
        "overwrite", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Overwrite
    )
    parameters = [*signature.parameters.values(), option]
    checked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    checked.__annotations__ = {p.name: p.annotation for p in parameters}
    return checked


def check_outputs(
    read: Iterable[Path], written: Iterable[Path], *, overwrite: bool = False
) -> None:
    """Refuse to write over a file that is read, and unless allowed over any other.

    On a terminal the user is asked.

    Parameters
    ----------
    read, written : iterable of Path
        Links and other spellings of a name are seen through.
    overwrite : bool
        Other files may be replaced; one that is read never.

    Raises
    ------
    InvalidInput
        If a file is read and written, or written twice.
    RefusedFile
        If a file is there already.
    """
    targets = list(written)
    for number, target in enumerate(targets):
        for other in targets[:number]:
            if _same(target, other):
                raise InvalidInput(f"two results must go to two files, got {target} for both")
    there = [target for target in targets if target.exists()]
    if not there:
        return
    for source in read:
        for target in there:
            if _same(source, target):
                raise InvalidInput(
                    f"{target} is read by this command and must not be written over: give the "
                    "result another name"
                )
    for target in there:
        # Folders and devices are refused where they are to be written, with what to do.
        if target.is_file() and not overwrite:
            if sys.stdin.isatty() and sys.stderr.isatty():
                if typer.confirm(f"{target} is there already: replace it?", err=True):
                    continue
                raise RefusedFile(f"{target} is there already and was kept")
            raise RefusedFile(f"{target} is there already: choose another name, or add --overwrite")


def files_in(values: Iterable[Any]) -> Iterator[Path]:
    """Go through the files that values of a command stand for: names, lists, folders, patterns."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from files_in(value)
        elif isinstance(value, (str, Path)) and str(value):
            yield from _files_of(Path(value))


def _files_of(place: Path) -> Iterator[Path]:
    try:
        if place.is_dir():
            yield place
            yield from place.iterdir()
        elif place.exists():
            yield place
        else:
            # One part of a file, as in night.fits[1]; or else a pattern.
            whole = Path(re.sub(r"\[[^\[\]]*\]$", "", str(place)))
            if whole.exists():
                yield whole
            elif any(sign in place.name for sign in "*?["):
                yield from place.parent.glob(place.name)
    except (OSError, ValueError):  # no name of a file, but a number, say, or too long
        return


def _same(one: Path, other: Path) -> bool:
    """Say whether two names mean one file, through links and whatever they are written like."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.abspath(one) == os.path.abspath(other)
