"""`kernfit stats`: statistics of pairs in files, to be added, taken out and solved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernfit.cli.guard import guarded
from kernfit.cli.options import (
    BeforeVariance,
    Bias,
    Channels,
    Clip,
    ClipBefore,
    Dilation,
    Json,
    KernelFile,
    Stride,
    Threads,
)

stats = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
)


@stats.callback()
def of_pairs(context: typer.Context) -> None:
    """Keep statistics of pairs in files: add, subtract, solve."""
    if context.invoked_subcommand is None:
        print(context.get_help())


Parts = Annotated[list[Path], typer.Argument(help="Statistics files.", show_default=False)]
Output = Annotated[
    Path, typer.Option("-o", "--output", help="The statistics file to write.", show_default=False)
]


def sum_up(
    before: Annotated[Path, typer.Argument(help="The image that went in.", show_default=False)],
    after: Annotated[Path, typer.Argument(help="The image that came out.", show_default=False)],
    output: Output,
    shape: Annotated[str, typer.Option(help="Rows x columns of the kernel, such as 5x5.")],
    channels: Channels = "alike",
    clip: Clip = None,
    clip_before: ClipBefore = None,
    mask: Annotated[
        Path | None, typer.Option(help="An image that is 0 where a pixel shall not count.")
    ] = None,
    variance: Annotated[
        str | None,
        typer.Option(help="An image of each pixel's noise variance.", metavar="FILE"),
    ] = None,
    before_variance: BeforeVariance = None,
    stride: Stride = "1",
    dilation: Dilation = "1",
    transfer: Annotated[
        str | None, typer.Option(help="'srgb': sum up linear light instead of levels.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Sum up a pair of images into a statistics file.

    Files are to be added up only where they were made with the same options.
    """
    from kernfit.cli.summing import sum_files
    from kernfit.cli.values import as_levels, as_mask, as_shape, as_steps
    from kernfit.errors import InvalidInput
    from kernfit.files import check_target

    size = as_shape(shape)
    if isinstance(size, str):
        raise InvalidInput("--shape must be rows x columns such as 5x5 here, got 'auto'")
    check_target(output)
    found, notes = sum_files(
        before,
        after,
        size,
        channels=channels,
        clip=clip,
        clip_before=clip_before,
        mask=as_mask(mask),
        variance=as_levels(variance, "--variance", numbers=False),
        before_variance=as_levels(before_variance, "--before-variance", numbers=True),
        stride=as_steps(stride, "--stride"),
        dilation=as_steps(dilation, "--dilation"),
        transfer=transfer,
        threads=threads,
    )
    found.save(output)
    print(f"{output}: {found.count:,} pixels")
    for note in notes:
        print(f"note: {note}")


def add(parts: Parts, output: Output) -> None:
    """Add statistics files up into one."""
    from kernfit.learning.sums.statistics import Statistics

    total = Statistics.load(parts[0])
    for path in parts[1:]:
        total += Statistics.load(path)
    total.save(output)
    print(f"{output}: {total.count:,} pixels")


def subtract(
    whole: Annotated[Path, typer.Argument(help="A statistics file.", show_default=False)],
    parts: Parts,
    output: Output,
) -> None:
    """Take statistics files out of one that they were added to."""
    from kernfit.learning.answers.stored import taken_out
    from kernfit.learning.sums.statistics import Statistics

    total = Statistics.load(whole)
    for path in parts:
        total = taken_out(total, Statistics.load(path))
    total.save(output)
    print(f"{output}: {total.count:,} pixels")


def solve(
    parts: Parts,
    output: KernelFile = None,
    bias: Bias = "constant",
    json: Json = False,
) -> None:
    """Learn a kernel from statistics files.

    Eight or more also tell how far they disagree, which gives the errors.
    """
    from kernfit.cli.answer import describe, print_answer
    from kernfit.cli.targets import check_kernel_target
    from kernfit.cli.values import as_bias
    from kernfit.learning.answers.stored import fit_statistics
    from kernfit.learning.sums.statistics import Statistics

    with_bias = as_bias(bias)
    check_kernel_target(output)
    fit = fit_statistics([Statistics.load(path) for path in parts], bias=with_bias)
    if output is not None:
        fit.kernel.save(output)
    print_answer(fit, describe, json=json, written={"kernel": output})


for name, command in (("sum", sum_up), ("add", add), ("subtract", subtract), ("solve", solve)):
    stats.command(name)(guarded(command))
