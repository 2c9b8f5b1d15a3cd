"""`kernfit learn --varying`: a kernel that changes over the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kernfit.errors import InvalidInput

if TYPE_CHECKING:
    from kernfit.arrays import Array
    from kernfit.learning import VaryingFit


def learn_varying_files(
    before: Path,
    after: Path,
    *,
    output: Path | None,
    shape: str | tuple[int, int],
    degree: str,
    background: str,
    variance: str | None,
    difference: Path | None,
    clip: tuple[float, float] | None,
    mask: Array | None,
    robust: bool,
    threads: int | None,
    json: bool,
    quiet: bool,
    refused: Sequence[str],
) -> None:
    """Learn from two image files, write what is asked for and print the answer."""
    from kernfit.cli.options import check_image_target
    from kernfit.files import check_target
    from kernfit.io.images import read_image, write_image
    from kernfit.learning import learn_varying
    from kernfit.learning.varying.kernel_field import check_field_suffix

    if refused:
        raise InvalidInput(f"--varying cannot be combined, got {' and '.join(refused)}: drop one")
    if output is not None:
        check_field_suffix(output)
        check_target(output)
    if difference is not None:
        check_image_target(difference)
        if difference.suffix.lower() not in (".npy", ".tif", ".tiff"):
            raise InvalidInput(
                "--difference must end in .npy or .tif, which hold negative numbers, got "
                f"{difference}"
            )
    first, second = read_image(before), read_image(after)
    no_levels = (float("-inf"), float("inf"))
    fit = learn_varying(
        first.pixels,
        second.pixels,
        degree=_degree(degree, "--varying"),
        background=None if background == "none" else _degree(background, "--background"),
        shape=shape,
        variance=variance,
        clip=clip or second.levels or no_levels,
        mask=mask,
        robust=robust,
        threads=threads,
    )
    if output is not None:
        fit.field.save(output)
    if difference is not None:
        image = fit.difference(first.pixels, second.pixels, threads=threads)
        write_image(difference, image.astype("float32"))
    if json:
        from json import dumps

        print(dumps(fit.to_dict(), indent=2, allow_nan=False))
    elif not quiet:
        print(describe_varying(fit))
        for path, source in ((before, first), (after, second)):
            for note in source.notes:
                print(f"note: {path.name}: {note}")
        for target, what in ((output, "kernel"), (difference, "difference image")):
            if target is not None:
                print(f"{what} written to {target}")


def describe_varying(fit: VaryingFit) -> str:
    """Return the answer in words: what it is, how sure, whether to believe it; then the numbers."""
    import numpy as np

    from kernfit.display import taps_as_text
    from kernfit.learning.varying.fit import spelt_degree

    rows, columns = fit.field.shape
    height, width = fit.field.size
    middle = (height - 1) / 2, (width - 1) / 2
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    errors = fit.stderr_at(*middle)
    lines = [f"A {rows}x{columns} kernel, {spelt_degree(fit.field)}."]
    if fit.status.code == "misfit":
        pass  # errors of what is no kernel would say nothing
    elif np.isnan(errors).any():
        lines.append("How sure each tap is cannot be said.")
    else:
        corner = max(float(fit.stderr_at(*place).max()) for place in corners)
        lines.append(
            f"Each tap is known to ± {errors.max():.1g} or better in the middle, "
            f"± {corner:.1g} in the corners (one standard error)."
        )
    lines += [str(fit.status), "", "in the middle of the image:"]
    lines.append(taps_as_text(fit.at(*middle).taps, errors))
    for name, place in zip(
        ("middle", "top left", "top right", "bottom left", "bottom right"),
        [middle, *corners],
        strict=True,
    ):
        total, error = fit.scale_at(*place)
        level = float(fit.at(*place).bias[0])
        lines.append(f"{name:<12}  sum {total:.5g} ± {error:.2g}   background {level:.5g}")
    floor = (
        f"; rounding to whole levels alone leaves {fit.residual_floor:.3f}"
        if fit.residual_floor
        else ""
    )
    lines.append(f"residual  {fit.residual_rms:.4g} grey levels{floor}")
    for (degree, background), rms in fit.held_out.items():
        lines.append(
            f"held out  {rms:.5g} with degree {degree}"
            + (f" and background {background}" if background >= 0 else "")
        )
    left_out = ", ".join(f"{count:,} {why}" for why, count in fit.left_out.items() if count)
    lines.append(f"pixels    {fit.used:,} used" + (f"; left out: {left_out}" if left_out else ""))
    return "\n".join(lines)


def _degree(text: str, name: str) -> int | str:
    """Return a degree as learn_varying takes it."""
    if text == "auto":
        return text
    if not text.isascii() or not text.isdigit():
        raise InvalidInput(f"{name} must be 'auto' or a whole number from 0 to 12, got {text!r}")
    return int(text)
