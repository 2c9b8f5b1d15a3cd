"""Learn from every pair of a table: row by row, or all rows with the same key together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.errors import InvalidInput, KernfitError, RefusedFile
from kernfit.hashing import digest
from kernfit.io.images import read_image
from kernfit.io.pixels import open_pixels
from kernfit.io.stores import is_zarr
from kernfit.learning import Fit
from kernfit.learning import learn as learn_arrays
from kernfit.learning.answers.stored import fit_statistics
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics
from kernfit.scale.checkpoint import Checkpoint
from kernfit.scale.layout import as_text
from kernfit.scale.tables import Row, check_table, read_rows, write_rows
from kernfit.scale.workers import Workers

# The rows of a key are summed up in so many parts, whose disagreement gives the errors.
_PARTS = 16
ANSWER = (
    "rows", "columns", "taps", "stderr", "bias", "bias_stderr", "residual_rms", "residual_floor",
    "r2", "used", "status", "sentence", "name",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a table.

    Attributes
    ----------
    rows : int
        Of the table.
    kernels : int
        Of the result.
    failed : list of (int, str)
        The first hundred rows that failed, counted from 1, and why.
    failures : int
        How many failed in all.
    """

    rows: int
    kernels: int
    failed: list[tuple[int, str]]
    failures: int


def learn_table(
    table: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: Workers,
    by: str | None = None,
    shape: str | int | tuple[int, int] = "auto",
    memory: int = 10**9,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Outcome:
    """Learn a kernel from each pair of a table, or one from all pairs with the same key.

    A row that fails is noted and left out. A run that was interrupted and is started again goes
    on where it was.

    Parameters
    ----------
    table : path-like
        .csv or .parquet with the columns "before" and "after", and "mask" if wanted: image files,
        counted from the table's folder. Other columns are carried along.
    out : path-like
        .csv or .parquet: a row for each row of the table, or for each key, with the taps and their
        errors as nested lists.
    workers : Workers
        Who does the rows.
    by : str, optional
        A column: rows that are alike in it share one kernel, learnt from their merged statistics.
        `shape` must then be given.
    shape : "auto", int or (rows, columns)
    memory : int
        Bytes that the statistics of all keys may take.
    progress : callable, optional
        Called with the number of rows done.
    **options
        Of `learn`; with `by` of these only ``bias``, ``clip`` and ``channels``.

    Returns
    -------
    Outcome

    Raises
    ------
    InvalidInput
        If a column is missing, or an option does not fit.
    RefusedFile
        If a table cannot be read or written.
    """
    source, target = Path(table), Path(out)
    check_table(target)
    names = ["before", "after", *([] if by is None else [by])]
    first = next(read_rows(source, names), None)
    if first is None:
        raise InvalidInput(f"{source.name} must have at least one row below its header, got none")
    status = os.stat(source)
    asked = repr((sorted(options.items()), shape, by, status.st_size, status.st_mtime_ns))
    mark = digest(asked.encode(), os.path.abspath(source).encode())
    job = _Job(source, target, mark, workers, progress)
    if by is None:
        return _each(job, _Row(os.path.abspath(source.parent), shape, options), list(first))
    if isinstance(shape, str):
        raise InvalidInput(
            f"shape must be given to merge rows by {by!r}, got {shape!r}: for example 5"
        )
    return _merged(job, _Sum(os.path.abspath(source.parent), shape, options), by, memory)


@dataclass(frozen=True)
class _Job:
    table: Path
    out: Path
    mark: str
    workers: Workers
    progress: Callable[[int], None] | None

    def rows(self, start: int = 0) -> Iterator[Row]:
        return islice(read_rows(self.table, ("before", "after")), start, None)

    def tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done)

    def hidden(self, suffix: str) -> Path:
        return self.out.with_name(f".{self.out.name}.{suffix}")


def _each(job: _Job, task: _Row, columns: list[str]) -> Outcome:
    """Learn row by row; what is done stands in a journal of JSON lines."""
    journal = job.hidden("rows")
    done = _done_before(journal, job.mark)
    job.tell(done)
    try:
        with open(journal, "a" if done else "w", encoding="utf-8") as lines:
            if not done:
                lines.write(job.mark + "\n")
            for answer in job.workers.map(task, job.rows(done)):
                lines.write(json.dumps(answer) + "\n")
                lines.flush()
                done += 1
                job.tell(done)
    except OSError as error:
        if isinstance(error, KernfitError):
            raise
        raise RefusedFile(f"{job.out} cannot be written ({error}): make room") from error
    failed = [
        (number, answer["error"]) for number, answer in enumerate(_journal(journal), 1)
        if answer["error"]
    ]  # fmt: skip
    carried = [name for name in columns if name not in (*ANSWER, "error")]
    write_rows(job.out, _journal(journal), [*carried, *ANSWER, "error"])
    journal.unlink()
    return Outcome(done, done - len(failed), failed[:100], len(failed))


def _journal(path: Path) -> Iterator[Row]:
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            yield json.loads(line)


def _done_before(path: Path, mark: str) -> int:
    """Return how many rows a journal of the same work holds, cutting off a broken last line."""
    try:
        text = path.read_bytes()
    except OSError:
        return 0
    whole = text[: text.rfind(b"\n") + 1]
    if not whole.startswith(mark.encode() + b"\n"):
        return 0
    if len(whole) < len(text):
        path.write_bytes(whole)
    return whole.count(b"\n") - 1


