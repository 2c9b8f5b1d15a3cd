"""What a Keras model computes, as its graph of tensors, however it was written."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.graph.graph import Pair
from kernfit.packages import need


def function_of(model: Any, shape: Pair | None = None) -> Any:
    """Return the graph of tensors within a model.

    A functional or sequential model has one. One written as a subclass is called on symbols in
    place of images.

    Parameters
    ----------
    model : keras.Model
    shape : (rows, columns), optional
        Of the image, for a subclass. Default: as it was built.

    Raises
    ------
    InvalidInput
        If it is a subclass that was not built, or cannot be called on symbols.
    """
    if type(model).__name__ == "Sequential" and model.built:
        model = model._functional
    if hasattr(model, "_nodes_by_depth"):
        return model
    built = getattr(model, "_build_shapes_dict", None) or {}
    shapes = [given for given in built.values() if isinstance(given, (tuple, list))]
    if len(shapes) == 1 and isinstance(shapes[0][0], (tuple, list)):
        shapes = list(shapes[0])
    if not shapes:
        raise InvalidInput(
            f"a Keras model must be built, got {type(model).__name__}: call it once on an image"
        )
    full = [list(given) for given in shapes]
    for given in full:
        given[0] = None
        if len(given) == 4 and shape is not None:
            row, column = axes_of_layers(model._flatten_layers())
            given[row], given[column] = shape
    return symbolic(model, full)


def symbolic(layer: Any, shapes: Sequence[Sequence[int | None]]) -> Any:
    """Return the graph of a layer's own `call`, given the shapes of its inputs.

    Raises
    ------
    InvalidInput
        If `call` does more than Keras knows, such as calling its backend.
    """
    keras = need("keras", "keras")
    inputs = [keras.Input(batch_shape=tuple(shape)) for shape in shapes]
    known = inspect.signature(layer.call).parameters
    options = {"training": False} if "training" in known else {}
    several = sum(p.default is p.empty for p in known.values()) > 1 and len(inputs) > 1
    arguments = inputs if several or len(inputs) == 1 else [inputs]
    try:
        outputs = layer.call(*arguments, **options)
        return keras.Model(inputs, outputs)
    # What somebody has written may fail in any way.
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InvalidInput(
            f"{type(layer).__name__}.call must be made of Keras layers and keras.ops to be "
            f"followed, got: {reason}: export the model to ONNX"
        ) from error


def images_of(function: Any) -> list[Any]:
    """Return the inputs that are images; their channels are taken as side by side.

    Raises
    ------
    InvalidInput
        If there is none, or they are of different sizes.
    """
    images = [tensor for tensor in function.inputs if len(tensor.shape) == 4]
    row, column = axes_of(function)
    sizes = {(tensor.shape[row], tensor.shape[column]) for tensor in images}
    if len(sizes) != 1:
        raise InvalidInput(
            "the model must have an image input with four axes, or several of one size, got "
            f"{[tuple(tensor.shape) for tensor in function.inputs]}: cut the model"
        )
    return images


def axes_of(function: Any) -> Pair:
    """Return the image's row and column axes, by what the layers say."""
    return axes_of_layers(function.operations)


def axes_of_layers(layers: Sequence[Any]) -> Pair:
    """Return the row and column axes that layers say, those of channels last by default."""
    for layer in layers:
        inner = getattr(layer, "data_format", None)
        if inner in ("channels_first", "channels_last"):
            return (2, 3) if inner == "channels_first" else (1, 2)
    return 1, 2


class Names:
    """Names for the nodes of a graph: unique, and the same whenever a model is read."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, layer: Any, prefix: str) -> str:
        """Return the next name for a layer within the one that `prefix` names."""
        name = called = f"{prefix}{layer.name}"
        if type(layer).__module__.startswith("keras.src.ops"):
            # Keras counts these over all that it ever traced.
            name = called = f"{prefix}{type(layer).__name__.lower()}"
        turn = 0
        while name in self._taken:  # a layer that is used more than once
            turn += 1
            name = f"{called}_{turn}"
        self._taken.add(name)
        return name
