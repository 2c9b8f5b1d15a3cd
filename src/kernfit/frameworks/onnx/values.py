"""What is known of an ONNX model's tensors without an image: weights, sizes, constants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.packages import need

MOST_NUMBERS = 2**22  # constants beyond are weights, of which only the shape is asked
# What they give follows from numbers that they are given.
GROWING = ("Expand", "Tile", "Range", "Pad", "Resize", "Upsample", "OneHot", "EyeLike")


class Values:
    """Arrays by tensor name; stored ones are decoded when they are asked for.

    Parameters
    ----------
    proto : onnx.ModelProto
    """

    def __init__(self, proto: Any) -> None:
        self._stored = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._computed: dict[str, Array] = {}
        self.opset = max(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx"))

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return an array's shape without decoding it, or None if it is not known."""
        if name in self._computed:
            return self._computed[name].shape
        tensor = self._stored.get(name)
        return None if tensor is None else tuple(tensor.dims)

    def get(self, name: str) -> Array | None:
        """Return an array, or None if it is not known."""
        if name not in self._computed and name in self._stored:
            numpy_helper = need("onnx", "onnx").numpy_helper
            self._computed[name] = np.asarray(numpy_helper.to_array(self._stored[name]))
        return self._computed.get(name)

    def put(self, name: str, array: Array) -> None:
        """Remember what an operation has given."""
        self._computed[name] = array

    def compute(self, node: Any) -> None:
        """Evaluate an operation on known arrays, such as a size computed for a Reshape."""
        shapes = [self.shape(name) for name in node.input if name]
        if any(shape is None for shape in shapes) or self._numbers(node, shapes) > MOST_NUMBERS:
            return
        if node.op_type == "ConstantOfShape":
            self._fill(node)
            return
        reference = need("onnx.reference", "onnx")
        feeds = {name: self.get(name) for name in node.input if name}
        try:
            given = reference.ReferenceEvaluator(node).run(None, feeds)
        # What cannot be computed stays unknown; who needs it says so.
        except Exception:
            return
        for name, array in zip(node.output, given, strict=False):
            self.put(name, np.asarray(array))

    def _numbers(self, node: Any, shapes: list[Any]) -> int:
        """Return how many numbers an operation may give at most, before it takes memory."""
        most = math.prod(max(math.prod(shape), 1) for shape in shapes)
        if node.op_type in GROWING and most <= MOST_NUMBERS:
            # Their inputs are sizes and factors: each may be as large as it likes.
            for name in filter(None, node.input):
                values = np.ravel(np.asarray(self.get(name)))
                if values.size <= 16 and values.dtype.kind in "iuf":
                    most *= math.prod(max(int(abs(n)), 1) for n in values if np.isfinite(n))
        return most

    def _fill(self, node: Any) -> None:
        """Give an array that is one number everywhere, whatever its size, without its memory."""
        size = self.get(node.input[0])
        assert size is not None  # as its shape is known
        value = np.zeros(1, np.float32)
        for attribute in node.attribute:
            value = np.asarray(need("onnx", "onnx").numpy_helper.to_array(attribute.t))
        shape = tuple(int(n) for n in np.ravel(size))
        self.put(node.output[0], np.broadcast_to(value.reshape(()), shape))


def known_values(proto: Any) -> Values:
    """Return what a model's tensors are without an image."""
    return Values(proto)
