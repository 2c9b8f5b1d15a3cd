"""Image files on their way to `learn`: one pair, several, or what is worked on part by part."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.learning import Fit

Levels = tuple[float, float]


# Options of images that fit into the memory.
_IN_MEMORY = ("transfer", "groups", "stride", "dilation")


@dataclass(frozen=True)
class Learnt:
    """A fit, what is to be said of the files, and the images if they are in memory."""

    fit: Fit
    notes: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)

    def report(
        self, path: Path, title: str, *, clip_before: Levels | None, transfer: str | None
    ) -> None:
        """Write the page for the browser, with the images as the fit saw them."""
        shown, notes = dict(self.shown), list(self.notes)
        if not shown:
            notes.append("the images are not shown: they are several pairs, or were read in parts")
        elif transfer is None:
            shown["clip_before"] = clip_before
        else:
            from kernfit.learning.transfer import all_in_linear_light

            shown |= all_in_linear_light(
                shown["before"], shown["after"], shown["clip"], clip_before
            )
            notes.append("all levels are those of linear light")
        self.fit.report(path, **shown, title=title, notes=notes)


def learn_one(
    before: Path, after: Path, *, mask: Path | None, clip: Levels | None, **options: Any
) -> Learnt:
    """Learn from two image files that are read as wholes."""
    from kernfit.cli.values import as_mask
    from kernfit.learning import learn

    images, notes = read_pair(before, after, clip, linear=options.get("transfer") is not None)
    shown = {**images, "mask": as_mask(mask)}
    return Learnt(learn(**shown, **options), notes, shown)


def read_pair(
    before: Path, after: Path, clip: Levels | None, *, linear: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Return two image files with the levels at which the second saturates, and notes on them."""
    from kernfit.io.images import read_image
    from kernfit.io.profile import notes_on_profiles

    first, second = read_image(before), read_image(after)
    notes = [
        f"{path.name}: {note}"
        for path, image in ((before, first), (after, second))
        for note in image.notes
    ]
    notes += notes_on_profiles(first.metadata.icc, second.metadata.icc, linear=linear)
    images = {
        "before": first.pixels,
        "after": second.pixels,
        "clip": clip or levels_of(second.levels),
    }
    return images, notes


def learn_several(
    pairs: list[tuple[Path, Path]],
    *,
    clip: Levels | None,
    mask: Path | None,
    variance: str | None,
    before_variance: str | None,
    memory: int,
    scheduler: str | None,
    output: Path | None,
    quiet: bool,
    **options: Any,
) -> Learnt:
    """Learn from several pairs of image files."""
    from kernfit.cli.memory import fits_whole
    from kernfit.cli.pairs import one_for_each
    from kernfit.cli.values import as_levels, as_mask, number_or_file
    from kernfit.io.images import read_image
    from kernfit.learning import learn

    told = f"learnt from {len(pairs)} pairs"
    masks = None if mask is None else one_for_each(mask, pairs, "--mask")
    spreads, noises = (
        None if text is None else [str(p) for p in one_for_each(Path(text), pairs, name)]
        for text, name in ((variance, "--variance"), (before_variance, "--before-variance"))
    )
    named = [*(path for pair in pairs for path in pair), *map(Path, spreads or ()), *(masks or ())]
    if scheduler is not None or not fits_whole(memory, *named):
        refuse_large({name: options.pop(name) for name in _IN_MEMORY if name in options})
        fit = _several_parts(
            pairs,
            mask=masks,
            variance=spreads and [number_or_file(t, "--variance", numbers=False) for t in spreads],
            before_variance=noises
            and [number_or_file(t, "--before-variance", numbers=True) for t in noises],
            clip=clip,
            memory=memory,
            scheduler=scheduler,
            output=output,
            quiet=quiet,
            **options,
        )
        return Learnt(replace(fit, notes=(told, *fit.notes)))
    before, after, notes, levels = [], [], [], set()
    for paths in pairs:
        images = [read_image(path) for path in paths]
        before.append(images[0].pixels)
        after.append(images[1].pixels)
        levels.add(images[1].levels)
        for path, image in zip(paths, images, strict=True):
            notes += [f"{path.name}: {note}" for note in image.notes]
    if clip is None:
        clip = levels_of(_same_levels(levels))
    if masks is not None:
        options["mask"] = [as_mask(path) for path in masks]
    if spreads is not None:
        options["variance"] = [as_levels(t, "--variance", numbers=False) for t in spreads]
    if noises is not None:
        options["before_variance"] = [
            as_levels(t, "--before-variance", numbers=True) for t in noises
        ]
    fit = learn(before, after, clip=clip, **options)
    return Learnt(replace(fit, notes=(told, *fit.notes)), notes)


