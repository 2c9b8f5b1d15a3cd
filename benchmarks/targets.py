"""The targets of the project for speed, and which of the measured cells miss them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.apply import OURS, OURS_OUT
from benchmarks.results import Result

Test = Callable[[Result], float | None]  # achieved over wanted; None where it does not apply


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is wanted of every cell it applies to."""

    text: str
    test: Test

    def lines(self, results: list[Result]) -> Iterator[str]:
        """Yield whether it is met, and where it is not."""
        scores = [(self.test(result), result.cell) for result in results]
        held = [(score, cell) for score, cell in scores if score is not None]
        missed = sorted((score, cell.name) for score, cell in held if score < 1)
        if not held:
            yield f"- {self.text}: not measured."
            return
        verdict = "met in all" if not missed else f"met in {len(held) - len(missed)} of"
        yield f"- {self.text}: {verdict} {len(held)} cells."
        if missed:
            worst = ", ".join(f"{name} ({score:.2f})" for score, name in missed[:8])
            more = f" and {len(missed) - 8} more" if len(missed) > 8 else ""
            yield f"  Missed, with the share that is reached: {worst}{more}."


def _ahead(result: Result) -> float:
    return result.ahead


def _well_ahead(result: Result) -> float | None:
    if result.cell.size != "4096":
        return None
    return result.ahead / (1.2 if result.cell.kernel == 3 else 1.5)


def _near_limit(result: Result) -> float | None:
    cell = result.cell
    if cell.size != "4096" or not 5 <= cell.kernel <= 11 or cell.threads > 1:
        return None
    return 1.3 / result.over_limit


def _against_cv2(result: Result) -> float | None:
    cell = result.cell
    peer = result.times.get("cv2.filter2D")
    if cell.dtype != "uint8" or cell.kernel > 5 or cell.size != "4096" or peer is None:
        return None
    return peer / result.times[OURS] / 3


TARGETS = (
    Target("Ahead of every peer", _ahead),
    Target("1.5 times ahead of the best peer at 4096x4096 (1.2 at 3x3)", _well_ahead),
    Target("Within 1.3 times the direct limit at 4096x4096, 5x5 to 11x11", _near_limit),
    Target("3 times ahead of cv2 for uint8 at 4096x4096, 3x3 and 5x5", _against_cv2),
)


def two_threads(results: list[Result]) -> Iterator[str]:
    """Yield whether a second thread pays as it should, from pairs of cells."""
    large = [r for r in results if r.cell.size == "4096" and r.cell.kernel >= 5]
    one = {(r.cell.dtype, r.cell.kernel): r for r in large if r.cell.threads == 1}
    gains = [
        (one[key].times[OURS_OUT] / r.times[OURS_OUT], r.cell.name)
        for r in large
        if r.cell.threads == 2 and (key := (r.cell.dtype, r.cell.kernel)) in one
    ]
    if gains:
        met = sum(gain >= 1.7 for gain, _ in gains)
        least, where = min(gains)
        yield (
            "- Two threads 1.7 times as quick as one at 4096x4096, 5x5 and larger: met in "
            f"{met} of {len(gains)} cells; least {least:.2f} times, in {where}."
        )
