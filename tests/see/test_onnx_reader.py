"""ONNX models as graphs: known figures, every operation, and what the runtime itself shows."""

# ruff: noqa: E402 (imports wait for what may not be installed)
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx_models import Model, dilated, inception, plain, residual, unet, upsampled

from kernfit import InvalidInput, receptive_field, receptive_fields, tile_plan
from kernfit.see.measuring import verify


@pytest.mark.parametrize("network", [plain, residual, unet, dilated, inception, upsampled])
def test_the_runtime_shows_the_same_windows(network):
    model = network()
    for node in list(model.graph.node)[:: max(1, len(model.graph.node) // 4)]:
        found = verify(model, node.name)
        assert found.equal, str(found)
    assert verify(model).equal


def random_model(seed):
    """Branches, strides, dilation, transposed convolutions, crops, pooling and sampling."""
    rng = np.random.default_rng(seed)
    m = Model(seed=seed)
    larger = 0
    x = m.conv("image", 3, int(rng.integers(1, 6)), padding=rng.integers(0, 3, 4).tolist())
    for _ in range(rng.integers(2, 6)):
        kinds = ["conv", "pool", "branch", "crop", "up", "resize", "shuffle"]
        larger += (kind := rng.choice(kinds if larger < 2 else kinds[:4])) in kinds[4:]
        if kind == "conv":
            size = rng.integers(1, 5, 2).tolist()
            stride, dilation = rng.integers(1, 3, 2).tolist()
            x = m.conv(x, 4, size, stride, dilation, rng.integers(0, 3, 4).tolist())
        elif kind == "pool":
            op = str(rng.choice(["MaxPool", "AveragePool"]))
            x = m.pool(x, op, 3, 2, pads=[1] * 4, ceil_mode=int(rng.integers(2)))
        elif kind == "up":
            size = int(rng.integers(2, 5))
            x = m.up(x, 3, size, 2, pads=rng.integers(0, 2, 4).tolist())
        elif kind == "branch":
            reach = int(rng.integers(1, 4))
            y = m.conv(x, m.channels[x], 3, 1, reach)
            z = m.conv(x, m.channels[x], (1, 5))
            x = m.op("Add", y, z) if rng.integers(2) else m.cat(x, y, z)
        elif kind == "crop":
            starts, ends = m.constant(rng.integers(0, 3, 2)), m.constant(-rng.integers(1, 3, 2))
            x = m.op("Slice", x, starts, ends, m.constant(np.array([2, 3])))
        elif kind == "resize":
            mode = str(rng.choice(["nearest", "linear"]))
            places = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            x = m.resize(x, float(rng.choice([2, 1.5, 3])), mode=mode, **places)
        else:
            x = m.op("DepthToSpace", m.conv(x, 8, 1), blocksize=2, channels=2)
    return m.build(m.conv(x, 2, 3))


@pytest.mark.parametrize("seed", range(40))
def test_random_models_are_as_the_runtime_shows(seed):
    found = verify(random_model(seed))
    assert found.equal, str(found)


def built(*names, channels=4, **attributes):
    """A convolution, then one operation with constant inputs."""
    m = Model()
    x = m.conv("image", channels, 3)
    kind, *constants = names
    inputs = [m.constant(c) if not isinstance(c, str) else c for c in constants]
    y = m.op(kind, x, *inputs, name="it", **attributes)
    y = y if isinstance(y, str) else y[1]
    return m.build(y, rows=32, columns=48)


@pytest.mark.parametrize(
    ("model", "size", "stride", "padding"),
    [
        (built("SpaceToDepth", blocksize=2), (4, 4), (2, 2), (1, 1)),
        (built("Transpose", perm=[0, 2, 3, 1]), (3, 3), (1, 1), (1, 1)),
        (built("Reshape", np.array([1, 2, 2, 32, -1])), (3, 3), (1, 1), (1, 1)),
        (built("Reshape", np.array([0, 4, 16, 2, 48])), (4, 3), (2, 1), (1, 1)),
        (built("Squeeze", np.array([0])), (3, 3), (1, 1), (1, 1)),
        (built("Softmax", axis=1), (3, 3), (1, 1), (1, 1)),
        (built("Softmax", axis=-1), (3, None), (1, None), (1, None)),
        (built("ReduceMean", np.array([1])), (3, 3), (1, 1), (1, 1)),
        (built("ReduceMean", np.array([2, 3])), (None, None), (None, None), (None, None)),
        (built("Flatten"), (None, None), (None, None), (None, None)),
        (built("LRN", size=3), (3, 3), (1, 1), (1, 1)),
        (built("Pad", np.array([0, 0, 1, -2, 0, 0, 0, 0])), (3, 3), (1, 1), (2, -1)),
        (built("Split", outputs=2, axis=1, num_outputs=2), (3, 3), (1, 1), (1, 1)),
        (built("Gather", np.array([0, 2]), axis=1), (3, 3), (1, 1), (1, 1)),
        (built("Gather", np.array([0, 2]), axis=2), (None, None), (None, None), (None, None)),
        (built("MatMul", np.ones((48, 5), np.float32)), (None, None), (None, None), (None, None)),
        (built("Clip", np.float32(0), np.float32(1)), (3, 3), (1, 1), (1, 1)),
        (built("MaxPool", kernel_shape=[3, 2], auto_pad="SAME_UPPER"), (5, 4), (1, 1), (2, 1)),
        (built("MaxPool", kernel_shape=[3, 2], auto_pad="SAME_LOWER"), (5, 4), (1, 1), (2, 2)),
        (built("Slice", *np.array([[1], [30], [2], [3]])), (3, 3), (3, 1), (0, 1)),
    ],
)  # fmt: skip
def test_operations(model, size, stride, padding):
    given = model.graph.output[0].name
    field = receptive_field(model, given)
    assert (field.size, field.stride, field.padding) == (size, stride, padding)
    assert bool(field.whole[0]) == (size[0] is None)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "LpNormalization"])
