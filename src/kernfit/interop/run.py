"""Any model as a function from an image to a feature map."""

from __future__ import annotations

import types
from collections.abc import Collection
from typing import Any

from kernfit.interop.read import framework_of
from kernfit.interop.runner import Runner, digest
from kernfit.see.stack import as_stack, stack_maps


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
    if _is_function(model):
        return model, getattr(model, "__qualname__", type(model).__name__)
    if (stack := as_stack(model)) is not None:
        marks = (str(kernel.to_dict()).encode() for kernels in stack for kernel in kernels)
        return lambda image: stack_maps(stack, image, layer), digest(str(layer).encode(), *marks)
    kind = framework_of(model)
    if kind == "onnx":
        from kernfit.interop.onnx_run import onnx_runner

        return onnx_runner(model, layer, frozenset(pointwise))
    if kind == "keras":
        from kernfit.interop.keras_run import keras_runner

        return keras_runner(model, layer, frozenset(pointwise))
    from kernfit.interop.torch_run import torch_runner

    return torch_runner(model, layer, frozenset(pointwise))


def _is_function(model: Any) -> bool:
    """Say whether this is a plain function, and no framework's model."""
    return isinstance(model, (types.FunctionType, types.MethodType, types.BuiltinFunctionType))
