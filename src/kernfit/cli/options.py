"""Options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Shape = Annotated[str, typer.Option(help="Rows x columns of the kernel, such as 3x3, or 'auto'.")]
Bias = Annotated[str, typer.Option(help="Learn a 'constant' offset too, or 'none'.")]
Channels = Annotated[
    str, typer.Option(help="One kernel for every channel 'alike', or a 'full' mix of them.")
]
Clip = Annotated[
    tuple[float, float] | None,
    typer.Option(
        help="Levels at which the after image saturates.  [default: the file's own]",
        show_default=False,
    ),
]
BeforeVariance = Annotated[
    str | None,
    typer.Option(
        help="Noise variance in the before image, a number or an image: corrected for.",
        metavar="NUMBER|FILE",
    ),
]
ClipBefore = Annotated[
    tuple[float, float] | None,
    typer.Option(
        help="Levels at which the before image saturates.  [default: found out]",
        show_default=False,
    ),
]
Stride = Annotated[str, typer.Option(help="The after image is so many times smaller: 2, or 2x1.")]
Dilation = Annotated[str, typer.Option(help="The taps lie so many pixels apart: 2, or 2x1.")]
KernelFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Write the kernel here (.json, .npy or .txt)."),
]
Boundary = Annotated[
    str, typer.Option(help="Beyond the image: edge, reflect, symmetric, wrap or constant.")
]
Pointwise = Annotated[
    list[str] | None,
    typer.Option(help="An operation to take for element-wise; may be given several times."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads.  [default: all cores]", show_default=False)
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="What may be in use at a time, such as 1GB.  [default: half of the machine's]",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Work on a Dask cluster: the address of its scheduler, such as tcp://host:8786.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
