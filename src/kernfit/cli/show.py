"""`kernfit show KERNEL`: a kernel as a table and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    kernel: Annotated[
        str,
        typer.Argument(
            help="A kernel file (.json, .npy, .txt), or a name: sobel_x, gaussian:2 ...",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Draw a picture here (.png, .pdf or .svg)."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the kernel as JSON.")] = False,
) -> None:
    """Show a kernel: its numbers, and a picture of them."""
    from kernfit.cli.terminal import print_taps
    from kernfit.cli.values import as_kernel

    shown = as_kernel(kernel)
    if output is not None:
        from kernfit.plots import save_kernel

        save_kernel(shown.weight, output, title=shown.name)
    if json:
        from json import dumps

        print(dumps(shown.to_dict(), indent=2))
        return
    outputs, inputs = shown.weight.shape[:2]
    rows, columns = shown.shape
    print(
        f"{shown.name or kernel}: {rows}x{columns}, anchor at row {shown.anchor[0]}, "
        f"column {shown.anchor[1]}"
    )
    for o in range(outputs):
        for i in range(inputs):
            if (outputs, inputs) != (1, 1):
                print(f"output channel {o} from input channel {i}:")
            print_taps(shown.weight[o, i])
        print(f"bias {shown.bias[o]:g}, sum of the taps {shown.weight[o].sum():g}")
    if output is not None:
        print(f"picture written to {output}")
