"""See: what every node of a model looks at, and what stands behind one element."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernfit.errors import InvalidInput, KernfitError, RefusedFile
from kernfit.frameworks.registry import graph_of
from kernfit.graph.behind import behind, lengths_of
from kernfit.graph.field import describe, fields_of
from kernfit.graph.graph import LayerGraph, LayerSpec
from kernfit.lab.telling import Say
from kernfit.see.planning import tile_plan

# A table of more rows would hardly be read.
MOST_NODES = 2000


def see(
    say: Say,
    *,
    layers: Sequence[dict[str, Any]] | None,
    model: Path | None,
    shape: tuple[int, int],
    layer: str | None,
    element: tuple[int, int] | None,
    tile: int,
) -> dict[str, Any]:
    """Return the receptive fields of a model's nodes, and the windows behind one element.

    Parameters
    ----------
    say : callable
        Is told what is being done.
    layers : sequence of dict or None
        Arguments of `LayerSpec`.
    model : Path or None
        An ONNX file.
    shape : (rows, columns)
        Of the image.
    layer : str or None
        The node whose element is looked at. Default: the output.
    element : (row, column) or None
        Default: the one in the middle.
    tile : int
        Largest tile of the plan, in pixels.

    Returns
    -------
    dict
        "nodes": for each, in order, its figures, its "lengths" (rows, columns), and "behind",
        the half-open (top, bottom), (left, right) of what the element depends on, None if it
        does not; "layer", "element"; "plan", a text and numbers, or why there is none.
    """
    if model is not None:
        say("reading the model")
        refuse_other_files(model)
        graph = graph_of(model, shape=shape)
    else:
        graph = LayerGraph(shape=shape)
        for number, given in enumerate(layers or (), start=1):
            graph.add(LayerSpec(**given), name=f"layer {number}")
    if len(graph.nodes) > MOST_NODES:
        raise InvalidInput(
            f"the model must have at most {MOST_NODES} nodes to be shown, got {len(graph.nodes)}"
        )
    fields = fields_of(graph)
    lengths = lengths_of(graph, shape)
    target = graph.find(layer)
    if element is None:
        element = lengths[target][0] // 2, lengths[target][1] // 2
    for at, count in zip(element, lengths[target], strict=True):
        if not 0 <= at < count:
            raise InvalidInput(
                f"the element must lie in the {lengths[target][0]}x{lengths[target][1]} outputs "
                f"of {target!r}, got {element}"
            )
    found = behind(graph, target, element, shape)
    plan: dict[str, Any]
    try:
        tiles = tile_plan(graph, shape, tile=tile, layer=target)
        plan = {
            "text": str(tiles),
            "count": tiles.count,
            "halo": tiles.halo,
            "grid": tiles.grid,
            "rows": [(strip.start, strip.stop) for strip in tiles.rows],
            "columns": [(strip.start, strip.stop) for strip in tiles.columns],
        }
    except KernfitError as error:
        plan = {"refused": " ".join(str(error).split())}
    return {
        "nodes": [
            {
                **describe(fields[name]),
                "op": node.op,
                "inputs": list(node.inputs),
                "lengths": lengths[name],
                "behind": found.get(name),
            }
            for name, node in graph.nodes.items()
        ],
        "layer": target,
        "element": element,
        "plan": plan,
    }


def refuse_other_files(model: Path) -> None:
    """Refuse a model that names other files: nothing that is uploaded may point to this disk."""
    from kernfit.frameworks.onnx.read import load_onnx

    proto = load_onnx(model, weights=False)
    # Values of attributes lie deep in the graph; names of other files stand in the bytes of all.
    stack: list[Any] = [proto.graph]
    while stack:
        graph = stack.pop()
        tensors = list(graph.initializer)
        for node in graph.node:
            for attribute in node.attribute:
                tensors += [attribute.t, *attribute.tensors]
                stack += [part for part in (attribute.g, *attribute.graphs) if len(part.node)]
        if any(tensor.external_data for tensor in tensors):
            raise RefusedFile(
                f"{model} keeps weights in other files: save it as one file, for example with "
                "onnx.save"
            )
