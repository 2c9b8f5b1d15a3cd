"""`kernfit tile MODEL IMAGE OUT`: run a model over an image of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kernfit.cli.options import Pointwise, Quiet, Scheduler


def tile(
    model: Annotated[Path, typer.Argument(help="An ONNX file.", show_default=False)],
    image: Annotated[
        Path, typer.Argument(help="The image: .tif, .npy, .zarr, .png ...", show_default=False)
    ],
    out: Annotated[
        Path, typer.Argument(help="The result: .tif, .npy or .zarr.", show_default=False)
    ],
    size: Annotated[
        str, typer.Option("--tile", help="Largest tile, rows x columns, such as 512x512.")
    ] = "",
    memory: Annotated[
        str,
        typer.Option(help="What one tile may take where --tile is not given, such as 500MB."),
    ] = "1GB",
    pad: Annotated[
        str,
        typer.Option(
            help="What stands behind the image where its size does not fit the model: none, edge, "
            "reflect, symmetric or wrap."
        ),
    ] = "none",
    layer: Annotated[
        str | None,
        typer.Option(help="The node to give.  [default: the output]", show_default=False),
    ] = None,
    divide: Annotated[float, typer.Option(help="Divide pixels by this first, such as 255.")] = 1.0,
    compress: Annotated[
        bool, typer.Option("--compress", help="Pack a .tif, without loss, once it is whole.")
    ] = False,
    pointwise: Pointwise = None,
    scheduler: Scheduler = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Only print the tiles and the halo.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run a model over an image of any size, in tiles.

    The result equals that on the whole image. A run that was interrupted goes on where it was
    when it is started again.
    """
    from kernfit.arrays import one_of
    from kernfit.cli.progress import resumable
    from kernfit.cli.values import as_size
    from kernfit.errors import InvalidInput
    from kernfit.io.pixels import open_pixels
    from kernfit.scale.layout import as_bytes
    from kernfit.see.planning import tile_plan
    from kernfit.see.tiled import run_tiled

    one_of(pad, ("none", "edge", "reflect", "symmetric", "wrap"), "--pad")
    pixels = open_pixels(image)
    chosen = as_size(size, "--tile") if size else None
    plan = tile_plan(
        model,
        (pixels.rows, pixels.columns),
        tile=chosen,
        memory=None if chosen else as_bytes(memory, "--memory"),
        pad=pad != "none",
        layer=layer,
        pointwise=pointwise or (),
    )
    if plan_only:
        print(plan)
        print(f"halo for bioimage.io: y {plan.bioimageio_halo[0]}, x {plan.bioimageio_halo[1]}")
        return
    options: dict[str, Any] = {
        "plan": plan,
        "pad": None if pad == "none" else pad,
        "layer": layer,
        "divide": divide,
        "pointwise": pointwise or (),
    }
    with resumable(quiet) as told:

        def progress(done: int, total: int) -> None:
            told("tiles", done, total)

        if scheduler is None:
            run_tiled(model, image, out, compress=compress, progress=progress, **options)
        elif compress:
            raise InvalidInput("--compress must be left out with --scheduler: Zarr is so by itself")
        else:
            from kernfit.scale.models import tile_file
            from kernfit.scale.workers import dask_workers

            with dask_workers(scheduler) as workers:
                tile_file(model, image, out, workers=workers, progress=progress, **options)
    if not quiet:
        print(f"{out}: {plan.result[0]}x{plan.result[1]}, {plan.count} tiles")
