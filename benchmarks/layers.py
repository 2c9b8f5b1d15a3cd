"""Layers of many channels, as networks have them: kernfit and libraries for networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.peers import LeftOut
from benchmarks.timing import Call, interleave
from kernfit import conv2d


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer and the input that it is given."""

    input: tuple[int, int, int, int]
    weight: tuple[int, int, int, int]
    stride: int = 1
    groups: int = 1

    @property
    def padding(self) -> int:
        """As much as keeps the size at a stride of 1."""
        return self.weight[2] // 2


LAYERS = {
    "64to64-k3": Layer((8, 64, 56, 56), (64, 64, 3, 3)),
    "3to64-k7": Layer((8, 3, 224, 224), (64, 3, 7, 7), stride=2),
    "1to16-k3": Layer((1, 1, 1024, 1024), (16, 1, 3, 3)),
    "1to64-k11": Layer((1, 1, 512, 512), (64, 1, 11, 11)),
    "depthwise-k3": Layer((8, 64, 112, 112), (64, 1, 3, 3), groups=64),
    "depthwise-k7": Layer((8, 96, 56, 56), (96, 1, 7, 7), groups=96),
    "depthwise-k31": Layer((1, 64, 56, 56), (64, 1, 31, 31), groups=64),
    "16to16-k15": Layer((1, 16, 256, 256), (16, 16, 15, 15)),
    "16to16-k31": Layer((1, 16, 256, 256), (16, 16, 31, 31)),
    "64to64-k15": Layer((8, 64, 56, 56), (64, 64, 15, 15)),
}


def jobs(filters: list[str], **limits: float) -> Iterator[tuple[str, Any]]:
    """Yield each measurement with its name."""
    for name, layer in LAYERS.items():
        for threads in (1, 2):
            full = f"layer-{name}-t{threads}"
            if not filters or any(set(f.split("-")) <= set(full.split("-")) for f in filters):
                yield full, partial(_measure, layer, threads, **limits)


def _measure(
    layer: Layer, threads: int, *, rounds: int, seconds: float, patience: float
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(layer.input, np.float32)
    w = rng.standard_normal(layer.weight, np.float32)
    options = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
    with threadpool_limits(threads):
        right = conv2d(x, w, threads=threads, **options)
        calls = {"kernfit": Call(lambda: conv2d(x, w, threads=threads, **options))}
        left_out = {}
        for name, setup in PEERS.items():
            try:
                call = setup(x, w, options, threads)
                result = np.asarray(call.run())
                if name == "tensorflow":
                    result = result.transpose(0, 3, 1, 2)  # channels last
                worst = float(np.abs(result - right).max())
                if not worst <= 1e-5 * np.abs(right).max():
                    raise LeftOut(f"is off by {worst:.0e}")
                calls[name] = call
            except ImportError:
                left_out[name] = "not installed"
            except LeftOut as reason:
                left_out[name] = str(reason)
        times = interleave(calls, rounds=rounds, seconds=seconds)
    return {"times": times, "left_out": left_out}


def _torch(x: np.ndarray, w: np.ndarray, options: dict[str, int], threads: int) -> Call:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    image, taps = torch.from_numpy(x), torch.from_numpy(w)

    def run() -> Any:
        with torch.inference_mode():
            return torch.nn.functional.conv2d(image, taps, **options)

    return Call(run)


def _onnxruntime(x: np.ndarray, w: np.ndarray, options: dict[str, int], threads: int) -> Call:
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    make, single = onnx.helper, onnx.TensorProto.FLOAT
    node = make.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        pads=[options["padding"]] * 4,
        strides=[options["stride"]] * 2,
        group=options["groups"],
    )
    graph = make.make_graph(
        [node],
        "layer",
        [make.make_tensor_value_info("x", single, x.shape)],
        [make.make_tensor_value_info("y", single, None)],
        [onnx.numpy_helper.from_array(w, "w")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = runtime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    return Call(lambda: session.run(None, {"x": x})[0])


def _jax(x: np.ndarray, w: np.ndarray, options: dict[str, int], threads: int) -> Call:
    jax = import_module("jax")
    image, taps = jax.numpy.asarray(x), jax.numpy.asarray(w)
    pads = [(options["padding"],) * 2] * 2

    def layer(image: Any, taps: Any) -> Any:
        return jax.lax.conv_general_dilated(
            image, taps, (options["stride"],) * 2, pads, feature_group_count=options["groups"]
        )

    compiled = jax.jit(layer).lower(image, taps).compile()
    return Call(lambda: compiled(image, taps).block_until_ready(), pinned=threads == 1)


def _tensorflow(x: np.ndarray, w: np.ndarray, options: dict[str, int], threads: int) -> Call:
    tensorflow = import_module("tensorflow")
    groups, pads = options["groups"], [(options["padding"],) * 2] * 2
    image = tensorflow.pad(x.transpose(0, 2, 3, 1), [(0, 0), *pads, (0, 0)])
    if groups == x.shape[1] > 1:  # depthwise: (rows, columns, channels, multiplier)
        convolve, order = tensorflow.nn.depthwise_conv2d, (2, 3, 0, 1)
    else:
        convolve, order = tensorflow.nn.conv2d, (2, 3, 1, 0)
    taps, stride = tensorflow.constant(w.transpose(order)), [1, *[options["stride"]] * 2, 1]
    return Call(lambda: convolve(image, taps, stride, "VALID"), pinned=threads == 1)


PEERS = {"torch": _torch, "onnxruntime": _onnxruntime, "jax": _jax, "tensorflow": _tensorflow}
