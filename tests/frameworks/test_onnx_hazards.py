"""ONNX files that are damaged, or made to do harm: one line, little memory, no escapes."""

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from kernfit import InvalidInput, RefusedFile, receptive_field
from kernfit.cli import run


def model(nodes, arrays=(), name="net"):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, None, None])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(np.asarray(a), n) for n, a in dict(arrays).items()]
    graph = helper.make_graph(nodes, name, [image], [out], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


WEIGHT = {"w": np.ones((1, 1, 3, 3), np.float32)}


def test_a_stride_of_nothing_is_refused():
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"], "conv", strides=[0, 1])]
    with pytest.raises(InvalidInput, match="stride of a window must be from 1 to .*got 0"):
        receptive_field(model(nodes, WEIGHT))


def test_settings_that_contradict_each_other_name_the_node():
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"], "conv", strides=[1])]
    with pytest.raises(InvalidInput, match=r"node 'conv' \(Conv\) must have settings that fit"):
        receptive_field(model(nodes, WEIGHT))


def test_a_cycle_is_refused():
    nodes = [
        helper.make_node("Add", ["image", "b"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "second"),
        helper.make_node("Relu", ["b"], ["y"], "third"),
    ]
    with pytest.raises(RefusedFile, match="node 'first' must read what is given before.*'b'"):
        receptive_field(model(nodes))


def test_sizes_that_explode_are_refused_before_they_take_memory():
    scales = {"s": np.array([1, 1, 997 / 991, 1], np.float32)}
    nodes, before = [], "image"
    for n in range(6):
        nodes.append(helper.make_node("Resize", [before, "", "s"], [f"r{n}"], f"r{n}"))
        before = f"r{n}"
    nodes.append(helper.make_node("Relu", [before], ["y"]))
    with pytest.raises(InvalidInput, match="windows must repeat within 65536 elements"):
        receptive_field(model(nodes, scales))
    nodes, before = [], "image"
    for n in range(9):
        name = f"t{n}"
        nodes.append(
            helper.make_node("ConvTranspose", [before, "w"], [name], name, strides=[64] * 2)
        )
        before = name
    nodes.append(helper.make_node("Relu", [before], ["y"]))
    with pytest.raises(InvalidInput, match=r"must (repeat within|have at most) \d+ elements"):
        receptive_field(model(nodes, WEIGHT))


def test_constants_that_explode_are_not_computed():
    arrays = {"one": np.ones(1, np.int64), "many": np.array([2**40], np.int64), **WEIGHT}
    nodes = [
        helper.make_node("Tile", ["one", "many"], ["large"]),
        helper.make_node("Conv", ["image", "w"], ["a"], "conv"),
        helper.make_node("Expand", ["a", "large"], ["y"], "expand"),
    ]
    with pytest.raises(InvalidInput, match="node 'expand'"):
        receptive_field(model(nodes, arrays))


def test_names_do_not_steer_the_terminal(tmp_path, monkeypatch, capsys):
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"], "\x1b[31mred\x07")]
    onnx.save(model(nodes, WEIGHT), path := tmp_path / "m.onnx")
    monkeypatch.setattr("sys.argv", ["kernfit", "see", str(path)])
    with pytest.raises(SystemExit) as done:
        run()
    said = capsys.readouterr()
    assert not done.value.code
    assert r"\x1b[31mred\x07" in said.out
    assert "\x1b" not in said.out + said.err


def test_a_missing_file_of_weights_is_named(tmp_path):
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"], "conv")]
    path = tmp_path / "m.onnx"
    onnx.save(
        model(nodes, {"w": np.ones((1, 1, 31, 33), np.float32)}),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert receptive_field(path).size == (31, 33)
    (tmp_path / "weights.bin").unlink()
    assert receptive_field(path).size == (31, 33)  # sizes are in the model itself
    from kernfit import feature_maps

    with pytest.raises(RefusedFile, match=r"keeps weights in 'weights.bin' beside it"):
        feature_maps(path, np.zeros((40, 40)))