def _several_parts(
    pairs: list[tuple[Path, Path]],
    *,
    clip: Levels | None,
    memory: int,
    scheduler: str | None,
    output: Path | None,
    threads: int | None,
    quiet: bool,
    **options: Any,
) -> Fit:
    """Learn from several pairs of images of any size."""
    from kernfit.cli.progress import resumable
    from kernfit.scale.learning import learn_several_files
    from kernfit.scale.workers import workers_at

    before, after = zip(*pairs, strict=True)
    if clip is None:
        clip = _same_levels({_limits(path) for path in after})
    keep = None if output is None else output.with_name(f".{output.name}.sums")
    with resumable(quiet) as told, workers_at(scheduler, threads) as workers:
        return learn_several_files(
            before,
            after,
            clip=clip,
            workers=workers,
            memory=memory,
            keep=keep,
            progress=told,
            **options,
        )


def _same_levels(found: Set[Levels | None]) -> Levels | None:
    """Return the levels at which all of several images saturate."""
    if len(found) > 1:
        raise InvalidInput(
            "all after images must saturate at the same levels, got files of different kinds: "
            "give --clip"
        )
    return next(iter(found))


def _limits(path: Path) -> Levels | None:
    """Return the levels at which a file of whole numbers saturates."""
    import numpy as np

    from kernfit.io.pixels import open_pixels

    kind = open_pixels(path).dtype
    return (float(np.iinfo(kind).min), float(np.iinfo(kind).max)) if kind.kind in "iu" else None


def learn_parts(
    before: Path,
    after: Path,
    *,
    mask: Path | None,
    variance: str | None,
    before_variance: str | None,
    clip: Levels | None,
    output: Path | None,
    memory: int,
    scheduler: str | None,
    threads: int | None,
    quiet: bool,
    **options: Any,
) -> Learnt:
    """Learn from images of any size; where they fit, in memory all the same."""
    from kernfit.cli.progress import resumable
    from kernfit.cli.values import number_or_file
    from kernfit.io.pixels import open_pixels
    from kernfit.learning import learn
    from kernfit.scale.images import fits_into
    from kernfit.scale.learning import learn_files
    from kernfit.scale.workers import workers_at

    others: dict[str, Any] = {
        "mask": mask,
        "variance": number_or_file(variance, "--variance", numbers=False),
        "before_variance": number_or_file(before_variance, "--before-variance", numbers=True),
    }
    files = [before, after, *(path for path in others.values() if isinstance(path, Path))]
    clip = clip or _limits(after)
    if scheduler is None and fits_into(memory, *files):
        x, y = (open_pixels(path)[:, :, :] for path in (before, after))
        given: dict[str, Any] = {
            name: open_pixels(path)[:, :, :] if isinstance(path, Path) else path
            for name, path in others.items()
        }
        if mask is not None:
            given["mask"] = (given["mask"] != 0).any(axis=0)
        return Learnt(learn(x, y, clip=clip, threads=threads, **given, **options))
    keep = None if output is None else output.with_name(f".{output.name}.sums")
    with resumable(quiet) as told, workers_at(scheduler, threads) as workers:
        fit = learn_files(
            before,
            after,
            clip=clip,
            workers=workers,
            memory=memory,
            keep=keep,
            progress=told,
            **others,
            **options,
        )
    return Learnt(fit)


def refuse_with_several(**given: object) -> None:
    """Refuse options that belong to a single pair."""
    names = ", ".join(f"--{name}" for name, value in given.items() if value is not None)
    if names:
        raise InvalidInput(f"{names} must come with one pair of files, got several pairs")


def refuse_large(given: dict[str, Any]) -> None:
    """Refuse options that need images which fit into the memory."""
    names = ", ".join("--" + name.replace("_", "-") for name in given)
    if names:
        raise InvalidInput(f"{names} must come with images that fit into the memory: crop them")


def levels_of(levels: Levels | None) -> Levels:
    """Return the levels at which a file saturates; infinite ones for floating numbers."""
    return levels or (float("-inf"), float("inf"))
