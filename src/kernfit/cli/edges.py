"""`kernfit edges IMAGE OUT`: where pixels change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernfit.cli.options import Boundary, Quiet


def edges(
    image: Annotated[Path, typer.Argument(help="The image to read.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The image to write.", show_default=False)],
    detector: Annotated[
        str,
        typer.Option(help="lesson, sobel, scharr, prewitt, roberts, laplacian ..."),
    ] = "sobel",
    boundary: Boundary = "edge",
    quiet: Quiet = False,
) -> None:
    """Draw the edges of an image.

    Black where pixels are equal, white at a full step.
    """
    import numpy as np

    from kernfit.arrays import one_of
    from kernfit.cli.targets import check_image_target, say_left_out
    from kernfit.correlate import correlate2d
    from kernfit.io.images import read_image, write_image
    from kernfit.named_kernels import detectors, step_answer

    kernels = detectors[one_of(detector, detectors, "--detector")]
    check_image_target(out)
    source = read_image(image)
    whole = source.pixels.dtype.kind in "iu"
    pixels = source.pixels.astype(np.float64)
    squares = np.zeros(pixels.shape, pixels.dtype)
    for kernel in kernels:
        answer = correlate2d(pixels, kernel, mode="same", boundary=boundary)
        squares += (answer / step_answer(kernel.taps)) ** 2
    strength = np.sqrt(squares)
    if strength.ndim == 3:
        strength = strength.max(axis=0)  # an edge in any colour is an edge
    if whole:
        limits = np.iinfo(source.pixels.dtype)
        strength = np.clip(np.rint(strength), limits.min, limits.max)
    write_image(out, strength.astype(source.pixels.dtype), metadata=source.metadata)
    if not quiet:
        share = float(np.mean(strength > 0.1 * strength.max(initial=0.0)))
        print(
            f"{out}: edges by {detector}, {share:.0%} of the pixels above a tenth of the strongest"
        )
        for note in source.notes:
            print(f"note: {image.name}: {note}")
        say_left_out(out, source.metadata, 1)
