"""A layer's weights as a Kernel, and a Kernel as a layer of PyTorch, Keras or ONNX."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kernfit.arrays import Array, one_of
from kernfit.errors import InvalidInput, RefusedFile
from kernfit.files import whole_file
from kernfit.frameworks.registry import framework_of
from kernfit.kernel import Kernel
from kernfit.packages import need

BOUNDARIES = ("constant", "edge", "reflect")


def kernel_of(model: Any, layer: str | None = None) -> Kernel:
    """Return the weights of a convolution as a kernel.

    Groups are written out as zeros between channels, dilation as zeros between taps. Padding in
    front becomes the anchor, where it is smaller than the kernel.

    Parameters
    ----------
    model : torch.nn.Module, Keras model, ONNX file or onnx.ModelProto
    layer : str, optional
        The module's path, or the layer's or node's name. Not needed if there is only one
        convolution.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidInput
        If there is no such convolution, or several to choose from.
    """
    readers = {"torch": _torch_layers, "onnx": _onnx_layers, "keras": _keras_layers}
    framework = framework_of(model)
    if framework.name not in readers:
        raise InvalidInput(
            "model must be one of PyTorch, Keras or ONNX to have layers with weights, got "
            f"{type(model).__name__}: give such a model"
        )
    found = readers[framework.name](model)
    if layer is None and len(found) == 1:
        return next(iter(found.values()))
    if layer not in found:
        raise InvalidInput(
            f"layer must be one of the convolutions {', '.join(found) or '(none)'}, got {layer!r}"
        )
    return found[layer]


def to_torch(kernel: Kernel, *, mode: str = "same", boundary: str = "constant") -> Any:
    """Return a PyTorch module that does what ``correlate2d(image, kernel, mode)`` does.

    Parameters
    ----------
    kernel : Kernel
    mode : {"same", "valid"}
    boundary : {"constant", "edge", "reflect"}
        Of mode "same".

    Returns
    -------
    torch.nn.Conv2d, or a Sequential with its padding in front where Conv2d cannot say that
    """
    torch = need("torch", "torch")
    top, bottom, left, right = _around(kernel, mode, boundary)
    outputs, inputs, rows, columns = kernel.weight.shape
    even = boundary == "constant" and top == bottom and left == right
    conv = torch.nn.Conv2d(inputs, outputs, (rows, columns), padding=(top, left) if even else 0)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(kernel.weight.astype(np.float64)))
        conv.bias.copy_(torch.from_numpy(kernel.bias.astype(np.float64)))
    if even:
        return conv
    pads = {"constant": "ZeroPad2d", "edge": "ReplicationPad2d", "reflect": "ReflectionPad2d"}
    return torch.nn.Sequential(getattr(torch.nn, pads[boundary])((left, right, top, bottom)), conv)


def to_keras(kernel: Kernel, *, mode: str = "same") -> Any:
    """Return a Keras model that does what ``correlate2d(image, kernel, mode)`` does, zeros outside.

    Parameters
    ----------
    kernel : Kernel
    mode : {"same", "valid"}

    Returns
    -------
    keras.Sequential
        From (batch, rows, columns, channels) to the same.
    """
    keras = need("keras", "keras")
    top, bottom, left, right = _around(kernel, mode, "constant")
    outputs, inputs, rows, columns = kernel.weight.shape
    conv = keras.layers.Conv2D(outputs, (rows, columns), data_format="channels_last")
    padding = keras.layers.ZeroPadding2D(((top, bottom), (left, right)), "channels_last")
    model = keras.Sequential([keras.Input((None, None, inputs)), padding, conv])
    conv.set_weights([kernel.weight.transpose(2, 3, 1, 0), kernel.bias])
    return model


def to_onnx(
    kernel: Kernel,
    path: str | os.PathLike[str],
    *,
    mode: str = "same",
    boundary: str = "constant",
) -> None:
    """Write an ONNX file that does what ``correlate2d(image, kernel, mode)`` does, in float32.

    Parameters
    ----------
    kernel : Kernel
    path : path-like
        Ends in .onnx. Its input is "image", (batch, channels, rows, columns), its output "result".
    mode : {"same", "valid"}
    boundary : {"constant", "edge", "reflect"}
        Of mode "same".

    Raises
    ------
    RefusedFile
        If the suffix is another or the file cannot be written.
    """
    onnx = need("onnx", "onnx")
    if not os.fspath(path).lower().endswith(".onnx"):
        raise RefusedFile(f"{path} must end in .onnx: choose such a name")
    top, bottom, left, right = _around(kernel, mode, boundary)
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    arrays = {"weight": kernel.weight.astype(np.float32), "bias": kernel.bias.astype(np.float32)}
    nodes, source, pads = [], "image", [top, left, bottom, right]
    if boundary != "constant" and any(pads):
        arrays["pads"] = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        nodes.append(make.make_node("Pad", ["image", "pads"], ["padded"], "pad", mode=boundary))
        source, pads = "padded", [0] * 4
    nodes.append(
        make.make_node("Conv", [source, "weight", "bias"], ["result"], "kernel", pads=pads)
    )
    graph = make.make_graph(
        nodes,
        kernel.name or "kernel",
        [make.make_tensor_value_info("image", kind, ["n", kernel.weight.shape[1], "h", "w"])],
        [make.make_tensor_value_info("result", kind, ["n", kernel.weight.shape[0], "y", "x"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    # Versions that runtimes of some years ago read as well.
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    with whole_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _around(kernel: Kernel, mode: str, boundary: str) -> tuple[int, int, int, int]:
    """Return how much padding mode "same" asks for: top, bottom, left, right."""
    one_of(boundary, BOUNDARIES, "boundary")
    if one_of(mode, ("same", "valid"), "mode") == "valid":
        return 0, 0, 0, 0
    (row, column), (rows, columns) = kernel.anchor, kernel.shape
    return row, rows - 1 - row, column, columns - 1 - column


def _torch_layers(model: Any) -> dict[str, Kernel]:
    torch = need("torch", "torch")
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            weight = module.weight.detach().cpu().numpy()
            bias = None if module.bias is None else module.bias.detach().cpu().numpy()
            # Text ("same", "valid") is written out in the numbers that the module keeps.
            left, _, top, _ = module._reversed_padding_repeated_twice
            dilation = tuple(module.dilation)
            found[name or "conv"] = _kernel(
                weight, bias, module.groups, dilation, (top, left), name
            )
    return found


def _keras_layers(model: Any) -> dict[str, Kernel]:
    found = {}
    for layer in model._flatten_layers():
        kind = type(layer).__name__
        if kind not in ("Conv2D", "DepthwiseConv2D") or not layer.built:
            continue
        weight, *rest = layer.get_weights()
        groups = getattr(layer, "groups", 1)
        if kind == "DepthwiseConv2D":
            # (rows, columns, in, multiplier): each input channel is a group of its own.
            groups = weight.shape[2]
            weight = weight.reshape(*weight.shape[:2], 1, -1)
        dilation = layer.dilation_rate
        rows, columns = ((n - 1) * d for n, d in zip(weight.shape[:2], dilation, strict=True))
        front = (rows // 2, columns // 2) if layer.padding == "same" else (0, 0)
        found[layer.name] = _kernel(
            weight.transpose(3, 2, 0, 1), rest[0] if rest else None, groups, dilation, front,
            layer.name,
        )  # fmt: skip
    return found


def _onnx_layers(model: Any) -> dict[str, Kernel]:
    from kernfit.frameworks.onnx.read import attributes, load_onnx, weights_of

    proto = load_onnx(model)
    arrays, found = weights_of(proto), {}
    for node in proto.graph.node:
        if node.op_type == "Conv" and node.input[1] in arrays:
            given = attributes(node)
            bias = arrays.get(node.input[2]) if len(node.input) > 2 else None
            pads, dilation = given.get("pads", [0, 0]), given.get("dilations", [1, 1])
            found[node.name] = _kernel(
                arrays[node.input[1]],
                bias,
                given.get("group", 1),
                (dilation[0], dilation[1]),
                (pads[0], pads[1]),
                node.name,
            )
    return found


def _kernel(
    weight: Array,
    bias: Array | None,
    groups: int,
    dilation: tuple[int, ...],
    front: tuple[int, int],
    name: str,
) -> Kernel:
    """Return a kernel with groups and dilation written out."""
    outputs, inside, rows, columns = weight.shape
    size = (rows - 1) * dilation[0] + 1, (columns - 1) * dilation[1] + 1
    full = np.zeros((outputs, inside * groups, *size))
    for group in range(groups):
        out = slice(group * outputs // groups, (group + 1) * outputs // groups)
        into = slice(group * inside, (group + 1) * inside)
        full[out, into, :: dilation[0], :: dilation[1]] = weight[out]
    says = any(front) and front[0] < size[0] and front[1] < size[1]
    return Kernel(full, 0 if bias is None else bias, anchor=front if says else None, name=name)
