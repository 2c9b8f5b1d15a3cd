"""`kernfit tile MODEL IMAGE OUT`: run a model over an image of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernfit.cli.options import Pointwise, Quiet


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
        int, typer.Option(min=1, help="MiB for one tile, where --tile is not given.")
    ] = 1024,
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
    from kernfit.see.pixels import open_pixels
    from kernfit.see.planning import tile_plan
    from kernfit.see.tiled import run_tiled

    one_of(pad, ("none", "edge", "reflect", "symmetric", "wrap"), "--pad")
    pixels = open_pixels(image)
    chosen = as_size(size, "--tile") if size else None
    plan = tile_plan(
        model,
        (pixels.rows, pixels.columns),
        tile=chosen,
        memory=None if chosen else memory * 2**20,
        pad=pad != "none",
        layer=layer,
        pointwise=pointwise or (),
    )
    if plan_only:
        print(plan)
        print(f"halo for bioimage.io: y {plan.bioimageio_halo[0]}, x {plan.bioimageio_halo[1]}")
        return
    with resumable(quiet) as told:
        run_tiled(
            model,
            image,
            out,
            plan=plan,
            pad=None if pad == "none" else pad,
            layer=layer,
            divide=divide,
            compress=compress,
            pointwise=pointwise or (),
            progress=lambda done, total: told("tiles", done, total),
        )
    if not quiet:
        print(f"{out}: {plan.result[0]}x{plan.result[1]}, {plan.count} tiles")
