"""Edges: one or two kernels over an image, as bytes that a canvas can show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.kernel import Kernel
from kernfit.lab.telling import Say
from kernfit.named_kernels import step_answer


def edges(
    say: Say,
    *,
    grey: Path,
    kernels: Sequence[dict[str, Any]],
    view: str,
    boundary: str,
    gain: float,
) -> tuple[dict[str, Any], bytes]:
    """Return what kernels answer to an image, as planes of bytes.

    Parameters
    ----------
    say : callable
        Not needed.
    grey : Path
        The image, .npy.
    kernels : sequence of dict
        One or two, as `Kernel.to_dict` has them.
    view : {"strength", "direction", "first", "second", "levels"}
        The length of both answers; the same and where it points; one answer with its sign; or
        the first answer as the levels of an image.
    boundary : str
        As `correlate2d` has it.
    gain : float
        Answers are multiplied by it before they are shown.

    Returns
    -------
    about : dict
        "rows", "columns", "planes", "unit" (grey levels for each step of a byte), "largest"
        (of the answers shown), "share" (of pixels above a tenth of it).
    planes : bytes
        "strength", "direction" and "levels": 0 to 255; for "direction" then the angle, 0 to 255
        for a full turn, clockwise from the right as rows grow downwards. "first" and "second":
        the signed answer, 128 being zero.
    """
    image = np.load(grey, mmap_mode="r")
    chosen = [Kernel.from_dict(record) for record in kernels]
    if view == "levels":
        answer = _answer(image, chosen[0], boundary)
        unit = _range(image, _largest(image)) / 255 / gain
        shown = _bytes(answer * np.float32(1 / unit), 0)
        return _about(image, [shown], unit, np.abs(answer))
    if view in ("first", "second"):
        kernel = chosen[-1 if view == "second" else 0]
        answer = _answer(image, kernel, boundary)
        unit = (_largest(np.abs(answer)) or 1.0) / 127 / gain
        shown = _bytes(answer * np.float32(1 / unit) + np.float32(128), 1)
        return _about(image, [shown], unit, np.abs(answer))
    strength, answers = strength_of(image, chosen, boundary)
    unit = _range(image, _largest(strength)) / 255 / gain
    planes = [_bytes(strength * np.float32(1 / unit), 0)]
    if view == "direction" and len(answers) == 2:
        turns = np.arctan2(answers[1], answers[0]) * np.float32(128 / np.pi)
        whole = np.nan_to_num(np.rint(turns), copy=False).astype(np.int16)
        planes.append(whole.astype(np.uint8))  # modulo a full turn
    return _about(image, planes, unit, strength)


def strength_of(
    image: Array, kernels: Sequence[Kernel], boundary: str
) -> tuple[Array, list[Array]]:
    """Return the length of the kernels' answers, a full step being as strong as it is high.

    Parameters
    ----------
    image : ndarray, shape (H, W)
    kernels : sequence of Kernel
        One or two.
    boundary : str

    Returns
    -------
    strength : ndarray of float32, shape (H, W)
        In the image's unit.
    answers : list of ndarray
        Of each kernel, divided by its answer to a step.
    """
    answers = []
    for kernel in kernels:
        answer = _answer(image, kernel, boundary)
        answer *= np.float32(1 / (step_answer(kernel.taps) or 1.0))
        answers.append(answer)
    if len(answers) == 1:
        return np.abs(answers[0]), answers
    squares = answers[0] * answers[0]
    squares += answers[1] * answers[1]
    return np.sqrt(squares, out=squares), answers


def _answer(image: Array, kernel: Kernel, boundary: str) -> Array:
    answer: Array = correlate2d(
        np.asarray(image, np.float32), kernel, mode="same", boundary=boundary, dtype=np.float32
    )
    return answer


def _bytes(values: Array, least: int) -> Array:
    """Round and cut to `least` up to 255; the array may be changed."""
    np.rint(values, out=values)
    np.clip(values, least, 255, out=values)
    return np.nan_to_num(values, copy=False).astype(np.uint8)


def _range(image: Array, largest: float) -> float:
    """Return the strength that is shown white: a step from black to white."""
    if image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        high = float(image.max(initial=0))
        return float(np.iinfo(image.dtype).max) if high > 1 else 1.0
    return largest or 1.0


def _largest(values: Array) -> float:
    """Return the largest finite value, at least 0."""
    largest = float(values.max(initial=0))
    if not np.isfinite(largest):
        largest = float(values.max(initial=0, where=np.isfinite(values)))
    return largest


def _about(
    image: Array, planes: list[Array], unit: float, size: Array
) -> tuple[dict[str, Any], bytes]:
    largest = _largest(size)
    about = {
        "rows": image.shape[0],
        "columns": image.shape[1],
        "planes": len(planes),
        "unit": unit,
        "largest": largest,
        "share": float(np.count_nonzero(size > 0.1 * largest) / max(size.size, 1)),
    }
    return about, b"".join(plane.tobytes() for plane in planes)
