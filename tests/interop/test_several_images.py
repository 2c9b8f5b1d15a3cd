"""Models that take several images of one size: ONNX and PyTorch."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import numpy as np
import pytest

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

from kernfit import (
    InvalidInput,
    effective_field,
    feature_maps,
    receptive_field,
    run_tiled,
    tile_plan,
    verify,
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def stereo(second=("rows", "columns"), more=()):
    """Left and right through windows of different sizes, then subtracted."""
    make, kind, rng = onnx.helper, onnx.TensorProto.FLOAT, np.random.default_rng(0)
    weights = {
        "w1": rng.integers(-2, 3, (2, 1, 3, 3)).astype(np.float32),
        "w2": rng.integers(-2, 3, (2, 3, 1, 7)).astype(np.float32),
    }
    nodes = [
        make.make_node("Conv", ["left", "w1"], ["a"], "one", pads=[1] * 4),
        make.make_node("Conv", ["right", "w2"], ["b"], "two", pads=[0, 3, 0, 3]),
        make.make_node("Sub", ["a", "b"], ["c"], "difference"),
    ]
    images = [
        make.make_tensor_value_info("left", kind, [1, 1, "rows", "columns"]),
        make.make_tensor_value_info("right", kind, [1, 3, *second]),
    ]
    last = "c"
    for name in more:
        images.append(make.make_tensor_value_info(name, kind, [1, 2, 1, 1][: 4 if name else 0]))
        nodes.append(make.make_node("Add", [last, name], ["d"], "add"))
        last = "d"
    graph = make.make_graph(
        nodes, "stereo", images, [make.make_tensor_value_info(last, kind, [1, 2, None, None])],
        [onnx.numpy_helper.from_array(w, name) for name, w in weights.items()],
    )  # fmt: skip
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)


def test_onnx_windows_are_those_of_both():
    assert receptive_field(stereo()).size == (3, 7)
    assert receptive_field(stereo(), "one").size == (3, 3)
    found = verify(stereo())
    assert found.equal, str(found)


def test_onnx_tiles_are_cut_from_both():
    image = np.random.default_rng(0).integers(0, 9, (4, 61, 50)).astype(np.float32)
    whole = feature_maps(stereo(), image)
    from onnx.reference import ReferenceEvaluator

    feeds = {"left": image[None, :1], "right": image[None, 1:]}
    np.testing.assert_array_equal(whole, ReferenceEvaluator(stereo()).run(None, feeds)[0][0])
    np.testing.assert_array_equal(run_tiled(stereo(), image, tile=20), whole)
    with pytest.raises(InvalidInput, match=r"2 images side by side, 1 \+ 3, got 2"):
        feature_maps(stereo(), image[:2])


def test_images_of_different_sizes_are_refused():
    with pytest.raises(InvalidInput, match=r"or several of one size, got left .*right"):
        receptive_field(stereo((8, 8)))


def test_one_pixel_is_no_image():
    model = stereo(more=("shift",))
    assert receptive_field(model).size == (3, 7)
    assert tile_plan(model, (99, 99), tile=50).count > 1
    with pytest.raises(InvalidInput, match="images only to be run, got the input 'shift'"):
        feature_maps(model, np.zeros((4, 9, 9)))


def test_torch():
    torch = pytest.importorskip("torch")

    class Stereo(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Conv2d(1, 2, 3, padding=1)
            self.two = torch.nn.Conv2d(3, 2, (1, 7), padding=(0, 3))

        def forward(self, left, right):
            return self.one(left) - self.two(right)

    torch.manual_seed(0)
    model = Stereo()
    assert receptive_field(model).size == (3, 7)
    found = verify(model)
    assert found.equal, str(found)
    image = np.random.default_rng(0).normal(size=(4, 61, 50)).astype(np.float32)
    with torch.no_grad():
        parts = torch.from_numpy(image)[None]
        expected = model(parts[:, :1], parts[:, 1:])[0].numpy()
    np.testing.assert_allclose(feature_maps(model, image), expected, atol=1e-6)
    np.testing.assert_allclose(run_tiled(model, image, tile=20), expected, atol=1e-6)
    strength = effective_field(model, (15, 15), images=2).strength
    assert np.count_nonzero(strength) == 9 + 7 - 3  # a square and a line across it
