"""Keras: models of one's own, operations between layers, and what Keras itself shows."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import os

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from keras import layers, ops

from kernfit import InvalidInput, conv2d, feature_maps, receptive_field, run_tiled, verify
from kernfit.frameworks.registry import graph_of
from kernfit.interop.kernels import kernel_of, to_keras

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


class Unit(layers.Layer):
    """A residual unit as people write them."""

    def __init__(self, channels, **more):
        super().__init__(**more)
        self.one = layers.Conv2D(channels, 3, padding="same", name="one")
        self.two = layers.DepthwiseConv2D(5, padding="same", name="two")

    def build(self, shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones")
        self.one.build(shape)
        self.two.build((*shape[:3], self.one.filters))

    def call(self, x):
        return ops.relu(self.two(ops.relu(self.one(x)))) * self.scale + x


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(4, 3, strides=2, padding="same", name="stem")
        self.unit = Unit(4, name="unit")
        self.last = layers.Conv2DTranspose(2, 4, 2, padding="same", name="last")

    def call(self, x, training=False):
        y = self.unit(self.stem(x))
        return self.last(ops.concatenate([y, ops.max_pool(y, 3, 1, padding="same")], axis=-1))


def own():
    model = Own()
    model(np.zeros((1, 32, 48, 1), np.float32))
    return model


class Everything(layers.Layer):
    """Shuffles, crops, borders, reshapes and layouts between layers."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(8, 3, padding="same", name="conv")
        self.norm = layers.LayerNormalization(name="norm")
        self.dense = layers.Dense(8, name="dense")

    def call(self, x):
        x = self.dense(self.norm(self.conv(x)))
        x = ops.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)), mode="reflect")[:, 1:-1, 2:, :]
        one, other = ops.split(x, 2, axis=-1)
        x = ops.squeeze(ops.expand_dims(one + other, 1), 1)
        _, rows, columns, _ = x.shape  # channels become pixels
        x = ops.reshape(x, (-1, rows, columns, 2, 2, 1))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * 2, columns * 2, 1))
        x = ops.average_pool(x, (3, 2), 1)
        x = ops.softmax(ops.concatenate([x, ops.mean(x, -1, keepdims=True)], -1), -1)
        size = x.shape[1] * 2, x.shape[2] * 2
        x = ops.image.resize(x, size, interpolation="bilinear")
        return ops.where(x > 0, x, 0)


def shuffled():
    image = keras.Input((64, 64, 1))
    x = Everything()(image)
    return keras.Model(image, x)


def two_images():
    """Before and after, through the same layers, as in change detection."""
    inputs = [keras.Input((None, None, n), name=name) for n, name in ((1, "a"), (3, "b"))]
    parts = [
        layers.Conv2D(2, size, padding="same")(x) for x, size in zip(inputs, (3, 7), strict=True)
    ]
    return keras.Model(inputs, layers.Conv2D(1, 3, padding="same")(layers.Subtract()(parts)))


def unet():
    image = keras.Input((None, None, 1))
    x = skip = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(6, 3, padding="same")(layers.MaxPooling2D()(x))
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2DTranspose(4, 4, 2, padding="same", name="up")(x)
    coarse = layers.AveragePooling2D(2, name="half")(skip)
    fine = layers.DepthwiseConv2D(5, padding="same")(skip)
    x = layers.Concatenate()([x, layers.UpSampling2D(interpolation="bilinear")(coarse), fine])
    return keras.Model(image, layers.SeparableConv2D(2, (1, 5), padding="valid")(x))


@pytest.mark.parametrize(
    ("model", "layer"),
    [(unet(), None), (unet(), "up"), (unet(), "half"), (own(), None), (own(), "unit/two"),
     (two_images(), None), (shuffled(), None), (shuffled(), "everything/split")],
    ids=str,
)  # fmt: skip
def test_keras_shows_the_same_windows(model, layer):
    if layer and layer.startswith("everything"):
        layer = next(n for n in graph_of(model).nodes if n.endswith("/split:1"))
    found = verify(model, layer)
    assert found.equal, str(found)


def test_a_measured_window_can_differ():
    """The comparison above can fail: taps that are zero are found dead when asked for."""
    model = keras.Sequential([keras.Input((64, 64, 1)), layers.Conv2D(1, 5, padding="same")])
    weight = np.zeros((5, 5, 1, 1), np.float32)
    weight[1:4, 2] = 1
    model.set_weights([weight, np.zeros(1)])
    assert verify(model).equal
    found = verify(model, zeros=True)
    assert not found.equal
    assert found.bound
    assert "is an upper bound: some windows differ" in str(found)


