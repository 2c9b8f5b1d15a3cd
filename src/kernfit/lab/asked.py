"""What a request asks for: every value of its JSON is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kernfit.arrays import one_of
from kernfit.correlate.axes import BOUNDARIES
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.named_kernels import detectors

LONGEST_SIDE = 63  # of a kernel
MOST_LAYERS = 40
MOST_PIXELS = 2**16  # along one side of an image that is only thought of


def number(given: Mapping[str, Any], name: str, low: float, high: float, usual: float) -> float:
    """Return a number between two others.

    Raises
    ------
    InvalidInput
        If it is something else.
    """
    value = given.get(name, usual)
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or not low <= value <= high:
        raise InvalidInput(f"{name} must be a number from {low:g} to {high:g}, got {value!r:.60}")
    return float(value)


def whole(given: Mapping[str, Any], name: str, low: int, high: int, usual: int) -> int:
    """Return a whole number between two others."""
    value = number(given, name, low, high, usual)
    if value != int(value):
        raise InvalidInput(f"{name} must be a whole number, got {value}")
    return int(value)


def pair(value: Any, name: str, low: int, high: int) -> tuple[int, int]:
    """Return two whole numbers."""
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidInput(f"{name} must be [rows, columns], got {value!r:.60}")
    names = dict(zip((f"{name} rows", f"{name} columns"), value, strict=True))
    rows, columns = (whole(names, key, low, high, low) for key in names)
    return rows, columns


def kernel(value: Any) -> dict[str, Any]:
    """Return a kernel's record, checked.

    Parameters
    ----------
    value : anything
        A mapping with "taps", and, if wanted, "bias" and "anchor".
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"a kernel must be given as its taps, got {value!r:.60}")
    taps = value.get("taps")
    rows = taps if isinstance(taps, list) else []
    if not rows or not all(isinstance(row, list) and 0 < len(row) <= LONGEST_SIDE for row in rows):
        raise InvalidInput("taps must be rows of numbers, at most 63 by 63")
    if len(rows) > LONGEST_SIDE:
        raise InvalidInput(f"taps must be at most 63 by 63, got {len(rows)} rows")
    cells = [cell for row in rows for cell in row]
    if not all(type(cell) in (int, float) for cell in cells):
        raise InvalidInput("taps must be rows of numbers")
    anchor = value.get("anchor")
    checked = Kernel(
        [[float(cell) for cell in row] for row in rows],
        number(value, "bias", -1e9, 1e9, 0),
        anchor=None if anchor is None else pair(anchor, "anchor", 0, LONGEST_SIDE - 1),
    )
    return checked.to_dict()


def edges(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the job that finds edges, the image excepted."""
    if "detector" in given:
        names = tuple(detectors)
        chosen = detectors[one_of(str(given["detector"]), names, "detector")]
        kernels = [found.to_dict() for found in chosen]
    else:
        several = given.get("kernels")
        if not isinstance(several, list) or not 1 <= len(several) <= 2:
            raise InvalidInput("kernels must be one or two kernels, or give a detector's name")
        kernels = [kernel(one) for one in several]
    views = ("strength", "direction", "first", "second", "levels")
    return {
        "kernels": kernels,
        "view": one_of(str(given.get("view", "strength")), views, "view"),
        "boundary": one_of(str(given.get("boundary", "edge")), BOUNDARIES, "boundary"),
        "gain": number(given, "gain", 0.01, 100, 1),
    }


def learning(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the job that learns, the images excepted."""
    wanted = given.get("shape", "auto")
    shape = "auto" if wanted == "auto" else pair(wanted, "shape", 1, LONGEST_SIDE)
    make = given.get("make")
    if make is not None:
        if not isinstance(make, Mapping):
            raise InvalidInput(f"make must hold a kernel, got {make!r:.60}")
        make = {
            "kernel": kernel(make.get("kernel")),
            "noise": number(make, "noise", 0, 1e6, 0),
            "whole": bool(make.get("whole", True)),
        }
    return {
        "shape": shape,
        "make": make,
        "share": number(given, "share", 1e-6, 1, 1),
        "robust": bool(given.get("robust", False)),
        "report": bool(given.get("report", False)),
    }


def seeing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the job that sees, the model's file excepted."""
    layers = given.get("layers") or []
    if not isinstance(layers, list) or len(layers) > MOST_LAYERS:
        raise InvalidInput(f"layers must be a list of at most {MOST_LAYERS}")
    layer, element = given.get("layer"), given.get("element")
    if layer is not None and not isinstance(layer, str):
        raise InvalidInput(f"layer must be a node's name, got {layer!r:.60}")
    return {
        "layers": [_layer(one) for one in layers],
        "shape": pair(given.get("shape"), "shape", 1, MOST_PIXELS),
        "layer": layer,
        "element": None if element is None else pair(element, "element", 0, MOST_PIXELS),
        "tile": whole(given, "tile", 1, MOST_PIXELS, 512),
    }


def _layer(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"a layer must have a size, got {value!r:.60}")
    found: dict[str, Any] = {
        name: whole(value, name, least, 1024, usual)
        for name, least, usual in (("size", 1, 1), ("stride", 1, 1), ("dilation", 1, 1))
    }
    padding = value.get("padding", 0)
    found["padding"] = "same" if padding == "same" else whole(value, "padding", 0, 1024, 0)
    found["transposed"] = bool(value.get("transposed", False))
    return found
