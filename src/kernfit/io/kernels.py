"""Kernel files: JSON keeps everything; NPY and text tables keep bare taps.

A kernel is passed as a *record*, a plain dictionary with "weight", "bias", "anchor" and "name",
so that this file can lie below `kernfit.kernel`.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.files import size_of_file, whole_file
from kernfit.io.npy import read_npy, write_npy

FORMAT = "kernfit-kernel"
FIELD_FORMAT = "kernfit-field"  # a kernel that varies over the image
_SAYS_FIELD = rf'"format"\s*:\s*"{FIELD_FORMAT}"'.encode()
VERSION = 1
# Far above any kernel (512 x 512 channels of 3x3 taps take about 50 MB as JSON), far below
# what would trouble a laptop.
MAX_BYTES = 64 * 2**20

PathLike = str | os.PathLike[str]


def read_kernel_record(path: PathLike) -> dict[str, Any]:
    """Read a kernel's record from a .json, .npy or .txt file.

    Parameters
    ----------
    path : path-like
        The suffix, in any case, says the format. Nothing in the file is evaluated or unpickled.

    Returns
    -------
    dict
        "weight", an int64 or float64 array with 2 or 4 axes, and from JSON what else the file
        has of "bias", "anchor" and "name".

    Raises
    ------
    RefusedFile
        If the file is missing, empty, larger than 64 MiB, of another kind, of a newer version,
        damaged, or holds anything but a rectangular table of finite numbers.
    """
    suffix = kernel_suffix(path)
    size = size_of_file(path)
    if size > MAX_BYTES:
        raise RefusedFile(
            f"{path} must have at most {MAX_BYTES} bytes to be read as a kernel, it has {size}: "
            "check that it is not an image"
        )
    if suffix == ".npy":
        weight = _as_numbers(path, read_npy(path, max_bytes=MAX_BYTES))
        return {"weight": _with_axes(path, weight)}
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedFile(
            f"{path} must be UTF-8 text to be read as a kernel: check its kind"
        ) from None
    return _record_from_json(path, text) if suffix == ".json" else _record_from_table(path, text)


def write_kernel_record(path: PathLike, record: Mapping[str, Any]) -> None:
    """Write a kernel's record to a .json, .npy or .txt file.

    Parameters
    ----------
    path : path-like
        The suffix, in any case, says the format. An existing file is replaced once the new one
        is whole.
    record : mapping
        "weight" with 4 axes, "bias", "anchor" and "name", as `kernfit.Kernel.to_dict` gives them.

    Raises
    ------
    RefusedFile
        If the suffix is another, the file cannot be written, or its format cannot hold the
        kernel: a bias or an anchor off the default in .npy and .txt, channels in .txt.
    """
    suffix = kernel_suffix(path)
    if suffix == ".json":
        try:
            text = kernel_as_json(record)
        except ValueError:
            raise RefusedFile(f"{path} cannot hold NaN or infinity: give finite taps") from None
        _write_text(path, text + "\n")
        return
    weight = np.asarray(record["weight"])
    outputs, inputs, rows, columns = weight.shape
    _refuse_what_is_lost(path, record, (rows, columns))
    if suffix == ".npy":
        write_npy(path, weight[0, 0] if (outputs, inputs) == (1, 1) else weight)
        return
    if (outputs, inputs) != (1, 1):
        raise RefusedFile(
            f"{path} can hold one table of taps, the kernel has {inputs} input and {outputs} "
            "output channels: write a .json or .npy file"
        )
    # repr gives the shortest digits that read back as the same number.
    table = (" ".join(repr(tap) for tap in row) for row in weight[0, 0].tolist())
    _write_text(path, "\n".join(table) + "\n")


def kernel_as_json(record: Mapping[str, Any]) -> str:
    """Return a kernel's record as its .json file holds it.

    Parameters
    ----------
    record : mapping
        As `kernfit.Kernel.to_dict` gives it.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    """
    content = {"format": FORMAT, "version": VERSION, **record}
    # One line for each key, so that a person can read it.
    lines = [f"{json.dumps(key)}: {_json(value)}" for key, value in content.items()]
    return "{" + ",\n ".join(lines) + "}"


def is_field_file(path: PathLike) -> bool:
    """Say whether a file holds a kernel that varies over the image, however it is laid out."""
    if Path(path).suffix.lower() != ".json" or not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return re.search(_SAYS_FIELD, file.read(MAX_BYTES)) is not None


def kernel_suffix(path: PathLike) -> str:
    """Return the suffix in lower case, refusing what is not a kernel's."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".json", ".npy", ".txt"):
        raise RefusedFile(
            f"{path} must end in .json, .npy or .txt to be a kernel file: rename it or choose one"
        )
    return suffix


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _write_text(path: PathLike, text: str) -> None:
    with whole_file(path) as temporary:
        try:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        except UnicodeEncodeError:
            raise RefusedFile(f"{path} cannot hold the kernel's name: use plain letters") from None


