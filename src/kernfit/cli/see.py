"""`kernfit see MODEL`: what part of the image each layer looks at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kernfit.cli.options import Pointwise

if TYPE_CHECKING:
    from kernfit.graph.field import ReceptiveField


def see(
    model: Annotated[
        str,
        typer.Argument(
            help="An ONNX file, a kernel file, or a name from 'kernfit kernels'.",
            show_default=False,
        ),
    ],
    layer: Annotated[
        str | None, typer.Option(help="Only this node.  [default: all]", show_default=False)
    ] = None,
    image: Annotated[
        str,
        typer.Option(
            help="Rows x columns of the image, such as 224x224, where padding depends on it; or an "
            "image file, on which --plot draws."
        ),
    ] = "",
    pointwise: Pointwise = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the window of an output element here (.png, .pdf or .svg)."),
    ] = None,
    element: Annotated[
        str,
        typer.Option(help="Row and column of that element, such as 3,7.  [default: the middle]"),
    ] = "",
    maps: Annotated[
        Path | None,
        typer.Option(help="Draw the feature maps of the image file here (.png, .pdf or .svg)."),
    ] = None,
    divide: Annotated[
        float, typer.Option(help="For --maps, divide pixels by this first, such as 255.")
    ] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Show what each layer of a model looks at: its receptive field."""
    from kernfit.cli.values import as_size
    from kernfit.errors import InvalidInput
    from kernfit.frameworks.registry import graph_of
    from kernfit.graph.field import describe, fields_of

    given = _model(model)
    picture = None
    if image and Path(image).suffix:
        from kernfit.io.images import read_image

        picture = read_image(image).pixels
    elif maps is not None:
        raise InvalidInput("--image must be an image file for --maps, got none: give one")
    shape = None
    if picture is not None:
        shape = picture.shape[-2:]
    elif image:
        shape = as_size(image, "--image")
    at = _place(element)
    graph = graph_of(given, shape=shape, pointwise=pointwise or ())
    fields = fields_of(graph)
    chosen = graph.find(layer)
    shown = fields if layer is None else {chosen: fields[chosen]}
    if plot is not None:
        from kernfit.plots import save_figure

        save_figure(fields[chosen].plot(picture, element=at).figure, plot)
    if maps is not None:
        from kernfit.plots import save_figure
        from kernfit.see.maps import feature_maps
        from kernfit.see.pictures import plot_maps

        options: dict[str, Any] = {"divide": divide, "pointwise": pointwise or ()}
        save_figure(plot_maps(feature_maps(given, image, layer, **options)), maps)
    if json:
        from json import dumps

        print(dumps([describe(field) for field in shown.values()], indent=2))
        return
    _table({name: (graph.nodes[name].op, field) for name, field in shown.items()})
    for path in (plot, maps):
        if path is not None:
            print(f"picture written to {path}")


def _model(text: str) -> Any:
    """Return an ONNX file's path, or a kernel by its file or name."""
    if Path(text).suffix.lower() in (".json", ".npy", ".txt") or not Path(text).suffix:
        from kernfit.cli.values import as_kernel

        return as_kernel(text)
    return Path(text)


def _place(text: str) -> tuple[int, int] | None:
    """Return "3,7" as (3, 7), and nothing as None."""
    import re

    from kernfit.errors import InvalidInput

    if not text:
        return None
    found = re.fullmatch(r"\s*(\d{1,9})\s*[,xX]\s*(\d{1,9})\s*", text)
    if not found:
        raise InvalidInput(f"--element must be a row and a column such as 3,7, got {text!r}")
    return int(found.group(1)), int(found.group(2))


def _table(shown: dict[str, tuple[str, ReceptiveField]]) -> None:
    rows: list[tuple[str, ...]] = [("node", "operation", "size", "stride", "padding", "")]
    for name, (op, field) in shown.items():
        note = next((f"whole image: {reason}" for reason in field.whole if reason), "")
        if not note and not all(field.aligned):
            note = "paths are not aligned"
        figures = (_pair(pair) for pair in (field.size, field.stride, field.padding))
        rows.append((name, op, *figures, note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in (tuple(map(_printable, row)) for row in rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        print(("  ".join(cells) + "  " + row[5]).rstrip())


def _printable(text: str) -> str:
    """Return a name of a model without what would steer the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _pair(numbers: tuple[Any, ...]) -> str:
    """Return "3" for (3, 3), "1x3" for (1, 3), "-" where there is none."""
    texts = ["-" if n is None else str(n) for n in numbers]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)
