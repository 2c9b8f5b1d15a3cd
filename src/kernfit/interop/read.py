"""Any model in, a graph of layers out; says which reader a model is for."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kernfit.arrays import as_pair_of_ints
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.see.graph import LayerGraph, Pair, as_graph, is_layers
from kernfit.see.stack import as_stack, stack_graph


def graph_of(
    model: Any, *, shape: Pair | None = None, pointwise: Collection[str] = ()
) -> LayerGraph:
    """Return the operations of a model as a graph.

    Parameters
    ----------
    model : model, path or layers
        As `receptive_field` takes it.
    shape : (rows, columns), optional
        The image's size.
    pointwise : collection of str
        Operations or nodes to be taken for element-wise.

    Returns
    -------
    LayerGraph

    Raises
    ------
    InvalidInput
        If it is not a model, or an operation is not known.
    RefusedFile
        If a file is no model that is read.
    """
    if shape is not None:
        shape = as_pair_of_ints(shape, "shape", least=1)
    if isinstance(pointwise, str):
        pointwise = (pointwise,)
    if is_layers(model):
        graph = as_graph(model)
        if shape is not None:
            graph = LayerGraph(graph.nodes, graph.aliases, graph.results, shape)
        return graph
    if (stack := as_stack(model)) is not None:
        return stack_graph(stack, shape)
    kind = framework_of(model)
    if kind == "onnx":
        from kernfit.interop.onnx import read_onnx

        return read_onnx(model, shape=shape, pointwise=frozenset(pointwise))
    if kind == "keras":
        from kernfit.interop.keras import read_keras

        return read_keras(model, shape=shape, pointwise=frozenset(pointwise))
    from kernfit.interop.torch import read_torch

    return read_torch(model, shape=shape, pointwise=frozenset(pointwise))


def ending_at(model: Any, layer: str | None, pointwise: Collection[str] = ()) -> Any:
    """Return a model without what comes behind a layer, where its format lets it be cut.

    What comes behind, such as a dense layer, often takes images of one size only.
    """
    if layer is None or is_layers(model) or as_stack(model) is not None:
        return model
    if framework_of(model) != "onnx":
        return model
    from kernfit.interop.onnx import cut_behind

    return cut_behind(model, layer, frozenset(pointwise))


def framework_of(model: Any) -> str:
    """Return "onnx", "keras" or "torch"; nothing is imported to find out.

    Raises
    ------
    InvalidInput
        If it is a model of none of them.
    RefusedFile
        If it is a path that is not an ONNX file.
    """
    if isinstance(model, (str, os.PathLike)):
        if Path(model).suffix.lower() != ".onnx":
            raise RefusedFile(
                f"{model} must be an ONNX file (.onnx): export the model, for example with "
                "torch.onnx.export, or pass the model itself in Python"
            )
        return "onnx"
    # Who has made such a model has imported its program.
    onnx, keras, torch = (sys.modules.get(name) for name in ("onnx", "keras", "torch"))
    if onnx is not None and isinstance(model, onnx.ModelProto):
        return "onnx"
    # Before torch: with that backend a Keras model is a torch.nn.Module as well.
    if keras is not None and isinstance(model, keras.Model):
        return "keras"
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    raise InvalidInput(
        "model must be a torch.nn.Module, a Keras model, an ONNX file or model, kernels, or layers "
        f"where no weights are needed, got {type(model).__name__}"
    )