def test_a_subclass_is_followed_and_run():
    model = own()
    # By hand: 3 + (3 - 1) * 2 + (5 - 1) * 2 + (3 - 1) * 2 at stride 2, then two inputs an output.
    assert receptive_field(model, "unit").size == (15, 15)
    assert receptive_field(model).size == (21, 21)
    assert receptive_field(model).stride == (1, 1)
    image = np.random.default_rng(0).normal(size=(1, 100, 84)).astype(np.float32)
    expected = feature_maps(model, image)
    with_keras = model(np.moveaxis(image, 0, -1)[None])[0].detach().numpy()
    np.testing.assert_allclose(expected, np.moveaxis(with_keras, -1, 0), rtol=1e-5, atol=1e-6)
    got = run_tiled(model, image, tile=60)
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    assert feature_maps(model, image, "stem").shape == (4, 50, 42)


def test_several_images_lie_side_by_side():
    model = two_images()
    assert receptive_field(model).size == (9, 9)
    image = np.random.default_rng(0).normal(size=(4, 70, 66)).astype(np.float32)
    batch = np.moveaxis(image, 0, -1)[None]
    expected = model([batch[..., :1], batch[..., 1:]])[0].detach().numpy()[..., 0]
    np.testing.assert_allclose(feature_maps(model, image)[0], expected, rtol=1e-5, atol=1e-6)
    got = run_tiled(model, image, tile=40)
    assert np.abs(got[0] - expected).max() <= 1e-5 * np.abs(expected).max()
    with pytest.raises(InvalidInput, match=r"side by side, 1 \+ 3, got 3"):
        feature_maps(model, image[:3])


def test_a_vector_beside_the_image_is_read_but_not_run():
    image, time = keras.Input((None, None, 1)), keras.Input((4,), name="time")
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.Add()([x, layers.Reshape((1, 1, 4))(layers.Dense(4)(time))])
    model = keras.Model([image, time], x)
    assert receptive_field(model).size == (3, 3)
    with pytest.raises(InvalidInput, match="images only to be run, got the input 'time'"):
        feature_maps(model, np.zeros((9, 9)))


def test_what_cannot_be_followed_is_said():
    with pytest.raises(InvalidInput, match="must be built, got Own: call it once on an image"):
        receptive_field(Own())

    class Odd(keras.Model):
        def call(self, x):
            import torch

            if isinstance(x, torch.Tensor):
                return torch.sin(x)
            raise TypeError("no\nsymbols")

    model = Odd()
    model.build((None, 9, 9, 1))
    with pytest.raises(InvalidInput, match=r"Odd\.call must be made of .* got: no symbols: export"):
        receptive_field(model)
    images = [keras.Input((9, 9, 1)), keras.Input((8, 8, 1))]
    model = keras.Model(images, [layers.ReLU()(image) for image in images])
    with pytest.raises(InvalidInput, match="or several of one size, got"):
        receptive_field(model)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, (3, 2), padding="same", dilation_rate=(2, 1), groups=2, name="a"),
        layers.Conv2D(3, (2, 5), use_bias=False, name="b"),
        layers.DepthwiseConv2D((4, 3), padding="same", depth_multiplier=2, name="c"),
    ],
    ids=lambda layer: layer.name,
)
def test_the_kernel_of_a_layer(layer):
    model = keras.Sequential([keras.Input((12, 10, 4)), layer, layers.ReLU()])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    kernel = kernel_of(model)
    image = rng.normal(size=(1, 4, 12, 10)).astype(np.float32)
    expected = layer(np.moveaxis(image, 1, -1)).detach().numpy()
    (row, column), (rows, columns) = kernel.anchor, kernel.shape
    same = ((row, rows - 1 - row), (column, columns - 1 - column))
    around = same if layer.padding == "same" else 0
    got = conv2d(image, kernel.weight.astype(np.float32), kernel.bias, padding=around)
    np.testing.assert_allclose(np.moveaxis(got, 1, -1), expected, atol=1e-5)
    back = kernel_of(to_keras(kernel))
    np.testing.assert_allclose(back.weight, kernel.weight, atol=1e-6)
    with pytest.raises(InvalidInput, match=f"one of the convolutions {layer.name}, got 'x'"):
        kernel_of(model, "x")
