"""`kernfit learn BEFORE AFTER`: find the kernel behind a pair of image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kernfit.cli.options import Memory, Scheduler, fits_whole, memory_for

if TYPE_CHECKING:
    from kernfit.arrays import Array
    from kernfit.io.images import ImageFile
    from kernfit.learning import Fit


def learn(
    context: typer.Context,
    before: Annotated[
        Path,
        typer.Argument(
            help="The image that went in; or a folder, or a pattern in quotes.", show_default=False
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(
            help="The image that came out; or a folder, or a pattern in quotes.", show_default=False
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(help="More pairs that share the kernel: before, after, before, after ..."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the kernel here (.json, .npy or .txt)."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page for the browser here (.html), with pictures."),
    ] = None,
    shape: Annotated[
        str, typer.Option(help="Rows x columns of the kernel, such as 3x3, or 'auto'.")
    ] = "auto",
    bias: Annotated[
        str, typer.Option(help="Learn a 'constant' offset too, or 'none'.")
    ] = "constant",
    channels: Annotated[
        str, typer.Option(help="One kernel for every channel 'alike', or a 'full' mix of them.")
    ] = "alike",
    clip: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Levels at which the after image saturates.  [default: the file's own]",
            show_default=False,
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="An image that is 0 where a pixel shall not count.")
    ] = None,
    robust: Annotated[
        bool,
        typer.Option("--robust", help="Find outliers, such as cosmic rays, and leave them out."),
    ] = False,
    varying: Annotated[
        str | None,
        typer.Option(
            help="Let the kernel vary over the image, to a degree such as 2, or 'auto'.",
            metavar="DEGREE",
        ),
    ] = None,
    background: Annotated[
        str,
        typer.Option(help="With --varying: degree of what is added, 'auto' or 'none'."),
    ] = "auto",
    variance: Annotated[
        str | None,
        typer.Option(
            help="An image of each pixel's noise variance; with --varying also 'photons'.",
            metavar="FILE",
        ),
    ] = None,
    before_variance: Annotated[
        str | None,
        typer.Option(
            help="Noise variance in the before image, a number or an image: corrected for.",
            metavar="NUMBER|FILE",
        ),
    ] = None,
    clip_before: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Levels at which the before image saturates.  [default: found out]"),
    ] = None,
    stride: Annotated[
        str, typer.Option(help="The after image is so many times smaller: 2, or 2x1.")
    ] = "1",
    dilation: Annotated[
        str, typer.Option(help="The taps lie so many pixels apart: 2, or 2x1.")
    ] = "1",
    transfer: Annotated[
        str | None,
        typer.Option(help="'srgb': learn in linear light, and say whether that fits better."),
    ] = None,
    difference: Annotated[
        Path | None,
        typer.Option(help="With --varying: write after less prediction here (.npy or .tif)."),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            help="symmetric, point-symmetric, isotropic, separable, sum-to-one or non-negative; "
            "may be given again."
        ),
    ] = None,
    free: Annotated[
        Path | None, typer.Option(help="A kernel file that is 0 where a tap shall be 0.")
    ] = None,
    ridge: Annotated[
        str | None, typer.Option(help="Strength of a penalty on large taps, or 'auto'.")
    ] = None,
    smooth: Annotated[
        str | None, typer.Option(help="Strength of a penalty on rough taps, or 'auto'.")
    ] = None,
    descent: Annotated[
        float | None,
        typer.Option(help="Learning rate: descend the gradient instead of solving exactly."),
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of the descent.")] = 10,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads.  [default: all cores]", show_default=False)
    ] = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Find the kernel that turns one image into another.

    Images that do not fit into the memory are worked on part by part: .zarr, .tif, .npy and .fits.
    With -o, such a run that was interrupted goes on where it was when it is started again.
    """
    from kernfit.arrays import one_of
    from kernfit.cli.options import as_kernel, as_shape, as_strength, check_kernel_target
    from kernfit.cli.pairs import (
        all_pairs,
        as_levels,
        as_steps,
        learn_several,
        refuse_large,
        refuse_with_several,
    )
    from kernfit.cli.wording import options_of, with_options
    from kernfit.io.images import read_image
    from kernfit.learning import learn as learn_arrays

    wanted = as_shape(shape)
    with_bias = one_of(bias, ("constant", "none"), "--bias") == "constant"
    if varying is not None:
        from kernfit.cli.varying import learn_varying_files

        refused = {
            "--bias": not with_bias,
            "--channels": channels != "alike",
            "--descent": descent is not None,
            "--constraint": constraint,
            "--free": free is not None,
            "--ridge": ridge is not None,
            "--smooth": smooth is not None,
            "--report": report,
            "--before-variance": before_variance,
            "--clip-before": clip_before,
            "--transfer": transfer,
            "--stride": stride != "1",
            "--dilation": dilation != "1",
            "more than one pair": more,
        }
        learn_varying_files(
            before,
            after,
            output=output,
            shape=wanted,
            degree=varying,
            background=background,
            variance=variance,
            difference=difference,
            clip=clip,
            mask=None if mask is None else _mask(mask),
            robust=robust,
            threads=threads,
            json=json,
            quiet=quiet,
            refused=[name for name, given in refused.items() if given],
        )
        return
    if difference is not None or variance == "photons" or background != "auto":
        from kernfit.errors import InvalidInput

        raise InvalidInput(
            "--background, --difference and --variance photons need --varying, got none: add "
            "--varying auto"
        )
    check_kernel_target(output)
    if report is not None:
        from kernfit.files import check_target

        one_of(report.suffix.lower(), (".html", ".htm"), "the report's suffix")
        check_target(report)
    pairs = all_pairs([before, after, *(more or [])])
    options: dict[str, Any] = {
        "shape": wanted,
        "bias": with_bias,
        "channels": channels,
        "robust": robust,
        "constraints": constraint or (),
        "free": None if free is None else as_kernel(str(free)).taps != 0,
        "ridge": as_strength(ridge, "--ridge"),
        "smooth": as_strength(smooth, "--smooth"),
        "descent": descent,
        "steps": steps,
    }
    levels = {  # what is known of the levels of images that are in memory
        "variance": as_levels(variance, "--variance", numbers=False),
        "before_variance": as_levels(before_variance, "--before-variance", numbers=True),
        "clip_before": clip_before,
        "transfer": transfer,
        "stride": as_steps(stride, "--stride"),
        "dilation": as_steps(dilation, "--dilation"),
    }
    levels = {name: value for name, value in levels.items() if value is not None}
    before, after = pairs[0]
    files = [path for path in (before, after, mask) if path is not None]
    most = memory_for(memory)
    notes: list[str] = []
    shown: dict[str, Any] = {}  # what a report can show: images that are in memory
    if len(pairs) > 1:
        refuse_with_several(report=report, mask=mask, scheduler=scheduler, variance=variance)
        fit, notes = learn_several(
            pairs, clip=clip, memory=most, threads=threads, **options, **levels
        )
    elif scheduler is None and fits_whole(most, *files):
        first, second = read_image(before), read_image(after)
        shown = {
            "before": first.pixels,
            "after": second.pixels,
            "clip": clip or _levels(second),
            "mask": None if mask is None else _mask(mask),
        }
        fit = learn_arrays(**shown, threads=threads, **options, **levels)
        for path, image in ((before, first), (after, second)):
            notes += [f"{path.name}: {note}" for note in image.notes]
    else:
        refuse_large(levels)
        fit = _learn_parts(files, options, clip, output, most, scheduler, threads, quiet)
    if output is not None:
        fit.kernel.save(output)
    if report is not None:
        why = "the images are not shown: they are several pairs, or were read in parts"
        said = notes if shown else [*notes, why]
        if shown:
            shown["clip_before"] = clip_before
        if shown and transfer is not None:
            from kernfit.learning.transfer import all_in_linear_light

            shown |= all_in_linear_light(
                shown["before"], shown["after"], shown["clip"], clip_before
            )
            said = [*said, "all levels are those of linear light"]
        fit.report(report, **shown, title=f"{before.name} → {after.name}", notes=said)
    if json:
        from json import dumps

        print(dumps(fit.to_dict(), indent=2, allow_nan=False))
    elif not quiet:
        print(with_options(describe(fit), options_of(context.command)))
        for note in notes:
            print(f"note: {note}")
        if output is not None:
            print(f"kernel written to {output}")
        if report is not None:
            print(f"report written to {report}")


