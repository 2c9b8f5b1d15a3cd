"""Keras models run on images of any size, up to any layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.keras.function import axes_of, function_of, images_of
from kernfit.frameworks.runner import Runner, apart
from kernfit.hashing import digest
from kernfit.packages import need


def keras_runner(
    model: Any, layer: str | None, pointwise: frozenset[str] = frozenset()
) -> tuple[Runner, str]:
    """Return a function that runs a model on one image, and a mark that tells models apart.

    Parameters
    ----------
    model : keras.Model
    layer : str, optional
        A layer of the model itself. Default: the first output.
    pointwise : frozenset of str
        Not needed to run it.

    Raises
    ------
    InvalidInput
        If there is no such layer, or the model takes more than images.
    """
    keras = need("keras", "keras")
    function = function_of(model)
    images = images_of(function)
    channels_last = axes_of(function) == (1, 2)
    counts = [tensor.shape[3 if channels_last else 1] for tensor in images]
    if len(images) != len(function.inputs):
        more = next(tensor for tensor in function.inputs if len(tensor.shape) != 4)
        raise InvalidInput(
            f"the model must take images only to be run, got the input {more.name!r} with shape "
            f"{tuple(more.shape)}: make a model in which that is a constant"
        )
    if layer is not None:
        _check_layer(function, layer)
    own = not hasattr(model, "_nodes_by_depth") and type(model).__name__ != "Sequential"
    # A subclass is followed anew for each size, for its `call` may depend on it.
    followed: dict[tuple[int, ...], Any] = {}

    def run(image: Array) -> Array:
        parts = [part[np.newaxis].astype(np.float32, copy=False) for part in apart(image, counts)]
        if channels_last:
            parts = [np.ascontiguousarray(np.moveaxis(part, 1, -1)) for part in parts]
        size = (image.shape[-2], image.shape[-1]) if own else (0, 0)
        if size not in followed:
            followed[size] = _upto(keras, function_of(model, size) if own else function, layer)
        given = followed[size](parts if len(parts) > 1 else parts[0], training=False)
        result = as_array(given)[0]
        if result.ndim != 3:
            raise InvalidInput(
                f"layer {layer or 'output'!r} must be a feature map, got shape {result.shape}: "
                "choose a layer before it"
            )
        return np.moveaxis(result, -1, 0) if channels_last else result

    weights = (np.ascontiguousarray(weight).tobytes() for weight in model.get_weights())
    described = str([(o.name, type(o).__name__) for o in function.operations])
    config = described if own else str(model.to_json())
    return run, digest(config.encode(), str(layer).encode(), *weights)


def as_array(tensor: Any) -> Array:
    """Return a tensor of any backend as an array."""
    while isinstance(tensor, (list, tuple)):
        tensor = tensor[0]
    while isinstance(tensor, dict):
        tensor = next(iter(tensor.values()))
    # Some backends keep what they would need for gradients.
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    found: Array = tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)
    return found


def _check_layer(function: Any, layer: str) -> None:
    names = [operation.name for operation in function.operations]
    if layer not in names:
        raise InvalidInput(
            f"layer must be one of {', '.join(names[-5:])} or another layer of the model "
            f"itself, got {layer!r}"
        )


def _upto(keras: Any, function: Any, layer: str | None) -> Any:
    """Return the model up to a layer, which takes a list of images."""
    outputs = [
        node.output_tensors[0]
        for nodes in function._nodes_by_depth.values()
        for node in nodes
        if node.operation.name == layer
    ]
    inputs = list(function.inputs)
    images = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(images, outputs[0] if outputs else function.outputs[0])