def test_what_mixes_channels_keeps_places(name):
    assert verify(built(name, axis=1), "it").equal


def test_same_padding_follows_from_the_images_size():
    m = Model()
    weight = m.constant(np.ones((1, 1, 3, 3), np.float32))
    model = m.build(m.op("Conv", "image", weight, strides=[2, 2], auto_pad="SAME_UPPER"))
    assert receptive_field(model, shape=(224, 321)).padding == (0, 1)


def test_sizes_computed_in_the_model_are_followed():
    """Resize to the size of a skip connection, as exporters write it."""
    m = Model()
    skip = m.conv("image", 3)
    x = m.conv(m.pool(skip), 3)
    size = m.op("Shape", skip)
    rows = m.op("Slice", size, m.constant(np.array([2])), m.constant(np.array([4])))
    front = m.constant(np.array([1, 3]))
    sizes = m.op("Concat", front, rows, axis=0, channels=0)
    up = m.op("Resize", x, "", "", sizes, mode="nearest", nearest_mode="floor",
              coordinate_transformation_mode="asymmetric")  # fmt: skip
    model = m.build(m.cat(up, skip))
    assert receptive_field(model, up).stride == (1, 1)
    assert verify(model).equal


def test_channels_last_models_as_tf2onnx_writes_them():
    m = Model()
    m.channels["image"] = 3
    x = m.op("Transpose", "image", perm=[0, 3, 1, 2])
    y = m.op("Transpose", m.conv(x, 2, (3, 5)), perm=[0, 2, 3, 1])
    model = m.build(y)
    shape = model.graph.input[0].type.tensor_type.shape
    for dim, size in zip(shape.dim, (1, 40, 50, 3), strict=True):
        dim.dim_value = size
    field = receptive_field(model)
    assert (field.size, field.shape) == ((3, 5), (40, 50))


def test_unknown_operations_name_the_node():
    m = Model()
    x = m.conv("image", 2)
    y = m.op("GridSample", x, m.constant(np.zeros((1, 4, 4, 2), np.float32)), name="warp")
    model = m.build(y)
    with pytest.raises(InvalidInput, match="node 'warp' has the operation 'GridSample', of which"):
        receptive_field(model)
    assert receptive_field(model, pointwise=("GridSample",)).size == (3, 3)
    assert receptive_field(model, pointwise="warp").size == (3, 3)


