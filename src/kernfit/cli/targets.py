"""Files to be written, checked before the work begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernfit.io.metadata import Metadata


def check_kernel_target(path: Path | None) -> None:
    """Refuse a path to which no kernel could be written."""
    if path is not None:
        from kernfit.files import check_target
        from kernfit.io.kernels import kernel_suffix

        kernel_suffix(path)
        check_target(path)


def check_image_target(path: Path) -> None:
    """Refuse a path to which no image could be written."""
    from kernfit.files import check_target
    from kernfit.io.writing import kind_to_write

    kind_to_write(path)
    check_target(path)


def check_report_target(path: Path | None) -> None:
    """Refuse a path to which no report could be written."""
    if path is not None:
        from kernfit.arrays import one_of
        from kernfit.files import check_target

        one_of(path.suffix.lower(), (".html", ".htm"), "the report's suffix")
        check_target(path)


def say_left_out(out: Path, metadata: Metadata, colours: int) -> None:
    """Say what of the input's metadata an image that was written cannot hold."""
    from kernfit.io.writing import kind_to_write

    lost = metadata.left_out(kind_to_write(out), colours)
    if lost:
        print(f"note: {out.name} cannot hold {', '.join(lost)}: left out")
