"""Figures become files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kernfit.arrays import one_of
from kernfit.files import whole_file

FORMATS = (".png", ".pdf", ".svg")


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure to a .png, .pdf or .svg file, which appears when it is whole.

    Raises
    ------
    InvalidInput
        If the suffix is another.
    RefusedFile
        If the file cannot be written.
    """
    one_of(Path(path).suffix.lower(), FORMATS, "the picture's suffix")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120)