def _merged(job: _Job, task: _Sum, by: str, memory: int) -> Outcome:
    """Sum up the rows of each key, then solve."""
    checkpoint = Checkpoint(job.hidden("sums"), job.mark, (Statistics, Sums))
    done, sums, counts = checkpoint.load("keys")
    failures = job.hidden("sums") / "failed"
    failed = _failed_before(failures, done)
    keys = {name: place for place, name in enumerate(counts)}
    job.tell(done)
    pending = read_rows(job.table, ("before", "after", by))
    pairs = zip(islice(pending, done, None), job.workers.map(task, job.rows(done)), strict=True)
    with open(failures, "a", encoding="utf-8") as lines:
        for row, (found, error) in pairs:
            done += 1
            if found is None:
                failed.append((done, error))
                lines.write(json.dumps([done, error]) + "\n")
                lines.flush()
            else:
                key = str(row[by])
                if key not in keys:
                    keys[key] = len(keys)
                    sums += [None] * _PARTS
                    counts[key] = 0
                    _check_memory(found, len(keys), memory, by)
                place = keys[key] * _PARTS + counts[key] % _PARTS
                counts[key] += 1
                try:
                    sums[place] = found if sums[place] is None else sums[place] + found
                except InvalidInput as refusal:  # other channels than the rows before
                    counts[key] -= 1
                    failed.append((done, str(refusal)))
                    lines.write(json.dumps([done, str(refusal)]) + "\n")
            checkpoint.save("keys", done, sums, counts, last=False)
            job.tell(done)
    answers = []
    for key, place in keys.items():
        parts = [part for part in sums[place * _PARTS : (place + 1) * _PARTS] if part is not None]
        if parts:
            fit = fit_statistics(parts, bias=task.options.get("bias", True))
            answers.append({by: key, "pairs": counts[key], **_answer(fit)})
    write_rows(job.out, answers, [by, "pairs", *ANSWER])
    checkpoint.discard()
    return Outcome(done, len(answers), failed[:100], len(failed))


def _failed_before(path: Path, done: int) -> list[tuple[int, str]]:
    """Return the failures among the rows that are done, and forget those after them."""
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    kept = [(number, error) for number, error in found if number <= done]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
    return kept


def _check_memory(found: Statistics, keys: int, memory: int, by: str) -> None:
    needed = keys * _PARTS * found.sums.gram.nbytes
    if needed > memory:
        raise InvalidInput(
            f"the statistics of {keys} values of {by!r} need {as_text(needed)}, more than the "
            f"{as_text(memory)} that are allowed: give more --memory, or split the table"
        )


@dataclass(frozen=True)
class _Row:
    """Learns from one row, in whatever process; a failure is an answer too."""

    folder: str
    shape: Any
    options: dict[str, Any]

    def __call__(self, row: Row) -> Row:
        try:
            before, after, mask, clip = _images(self.folder, row)
            options = {"clip": clip, **self.options}
            fit = learn_arrays(before, after, mask=mask, shape=self.shape, threads=1, **options)
            return {**_plain(row), **_answer(fit), "error": ""}
        # One broken file among many, whatever it breaks, must not end the work.
        except Exception as error:
            return {**_plain(row), "error": _line(error)}


@dataclass(frozen=True)
class _Sum:
    """Sums up one row, in whatever process."""

    folder: str
    shape: Any
    options: dict[str, Any]

    def __call__(self, row: Row) -> tuple[Statistics | None, str]:
        try:
            before, after, mask, clip = _images(self.folder, row)
            options = {"clip": clip, "channels": self.options.get("channels", "alike")}
            if self.options.get("clip") is not None:
                options["clip"] = self.options["clip"]
            pair = Pair.of(before, after, mask=mask, **options)
            rows, columns = (self.shape,) * 2 if isinstance(self.shape, int) else self.shape
            anchor = ((rows - 1) // 2, (columns - 1) // 2)
            return pair.statistics((rows, columns), anchor, threads=1), ""
        except Exception as error:
            return None, _line(error)


def _images(folder: str, row: Row) -> tuple[Any, Any, Any, Any]:
    """Return before, after, mask and clip levels of a row."""
    (before, _), (after, levels) = (_image(folder, str(row[n])) for n in ("before", "after"))
    mask = None
    if row.get("mask"):
        mask, _ = _image(folder, str(row["mask"]))
        mask = (mask.reshape(-1, *mask.shape[-2:]) != 0).any(axis=0)
    return before, after, mask, levels


def _image(folder: str, name: str) -> tuple[Any, Any]:
    path = Path(folder) / name
    if is_zarr(path) or path.suffix.lower() in (".fits", ".fit", ".fts"):
        return open_pixels(path)[:, :, :], None
    image = read_image(path)
    return image.pixels, image.levels or (-np.inf, np.inf)


def _answer(fit: Fit) -> Row:
    """Return a fit as the cells of a table."""
    record = fit.to_dict()
    single = fit.kernel.weight.shape[:2] == (1, 1)
    try:
        best = fit.recognise().best if single else None
    except KernfitError:
        best = None
    bias = fit.kernel.bias.tolist(), record["bias_stderr"]
    return {
        "rows": fit.kernel.shape[0],
        "columns": fit.kernel.shape[1],
        "taps": (fit.kernel.taps if single else fit.kernel.weight).tolist(),
        "bias": bias[0][0] if single else bias[0],
        "bias_stderr": bias[1][0] if single else bias[1],
        "status": fit.status.code,
        "sentence": str(fit.status),
        "name": "" if best is None else best.name,
        **{n: record[n] for n in ("stderr", "residual_rms", "residual_floor", "r2", "used")},
    }


def _plain(row: Row) -> Row:
    """Return a row whose cells can stand in JSON."""
    kinds = (str, int, float, bool, type(None))
    return {name: cell if isinstance(cell, kinds) else str(cell) for name, cell in row.items()}


def _line(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if isinstance(error, KernfitError) else f"{type(error).__name__}: {said}"