def _learn_parts(
    files: list[Path],
    options: dict[str, Any],
    clip: tuple[float, float] | None,
    output: Path | None,
    memory: int,
    scheduler: str | None,
    threads: int | None,
    quiet: bool,
) -> Fit:
    """Learn from images of any size; where they fit, in memory all the same."""
    from kernfit.cli.progress import resumable
    from kernfit.learning import learn as learn_arrays
    from kernfit.scale.images import fits_into
    from kernfit.scale.learning import learn_files
    from kernfit.scale.workers import workers_at
    from kernfit.see.pixels import open_pixels

    before, after, *masks = files
    if clip is None and (kind := open_pixels(after).dtype).kind in "iu":
        import numpy as np

        clip = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
    if scheduler is None and fits_into(memory, *files):
        images = [open_pixels(path)[:, :, :] for path in files]
        mask = (images[2] != 0).any(axis=0) if masks else None
        return learn_arrays(*images[:2], clip=clip, mask=mask, threads=threads, **options)
    keep = None if output is None else output.with_name(f".{output.name}.sums")
    with resumable(quiet) as told, workers_at(scheduler, threads) as workers:
        return learn_files(
            before,
            after,
            mask=masks[0] if masks else None,
            clip=clip,
            workers=workers,
            memory=memory,
            keep=keep,
            progress=told,
            **options,
        )


def describe(fit: Fit) -> str:
    """Return the answer in words: what it is, how sure, whether to believe it; then the numbers."""
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
    for o in range(outputs):
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
    lines += untold(fit)
    lines.append(f"bias      {bias} grey levels")
    floor = (
        f"; rounding to whole levels alone leaves {fit.residual_floor:.3f}"
        if fit.residual_floor
        else ""
    )
    lines.append(f"residual  {fit.residual_rms:.4g} grey levels{floor}")
    if fit.offset is not None:
        lines.append(f"place     row {fit.offset[0]}, column {fit.offset[1]} of the before image")
    left_out = ", ".join(f"{count:,} {why}" for why, count in fit.left_out.items() if count)
    lines.append(f"pixels    {fit.used:,} used" + (f"; left out: {left_out}" if left_out else ""))
    lines += [f"note: {note}" for note in fit.notes]
    return "\n".join(lines)


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


def _levels(image: ImageFile) -> tuple[float, float]:
    """Return the levels at which a file saturates; none for floating numbers."""
    return image.levels or (float("-inf"), float("inf"))


def _mask(path: Path) -> Array:
    """Read a mask: a pixel counts where any of its channels is not 0."""
    from kernfit.io.images import read_image

    pixels = read_image(path).pixels
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    mask: Array = (planes != 0).any(axis=0)
    return mask
