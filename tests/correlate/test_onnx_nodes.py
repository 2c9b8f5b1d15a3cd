"""The ONNX node tests for Conv and ConvInteger through a thin adapter, and the ONNX reference."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from kernfit.correlate import conv2d

onnx = pytest.importorskip("onnx")


def onnx_conv(x, w, b=None, *, auto_pad="NOTSET", pads=(0, 0, 0, 0), strides=(1, 1),
              dilations=(1, 1), group=1, kernel_shape=None):  # fmt: skip
    """ONNX's Conv: pads are (top, left, bottom, right), "same" also with strides."""
    if auto_pad.startswith("SAME"):
        pads = np.transpose([
            _same(auto_pad, *axis)
            for axis in zip(x.shape[2:], w.shape[2:], strides, dilations, strict=True)
        ]).ravel()  # fmt: skip
    elif auto_pad == "VALID":
        pads = (0, 0, 0, 0)
    top, left, bottom, right = pads
    return conv2d(
        x, w, b, stride=tuple(strides), padding=((top, bottom), (left, right)),
        dilation=tuple(dilations), groups=group,
    )  # fmt: skip


def _same(auto_pad, size, taps, stride, dilation):
    """How much to add before and after, for one output to every `stride` pixels."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    before = (total + (auto_pad == "SAME_LOWER")) // 2
    return before, total - before


def onnx_conv_integer(x, w, x_zero=0, w_zero=0, **attributes):
    """ONNX's ConvInteger: zero points are taken off first, so what is added around counts as 0."""
    w_zero = np.reshape(w_zero, (-1, 1, 1, 1)).astype("i2")
    result = onnx_conv(x.astype("i2") - np.int16(x_zero), w.astype("i2") - w_zero, **attributes)
    return result.astype("i4")


ADAPTERS = {"Conv": onnx_conv, "ConvInteger": onnx_conv_integer}


def run(node, inputs):
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if "auto_pad" in attributes:
        attributes["auto_pad"] = attributes["auto_pad"].decode()
    return ADAPTERS[node.op_type](*inputs, **attributes)


def check(result, expected):
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def node_cases():
    # The same list as load_node_model_tests(), without the modules of all other operators.
    for name in ("conv", "convinteger"):
        import_module(f"onnx.backend.test.case.node.{name}")
    cases = import_module("onnx.backend.test.case.node")._NodeTestCases
    return [case for case in cases if case.model.graph.node[0].op_type in ADAPTERS]


@pytest.mark.parametrize("case", node_cases(), ids=lambda case: case.name)
def test_node_cases(case):
    (node,) = case.model.graph.node
    for inputs, (expected,) in case.data_sets:
        check(run(node, inputs), expected)


def test_there_are_as_many_node_cases_as_onnx_had_in_1_16():
    operators = [case.model.graph.node[0].op_type for case in node_cases()]
    assert operators.count("Conv") >= 6
    assert operators.count("ConvInteger") >= 2


def layer_cases():
    loader = import_module("onnx.backend.test.loader")
    cases = loader.load_model_tests(kind="pytorch-converted")
    return [case for case in cases if case.name.startswith("test_Conv2d")]


@pytest.mark.parametrize("case", layer_cases(), ids=lambda case: case.name)
def test_layer_cases(case, pytestconfig):
    model = onnx.load(f"{case.model_dir}/model.onnx")
    (node,) = model.graph.node
    known = {
        weights.name: onnx.numpy_helper.to_array(weights) for weights in model.graph.initializer
    }
    tensors = []
    for name in ("input_0", "output_0"):
        with open(f"{case.model_dir}/test_data_set_0/{name}.pb", "rb") as file:
            tensors.append(onnx.numpy_helper.to_array(onnx.load_tensor(file)))
    known[model.graph.input[0].name] = tensors[0]
    check(run(node, [known[name] for name in node.input]), tensors[1])


@pytest.mark.parametrize("operator", ["Conv", "ConvInteger"])
def test_onnx_reference(operator):
    # What no node case has: groups, dilations, zero points for each channel, and all together.
    evaluate = import_module("onnx.reference").ReferenceEvaluator
    rng = np.random.default_rng(0)
    for _ in range(150):
        group = int(rng.choice([1, 1, 2, 3]))
        inputs, outputs = (group * int(n) for n in rng.integers(1, 4, 2))
        size, dilations = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
        shape = (size - 1) * dilations + 1 + rng.integers(0, 6, 2)
        attributes = {
            "group": group,
            "dilations": dilations.tolist(),
            "strides": rng.integers(1, 4, 2).tolist(),
            "kernel_shape": size.tolist(),
        }
        auto_pad = str(rng.choice(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
        if auto_pad == "NOTSET":
            attributes["pads"] = rng.integers(0, 4, 4).tolist()
        else:
            attributes["auto_pad"] = auto_pad
        x_shape = (int(rng.integers(1, 3)), inputs, *shape)
        w_shape = (outputs, inputs // group, *size)
        if operator == "Conv":
            tensors = [rng.normal(size=n).astype("f4") for n in (x_shape, w_shape, outputs)]
        else:
            tensors = [
                rng.integers(0, 256, n).astype("u1") for n in (x_shape, w_shape, (), outputs)
            ]
        names = list("xwabcd")[: len(tensors)]
        node = onnx.helper.make_node(operator, names, ["y"], **attributes)
        (expected,) = evaluate(node).run(None, dict(zip(names, tensors, strict=True)))
        check(run(node, tensors), expected)
