"""What several commands' options mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from kernfit.kernel import Kernel


def as_shape(text: str) -> str | tuple[int, int]:
    """Return "3x5" as (3, 5), "3" as (3, 3), and "auto" as it is."""
    if text == "auto":
        return text
    found = re.fullmatch(r"\s*([1-9]\d{0,3})\s*(?:[xX,]\s*([1-9]\d{0,3})\s*)?", text)
    if not found:
        raise InvalidInput(f"--shape must be 'auto' or rows x columns such as 3x5, got {text!r}")
    rows, columns = found.group(1), found.group(2) or found.group(1)
    return int(rows), int(columns)


def as_kernel(text: str) -> Kernel:
    """Return the kernel of a file, or of that name in the catalogue."""
    from pathlib import Path

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
