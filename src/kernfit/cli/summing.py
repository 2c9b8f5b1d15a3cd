"""Image files on their way to a statistics file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from kernfit.learning.strided import in_steps
    from kernfit.learning.transfer import all_in_linear_light

    found, notes = read_pair(before, after, clip)
    images = {**found, "clip_before": clip_before}
    if transfer is not None:
        one_of(transfer, ("srgb",), "--transfer")
        images = all_in_linear_light(*images.values())
    pair = Pair.of(**images, **given)
    anchor = ((shape[0] - 1) // 2, (shape[1] - 1) // 2)
    whole, first = in_steps(pair, stride or (1, 1), dilation or (1, 1), shape)
    if first is not None:
        notes.append(f"the anchor of the first output sits on row {first[0]}, column {first[1]}")
    return whole.statistics(shape, anchor, threads=threads), notes
