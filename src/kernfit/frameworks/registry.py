"""Any model in: which framework it is of, its operations as a graph, and what runs it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kernfit.errors import InvalidInput, RefusedFile
from kernfit.frameworks.framework import Framework
from kernfit.frameworks.keras import KERAS
from kernfit.frameworks.onnx import ONNX
from kernfit.frameworks.plain import FUNCTION, KERNELS, LAYERS
from kernfit.frameworks.runner import Runner
from kernfit.frameworks.torch import TORCH
from kernfit.graph.graph import LayerGraph, Sizes, as_sizes

# Keras before torch: with that backend a Keras model is a torch.nn.Module as well.
FRAMEWORKS = (LAYERS, KERNELS, ONNX, KERAS, TORCH, FUNCTION)


def framework_of(model: Any) -> Framework:
    """Return the framework that a model is of.

    Raises
    ------
    InvalidInput
        If it is a model of none of them.
    RefusedFile
        If it is a path that is not an ONNX file.
    """
    for framework in FRAMEWORKS:
        if framework.owns(model):
            return framework
    if isinstance(model, (str, os.PathLike)):
        if Path(model).suffix.lower() in (".pt2", ".pt", ".pth", ".keras", ".h5"):
            raise RefusedFile(
                f"{model} must be an ONNX file (.onnx), as loading others may run what is in them: "
                "load it yourself, for example with torch.export.load, and pass what that gives"
            )
        raise RefusedFile(
            f"{model} must be an ONNX file (.onnx): export the model, for example with "
            "torch.onnx.export, or pass the model itself in Python"
        )
    raise InvalidInput(
        "model must be a torch.nn.Module, a Keras model, an ONNX file or model, kernels, or layers "
        f"where no weights are needed, got {type(model).__name__}"
    )


def dimensions_of(model: Any) -> int:
    """Return how many axes an image of a model has: 2, or 1 or 3 where its layers say so."""
    return framework_of(model).dimensions(model)


def given(model: Any, example_inputs: Mapping[str, Any] | None) -> Any:
    """Return a model that takes images only, what it takes beside them being constants.

    Raises
    ------
    InvalidInput
        If it has no such inputs, or none can be given to it.
    """
    if not example_inputs:
        return model
    framework = framework_of(model)
    if framework.fix is None:
        raise InvalidInput(
            f"example_inputs must be left out for {framework.name}: make a model in which they are "
            "constants"
        )
    return framework.fix(model, example_inputs)


def graph_of(
    model: Any, *, shape: int | Sizes | None = None, pointwise: Collection[str] = ()
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
        shape = as_sizes(shape, "shape", dimensions_of(model))
    return framework_of(model).read(model, shape=shape, pointwise=names(pointwise))


def ending_at(model: Any, layer: str | None, pointwise: Collection[str] = ()) -> Any:
    """Return a model without what comes behind a layer, where its format lets it be cut."""
    if layer is None:
        return model
    return framework_of(model).cut(model, layer, names(pointwise))


def runner_for(
    model: Any, layer: str | None = None, *, pointwise: Collection[str] = ()
) -> tuple[Runner, str]:
    """Return a function that runs a model on one image, and a mark that tells models apart.

    Parameters
    ----------
    model : model, path, kernels or function
        A function takes and gives (channels, rows, columns), float32.
    layer : str, optional
        The node whose feature map is wanted. Default: the model's (first) output.
    pointwise : collection of str
        As in `receptive_field`.

    Returns
    -------
    (function, str)

    Raises
    ------
    InvalidInput
        If there is no such layer, or it is no model.
    RefusedFile
        If the file is no model that is read.
    """
    framework = framework_of(model)
    if framework.run is None:
        raise InvalidInput("model must have weights to be run, got layers: give a model or kernels")
    return framework.run(model, layer, names(pointwise))


def names(given: Collection[str]) -> frozenset[str]:
    """Return names as a set; one alone may be given as it is."""
    return frozenset((given,) if isinstance(given, str) else given)
