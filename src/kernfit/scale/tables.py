"""Tables in and out: rows of pairs, rows of kernels, as CSV or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import size_of_file, whole_file
from kernfit.packages import need

KINDS = (".csv", ".parquet")
Row = dict[str, Any]

_BATCH = 10_000  # rows of a Parquet file that are in memory at a time


def read_rows(path: Path, wanted: Iterable[str]) -> Iterator[Row]:
    """Give the rows of a table, one at a time.

    Parameters
    ----------
    path : path
        A .csv file with a header, or .parquet.
    wanted : iterable of str
        Columns that must be there.

    Raises
    ------
    RefusedFile
        If there is no such file, or it is no table.
    InvalidInput
        If a column is missing.
    """
    kind = _kind(path)
    size_of_file(path)
    try:
        if kind == ".parquet":
            file = need("pyarrow.parquet", "scale").ParquetFile(path)
            _check(path, file.schema_arrow.names, wanted)
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
            return
        with open(path, newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            _check(path, reader.fieldnames or (), wanted)
            for row in reader:
                yield {name: value or "" for name, value in row.items() if name is not None}
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedFile(f"{path} is not a CSV table in UTF-8 ({error}): save it again") from error
    except (OSError, ValueError) as error:
        if isinstance(error, (InvalidInput, RefusedFile)):
            raise
        raise RefusedFile(f"{path} is not a readable table ({error}): write it again") from error


def write_rows(path: Path, rows: Iterable[Row], columns: list[str]) -> None:
    """Write a table, which appears when it is whole; lists become JSON in CSV."""
    with whole_file(path) as temporary:
        if _kind(path) == ".parquet":
            arrow, parquet = need("pyarrow", "scale"), need("pyarrow.parquet", "scale")
            found = [{name: _text(row.get(name)) for name in columns} for row in rows]
            table = arrow.table({name: [row[name] for row in found] for name in columns})
            parquet.write_table(table, temporary)
            return
        with open(temporary, "w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({name: _text(row.get(name)) for name in columns} for row in rows)


def check_table(path: Path) -> None:
    """Refuse a path to which no table could be written."""
    from kernfit.files import check_target

    _kind(path)
    check_target(path)


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise RefusedFile(f"{path} must end in {' or '.join(KINDS)}: choose one")
    return kind


def _check(path: Path, there: Iterable[str], wanted: Iterable[str]) -> None:
    names = list(there)
    for name in wanted:
        if name not in names:
            raise InvalidInput(
                f"{path.name} must have the column {name!r}, got {', '.join(names) or 'none'}: "
                "name it so in the first line"
            )
