"""Images to be cut, and runs to be stopped."""

import numpy as np
from scipy.ndimage import gaussian_filter

from kernfit import correlate2d


class Interrupted(Exception):
    pass


def texture(shape, seed=0):
    """A smooth random image of 8-bit levels."""
    noise = np.random.default_rng(seed).normal(size=shape)
    return np.clip(gaussian_filter(noise, (0,) * (len(shape) - 2) + (2, 2)) * 400 + 120, 0, 255)


def pair(shape=(520, 430), dtype=np.uint8, taps=(3, 5)):
    """An image and what an asymmetric kernel makes of it."""
    before = np.rint(texture(shape)).astype(dtype)
    kernel = np.random.default_rng(1).normal(size=taps)
    kernel /= np.abs(kernel).sum()
    options = {"dtype": dtype, "overflow": "saturate"} if before.dtype.kind in "iu" else {}
    return before, correlate2d(before, kernel, mode="same", boundary="edge", **options)


def one_layer():
    """An ONNX model of one convolution, 5x3 taps, from one channel to two."""
    from onnx import TensorProto, checker, helper, numpy_helper

    weight = np.random.default_rng(0).normal(size=(2, 1, 5, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 1, 2, 1])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, "h", "w"])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    checker.check_model(model)
    return model
