"""Image files on their way to a statistics file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.learning import Statistics

Levels = tuple[float, float]


def sum_files(
    before: Path,
    after: Path,
    shape: tuple[int, int],
    *,
    clip: Levels | None,
    clip_before: Levels | None,
    stride: tuple[int, int] | None,
    dilation: tuple[int, int] | None,
    transfer: str | None,
    threads: int | None,
    **given: Any,
) -> tuple[Statistics, list[str]]:
    """Return the statistics of two image files, and notes on them."""
    from kernfit.arrays import one_of
    from kernfit.cli.learning import read_pair
    from kernfit.learning.pairs.pair import Pair
    from kernfit.learning.strided import dilated, strided
    from kernfit.learning.transfer import all_in_linear_light

    if stride is not None and dilation is not None:
        raise InvalidInput(
            f"--stride and --dilation go one at a time, got {stride} and {dilation}: drop one"
        )
    found, notes = read_pair(before, after, clip)
    images = {**found, "clip_before": clip_before}
    if transfer is not None:
        one_of(transfer, ("srgb",), "--transfer")
        images = all_in_linear_light(*images.values())
    pair = Pair.of(**images, **given)
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    members = [pair]
    if stride is not None:
        whole, start = strided(pair, stride, shape)
        members = [whole]
        notes.append(f"the anchor of the first output sits on row {start[0]}, column {start[1]}")
    if dilation is not None:
        members = list(dilated(pair, dilation).members)
    total = members[0].statistics(shape, anchor, threads=threads)
    for member in members[1:]:
        total += member.statistics(shape, anchor, threads=threads)
    return total, notes
