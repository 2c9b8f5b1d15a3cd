"""Which before images belong to which after images: files, folders and patterns."""

from __future__ import annotations

from pathlib import Path

from kernfit.errors import InvalidInput
from kernfit.io.fits import is_fits


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


def one_for_each(place: Path, pairs: list[tuple[Path, Path]], name: str) -> list[Path]:
    """Return the files of an option, one for each pair: of a folder or a pattern, or one for all.

    They are matched by the names of the after images, or else taken in their order.
    """
    files = _files(place)
    if files is None:
        return [place] * len(pairs)
    named = {path.stem: path for path in files}
    wanted = [after.stem for _, after in pairs]
    if all(stem in named for stem in wanted):
        return [named[stem] for stem in wanted]
    if len(files) != len(pairs):
        raise InvalidInput(
            f"{name} must be one file, or one for each of {len(pairs)} pairs, got {len(files)} "
            f"files in {place}: name them as the after images"
        )
    return files


def _files(place: Path) -> list[Path] | None:
    """Return the files of a folder or a pattern in the order of their names, None of one file."""
    if place.is_dir() and place.suffix.lower() != ".zarr":
        return sorted(path for path in place.iterdir() if _is_image(path))
    if not place.exists() and not is_fits(place) and any(sign in place.name for sign in "*?["):
        return sorted(path for path in place.parent.glob(place.name) if _is_image(path))
    return None


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_file() or path.suffix.lower() == ".zarr")
