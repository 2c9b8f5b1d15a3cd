"""Small networks as ONNX models, with weights that are whole numbers so that float32 is exact."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper


class Model:
    """Builds an ONNX model, operation after operation."""

    def __init__(self, channels=1, seed=0, whole=True):
        self.nodes, self.stored = [], []
        self.rng = np.random.default_rng(seed)
        self.whole = whole
        self.channels = {"image": channels}
        self.first = channels

    def constant(self, array):
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind, *inputs, channels=None, name=None, outputs=1, **attributes):
        number = len(self.nodes)
        given = [f"t{number}"] if outputs == 1 else [f"t{number}_{k}" for k in range(outputs)]
        called = name or f"{kind.lower()}{number}"
        self.nodes.append(helper.make_node(kind, list(inputs), given, called, **attributes))
        known = self.channels.get(inputs[0])
        for tensor in given:
            self.channels[tensor] = channels or known
        return given[0] if outputs == 1 else given

    def weights(self, *shape):
        if self.whole:
            return self.rng.integers(-1, 2, shape).astype(np.float32)
        return (self.rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    def conv(self, x, out, size=3, stride=1, dilation=1, padding=None, relu=True, **more):
        size = (size, size) if isinstance(size, int) else size
        if padding is None:
            padding = [(n - 1) // 2 * dilation for n in size] * 2
        group = more.pop("group", 1)
        weight = self.constant(self.weights(out, self.channels[x] // group, *size))
        # A bias makes what lies beyond a feature map's border differ from what padding says.
        bias = self.constant(np.arange(1, out + 1).astype(np.float32))
        y = self.op(
            "Conv", x, weight, bias, channels=out, strides=[stride] * 2, group=group,
            dilations=[dilation] * 2, pads=padding, kernel_shape=list(size), **more,
        )  # fmt: skip
        return self.op("Relu", y) if relu else y

    def up(self, x, out, size=2, stride=2, **more):
        weight = self.constant(self.weights(self.channels[x], out, size, size))
        return self.op("ConvTranspose", x, weight, channels=out, strides=[stride] * 2, **more)

    def pool(self, x, kind="MaxPool", size=2, stride=2, **more):
        return self.op(kind, x, kernel_shape=[size] * 2, strides=[stride] * 2, **more)

    def cat(self, *tensors):
        return self.op("Concat", *tensors, axis=1, channels=sum(self.channels[t] for t in tensors))

    def resize(self, x, scale=2.0, **more):
        scales = self.constant(np.array([1, 1, scale, scale], np.float32))
        return self.op("Resize", x, "", scales, **more)

    def build(self, *outputs, rows="rows", columns="columns", opset=18):
        image = helper.make_tensor_value_info(
            "image", TensorProto.FLOAT, [1, self.first, rows, columns]
        )
        given = [
            helper.make_tensor_value_info(o, TensorProto.FLOAT, [1, None, None, None])
            for o in outputs
        ]
        graph = helper.make_graph(self.nodes, "model", [image], given, self.stored)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9
        )
        checker.check_model(model)
        return model


def plain(**how):
    m = Model(**how)
    x = m.conv("image", 4, 5)
    return m.build(m.conv(x, 2, 3, relu=False))


def residual(**how):
    """Like a ResNet: a stem with a stride and ceil pooling, units with shortcuts."""
    m = Model(**how)
    x = m.conv("image", 4, 7, stride=2)
    x = m.pool(x, size=3, pads=[1, 1, 1, 1])
    for stride in (1, 2):
        y = m.conv(x, 4, 3, stride=stride)
        y = m.conv(y, 6, 3, relu=False)
        x = m.op("Add", y, m.conv(x, 6, 1, stride=stride, padding=[0] * 4, relu=False))
        x = m.op("Relu", x)
    return m.build(x)


def unet(levels=2, **how):
    """Down and up again, with skip connections; takes multiples of 2 ** levels."""
    m = Model(**how)
    x, skips = m.conv("image", 3), []
    for _ in range(levels):
        skips.append(x)
        x = m.conv(m.pool(x), 4)
    for skip in reversed(skips):
        x = m.conv(m.cat(m.up(x, 3), skip), 3)
    return m.build(m.conv(x, 1, 1, relu=False))


def dilated(**how):
    m = Model(**how)
    x = "image"
    for dilation in (1, 2, 4, 8):
        x = m.conv(x, 4, 3, dilation=dilation)
    return m.build(m.conv(x, 1, 1, relu=False))


def inception(**how):
    m = Model(**how)
    x = m.conv("image", 4, 3, stride=2)
    one = m.conv(x, 2, 1)
    tall = m.conv(m.conv(x, 2, (1, 7)), 2, (7, 1))
    pooled = m.conv(m.pool(x, "AveragePool", 3, 1, pads=[1] * 4), 2, 1)
    return m.build(m.cat(one, tall, pooled))


def upsampled(**how):
    """Nearest sampling, a pixel shuffle and a reflecting border."""
    m = Model(**how)
    x = m.op("Pad", "image", m.constant(np.array([0, 0, 2, 2, 0, 0, 2, 2])), mode="reflect")
    x = m.conv(x, 4, 5, padding=[0] * 4)
    y = m.resize(
        m.pool(x), mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )
    x = m.conv(m.op("Add", x, y), 8)
    x = m.op("DepthToSpace", x, blocksize=2, channels=2)
    return m.build(m.conv(x, 1, relu=False))
