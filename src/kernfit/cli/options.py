"""What several commands' options mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from kernfit.kernel import Kernel


Memory = Annotated[
    str | None,
    typer.Option(
        help="What may be in use at a time, such as 1GB.  [default: half of the machine's]",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Work on a Dask cluster: the address of its scheduler, such as tcp://host:8786.",
        show_default=False,
    ),
]


def memory_for(text: str | None) -> int:
    """Return how many bytes may be in use."""
    from kernfit.scale.layout import as_bytes, usual_memory

    return usual_memory() if text is None else as_bytes(text, "--memory")


def fits_whole(memory: int, *paths: Path) -> bool:
    """Say whether images are of a kind that is read as a whole, and small enough for it."""
    from kernfit.scale.images import fits_into
    from kernfit.see.stores import is_zarr

    in_parts = (".npy", ".tif", ".tiff", ".fits", ".fit", ".fts")
    if any(is_zarr(path) or path.suffix.lower() in in_parts[3:] for path in paths):
        return False
    return fits_into(memory, *(path for path in paths if path.suffix.lower() in in_parts))


def as_shape(text: str) -> str | tuple[int, int]:
    """Return "3x5" as (3, 5), "3" as (3, 3), and "auto" as it is."""
    if text == "auto":
        return text
    found = re.fullmatch(r"\s*([1-9]\d{0,3})\s*(?:[xX,]\s*([1-9]\d{0,3})\s*)?", text)
    if not found:
        raise InvalidInput(f"--shape must be 'auto' or rows x columns such as 3x5, got {text!r}")
    rows, columns = found.group(1), found.group(2) or found.group(1)
    return int(rows), int(columns)


def as_strength(text: str | None, name: str) -> float | str | None:
    """Return the strength of a penalty: a number, or "auto"."""
    if text is None or text == "auto":
        return text
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0 <= strength < float("inf"):
        raise InvalidInput(f"{name} must be 'auto' or a number from 0 on, got {text!r}")
    return strength


def as_kernel(text: str) -> Kernel:
    """Return the kernel of a file, or of that name in the catalogue."""
    from kernfit.kernel import Kernel
    from kernfit.named_kernels import catalogue

    if Path(text).suffix or Path(text).exists():
        return Kernel.load(text)
    return catalogue[text]


def as_dtype(text: str) -> str:
    """Return the name of a dtype that image files can hold."""
    from kernfit.arrays import one_of

    return one_of(
        text,
        ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"),
        "--dtype",
    )


def check_kernel_target(path: Path | None) -> None:
    """Refuse a path to which no kernel could be written, before the work begins."""
    if path is not None:
        from kernfit.files import check_target
        from kernfit.io.kernels import kernel_suffix

        kernel_suffix(path)
        check_target(path)


def check_image_target(path: Path) -> None:
    """Refuse a path to which no image could be written, before the work begins."""
    from kernfit.files import check_target
    from kernfit.io.writing import kind_to_write

    kind_to_write(path)
    check_target(path)
