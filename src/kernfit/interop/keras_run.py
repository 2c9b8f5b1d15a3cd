"""Keras models run on images of any size, up to any layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.interop.keras import axes_of, function_of
from kernfit.interop.packages import need
from kernfit.interop.runner import Runner, digest


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
        If there is no such layer.
    """
    keras = need("keras", "keras")
    function = function_of(model)
    channels_last = axes_of(function) == (1, 2)
    if layer is not None:
        names = [operation.name for operation in function.operations]
        if layer not in names:
            raise InvalidInput(
                f"layer must be one of {', '.join(names[-5:])} or another layer of the model "
                f"itself, got {layer!r}"
            )
        model = keras.Model(function.inputs, model.get_layer(layer).output)

    def run(image: Array) -> Array:
        batch = image[np.newaxis].astype(np.float32, copy=False)
        batch = np.ascontiguousarray(np.moveaxis(batch, 1, -1)) if channels_last else batch
        given = model(batch, training=False)
        while isinstance(given, (list, tuple)):
            given = given[0]
        # Some backends keep what they would need for gradients.
        given = given.detach().cpu() if hasattr(given, "detach") else given
        result = given.numpy()[0] if hasattr(given, "numpy") else np.asarray(given)[0]
        if result.ndim != 3:
            raise InvalidInput(
                f"layer {layer or 'output'!r} must be a feature map, got shape {result.shape}: "
                "choose a layer before it"
            )
        return np.moveaxis(result, -1, 0) if channels_last else result

    weights = (np.ascontiguousarray(weight).tobytes() for weight in model.get_weights())
    return run, digest(str(model.to_json()).encode(), *weights)
