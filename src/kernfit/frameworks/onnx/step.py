"""One operation of an ONNX model: its inputs, attributes and output shape at hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.frameworks.onnx.values import Values
from kernfit.frameworks.trace import Place, Shape, Trace
from kernfit.graph.graph import Rules
from kernfit.graph.refusals import UnknownOperation
from kernfit.graph.rules import SAME_PLACE
from kernfit.packages import need

# Element by element, and, for several inputs, broadcast.
_ELEMENTWISE = """
Abs Acos Acosh Add And Asin Asinh Atan Atanh BatchNormalization BitShift BitwiseAnd BitwiseNot
BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos Cosh DequantizeLinear Div Dropout
DynamicQuantizeLinear Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish
Identity IsInf IsNaN LRN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu
Pow QLinearAdd QLinearLeakyRelu QLinearMul QLinearSigmoid QuantizeLinear Reciprocal Relu Round Selu
Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor
BiasGelu FastGelu QuickGelu
"""
ELEMENTWISE = frozenset(_ELEMENTWISE.split())


class Step:
    """An operation while a reader walks over a model.

    Parameters
    ----------
    trace : Trace
    node : onnx.NodeProto
    name : str
        The node's name in the graph.
    places : dict
        Tensors that depend on the image.
    values : Values
        Tensors that do not.
    """

    def __init__(
        self, trace: Trace, node: Any, name: str, places: dict[str, Place], values: Values
    ) -> None:
        self.trace, self.node, self.name, self.op = trace, node, name, node.op_type
        self.values = values
        self._places = places
        self.inputs = [places[tensor] for tensor in node.input if tensor in places]

    def compute(self) -> None:
        """Evaluate an operation that does not depend on the image."""
        self.values.compute(self.node)

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute; text is decoded."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = need("onnx", "onnx").helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def place(self, number: int) -> Place | None:
        """Return an input that depends on the image."""
        return self._places.get(self._tensor(number))

    @property
    def x(self) -> Place:
        """The first input that depends on the image."""
        return self.inputs[0]

    def value(self, number: int) -> Array | None:
        """Return an input that does not; None if it is left out.

        Raises
        ------
        UnknownOperation
            If it is there and depends on the image, or cannot be computed.
        """
        tensor = self._tensor(number)
        if not tensor:
            return None
        found = None if tensor in self._places else self.values.get(tensor)
        if found is None:
            raise self.refuse(f"its input {tensor!r} must not depend on what the image shows")
        return found

    def numbers(self, attribute: str, number: int | None = None) -> list[int] | None:
        """Return a list of integers given as an attribute or, in newer models, as an input."""
        given = self.attribute(attribute)
        if given is None and number is not None:
            given = self.value(number)
        return None if given is None else [int(n) for n in np.atleast_1d(given)]

    def shape(self, number: int) -> Shape | None:
        """Return an input's shape, whichever it is; None if it is left out or not known."""
        place = self.place(number)
        return self.values.shape(self._tensor(number)) if place is None else place.shape

    def refuse(self, why: str) -> UnknownOperation:
        """Return the error for an operation of which it is not known what it looks at."""
        return UnknownOperation(
            f"node {self.name!r} ({self.op}) is not followed, as {why}: choose a layer before it"
        )

    def elementwise(self) -> Place:
        """Follow an operation on each place on its own."""
        shapes = [self.shape(number) for number in range(len(self.node.input))]
        try:
            known = [shape for shape in shapes if shape is not None]
            shape = tuple(np.broadcast_shapes(*known)) if len(known) > 1 else self.x.shape
        except ValueError:  # scales and biases for each channel
            shape = self.x.shape
        if self.op in ("BatchNormalization", "DequantizeLinear", "QuantizeLinear", "PRelu"):
            shape = self.x.shape
        return self.kept(shape)

    def kept(self, shape: Shape, rules: Rules = (SAME_PLACE, SAME_PLACE)) -> Place:
        """Add the operation with rows and columns where they were."""
        return self.trace.step(self.name, self.op, self.inputs, shape, rules)

    def _tensor(self, number: int) -> str:
        return self.node.input[number] if number < len(self.node.input) else ""