def _refuse_what_is_lost(path: PathLike, record: Mapping[str, Any], shape: tuple[int, int]) -> None:
    """Refuse to drop a bias or an anchor silently; only a name may go."""
    if np.any(record.get("bias", 0)):
        raise RefusedFile(f"{path} can hold bare taps, the kernel has a bias: write a .json file")
    default = [(length - 1) // 2 for length in shape]
    if list(record.get("anchor") or default) != default:
        raise RefusedFile(
            f"{path} can hold bare taps, the kernel's anchor {tuple(record['anchor'])} is not the "
            f"default {tuple(default)}: write a .json file"
        )


def _record_from_json(path: PathLike, text: str) -> dict[str, Any]:
    """Check and convert the content of a JSON file; unknown keys are for later versions to use."""
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise RefusedFile(f"{path} is nested too deeply to be a kernel: check its kind") from None
    except ValueError as error:
        raise RefusedFile(f"{path} is not readable JSON ({str(error)[:200]})") from error
    if isinstance(content, dict) and content.get("format") == FIELD_FORMAT:
        raise RefusedFile(
            f"{path} holds a kernel that varies over the image, not one kernel: use kernfit apply, "
            "or KernelField.load"
        )
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RefusedFile(f'{path} must have "format": "{FORMAT}": write it with Kernel.save')
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise RefusedFile(f'{path} must have a "version" of 1 or more, got {str(version)[:40]!r}')
    if version > VERSION:
        raise RefusedFile(
            f"{path} is of version {version}, this kernfit reads up to {VERSION}: update kernfit"
        )
    if "weight" not in content:
        raise RefusedFile(f'{path} must have "weight", the taps: write it with Kernel.save')
    record: dict[str, Any] = {"weight": _with_axes(path, _numbers(path, content["weight"]))}
    if "bias" in content:
        record["bias"] = _numbers(path, content["bias"], "bias")
    anchor = content.get("anchor")
    if anchor is not None:
        if not (isinstance(anchor, list) and [type(item) for item in anchor] == [int, int]):
            raise RefusedFile(f'{path} must have two integers as "anchor", got {str(anchor)[:40]}')
        record["anchor"] = tuple(anchor)
    name = content.get("name", "")
    if not isinstance(name, str):
        raise RefusedFile(f'{path} must have text as "name", got {str(name)[:40]}')
    record["name"] = name
    return record


def _record_from_table(path: PathLike, text: str) -> dict[str, Any]:
    """Read rows of taps, set apart by spaces or commas; # begins a comment."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([_number(word) for word in words])
        except ValueError:
            raise RefusedFile(
                f"{path} must hold rows of numbers, got {line.strip()[:60]!r} in line {number}"
            ) from None
    if not rows:
        raise RefusedFile(f"{path} must hold at least one row of taps, got none")
    return {"weight": _with_axes(path, _numbers(path, rows))}


def _number(word: str) -> int | float:
    """Return an integer where it is written as one, so that integer taps stay exact."""
    try:
        return int(word)
    except ValueError:
        return float(word)


def _numbers(path: PathLike, value: Any, name: str = "weight") -> Array:
    """Return nested lists of numbers, or one number, as an int64 or float64 array."""
    leaves, stack = [], [value]
    while stack:  # a loop, as depth is the file's choice
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        else:
            leaves.append(item)
    if any(type(leaf) not in (int, float) for leaf in leaves):
        raise RefusedFile(f'{path} must have only numbers in "{name}"')
    if any(type(leaf) is int and not -(2**63) <= leaf < 2**63 for leaf in leaves):
        raise RefusedFile(f'{path} has an integer in "{name}" beyond 64 bits: write it as 1.5e20')
    try:
        return _as_numbers(path, np.asarray(value), name)
    except ValueError:
        raise RefusedFile(f'{path} must have rows of equal length in "{name}"') from None


def _as_numbers(path: PathLike, array: Array, name: str = "weight") -> Array:
    """Return the array as int64 where that is exact, else float64; refuse what is not finite."""
    exact = array.dtype.kind in "bi" or (array.dtype.kind == "u" and array.max(initial=0) < 2**63)
    with np.errstate(over="ignore"):  # an extended float may not fit; the next line says so
        numbers: Array = array.astype(np.int64 if exact else np.float64)
    if not np.isfinite(numbers).all():
        raise RefusedFile(f'{path} must have finite numbers in "{name}", got NaN or infinity')
    return numbers


def _with_axes(path: PathLike, weight: Array) -> Array:
    if weight.ndim not in (2, 4) or weight.size == 0:
        raise RefusedFile(
            f"{path} must hold taps with axes (rows, columns) or (out, in, rows, columns), "
            f"at least one, got shape {weight.shape}"
        )
    return weight


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that comes twice, as nobody can say which was meant."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key comes twice")
    return content


def _no_constant(word: str) -> Never:
    raise ValueError(f"{word} is not a number of JSON")
