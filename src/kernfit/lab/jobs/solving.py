"""Learn: the answer in words and numbers, and the sums on which the page descends by itself."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.lab.telling import Say
from kernfit.learning import Fit
from kernfit.learning import learn as learn_arrays
from kernfit.learning.pairs.pair import Pair

# Beyond so many weights their Gram matrix is too much to send, and to read.
MOST_WEIGHTS = 15 * 15 + 1


def learn(
    say: Say,
    *,
    before: Path,
    after: Path | None,
    make: dict[str, Any] | None,
    shape: str | tuple[int, int],
    share: float,
    levels: tuple[tuple[float, float] | None, tuple[float, float] | None],
    robust: bool = False,
    report: bool = False,
    title: str = "",
) -> dict[str, Any]:
    """Find the kernel between two images of the shelf, or between one and what is made of it.

    Parameters
    ----------
    say : callable
        Is told what is being done.
    before, after : Path
        Pixels, .npy; no `after` if it is to be made.
    make : dict or None
        "kernel", as `Kernel.to_dict` has it, "noise", the standard deviation in grey levels, and
        "whole", whether the result is rounded and cut to the levels of the before image.
    shape : "auto" or (rows, columns)
        Of the kernel.
    share : float
        The share of the pixels to use, a part in the middle of the image.
    levels : pair
        At which the before and the after image saturate; None for none.
    robust : bool
        Leave out outliers.
    report : bool
        Whether to give the report instead.
    title : str
        Of the report.

    Returns
    -------
    dict
        "fit", as `Fit.to_dict` has it; "verdict", "name", "file" (the kernel file's text);
        "statistics", the sums with their eigenvalues, or None if the kernel is too large;
        "images", before, after and residual in grey, as bytes with their range. With `report`
        only "report", the page's text.
    """
    x = np.load(before, mmap_mode="r")
    clip = levels[1]
    if make is not None:
        say("making the after image")
        y, clip = made(x, make, levels[0])
    elif after is not None:
        y = np.load(after, mmap_mode="r")
    else:
        raise InvalidInput("there must be an after image, got none: drop one or make one")
    if share < 1:
        if x.shape[-2:] != y.shape[-2:]:
            raise InvalidInput("fewer pixels can be used of images of equal size: use all of them")
        x, y = middle(x, share), middle(y, share)
    limits = clip or (-np.inf, np.inf)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    channels = "alike" if x.ndim == y.ndim and x.shape[:-2] == y.shape[:-2] else "full"
    say("looking for the kernel")
    fit = learn_arrays(x, y, shape=shape, clip=limits, channels=channels, robust=robust)
    say("looking for its name")
    if report:
        say("writing the report")
        return {"report": report_of(fit, x, y, limits, title)}
    single = fit.kernel.weight.shape[:2] == (1, 1)
    record = fit.to_dict()
    # What is no kernel alone has no kernel's name.
    named = single and fit.status.code != "misfit"
    say("collecting the sums")
    pair = Pair.of(x, y, clip=limits, channels=channels)
    if fit.offset is not None:
        row, column = fit.offset
        rows, columns = y.shape[-2:]
        pair = Pair.of(x[..., row : row + rows, column : column + columns], y, clip=limits)
    return {
        "fit": record,
        "verdict": str(fit.status),
        "name": record["recognition"]["sentence"] if named else "",
        "file": file_of(fit.kernel),
        "statistics": sums(pair, fit) if single else None,
        "images": pictures(x, y, fit, limits) if single and fit.offset is None else None,
    }


def made(
    x: Array, make: dict[str, Any], levels: tuple[float, float] | None
) -> tuple[Array, tuple[float, float] | None]:
    """Return the after image that a hidden kernel gives, and where it saturates."""
    kernel = Kernel.from_dict(make["kernel"])
    y = correlate2d(x.astype(np.float64), kernel, mode="same", boundary="edge")
    if make["noise"]:
        y = y + np.random.default_rng(1).normal(0, make["noise"], y.shape)
    if not make["whole"]:
        return y, None
    low, high = levels or (-np.inf, np.inf)
    dtype = x.dtype if x.dtype.kind in "iu" and levels else np.dtype(np.int32)
    return np.clip(np.rint(y), low, high).astype(dtype), levels


def middle(image: Array, share: float) -> Array:
    """Return the part in the middle that has about this share of the pixels."""
    rows, columns = image.shape[-2:]
    height, width = (max(1, round(n * share**0.5)) for n in (rows, columns))
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[..., top : top + height, left : left + width]


def sums(pair: Pair, fit: Fit) -> dict[str, Any] | None:
    """Return what gradient descent needs: it never looks at the images again."""
    rows, columns = fit.kernel.shape
    if rows * columns + 1 > MOST_WEIGHTS:
        return None
    found = pair.statistics((rows, columns), fit.kernel.anchor)
    solution = found.solve()
    return {
        "shape": [rows, columns],
        "gram": found.gram.tolist(),
        "cross": found.cross[:, 0].tolist(),
        "energy": float(found.energy[0]),
        "count": found.count,
        "eigenvalues": np.linalg.eigvalsh(found.gram)[::-1].tolist(),
        "eigenvalues_without_bias": np.linalg.eigvalsh(found.gram[:-1, :-1])[::-1].tolist(),
        "exact": solution.weights[:, 0].tolist(),
        "least": float(found.squared_error(solution.weights)[0]),
    }


def pictures(x: Array, y: Array, fit: Fit, limits: tuple[float, float]) -> dict[str, Any]:
    """Return small pictures of the pair and of what the kernel leaves, in one scale each."""
    first = x if x.ndim == 2 else x[len(x) // 2]
    second = y if y.ndim == 2 else y[len(y) // 2]
    if first.shape == second.shape:
        predicted = fit.predict(first.astype(np.float64), mode="same", boundary="edge")
    else:
        predicted = fit.predict(first.astype(np.float64))
        if predicted.shape != second.shape:
            return {}
    # What saturates in the after image saturates in the prediction.
    predicted = np.clip(predicted, *limits)
    left = second - predicted
    finite = np.abs(left[np.isfinite(left)])
    # Borders, which were not explained, must not hide the rest.
    reach = float(np.quantile(finite, 0.99)) if finite.size else 0.0
    # What rounding leaves, and dust of the arithmetic, are not drawn as if they were something.
    spread = float(np.ptp(second[np.isfinite(second)])) if finite.size else 0.0
    reach = max(reach, fit.residual_floor * 12**0.5, 1e-6 * spread)
    known = [plane[np.isfinite(plane)] for plane in (first, second)]
    low = min(float(plane.min()) for plane in known if plane.size)
    high = max(float(plane.max()) for plane in known if plane.size)
    return {
        "low": low,
        "high": high,
        "reach": reach,
        "before": shown(first, low, high),
        "after": shown(second, low, high),
        "predicted": shown(predicted, low, high),
        "residual": shown(left, -(reach or 1.0), reach or 1.0),
    }


def shown(plane: Array, low: float, high: float, side: int = 320) -> dict[str, Any]:
    """Return a plane as 0 to 255, every n-th pixel of a large one."""
    every = -(-max(plane.shape) // side)
    part = plane[::every, ::every].astype(np.float64)
    scaled = np.rint((part - low) * (255 / ((high - low) or 1.0)))
    levels = np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)
    return {"rows": part.shape[0], "columns": part.shape[1], "base64": b64encode(levels).decode()}


def report_of(fit: Fit, x: Array, y: Array, limits: tuple[float, float], title: str) -> str:
    """Return the text of the report."""
    with tempfile.TemporaryDirectory(prefix="kernfit-lab-") as folder:
        path = Path(folder) / "report.html"
        fit.report(path, x, y, clip=limits, title=title)
        return path.read_text(encoding="utf-8")


def file_of(kernel: Kernel) -> str:
    """Return the text of the kernel's file."""
    with tempfile.TemporaryDirectory(prefix="kernfit-lab-") as folder:
        path = Path(folder) / "kernel.json"
        kernel.save(path)
        return path.read_text(encoding="utf-8")