def test_what_does_not_fit_is_said():
    m = Model()
    x = m.conv("image", 2, padding=[0] * 4)
    model = m.build(m.op("Add", x, m.conv("image", 2, 1, stride=2), name="sum"))
    with pytest.raises(InvalidInput, match="meet at Add 'sum' must have the same stride along row"):
        receptive_field(model)
    with pytest.raises(InvalidInput, match="'conv0' .Conv. is not followed, as nothing comes out"):
        receptive_field(model, shape=(2, 2))
    with pytest.raises(InvalidInput, match="must have an image input .* got none"):
        receptive_field(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])))
    with pytest.raises(InvalidInput, match="layer must be a node of the model, got 'conv9'"):
        receptive_field(plain(), "conv9")
    m = Model()
    pool = m.build(m.op("GlobalMaxPool", m.conv("image", 2), name="pool"))
    with pytest.raises(InvalidInput, match="got 'pool', which sees all rows of it: GlobalMaxPool"):
        verify(pool)


def test_everything_behind_a_whole_image_names_the_first_reason():
    m = Model()
    x = m.conv("image", 2)
    gate = m.op("Sigmoid", m.op("GlobalAveragePool", x, name="squeeze"))
    fields = receptive_fields(m.build(m.conv(m.op("Mul", x, gate), 1)))
    last = list(fields.values())[-1]
    assert last.size == (None, None)
    assert last.whole == ("GlobalAveragePool 'squeeze': it pools all of it",) * 2
    with pytest.raises(InvalidInput, match="is the whole image along rows .*give shape="):
        last.window(0, 0)


def test_groups_that_never_mix_make_an_upper_bound_and_that_is_said():
    m = Model()
    x = m.cat(m.conv("image", 2, 5), m.conv("image", 2, 1))
    x = m.conv(x, 4, 1, group=2)
    first, second = m.op("Split", x, axis=1, num_outputs=2, outputs=2)
    m.channels[second] = 2
    found = verify(m.build(m.conv(second, 1, 1)))
    assert not found.equal
    assert found.bound
    assert "an upper bound: some windows differ, such as rows of element" in str(found)
    assert first


WHEEL = Path(onnx.__file__).parent / "backend" / "test" / "data"
GRAPHS = sorted(WHEEL.rglob("*.onnx"))


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: str(path.relative_to(WHEEL)))
def test_graphs_of_the_onnx_wheel_are_read_or_said_to_have_no_image(path):
    """Their input says whether there is an image; what is refused is refused for that alone."""
    proto = onnx.load(path)
    stored = {tensor.name for tensor in proto.graph.initializer}
    given = [value for value in proto.graph.input if value.name not in stored]
    shapes = [[dim.dim_value for dim in v.type.tensor_type.shape.dim] for v in given]
    images = [shape for shape in shapes if len(shape) == 4 and shape[2:] != [1, 1]]
    if images and all(shape[2:] == images[0][2:] for shape in images):
        field = receptive_field(path)
        assert all(n is not None for n in field.size) or any(field.whole)
    else:
        with pytest.raises(InvalidInput, match="the model must have an image input"):
            receptive_field(path)


@pytest.mark.parametrize(
    ("name", "layer", "size", "stride"),
    # By hand for AlexNet, taps/stride 11/4 3/2 5 3/2 3 3 3 3/2: 11+8+32+16+32+32+32+32 = 195.
    [("bvlc_alexnet", "n14", 195, 32), ("squeezenet", "n63", 207, 16)],
)
def test_networks_of_the_onnx_wheel_see_what_is_measured(name, layer, size, stride):
    path = WHEEL / "light" / f"light_{name}.onnx"
    field = receptive_field(path, layer)
    assert (field.size, field.stride) == ((size, size), (stride, stride))
    # What comes behind the layer takes one size only.
    assert tile_plan(path, (900, 900), layer=layer, tile=800).count == 4
    found = verify(path, layer)
    assert found.equal, str(found)


@pytest.mark.parametrize("layer", ["n40", "n199"])
def test_a_network_that_takes_one_size_only_is_measured_at_it(layer):
    """Its channels are shuffled by reshaping to sizes that are written down."""
    found = verify(WHEEL / "light" / "light_shufflenet.onnx", layer)
    assert found.equal, str(found)
