"""What a job will cost, from its size and a short measurement of this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.learning import learn
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.levels import SEARCHED, within_levels
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.residual import residual
from kernfit.scale.files import apply_file, recipe_for
from kernfit.scale.images import LargeImage
from kernfit.scale.layout import BASE, as_text, layout_for
from kernfit.scale.workers import local_workers

Sides = tuple[int, int]

_SAMPLE = 1024  # rows and columns that are measured
_CHUNK = (512, 512)
# Looks at the residual: one where noise is left; where only rounding is, three if the first search
# for taps within half a level finds them, else five.
_LOOKS = 1
_ROUNDED = 3, 5
_SHARES = 0.02, 0.0
# Of larger images a part of so many pixels shows what is left; it is the same work for all of them.
_SHOWN = 3_000_000


@dataclass(frozen=True)
class Forecast:
    """The cost of a job.

    Attributes
    ----------
    what : str
        The job, in a few words.
    seconds : (least, most)
        Of one core, all pairs together.
    rounded : (least, most) or None
        The same where nothing but rounding to whole levels is left of the residual; `seconds` then
        is where noise is left.
    workers : int
        That share the work.
    memory : int
        Bytes in use by each process of `threads` workers.
    threads : int
    read, written, sent : int
        Bytes from storage (all passes, the most), to storage, and from workers to the scheduler.
    """

    what: str
    seconds: tuple[float, float]
    workers: int
    memory: int
    threads: int
    read: int
    written: int
    sent: int
    rounded: tuple[float, float] | None = None

    def _time(self, seconds: tuple[float, float]) -> str:
        low, high = (each / self.workers for each in seconds)
        took = spell(high) if high < 1.1 * low else f"{spell(low)} to {spell(high)}"
        core = " to ".join(dict.fromkeys(spell(each) for each in seconds))
        many = f"{self.workers} worker{'s' * (self.workers > 1)}"
        return f"{took} on {many} ({core} of one core, as measured on this machine)"

    def __str__(self) -> str:
        lines = [self.what, f"time     {self._time(self.seconds)}"]
        if self.rounded is not None:
            lines[1] += " where noise is left"
            lines.append(f"         {self._time(self.rounded)} where only rounding is")
        lines += [
            f"memory   {as_text(self.memory)} for a process of {self.threads} "
            f"thread{'s' * (self.threads > 1)}",
            f"traffic  {as_text(self.read)} read"
            + (f", {as_text(self.written)} written" if self.written else "")
            + (f", {as_text(self.sent)} of sums sent" if self.sent else ""),
        ]
        return "\n".join(lines)


def forecast_learn(
    size: Sides,
    dtype: Any,
    shape: Sides,
    *,
    pairs: int = 1,
    workers: int = 1,
    threads: int = 1,
    memory: int = 10**9,
) -> Forecast:
    """Predict what it costs to learn kernels of a shape from pairs of images of a size.

    Parameters
    ----------
    size : (rows, columns)
        Of each image, of one channel.
    dtype : dtype
        Of both.
    shape : (kh, kw)
        The kernel's.
    pairs : int
    workers : int
        Cores in all.
    threads : int
        Of these in one process.
    memory : int
        Bytes for a process.

    Returns
    -------
    Forecast
        With one look at the residual, where noise is left. Of integers also with three to five, and
        the search for taps that keep every pixel within its half level, where only rounding is.

    Raises
    ------
    InvalidInput
        If the memory is too little.
    """
    kind = np.dtype(dtype)
    before = _texture(kind)
    # Of positive taps, so that nothing leaves the levels.
    kernel = np.random.default_rng(1).random(size=shape)
    kernel /= kernel.sum()
    after = correlate2d(before, kernel, mode="same", boundary="edge").astype(kind)
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    pair = Pair.of(before, after)

    def sums() -> None:
        pair.outputs(shape, anchor).statistics(shape, anchor, channels="alike", threads=1)

    def look() -> None:
        found: Equations = pair.outputs(shape, anchor)
        weight = kernel[np.newaxis, np.newaxis]
        residual(found, weight, np.zeros(1), channels="alike", threads=1)

    reading = 2 * _reading(before)
    one, two = (_of_core(work) / before.size for work in (sums, look))
    pixels = pairs * size[0] * size[1]
    pixel = 2 * kind.itemsize
    work = 2 * pixel + 32
    layout = layout_for(size, _CHUNK, pixel=pixel, work=work, memory=memory, workers=threads)
    # Images that fit into the memory are read once, others at each look.
    busy = threads * layout.tile[0] * layout.tile[1] * work
    again = 0.0 if size[0] * size[1] * pixel <= memory - BASE - busy else reading

    def passes(looks: int) -> float:
        return one + reading + looks * (two + again)

    def of_part(seconds: float, most: int) -> float:
        return pairs * seconds * min(size[0] * size[1], most) / before.size

    noise = np.random.default_rng(2).normal(size=after.shape) * max(1.0, float(after.std()) / 50)
    noisy = (after + noise).astype(kind)
    rest = _of_core(lambda: learn(before, noisy, shape=shape, threads=1), 2)
    rest = of_part(max(0.0, rest - (one + _LOOKS * two) * before.size), _SHOWN)
    cost = pixels * passes(_LOOKS) + rest
    rounded = None
    if kind.kind in "iu":
        first, second = (
            of_part(_of_core(partial(_search, pair, shape, anchor, share), 1), SEARCHED)
            for share in _SHARES
        )
        least, most = (pixels * passes(looks) + rest for looks in _ROUNDED)
        rounded = least + first, most + first + second
    looks = _LOOKS if rounded is None else _ROUNDED[1]
    tiles = pairs * -(-size[0] // layout.tile[0]) * -(-size[1] // layout.tile[1])
    weights = shape[0] * shape[1] + 1
    return Forecast(
        f"learn {shape[0]}x{shape[1]} from {_count(pairs)} of {size[0]} x {size[1]} {kind}",
        (cost, cost),
        workers,
        _in_use(size, layout.room, layout.tile, work, threads),
        threads,
        int(pixels * pixel * (1 + (looks if again else 0))),
        0,
        int(tiles * 8 * (weights**2 + looks * weights)),
        rounded,
    )


def forecast_apply(
    kernel: Any,
    size: Sides,
    dtype: Any,
    *,
    pairs: int = 1,
    workers: int = 1,
    threads: int = 1,
    memory: int = 10**9,
    result: Any = None,
    **options: Any,
) -> Forecast:
    """Predict what it costs to apply a kernel to images of a size, from Zarr to Zarr.

    Parameters
    ----------
    kernel : array_like or Kernel
    size, dtype, workers, threads, memory
        As for `forecast_learn`.
    pairs : int
        Number of images.
    result : dtype, optional
        Of the result. Default: as `correlate2d` chooses it.
    **options
        As for `correlate2d`.

    Returns
    -------
    Forecast

    Raises
    ------
    InvalidInput
        If the memory is too little, or an option does not fit.
    """
    kind = np.dtype(dtype)
    options = {"mode": "same", "dtype": result, **options}
    recipe = recipe_for(size, kind, kernel, dict(options))
    times = []
    for side in (1, 2):
        image = np.tile(_texture(kind), (side, side))
        with tempfile.TemporaryDirectory() as folder:
            path = _stored(Path(folder), image)
            work = partial(_apply, kernel, path, dict(options))
            times.append((image.size, _of_core(work)))
    (few, fast), (many, slow) = times
    each = max(0.0, slow - fast) / (many - few)
    start = max(0.0, fast - few * each)
    pixels = pairs * size[0] * size[1]
    scratch = 2 * kind.itemsize + 3 * recipe.dtype.itemsize + 8
    layout = layout_for(
        size, _CHUNK, pixel=kind.itemsize, work=scratch, memory=memory, workers=threads
    )
    cost = pairs * start + pixels * each
    return Forecast(
        f"apply to {_count(pairs, 'image')} of {size[0]} x {size[1]} {kind}",
        (cost, cost),
        workers,
        _in_use(size, layout.room, layout.tile, scratch, threads),
        threads,
        pixels * kind.itemsize,
        pixels * recipe.dtype.itemsize,
        0,
    )


def _apply(kernel: Any, path: Path, options: dict[str, Any]) -> None:
    with local_workers(1) as alone:
        out = path.with_name(f"{time.monotonic_ns()}{path.suffix}")
        apply_file(kernel, path, out, workers=alone, memory=10**9, **options)


def spell(seconds: float) -> str:
    """Return a time for people.

    Examples
    --------
    >>> spell(0.25), spell(75), spell(7300), spell(3e5)
    ('0.25 s', '75 s', '2 h', '3.5 days')
    """
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _texture(kind: np.dtype[Any]) -> Array:
    """Return an image of that dtype, of smooth noise."""
    noise = np.random.default_rng(0).normal(size=(_SAMPLE, _SAMPLE))
    smooth = correlate2d(noise, np.ones((3, 3)) / 3, mode="same", boundary="wrap")
    highest = np.iinfo(kind).max if kind.kind in "iu" else 255.0
    levels = (smooth / 12 + 0.5).clip(0.05, 0.95) * min(highest, 4000)
    return levels.astype(kind)


def _search(pair: Pair, shape: Sides, anchor: Sides, share: float) -> None:
    """Look for taps within half a level, as learning does."""
    found = pair.outputs(shape, anchor)
    sums = found.statistics(shape, anchor, channels="alike", threads=1)
    weights = sums.solve().weights
    within_levels(found, sums.sums, weights, shape, channels="alike", share=share)


def _of_core(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the least processor time of some calls: other work on the machine does not count."""
    work()
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def _reading(image: Array) -> float:
    """Return the seconds to read a pixel of a chunked file."""
    with tempfile.TemporaryDirectory() as folder:
        path = _stored(Path(folder), image)

        def work() -> None:
            LargeImage(path, 10**8).box((0, _SAMPLE), (0, _SAMPLE))

        return _of_core(work) / image.size


def _stored(folder: Path, image: Array) -> Path:
    """Write an image as Zarr, or where that is missing as NPY."""
    try:
        import zarr
    except ImportError:
        np.save(folder / "image.npy", image)
        return folder / "image.npy"
    zarr.create_array(str(folder / "image.zarr"), data=image, chunks=_CHUNK)
    return folder / "image.zarr"


def _in_use(size: Sides, room: int, tile: Sides, work: float, threads: int) -> int:
    return int(BASE + room + threads * tile[0] * tile[1] * work)


def _count(number: int, what: str = "pair") -> str:
    return f"{number:,} {what}{'s' * (number > 1)}"
