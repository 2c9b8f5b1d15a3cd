"""A Keras model's twin that passes on only whether something arrives: 0 or 1 at every element."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.keras.function import Names, axes_of, function_of, images_of, symbolic
from kernfit.frameworks.keras.read import is_own, read_keras
from kernfit.frameworks.keras.run import as_array
from kernfit.frameworks.runner import Runner, apart
from kernfit.graph.graph import LayerGraph
from kernfit.packages import need

WEIGHED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense")
WEIGHED_OPS = ("Conv", "DepthwiseConv")
# What sums or samples, or lays out anew, is run as it is.
RUN = """
AveragePooling2D MaxPooling2D UpSampling2D ZeroPadding2D Cropping2D Concatenate Permute Reshape
AveragePool MaxPool GetItem Squeeze ExpandDims Pad Mean Sum Max Resize Split Stack Transpose
"""
# Each of some elements depends on all of them.
MIXED = ("Softmax", "LayerNormalization", "UnitNormalization")


def keras_twin(
    model: Any,
    layer: str | None,
    pointwise: frozenset[str] = frozenset(),
    zeros: bool = False,
) -> Runner:
    """Return a function that shows which elements of a layer an image of 0 and 1 reaches.

    All weights are 1 and all biases 0, element-wise operations add their inputs, and after each
    operation a sign makes 1 of what is more. So nothing cancels, overflows or vanishes, and Keras
    itself says what depends on what.

    Parameters
    ----------
    model, layer, pointwise
        As in `keras_runner`.
    zeros : bool
        Weights that are zero stay zero.
    """
    keras = need("keras", "keras")
    graphs: dict[tuple[int, ...], tuple[Any, LayerGraph]] = {}
    twin = _Twin(keras, pointwise, zeros)

    def run(image: Array) -> Array:
        size = image.shape[-2], image.shape[-1]
        if size not in graphs:
            function = function_of(model, size)
            graphs[size] = function, read_keras(model, shape=size, pointwise=pointwise)
        function, graph = graphs[size]
        inputs = images_of(function)
        last = axes_of(function) == (1, 2)
        parts = apart(image, [tensor.shape[3 if last else 1] for tensor in inputs])
        values = {
            id(tensor): np.moveaxis(part[np.newaxis], 1, -1) if last else part[np.newaxis]
            for tensor, part in zip(inputs, parts, strict=True)
        }
        twin.names, twin.found = Names(), {}
        twin.walk(function, values, "")
        target = graph.find(layer)
        # The reader may take several steps for one operation.
        if target not in twin.found:
            target = target.partition(":")[0]
        found = twin.found[target][0]
        return np.moveaxis(found, -1, 0) if last else found

    return run


class _Twin:
    """Walks over a graph of tensors as the reader does, with values in place of windows."""

    def __init__(self, keras: Any, pointwise: frozenset[str], zeros: bool) -> None:
        self._keras, self._pointwise, self._zeros = keras, pointwise, zeros
        self._ones: dict[int, Any] = {}
        self.names = Names()
        self.found: dict[str, Array] = {}

    def walk(self, function: Any, values: dict[int, Array], prefix: str) -> None:
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                inputs = [values[id(t)] for t in node.input_tensors if id(t) in values]
                if not inputs or type(node.operation).__name__ == "InputLayer":
                    continue
                name = self.names.of(node.operation, prefix)
                given = self._value(node, inputs, name)
                for number, (tensor, value) in enumerate(
                    zip(node.output_tensors, given, strict=False)
                ):
                    values[id(tensor)] = value
                    self.found[name if len(given) == 1 else f"{name}:{number}"] = value

    def _value(self, node: Any, inputs: list[Array], name: str) -> list[Array]:
        layer, kind = node.operation, type(node.operation).__name__
        if self._pointwise.intersection((kind, layer.name, name)):
            return [_sign(sum(inputs[1:], inputs[0]))]
        if hasattr(layer, "_nodes_by_depth") or kind == "Sequential":
            return self._within(function_of(layer), inputs, name)
        if is_own(layer):
            return self._within(symbolic(layer, [v.shape for v in inputs]), inputs, name)
        if kind in WEIGHED:
            return [_sign(as_array(self._with_ones(layer, inputs[0])))]
        if kind in WEIGHED_OPS:
            kernel = as_array(node.arguments.args[1])
            ones = (kernel != 0) if self._zeros else np.ones_like(kernel)
            return [_sign(as_array(layer.call(inputs[0], ones.astype(np.float32))))]
        if kind in MIXED:
            axis = tuple(np.ravel(layer.axis))
            total = np.sum(inputs[0], axis, keepdims=True)
            return [np.broadcast_to(_sign(total), inputs[0].shape)]
        if kind in RUN.split():
            given = inputs if len(node.input_tensors) > 1 else inputs[0]
            more = node.arguments.args[1:] if len(node.input_tensors) == 1 else ()
            result = layer.call(given, *more)
            results = result if isinstance(result, (list, tuple)) else [result]
            return [_sign(as_array(value)) for value in results]
        return [_sign(sum(inputs[1:], inputs[0]))]

    def _within(self, inner: Any, inputs: list[Array], name: str) -> list[Array]:
        values = {id(t): value for t, value in zip(inner.inputs, inputs, strict=True)}
        self.walk(inner, values, f"{name}/")
        return [values[id(tensor)] for tensor in inner.outputs]

    def _with_ones(self, layer: Any, value: Array) -> Any:
        """Call a layer of the same settings, whose weights are 1, without bias and activation."""
        if id(layer) not in self._ones:
            config = layer.get_config() | {"activation": None, "use_bias": False}
            twin = type(layer).from_config(config)
            twin(value)
            weights = layer.get_weights()[: len(twin.get_weights())]
            if len(weights) < len(twin.get_weights()):
                raise InvalidInput(f"layer {layer.name!r} must have weights, got none: build it")
            twin.set_weights([(w != 0) if self._zeros else np.ones_like(w) for w in weights])
            self._ones[id(layer)] = twin
        return self._ones[id(layer)](value)


def _sign(value: Array) -> Array:
    signs: Array = (value > 0).astype(np.float32)
    return signs
