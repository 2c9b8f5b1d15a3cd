"""ONNX models run by ONNX Runtime, on images of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.onnx.read import all_inputs, image_inputs, load_onnx, read_onnx
from kernfit.frameworks.runner import Runner, apart
from kernfit.hashing import digest
from kernfit.packages import need


def onnx_runner(
    model: Any, layer: str | None, pointwise: frozenset[str] = frozenset()
) -> tuple[Runner, str]:
    """Return a function that runs a model on one image, and a mark that tells models apart.

    Parameters
    ----------
    model : path or onnx.ModelProto
    layer : str, optional
        A node, or a tensor of the model. Default: the first output.
    pointwise : frozenset of str
        As in `receptive_field`.

    Raises
    ------
    InvalidInput
        If there is no such layer, or ONNX Runtime does not take the model.
    """
    graph = read_onnx(model, pointwise=pointwise)
    target = graph.find(layer)
    proto = type(source := load_onnx(model))()
    proto.CopyFrom(source)
    tensors = {node: tensor for tensor, node in graph.aliases.items()}
    if target not in tensors:
        raise InvalidInput(f"layer must be computed by the model, got {target!r}, its image")
    wanted = tensors[target]
    counts, axes = _any_size(proto, wanted)
    bytes_of_model = proto.SerializeToString()
    runtime = need("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    # An arena rounds up and keeps all it has ever had: about twice the memory of a tile.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        session = runtime.InferenceSession(
            bytes_of_model, options, providers=["CPUExecutionProvider"]
        )
    # Its exceptions share no base class.
    except Exception as error:
        raise _refusal(error) from error
    channels_last = axes == (1, 2)
    kinds = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
    dtypes = {value.name: kinds.get(value.type, np.float32) for value in session.get_inputs()}

    def run(image: Array) -> Array:
        feeds = {}
        for name, part in zip(counts, apart(image, list(counts.values())), strict=True):
            batch = np.moveaxis(part, 0, -1) if channels_last else part
            feeds[name] = np.ascontiguousarray(batch[np.newaxis], dtypes.get(name))
        try:
            # Runtimes leave out what no node reads.
            (given,) = session.run([wanted], {name: feeds[name] for name in dtypes})
        except Exception as error:
            raise _refusal(error) from error
        result = np.asarray(given)[0]
        if result.ndim != 3:
            raise InvalidInput(
                f"layer {target!r} must be a feature map (channels, rows, columns), got shape "
                f"{result.shape}: choose a layer before it"
            )
        # Where the rows are, is read from the layout that the image came in.
        return np.moveaxis(result, -1, 0) if channels_last else result

    return run, digest(bytes_of_model, wanted.encode())


def _any_size(proto: Any, wanted: str) -> tuple[dict[str, int | None], tuple[int, int]]:
    """Let the model take images of any size and give one tensor; return channels and axes."""
    images, axes = image_inputs(proto)
    counts = {}
    for value in all_inputs(proto):
        if value.name not in images:
            raise InvalidInput(
                f"the model must take images only to be run, got the input {value.name!r}: give "
                f"example_inputs={{{value.name!r}: ...}}"
            )
        dims = value.type.tensor_type.shape.dim
        counts[value.name] = images[value.name][3 if axes == (1, 2) else 1]
        for axis, label in zip((0, *axes), ("batch", "rows", "columns"), strict=True):
            dims[axis].dim_param = label
    # Sizes that were noted for the old image would contradict.
    del proto.graph.value_info[:]
    del proto.graph.output[:]
    proto.graph.output.add(name=wanted)
    return counts, axes


def _refusal(error: Exception) -> InvalidInput:
    reason = " ".join(str(error).split())[:240]
    return InvalidInput(f"ONNX Runtime must run the model, got: {reason}: check the model with it")
