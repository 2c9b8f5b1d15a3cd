"""`kernfit plan`: what a job will cost on this machine, or on many like it."""

from __future__ import annotations

from typing import Annotated

import typer

from kernfit.cli.options import Memory

Size = Annotated[str, typer.Option(help="Rows x columns of an image, such as 30000x30000.")]
Dtype = Annotated[str, typer.Option(help="Of the images: uint8, uint16, float32 ...")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Cores in all.  [default: this machine's]")
]
Threads = Annotated[int, typer.Option(min=1, help="Cores of one process.")]

plan = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@plan.callback()
def of_jobs(context: typer.Context) -> None:
    """Say what a job will cost: time, memory and traffic."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@plan.command("learn")
def plan_learn(
    size: Size = "30000x30000",
    dtype: Dtype = "uint16",
    shape: Annotated[str, typer.Option(help="Rows x columns of the kernel.")] = "11x11",
    pairs: Annotated[int, typer.Option(min=1, help="Number of pairs.")] = 1,
    workers: Workers = None,
    threads: Threads = 1,
    memory: Memory = None,
) -> None:
    """Say what it costs to learn from pairs of images."""
    from kernfit.cli.memory import memory_for
    from kernfit.cli.values import as_dtype, as_size
    from kernfit.correlate.threads import thread_count
    from kernfit.scale.forecast import forecast_learn

    print(
        forecast_learn(
            as_size(size, "--size"),
            as_dtype(dtype),
            as_size(shape, "--shape"),
            pairs=pairs,
            workers=thread_count(workers),
            threads=threads,
            memory=memory_for(memory),
        )
    )


@plan.command("apply")
def plan_apply(
    kernel: Annotated[
        str,
        typer.Argument(
            help="A kernel file (.json, .npy, .txt), or a name: sobel_x, gaussian:2 ..."
        ),
    ],
    size: Size = "30000x30000",
    dtype: Dtype = "uint16",
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 1,
    workers: Workers = None,
    threads: Threads = 1,
    memory: Memory = None,
) -> None:
    """Say what it costs to apply a kernel to images, from Zarr to Zarr."""
    from kernfit.cli.memory import memory_for
    from kernfit.cli.values import as_dtype, as_kernel, as_size
    from kernfit.correlate.threads import thread_count
    from kernfit.scale.forecast import forecast_apply

    print(
        forecast_apply(
            as_kernel(kernel),
            as_size(size, "--size"),
            as_dtype(dtype),
            pairs=images,
            workers=thread_count(workers),
            threads=threads,
            memory=memory_for(memory),
            boundary="edge",
            overflow="saturate",
            result=as_dtype(dtype),
        )
    )
