"""Image files on their way to `learn`: one pair, several, or what is worked on part by part."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.learning import Fit

Levels = tuple[float, float]


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
    from kernfit.io.images import read_image
    from kernfit.learning import learn

    first, second = read_image(before), read_image(after)
    shown: dict[str, Any] = {
        "before": first.pixels,
        "after": second.pixels,
        "clip": clip or levels_of(second.levels),
        "mask": as_mask(mask),
    }
    fit = learn(**shown, **options)
    notes = [
        f"{path.name}: {note}"
        for path, image in ((before, first), (after, second))
        for note in image.notes
    ]
    return Learnt(fit, notes, shown)


def learn_several(
    pairs: list[tuple[Path, Path]],
    *,
    clip: Levels | None,
    mask: Path | None,
    variance: str | None,
    before_variance: str | None,
    memory: int,
    **options: Any,
) -> Learnt:
    """Learn from several pairs of image files."""
    from kernfit.cli.memory import fits_whole
    from kernfit.cli.pairs import one_for_each
    from kernfit.cli.values import as_levels, as_mask
    from kernfit.io.images import read_image
    from kernfit.learning import learn

    if not fits_whole(memory, *(path for pair in pairs for path in pair)):
        raise InvalidInput(
            f"the {len(pairs)} pairs must fit into the memory: sum them up one by one with "
            "kernfit stats sum, then use kernfit stats solve"
        )
    before, after, notes, levels = [], [], [], set()
    for paths in pairs:
        images = [read_image(path) for path in paths]
        before.append(images[0].pixels)
        after.append(images[1].pixels)
        levels.add(images[1].levels)
        for path, image in zip(paths, images, strict=True):
            notes += [f"{path.name}: {note}" for note in image.notes]
    if clip is None:
        if len(levels) > 1:
            raise InvalidInput(
                "all after images must saturate at the same levels, got files of different kinds: "
                "give --clip"
            )
        clip = levels_of(levels.pop())
    if mask is not None:
        options["mask"] = [as_mask(path) for path in one_for_each(mask, pairs, "--mask")]
    if variance is not None:
        options["variance"] = [
            as_levels(str(path), "--variance", numbers=False)
            for path in one_for_each(Path(variance), pairs, "--variance")
        ]
    if before_variance is not None:
        options["before_variance"] = [
            as_levels(str(path), "--before-variance", numbers=True)
            for path in one_for_each(Path(before_variance), pairs, "--before-variance")
        ]
    fit = learn(before, after, clip=clip, **options)
    return Learnt(replace(fit, notes=(f"learnt from {len(pairs)} pairs", *fit.notes)), notes)


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
    from kernfit.learning import learn
    from kernfit.scale.images import fits_into
    from kernfit.scale.learning import learn_files
    from kernfit.scale.workers import workers_at
    from kernfit.see.pixels import open_pixels

    others: dict[str, Any] = {
        "mask": mask,
        "variance": number_or_file(variance, "--variance", numbers=False),
        "before_variance": number_or_file(before_variance, "--before-variance", numbers=True),
    }
    files = [before, after, *(path for path in others.values() if isinstance(path, Path))]
    if clip is None and (kind := open_pixels(after).dtype).kind in "iu":
        import numpy as np

        clip = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
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
