"""Which before images belong to which after images: files, folders and patterns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.learning import Fit


def all_pairs(places: list[Path]) -> list[tuple[Path, Path]]:
    """Return the pairs that arguments stand for: before, after, before, after, and so on."""
    if len(places) % 2:
        raise InvalidInput(
            f"each before image must have its after image, got {len(places)} arguments: "
            "before, after, before, after ..."
        )
    return [pair for n in range(0, len(places), 2) for pair in paired(*places[n : n + 2])]


def paired(before: Path, after: Path) -> list[tuple[Path, Path]]:
    """Return the pairs that two arguments stand for.

    Parameters
    ----------
    before, after : Path
        Two files, or two folders or patterns such as ``night/*.png``, whose files are paired by
        their names, or in their order if no names agree.

    Returns
    -------
    list of (before, after)

    Raises
    ------
    InvalidInput
        If there are no files, or they do not pair.
    """
    first, second = _files(before), _files(after)
    if first is None and second is None:
        return [(before, after)]
    if first is None or second is None:
        raise InvalidInput(
            "before and after must be two files, or two folders or patterns, got one of each: "
            f"{before} and {after}"
        )
    for place, files in ((before, first), (after, second)):
        if not files:
            raise InvalidInput(f"{place} must hold image files, got none")
    names = [{path.stem: path for path in files} for files in (first, second)]
    alike = sorted(names[0].keys() & names[1].keys())
    if len(alike) == len(first) == len(second):
        return [(names[0][name], names[1][name]) for name in alike]
    if not alike and len(first) == len(second):
        return list(zip(first, second, strict=True))
    lonely = sorted(names[0].keys() ^ names[1].keys())
    raise InvalidInput(
        f"each before image must have its after image, got {len(first)} and {len(second)} files; "
        f"without a partner of that name: {', '.join(lonely[:3])}{' ...' * (len(lonely) > 3)}"
    )


def learn_several(
    pairs: list[tuple[Path, Path]],
    *,
    clip: tuple[float, float] | None,
    memory: int,
    threads: int | None,
    **options: Any,
) -> tuple[Fit, list[str]]:
    """Learn from several pairs of image files; return the fit, and notes on the files."""
    from dataclasses import replace

    from kernfit.cli.options import fits_whole
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
        clip = levels.pop() or (float("-inf"), float("inf"))
    fit = learn(before, after, clip=clip, threads=threads, **options)
    return replace(fit, notes=(f"learnt from {len(pairs)} pairs", *fit.notes)), notes


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


def as_levels(text: str | None, name: str, *, numbers: bool) -> Any:
    """Return the pixels of a file, or a number if that may be one; None of nothing."""
    from kernfit.io.images import read_image

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
    return read_image(text).pixels


def as_steps(text: str, name: str) -> tuple[int, int] | None:
    """Return "2" as (2, 2) and "2x1" as (2, 1); None of "1", which is no step at all."""
    import re

    found = re.fullmatch(r"([1-9]\d{0,3})(?:[xX,]([1-9]\d{0,3}))?", text.strip())
    if not found:
        raise InvalidInput(f"{name} must be a whole number, or rows x columns, got {text!r}")
    steps = int(found.group(1)), int(found.group(2) or found.group(1))
    return None if steps == (1, 1) else steps


def _files(place: Path) -> list[Path] | None:
    """Return the files of a folder or a pattern in the order of their names, None of one file."""
    if place.is_dir() and place.suffix.lower() != ".zarr":
        return sorted(path for path in place.iterdir() if _is_image(path))
    if not place.exists() and any(sign in place.name for sign in "*?["):
        return sorted(path for path in place.parent.glob(place.name) if _is_image(path))
    return None


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_file() or path.suffix.lower() == ".zarr")
