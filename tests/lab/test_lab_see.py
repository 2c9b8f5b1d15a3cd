"""The See bench: windows, tiles and files of networks are those of Python."""

import json
import re

import numpy as np
import pytest

from kernfit import LayerSpec, receptive_field, receptive_fields, tile_plan

expect = pytest.importorskip("playwright.sync_api").expect

VGG = [LayerSpec(3, padding=1), LayerSpec(3, padding=1), LayerSpec(2, stride=2)] * 2
# Where orange lies over the picture: the first and last row and column of it, in CSS pixels.
ORANGE = """(canvas) => {
    const {width, height} = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    let box = [height, -1, width, -1];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const o = 4 * (y * width + x);
        if (data[o] > data[o + 2] + 60) {
            box = [Math.min(box[0], y), Math.max(box[1], y),
                Math.min(box[2], x), Math.max(box[3], x)];
        }
    }
    const dense = width / canvas.getBoundingClientRect().width;
    return box.map((n) => n / dense);
}"""


def said(page, text="looks at"):
    expect(page.locator("#window")).to_contain_text(text, timeout=60_000)
    return [int(n) for n in re.findall(r"-?\d+", page.locator("#window").inner_text())]


def cells(page):
    return [row.locator("td, th").all_inner_texts() for row in page.locator("#nodes tr").all()]


def test_windows_and_figures_are_those_of_python(visit):
    page = visit("#see?element=[0,10]")
    row, column, _, *numbers = said(page)
    (top, bottom), (left, right) = receptive_field(VGG).window(0, 10)
    assert (row, column) == (0, 10)
    assert numbers[2:6] == [top, bottom - 1, left, right - 1]
    assert "partly beyond it" in page.locator("#window").inner_text()
    fields = list(receptive_fields(VGG).values())
    for field, (_, _, _, size, stride, padding, _) in zip(fields, cells(page), strict=True):
        assert size == " × ".join(map(str, field.size))
        assert stride == " × ".join(map(str, field.stride))
        assert padding == ", ".join(map(str, field.padding))


def test_a_click_on_an_element_lights_up_what_it_sees(visit):
    page = visit('#see?image=bar&layers=[{"size":2},{"size":3,"padding":1}]')
    said(page)
    figures = page.locator(".panels figure")
    assert figures.locator("figcaption").all_inner_texts() == [
        "image, 6 × 8",
        "layer 1, 5 × 7",
        "layer 2, 5 × 7",
    ]
    last = figures.nth(2).locator("canvas")
    box = last.bounding_box()
    cell = box["width"] / 7
    last.click(position={"x": 4.5 * cell, "y": 1.5 * cell})
    expect(page.locator("#window")).to_contain_text("Row 1, column 4 of layer 2")
    expect(page.locator("#window")).to_contain_text("rows 0 to 3 and columns 3 to 6")
    page.wait_for_timeout(200)
    # The middle layer: rows 0 to 2 and columns 3 to 5; its pixels are as wide as a cell.
    middle = figures.nth(1).locator("canvas")
    cell = middle.bounding_box()["width"] / 7
    lit = [n / cell for n in middle.evaluate(ORANGE)]
    assert lit == pytest.approx([0, 3, 3, 6], abs=0.15)


def test_keys_choose_another_element(visit):
    page = visit('#see?image=bar&layers=[{"size":2}]&element=[2,3]')
    said(page)
    page.locator(".panels canvas").last.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#window")).to_contain_text("Row 2, column 4")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#window")).to_contain_text("Row 3, column 4")


def test_layers_can_be_stacked(visit, refusals):
    refusals.append("status of 422")
    page = visit("#see?image=scene")
    said(page)
    page.get_by_label("Begin with").select_option("three 3×3 layers see as much as one 7×7")
    expect(page.locator("#window")).to_contain_text("7 × 7 pixels")
    page.get_by_role("button", name="Add a layer").click()
    expect(page.locator("#window")).to_contain_text("9 × 9 pixels")
    page.get_by_label("dilation of layer 4").fill("4")
    expect(page.locator("#window")).to_contain_text("15 × 15 pixels")
    page.get_by_label("Remove layer 4").click()
    expect(page.locator("#window")).to_contain_text("7 × 7 pixels")
    page.get_by_label("size of layer 1").fill("900")
    expect(page.locator("#window")).to_contain_text("must lie in the 0x")


def test_the_window_lights_up_layer_by_layer(visit):
    page = visit('#see?image=bar&layers=[{"size":2},{"size":2}]')
    said(page)
    image = page.locator(".panels canvas").first
    page.get_by_role("button", name="Play layer by layer").click()
    assert image.evaluate(ORANGE)[1] == -1  # not yet
    page.wait_for_timeout(1600)
    assert image.evaluate(ORANGE)[1] > 0


def test_the_plan_of_tiles(visit):
    page = visit("#see?image=portrait&tile=200")
    said(page)
    plan = str(tile_plan(VGG, (600, 512), tile=200))
    assert page.locator("#plan").inner_text() == plan


def test_a_network_from_an_onnx_file(visit, tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("MaxPool", ["b"], ["y"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, None, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph), path)
    page = visit("#see?image=scene")
    said(page)
    page.set_input_files("#model", path)
    expect(page.locator("#model-name")).to_contain_text("net.onnx")
    expect(page.locator("#window")).to_contain_text("of pool (240 × 256)")
    fields = receptive_fields(path)
    assert [row[0] for row in cells(page)] == list(fields)
    assert cells(page)[-1][3] == " × ".join(map(str, fields["pool"].size))
    page.get_by_role("button", name="Back to layers").click()
    expect(page.locator("#window")).to_contain_text("of layer 6")


def test_a_model_that_points_to_other_files_is_refused(lab):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 3, 3], [1.0] * 9)
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 6, 6])],
        [weight],
    )
    content = helper.make_model(graph).SerializeToString()
    status, _, body = lab.ask("POST", "api/models?name=net.onnx", content)
    assert status == 201
    asked = {"model": json.loads(body)["id"], "shape": [8, 8]}
    status, _, body = lab.ask("POST", "api/see", asked)
    assert status == 422
    assert "net.onnx keeps weights in other files" in json.loads(body)["error"]
    status, _, body = lab.ask("POST", "api/models?name=junk.onnx", b"junk" * 99)
    asked = {"model": json.loads(body)["id"], "shape": [8, 8]}
    status, _, body = lab.ask("POST", "api/see", asked)
    assert status == 422
    assert "junk.onnx" in json.loads(body)["error"]
    assert onnx.__version__


def test_a_narrow_page_is_not_wider_than_its_window(visit):
    page = visit("#see", width=360)
    said(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
