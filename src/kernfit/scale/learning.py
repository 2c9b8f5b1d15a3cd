"""Learn from image files of any size, part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.hashing import digest
from kernfit.learning import Fit, Request, answer
from kernfit.learning.pairs.equations import Equations
from kernfit.learning.pairs.place import Place
from kernfit.learning.pairs.residual import Residual
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics
from kernfit.scale.checkpoint import Checkpoint
from kernfit.scale.images import LargeImage
from kernfit.scale.layout import BASE, Layout, layout_for
from kernfit.scale.pairs import (
    SEEN,
    Function,
    LargeEquations,
    LargePair,
    Sides,
    Window,
    mark_of,
)
from kernfit.scale.workers import Workers

# Told the stage of the work, how many of its parts are done, and of how many.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Job:
    """How the sums over a pair are made: by whom, in what parts, and what is kept of them.

    With `keep` the images stay in memory once they are read.
    """

    workers: Workers
    layout: Layout
    checkpoint: Checkpoint
    progress: Progress | None
    keep: bool = False


@dataclass(frozen=True)
class FilePair(LargePair):
    """A pair of `LargeImage`."""

    job: Job | None = None

    def equations(  # type: ignore[override]
        self, shape: Sides, anchor: Sides, *, margin: int = 0
    ) -> LargeEquations:
        """Return what counts for a kernel of this shape and anchor."""
        assert self.job is not None
        return _FileEquations(self, self.place(shape, anchor, margin), self.job)

    def same_as(self, other: Any) -> bool:
        """Whether another pair is of the same images."""
        return bool(self._marks == other._marks)

    @property
    def _marks(self) -> tuple[Any, ...]:
        images: tuple[Any, Any] = self.before, self.after
        return images[0].mark, images[1].mark

    def discard(self) -> None:
        """Take away what was kept of sums on their way."""
        assert self.job is not None
        self.job.checkpoint.discard()


class _FileEquations(LargeEquations):
    """Sums by workers that read the files, each part by itself."""

    def __init__(self, pair: FilePair, place: Place, job: Job) -> None:
        super().__init__(pair, place)
        self._job = job

    def _sums(
        self, function: Function, blocks: list[tuple[slice, slice]]
    ) -> tuple[list[Any], dict[str, int]]:
        job, place = self._job, self.place
        window = self.window()
        tasks = _tasks(job.layout, place, blocks)
        key = digest(window.mark.encode(), mark_of(function).encode(), bytes([len(blocks)]))
        done, totals, left_out = job.checkpoint.load(key)
        totals = totals or [None] * len(blocks)
        stage = getattr(getattr(function, "func", function), "__name__", "sum").strip("_")
        look = _Look(window, function, self.pair.before, self.pair.after, self.pair.others)
        places = [(rows, columns) for _, rows, columns in tasks[done:]]
        if job.progress is not None:
            job.progress(stage, done, len(tasks))
        for value, counts in job.workers.map(look, places):
            block = tasks[done][0]
            totals[block] = value if totals[block] is None else totals[block] + value
            for reason, count in counts.items():
                left_out[reason] = left_out.get(reason, 0) + count
            done += 1
            job.checkpoint.save(key, done, totals, left_out, last=done == len(tasks))
            if job.progress is not None:
                job.progress(stage, done, len(tasks))
        self._forget()
        return totals, left_out

    def _parts(self, places: list[tuple[slice, slice]]) -> list[Equations]:
        """Return the equations of some outputs."""
        found = super()._parts(places)
        self._forget()
        return found

    def _forget(self) -> None:
        # What comes next begins at the other end, or needs the memory for something else.
        if self._job.keep:
            return
        for image in (self.pair.before, self.pair.after, *self.pair.others.values()):
            image.forget()


@dataclass(frozen=True, eq=False)
class _Look:
    """Reads a part of both images and looks at it, in whatever process."""

    window: Window
    function: Function
    before: Any
    after: Any
    others: dict[str, Any]

    def __call__(self, place: tuple[slice, slice]) -> tuple[Any, dict[str, int]]:
        seen, outputs = self.window.reach(SEEN, *place), self.window.reach("after", *place)
        others = {
            name: _box(image, self.window.reach(name, *place))
            for name, image in self.others.items()
        }
        return self.window.look(
            self.function, _box(self.before, seen), _box(self.after, outputs), **others
        )


def _box(image: LargeImage, place: tuple[slice, slice]) -> Array:
    rows, columns = place
    return image.box((rows.start, rows.stop), (columns.start, columns.stop))


def _tasks(
    layout: Layout, place: Place, blocks: list[tuple[slice, slice]]
) -> list[tuple[int, slice, slice]]:
    """Cut blocks of outputs where tiles of the after image begin; (block, rows, columns) each."""
    numbers = {(rows.start, columns.start): n for n, (rows, columns) in enumerate(blocks)}
    cuts, starts = [], []
    for axis in (0, 1):
        edges = sorted({(block[axis].start, block[axis].stop) for block in blocks})
        size, tile = place.size[axis], layout.tile[axis]
        first = tile - place.after[axis] % tile
        cuts.append(sorted({0, size, *(edge[0] for edge in edges), *range(first, size, tile)}))
        starts.append([edge[0] for edge in edges])
    down, across = cuts
    # Blocks cut tiles too, so more of them make a stripe.
    tiles = -(-place.size[1] // layout.tile[1])
    layout = replace(layout, stripe=layout.stripe * (len(across) - 1) // tiles)
    tasks = []
    for row, column in layout.order(len(down) - 1, len(across) - 1):
        rows = slice(down[row], down[row + 1])
        columns = slice(across[column], across[column + 1])
        top = max(start for start in starts[0] if start <= rows.start)
        left = max(start for start in starts[1] if start <= columns.start)
        tasks.append((numbers[top, left], rows, columns))
    return tasks


def learn_files(
    before: Any,
    after: Any,
    *,
    workers: Workers,
    memory: int,
    mask: Any = None,
    variance: Any = None,
    before_variance: Any = None,
    clip: Any = None,
    clip_before: Any = None,
    channels: str = "alike",
    keep: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Fit:
    """Learn from a pair of images of any size, in bounded memory; the answer is that of `learn`.

    Parameters
    ----------
    before, after, mask, variance, before_variance : path or array-like
        As `open_pixels` takes them. A mask is not 0 where a pixel counts. The variances are those
        of `learn`; that of the before image may be a number.
    workers : Workers
        Who sums up.
    memory : int
        Bytes that this process may use.
    clip, clip_before, channels
        As for `learn`.
    keep : path, optional
        A folder for sums on their way: a job that was interrupted and is started again goes on
        from them. It is gone at the end.
    progress : callable, optional
        Called with a word for the stage, the number of its parts that are done, and of all.
    **options
        As for `learn`, but for `robust` and `threads`.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidInput
        As for `learn`; or if the memory is too little.
    RefusedFile
        If a file cannot be read, or `keep` not be written.
    """
    _refuse_robust(options)
    images = {"before": before, "after": after, "mask": mask, "variance": variance}
    pair = _file_pair(
        {**images, SEEN: before_variance},
        Settings(workers, memory, clip, clip_before, channels, keep, progress, options),
    )
    fit = answer(pair, Request.of(threads=1, channels=channels, **options))
    pair.discard()
    return fit


def learn_several_files(
    before: Sequence[Any],
    after: Sequence[Any],
    *,
    workers: Workers,
    memory: int,
    mask: Sequence[Any] | None = None,
    variance: Sequence[Any] | None = None,
    before_variance: Sequence[Any] | None = None,
    clip: Any = None,
    clip_before: Any = None,
    channels: str = "alike",
    keep: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Fit:
    """Learn the kernel that several pairs of images of any size share, in bounded memory.

    Parameters
    ----------
    before, after : sequence
        The images, in the same order.
    mask, variance, before_variance : sequence, optional
        One for each pair, or None.
    workers, memory, clip, clip_before, channels, keep, progress
        As for `learn_files`; pairs are looked at one after the other.
    **options
        As for `learn`, but for `robust` and `threads`.

    Returns
    -------
    Fit
        That of `learn` with these pairs.

    Raises
    ------
    InvalidInput, RefusedFile
        As for `learn_files`; or if the pairs cannot share a kernel, or one is given twice.
    """
    _refuse_robust(options)
    members = []
    for number, images in enumerate(zip(before, after, strict=True)):
        others = {
            name: None if given is None else given[number]
            for name, given in (("mask", mask), ("variance", variance), (SEEN, before_variance))
        }
        folder = None if keep is None else keep.with_name(f"{keep.name}.{number + 1}")
        settings = Settings(
            workers, memory, clip, clip_before, channels, folder, progress, options, several=True
        )
        members.append(_file_pair({"before": images[0], "after": images[1], **others}, settings))
    fit = answer(Pairs(tuple(members)), Request.of(threads=1, channels=channels, **options))
    for member in members:
        member.discard()
    return fit


def _refuse_robust(options: dict[str, Any]) -> None:
    if options.pop("robust", False):
        raise InvalidInput(
            "robust (--robust) must have both images in memory: give more --memory, or learn from "
            "a part of them"
        )


@dataclass(frozen=True, eq=False)
class Settings:
    """How a pair is to be learnt from; see `learn_files`. One of several keeps no images."""

    workers: Workers
    memory: int
    clip: Any
    clip_before: Any
    channels: str
    keep: Path | None
    progress: Progress | None
    options: dict[str, Any]
    several: bool = False


def _file_pair(given: dict[str, Any], settings: Settings) -> FilePair:
    """Open the images of a pair and lay out the work on it."""
    images = {
        name: image if isinstance(image, (int, float)) else LargeImage(image, 0)
        for name, image in given.items()
        if image is not None
    }
    pair = FilePair.of_images(
        **images,
        clip=settings.clip,
        clip_before=settings.clip_before,
        channels=settings.channels,
    )
    workers, memory = settings.workers, settings.memory
    opened: list[Any] = [pair.before, pair.after, *pair.others.values()]
    high, wide = (max(image.block[axis] for image in opened[:2]) for axis in (0, 1))
    pixel = sum(image.shape[0] * image.dtype.itemsize for image in opened)
    # Windows, flags and what the sums over a strip of rows turn into float64.
    work = 2 * pixel + 8 * len(opened[1].shape) + 8
    layout = layout_for(
        opened[1].shape[1:],
        (high, wide),
        pixel=pixel,
        work=work,
        memory=memory,
        workers=workers.beside,
    )
    busy = workers.beside * layout.tile[0] * layout.tile[1] * work
    whole = sum(image.pixels.nbytes for image in opened)
    kept = not (workers.remote or settings.several) and whole <= memory - BASE - busy
    for image in opened:
        share = image.shape[0] * image.dtype.itemsize / pixel
        image.keep(image.pixels.nbytes if kept else int(layout.room * share))
    asked = sorted((name, repr(value)) for name, value in settings.options.items())
    marks = [image.mark for image in opened]
    mark = digest(repr((layout, pair.rules, sorted(pair.others), asked, marks)).encode())
    checkpoint = Checkpoint(settings.keep, mark, (Statistics, Sums, Residual))
    return replace(pair, job=Job(workers, layout, checkpoint, settings.progress, kept))
