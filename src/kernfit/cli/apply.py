"""`kernfit apply KERNEL IMAGE OUT`: run a kernel over an image file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kernfit.cli.options import Boundary, Memory, Quiet, Scheduler, Threads

if TYPE_CHECKING:
    from kernfit.arrays import Array
    from kernfit.kernel import Kernel


def apply(
    kernel: Annotated[
        str,
        typer.Argument(
            help="A kernel file (.json, .npy, .txt), or a name: sobel_x, gaussian:2 ...",
            show_default=False,
        ),
    ],
    image: Annotated[Path, typer.Argument(help="The image to read.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The image to write.", show_default=False)],
    mode: Annotated[str, typer.Option(help="Size of the result: same, valid or full.")] = "same",
    boundary: Boundary = "edge",
    fill_value: Annotated[float, typer.Option(help="The level of boundary 'constant'.")] = 0,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="uint8, uint16, float32 ...  [default: the image's own]", show_default=False
        ),
    ] = None,
    overflow: Annotated[
        str,
        typer.Option(help="Results beyond the dtype's levels: saturate, wrap or raise."),
    ] = "saturate",
    threads: Threads = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Run a kernel over an image.

    It may be one that varies over the image, as 'kernfit learn --varying' finds them.

    An image that does not fit into the memory is worked on part by part; .zarr, .tif, .npy and
    .fits are read so, and .zarr, .tif and .npy written. Such a run that was interrupted goes on
    where it was when it is started again.
    """
    import numpy as np

    from kernfit.cli.edits import apply_edit
    from kernfit.cli.field import apply_field
    from kernfit.cli.memory import fits_whole, memory_for
    from kernfit.cli.targets import check_image_target, say_left_out
    from kernfit.cli.values import as_dtype, as_kernel
    from kernfit.correlate import correlate2d
    from kernfit.edits.chain import is_edit_file
    from kernfit.errors import InvalidInput
    from kernfit.io.images import read_image, write_image
    from kernfit.io.kernels import is_field_file

    most = memory_for(memory)
    if is_edit_file(kernel):
        apply_edit(kernel, image, out, dtype=dtype, quiet=quiet)
        return
    if is_field_file(kernel):
        if scheduler is not None or out.suffix.lower() == ".zarr" or not fits_whole(most, image):
            raise InvalidInput(
                "a kernel that varies must be applied to an image that fits into the memory, "
                "without --scheduler and to no .zarr, got one that is worked on in parts: use "
                "KernelField.over on parts of it"
            )
        apply_field(
            kernel,
            image,
            out,
            mode=mode,
            boundary=boundary,
            fill_value=fill_value,
            dtype=dtype,
            overflow=overflow,
            threads=threads,
            quiet=quiet,
        )
        return
    weights = as_kernel(kernel)
    if scheduler is not None or out.suffix.lower() == ".zarr" or not fits_whole(most, image):
        options = {
            "mode": mode,
            "boundary": boundary,
            "fill_value": fill_value,
            "dtype": None if dtype is None else as_dtype(dtype),
            "overflow": overflow,
        }
        _apply_in_parts(weights, image, out, options, most, scheduler, threads, quiet)
        return
    check_image_target(out)
    source = read_image(image)
    target = source.pixels.dtype if dtype is None else as_dtype(dtype)
    result = correlate2d(
        source.pixels,
        weights,
        mode=mode,
        boundary=boundary,
        fill_value=fill_value,
        dtype=target,
        overflow=overflow,
        threads=threads,
        channel_axis=0 if source.pixels.ndim == 3 else None,
    )
    if result.size == 0:
        rows, columns = source.pixels.shape[-2:]
        raise InvalidInput(
            f"the image must be at least as large as the kernel for --mode valid, got {rows}x"
            f"{columns} for {weights.shape[0]}x{weights.shape[1]}: use --mode same"
        )
    alpha = source.alpha
    if alpha is not None and (alpha.shape != result.shape[-2:] or alpha.dtype != target):
        alpha = None
    named = (
        source.channels
        if len(source.channels) == (1 if result.ndim == 2 else len(result))
        else None
    )
    held = source.metadata.moved(*_beginning(weights, mode))
    write_image(out, result, alpha=alpha, channels=named, metadata=held)
    if not quiet:
        negative = weights.weight.min() < 0
        _report(result, out, np.dtype(target).kind in "iu", negative and weights.bias.max() <= 0)
        for note in source.notes:
            print(f"note: {image.name}: {note}")
        if source.alpha is not None and alpha is None:
            print(f"note: {image.name}: its alpha does not fit the result and was left out")
        count = 1 if result.ndim == 2 else len(result)
        say_left_out(out, held, count)


def _beginning(kernel: Kernel, mode: str) -> tuple[int, int]:
    """Return the row and column of the image at which the result begins."""
    if mode == "same":
        return 0, 0
    (row, column), (rows, columns) = kernel.anchor, kernel.shape
    return (row, column) if mode == "valid" else (row - rows + 1, column - columns + 1)


def _apply_in_parts(
    kernel: Kernel,
    image: Path,
    out: Path,
    options: dict[str, Any],
    memory: int,
    scheduler: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Work on an image of any size, from file to file."""
    from kernfit.cli.progress import resumable
    from kernfit.io.pixels import open_pixels
    from kernfit.io.results import check_target
    from kernfit.scale.files import apply_file
    from kernfit.scale.workers import workers_at

    check_target(out)
    options["dtype"] = options["dtype"] or str(open_pixels(image).dtype)
    with resumable(quiet) as told, workers_at(scheduler, threads) as workers:
        shape, dtype = apply_file(
            kernel,
            image,
            out,
            workers=workers,
            memory=memory,
            progress=lambda done, total: told("tiles", done, total),
            **options,
        )
    if not quiet:
        print(f"{out}: {'x'.join(str(n) for n in shape[-2:])} {dtype}")


# So large a share of the values at 0, of a kernel with negative taps, is worth a hint.
_MANY = 0.2


def _report(result: Array, out: Path, whole: bool, negative: bool) -> None:
    """Say what was written, and how much of it lies at the dtype's limits."""
    import numpy as np

    size = "x".join(str(n) for n in result.shape[-2:])
    print(f"{out}: {size} {result.dtype}")
    if whole:
        limits = np.iinfo(result.dtype)
        clipped = np.count_nonzero((result == limits.min) | (result == limits.max))
        if clipped:
            print(
                f"{clipped:,} of {result.size:,} values lie at the limits "
                f"{limits.min} and {limits.max}"
            )
        if negative and limits.min == 0 and np.mean(result == 0) > _MANY:
            print(
                f"note: {result.dtype} has no levels below 0: --dtype float32 and a name such as "
                f"{out.with_suffix('.tif').name} keep them, 'kernfit edges' shows their strength"
            )
