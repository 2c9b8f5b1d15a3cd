"""What is written behind options and arguments, read: sizes, numbers, kernels, levels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.arrays import Array
    from kernfit.kernel import Kernel


def as_shape(text: str) -> str | tuple[int, int]:
    """Return "3x5" as (3, 5), "3" as (3, 3), and "auto" as it is."""
    if text == "auto":
        return text
    found = _rows_and_columns(text, digits=4)
    if found is None:
        raise InvalidInput(f"--shape must be 'auto' or rows x columns such as 3x5, got {text!r}")
    return found


def as_size(text: str, name: str) -> tuple[int, int]:
    """Return "512x256" as (512, 256) and "512" as (512, 512)."""
    found = _rows_and_columns(text, digits=9)
    if found is None:
        raise InvalidInput(f"{name} must be rows x columns such as 512x256, got {text!r}")
    return found


def as_steps(text: str, name: str) -> tuple[int, int] | None:
    """Return "2" as (2, 2) and "2x1" as (2, 1); None of "1", which is no step at all."""
    steps = _rows_and_columns(text, digits=4)
    if steps is None:
        raise InvalidInput(f"{name} must be a whole number, or rows x columns, got {text!r}")
    return None if steps == (1, 1) else steps


def _rows_and_columns(text: str, *, digits: int) -> tuple[int, int] | None:
    number = rf"\s*([1-9]\d{{0,{digits - 1}}})\s*"
    found = re.fullmatch(rf"{number}(?:[xX,]{number})?", text)
    if not found:
        return None
    rows, columns = found.groups()
    return int(rows), int(columns or rows)


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


def as_degree(text: str, name: str) -> int | str:
    """Return a degree as learn_varying takes it."""
    if text == "auto":
        return text
    if not text.isascii() or not text.isdigit():
        raise InvalidInput(f"{name} must be 'auto' or a whole number from 0 to 12, got {text!r}")
    return int(text)


def as_kernel(text: str) -> Kernel:
    """Return the kernel of a file, or of a name such as sobel_x or gaussian:2."""
    from kernfit.kernel import Kernel
    from kernfit.kernel_names import kernel_named

    if Path(text).suffix.lower() in (".json", ".npy", ".txt") or Path(text).is_file():
        return Kernel.load(text)
    return kernel_named(text)


def as_dtype(text: str) -> str:
    """Return the name of a dtype that image files can hold."""
    from kernfit.arrays import one_of

    return one_of(
        text,
        ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"),
        "--dtype",
    )


def as_bias(text: str) -> bool:
    """Say whether a bias is learnt."""
    from kernfit.arrays import one_of

    return one_of(text, ("constant", "none"), "--bias") == "constant"


def as_levels(text: str | None, name: str, *, numbers: bool) -> Any:
    """Return the pixels of a file, or a number if that may be one; None of nothing."""
    from kernfit.io.images import read_image

    found = number_or_file(text, name, numbers=numbers)
    return read_image(found).pixels if isinstance(found, Path) else found


def number_or_file(text: str | None, name: str, *, numbers: bool) -> float | Path | None:
    """Return the path of a file that is there, or a number if that may be one; None of nothing."""
    if text is None:
        return None
    if numbers:
        try:
            return float(text)
        except ValueError:
            pass
    if not Path(text).exists():
        what = "a number or an image file" if numbers else "an image file"
        raise InvalidInput(f"{name} must be {what}, got {text}")
    return Path(text)


def as_mask(path: Path | None) -> Array | None:
    """Return the mask of a file, if any: a pixel counts where any of its channels is not 0."""
    from kernfit.io.images import read_image

    if path is None:
        return None
    pixels = read_image(path).pixels
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    mask: Array = (planes != 0).any(axis=0)
    return mask
