"""`kernfit learn BEFORE AFTER`: find the kernel behind a pair of image files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kernfit.cli.options import (
    BeforeVariance,
    Bias,
    Channels,
    Clip,
    ClipBefore,
    Dilation,
    Json,
    KernelFile,
    Memory,
    Quiet,
    Scheduler,
    Shape,
    Stride,
    Threads,
)

# What goes with --varying; the other options do not.
WITH_VARYING = {
    *("before", "after", "output", "shape", "varying", "background", "variance", "difference"),
    *("report", "clip", "mask", "robust", "threads", "json", "quiet"),
}
# What goes with an edit: other options ask for one kernel.
WITH_EDITS = {"before", "after", "output", "mask", "threads", "json", "numbers", "quiet", "memory"}


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
    output: KernelFile = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page for the browser here (.html), with pictures."),
    ] = None,
    shape: Shape = "auto",
    bias: Bias = "constant",
    channels: Channels = "alike",
    clip: Clip = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="An image that is 0 where a pixel shall not count; of several pairs a folder or a "
            "pattern, or one for all."
        ),
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
            help="An image of each pixel's noise variance; of several pairs as --mask; with "
            "--varying also 'photons'.",
            metavar="FILE",
        ),
    ] = None,
    before_variance: BeforeVariance = None,
    clip_before: ClipBefore = None,
    stride: Stride = "1",
    dilation: Dilation = "1",
    groups: Annotated[
        int,
        typer.Option(
            min=1, help="With --channels full: output channels take only from their own group."
        ),
    ] = 1,
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
    kernel_only: Annotated[
        bool,
        typer.Option(
            "--kernel-only",
            help="Find one kernel, whatever was done; else a chain of stages where one is not it.",
        ),
    ] = False,
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="Show all taps, also of kernels that are larger than 7x7."),
    ] = False,
    threads: Threads = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the kernel that turns one image into another.

    Images that do not fit into the memory are worked on part by part: .zarr, .tif, .npy and .fits.
    With -o, such a run that was interrupted goes on where it was when it is started again.
    """
    from kernfit.cli.answer import describe, print_answer
    from kernfit.cli.edits import edit_at_once, edit_instead, print_edit, save_kernel
    from kernfit.cli.learning import (
        Learnt,
        learn_one,
        learn_parts,
        learn_several,
        refuse_large,
        refuse_with_several,
    )
    from kernfit.cli.memory import fits_whole, memory_for
    from kernfit.cli.pairs import all_pairs
    from kernfit.cli.targets import check_kernel_target, check_report_target
    from kernfit.cli.values import as_bias, as_kernel, as_levels, as_shape, as_steps, as_strength
    from kernfit.cli.wording import options_of, with_options
    from kernfit.errors import InvalidInput

    if varying is not None:
        from kernfit.cli.varying import learn_varying_files

        learn_varying_files(
            before,
            after,
            output=output,
            report=report,
            shape=as_shape(shape),
            degree=varying,
            background=background,
            variance=variance,
            difference=difference,
            clip=clip,
            mask=mask,
            robust=robust,
            threads=threads,
            json=json,
            quiet=quiet,
            refused=_given(context, WITH_VARYING),
        )
        return
    if difference is not None or variance == "photons" or background != "auto":
        raise InvalidInput(
            "--background, --difference and --variance photons need --varying, got none: add "
            "--varying auto"
        )
    check_kernel_target(output)
    check_report_target(report)
    options: dict[str, Any] = {
        "shape": as_shape(shape),
        "bias": as_bias(bias),
        "channels": channels,
        "robust": robust,
        "constraints": constraint or (),
        "free": None if free is None else as_kernel(str(free)).taps != 0,
        "ridge": as_strength(ridge, "--ridge"),
        "smooth": as_strength(smooth, "--smooth"),
        "descent": descent,
        "steps": steps,
        "clip": clip,
        "threads": threads,
    }
    in_memory: dict[str, Any] = {  # options of images that fit into the memory
        "clip_before": clip_before,
        "transfer": transfer,
        "groups": None if groups == 1 else groups,
        "stride": as_steps(stride, "--stride"),
        "dilation": as_steps(dilation, "--dilation"),
    }
    pairs = all_pairs([before, after, *(more or [])])
    first, second = pairs[0]
    most = memory_for(memory)
    named = (first, second, *(Path(name) for name in (mask, variance) if name is not None))
    whole = scheduler is None and len(pairs) == 1 and fits_whole(most, *named)
    if whole:
        in_memory["variance"] = as_levels(variance, "--variance", numbers=False)
        in_memory["before_variance"] = as_levels(before_variance, "--before-variance", numbers=True)
    in_memory = {name: value for name, value in in_memory.items() if value is not None}
    learnt: Learnt
    edits = whole and not kernel_only and not _given(context, WITH_EDITS)
    if edits and (output is None or output.suffix.lower() == ".json"):
        at_once = edit_at_once(first, second, clip, mask)
        if at_once is not None:
            if output is not None:
                at_once[0].edit.save(output)
            print_edit(at_once[0], output, notes=at_once[1], json=json, quiet=quiet)
            return
    if len(pairs) > 1:
        refuse_with_several(report=report)
        learnt = learn_several(
            pairs,
            mask=mask,
            variance=variance,
            before_variance=before_variance,
            memory=most,
            scheduler=scheduler,
            output=output,
            quiet=quiet,
            **options,
            **in_memory,
        )
    elif whole:
        learnt = learn_one(first, second, mask=mask, **options, **in_memory)
    else:
        refuse_large({name: v for name, v in in_memory.items() if name != "clip_before"})
        learnt = learn_parts(
            first,
            second,
            mask=mask,
            variance=variance,
            before_variance=before_variance,
            clip_before=clip_before,
            output=output,
            memory=most,
            scheduler=scheduler,
            quiet=quiet,
            **options,
        )
    if edits:
        edit = edit_instead(learnt, output)
        if edit is not None:
            if output is not None:
                edit.edit.save(output)
            print_edit(edit, output, notes=learnt.notes, json=json, quiet=quiet)
            return
    if output is not None:
        save_kernel(learnt, output, transfer)
    if report is not None:
        title = f"{first.name} → {second.name}"
        learnt.report(report, title, clip_before=clip_before, transfer=transfer)
    print_answer(
        learnt.fit,
        lambda fit: with_options(
            describe(fit, numbers=numbers or descent is not None), options_of(context.command)
        ),
        json=json,
        quiet=quiet,
        notes=learnt.notes,
        written={"kernel": output, "report": report},
    )


def _given(context: typer.Context, but: set[str]) -> list[str]:
    """Return the options and arguments that were given, but for some."""
    options = {parameter.name: parameter for parameter in context.command.params}
    return [
        "more than one pair" if name == "more" else max(options[name].opts, key=len)
        for name in context.params
        if name not in but
        and (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    ]
