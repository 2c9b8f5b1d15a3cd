"""An answer as commands print it: in words for people, as JSON for machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from kernfit.learning import Fit, VaryingFit

Answer = TypeVar("Answer", "Fit", "VaryingFit")


def print_answer(
    fit: Answer,
    describe: Callable[[Answer], str],
    *,
    json: bool,
    quiet: bool = False,
    notes: Sequence[str] = (),
    written: dict[str, Path | None],
) -> None:
    """Print a fit, notes on its images, and what was written where."""
    if json:
        from json import dumps

        print(dumps(fit.to_dict(), indent=2, allow_nan=False))
    elif not quiet:
        print(describe(fit))
        for note in notes:
            print(f"note: {note}")
        for what, path in written.items():
            if path is not None:
                print(f"{what} written to {path}")


# Larger tables of taps are shown when they are asked for.
_SMALL_TABLE = 7


def describe(fit: Fit, *, numbers: bool = True) -> str:
    """Return the answer in words: what it is, how sure, whether to believe it; then the numbers.

    Without `numbers`, a table of taps that is larger than 7x7, or of what is no pair, is left out.
    """
    import numpy as np

    from kernfit.display import decimals_for, taps_as_text
    from kernfit.learning.answers.words import untold

    outputs, inputs = fit.kernel.weight.shape[:2]
    errors = fit.stderr.reshape(fit.kernel.weight.shape)
    mixing = (outputs, inputs) != (1, 1)
    lines = fit.sentences()
    lines.append("")
    if fit.history is not None:
        lines += _losses(fit)
    nothing = fit.status.kind in ("unrelated", "moved", "swapped") or not np.isfinite(errors).any()
    shown = numbers or (max(fit.kernel.shape) <= _SMALL_TABLE and not nothing)
    if not shown:
        lines.append("The taps are not shown: --numbers shows them.")
    for o in range(outputs if shown else 0):
        for i in range(inputs):
            if mixing:
                lines.append(f"output channel {o} from input channel {i}:")
            lines.append(taps_as_text(fit.kernel.weight[o, i], errors[o, i]))
    places = max(2, decimals_for(fit.bias_stderr, fit.kernel.bias))
    bias = ", ".join(
        f"{round(float(b), places) + 0.0:.{places}f}"
        + (" ?" if np.isnan(e) else f" ± {e:.{places}f}")
        for b, e in zip(fit.kernel.bias, fit.bias_stderr, strict=True)
    )
    lines += untold(fit) if shown else []
    lines.append(f"bias      {bias} grey levels")
    lines.append(_residual(fit))
    if fit.offset is not None:
        lines.append(f"place     row {fit.offset[0]}, column {fit.offset[1]} of the before image")
    lines.append(_pixels(fit))
    lines += [f"note: {note}" for note in fit.notes]
    return "\n".join(lines)


def describe_varying(fit: VaryingFit) -> str:
    """Return the same of a kernel that varies: in the middle of the image and in its corners."""
    from kernfit.display import taps_as_text

    height, width = fit.field.size
    middle = (height - 1) / 2, (width - 1) / 2
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    lines = [*fit.sentences(), "", "in the middle of the image:"]
    lines.append(taps_as_text(fit.at(*middle).taps, fit.stderr_at(*middle)))
    for name, place in zip(
        ("middle", "top left", "top right", "bottom left", "bottom right"),
        [middle, *corners],
        strict=True,
    ):
        total, error = fit.scale_at(*place)
        level = float(fit.at(*place).bias[0])
        lines.append(f"{name:<12}  sum {total:.5g} ± {error:.2g}   background {level:.5g}")
    lines.append(_residual(fit))
    for (degree, background), rms in fit.held_out.items():
        lines.append(
            f"held out  {rms:.5g} with degree {degree}"
            + (f" and background {background}" if background >= 0 else "")
        )
    lines.append(_pixels(fit))
    return "\n".join(lines)


def _residual(fit: Fit | VaryingFit) -> str:
    floor = fit.residual_floor
    rounding = f"; rounding to whole levels alone leaves {floor:.3f}" if floor else ""
    return f"residual  {fit.residual_rms:.4g} grey levels{rounding}"


def _pixels(fit: Fit | VaryingFit) -> str:
    left_out = ", ".join(f"{count:,} {why}" for why, count in fit.left_out.items() if count)
    return f"pixels    {fit.used:,} used" + (f"; left out: {left_out}" if left_out else "")


def _losses(fit: Fit) -> list[str]:
    """Return the descent's losses, at most about a dozen of them."""
    assert fit.history is not None
    losses = fit.history.losses
    last = len(losses) - 1
    every = max(1, last // 10)
    lines = [
        f"step {step:>{len(str(last))}}  loss {losses[step]:.6g}"
        for step in [*range(0, last, every), last]
    ]
    return [*lines, ""]
