"""`kernfit see` and `kernfit tile` on real files."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

import onnx_models  # noqa: E402

from kernfit import run_tiled  # noqa: E402
from kernfit.cli import main  # noqa: E402
from kernfit.io.images import read_image, write_image  # noqa: E402


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def files(tmp_path):
    image = np.random.default_rng(0).integers(0, 200, (120, 84)).astype(np.uint8)
    write_image(tmp_path / "image.tif", image)
    onnx.save(onnx_models.unet(), tmp_path / "unet.onnx")
    return tmp_path


def test_see_lists_every_layer(files, capsys):
    assert run("see", files / "unet.onnx") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["node", "operation", "size", "stride", "padding"]
    assert lines[1].split() == ["image", "image", "1", "1", "0"]
    assert lines[2].split() == ["conv0", "Conv", "3", "1", "1"]
    assert lines[4].split() == ["maxpool2", "MaxPool", "4", "2", "1"]
    assert len(lines) == 2 + len(onnx_models.unet().graph.node)


def test_see_one_layer_as_json_and_picture(files, capsys):
    picture = files / "window.png"
    assert run("see", files / "unet.onnx", "--layer", "maxpool2", "--json", "--plot", picture) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["size"] == [4, 4]
    assert figures["stride"] == [2, 2]
    assert read_image(picture).pixels.shape[0] == 3


def test_see_draws_a_chosen_element_and_the_maps_on_a_picture(files, capsys):
    window, maps = files / "window.png", files / "maps.png"
    arguments = ("--image", files / "image.tif", "--plot", window, "--element", "3,5")
    run("see", files / "unet.onnx", "--layer", "maxpool2", *arguments, "--maps", maps)
    said = capsys.readouterr().out
    assert f"picture written to {window}" in said
    assert f"picture written to {maps}" in said
    assert read_image(window).pixels.shape[0] == read_image(maps).pixels.shape[0] == 3
    arguments = ("--maps", maps, "--image", files / "image.tif", "--json", "--overwrite")
    assert run("see", "sobel_x", *arguments) == 0
    assert json.loads(capsys.readouterr().out)[1]["size"] == [3, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--element", "3"), "--element must be a row and a column such as 3,7, got '3'"),
        (("--maps", "m.png"), "--image must be an image file for --maps"),
        (("--image", "no.png"), "no.png does not exist"),
    ],
)
def test_see_refuses_in_one_line(files, capsys, options, message):
    assert run("see", files / "unet.onnx", *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_see_says_why_it_is_the_whole_image(files, capsys):
    m = onnx_models.Model()
    onnx.save(m.build(m.op("GlobalMaxPool", m.conv("image", 2), name="top")), files / "global.onnx")
    assert run("see", files / "global.onnx", "--layer", "top") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[2:5] == ["-", "-", "-"]
    assert "whole image: GlobalMaxPool 'top': it pools all of it" in line


def test_tile_equals_the_whole(files, capsys):
    out = files / "out.tif"
    assert run("tile", files / "unet.onnx", files / "image.tif", out, "--tile", "64x48") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{out}: 120x84, ")
    assert said.err == ""
    expected = run_tiled(files / "unet.onnx", files / "image.tif", tile=500)
    np.testing.assert_array_equal(read_image(out).pixels, expected[0])
    assert {p.name for p in files.iterdir()} == {"unet.onnx", "image.tif", "out.tif"}


def test_tile_plan_only(files, capsys):
    arguments = ("tile", files / "unet.onnx", files / "image.tif", files / "out.npy", "--plan")
    assert run(*arguments, "--memory", "1MiB") == 0
    text = capsys.readouterr().out
    assert "tiles begin at multiples of 4 rows and 4 columns" in text
    assert "halo for bioimage.io: y 12, x 12" in text
    assert not (files / "out.npy").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tile", "64x"), "--tile must be rows x columns such as 512x256, got '64x'"),
        (("--pad", "zero"), "--pad must be one of none, edge"),
        (("--layer", "convv0"), "layer must be a node of the model, got 'convv0': try conv0"),
    ],
)
def test_tile_refuses_in_one_line(files, capsys, options, message):
    arguments = (files / "unet.onnx", files / "image.tif", files / "out.npy")
    assert run("tile", *arguments, *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (files / "out.npy").exists()


def test_tile_refuses_what_has_no_exact_tiles_and_names_the_node(files, capsys):
    m = onnx_models.Model()
    x = m.conv("image", 2)
    one = m.constant(np.ones(2, np.float32))
    model = m.build(m.op("InstanceNormalization", x, one, one, name="norm"))
    onnx.save(model, files / "norm.onnx")
    assert run("tile", files / "norm.onnx", files / "image.tif", files / "out.npy") == 2
    said = capsys.readouterr().err
    assert "node 'norm' (InstanceNormalization) needs all of the image: it is normalised" in said
    assert not (files / "out.npy").exists()


def test_models_that_are_not_read_are_refused(files, capsys):
    (files / "junk.onnx").write_bytes(b"not a model at all")
    assert run("see", files / "junk.onnx") == 2
    assert "is not a readable ONNX file" in capsys.readouterr().err
    (files / "model.pt").write_bytes(b"x")
    assert run("see", files / "model.pt") == 2
    said = capsys.readouterr().err
    assert "must be an ONNX file (.onnx" in said
    assert "load it yourself" in said
    assert run("see", files / "no.onnx") == 2
    assert "does not exist" in capsys.readouterr().err
