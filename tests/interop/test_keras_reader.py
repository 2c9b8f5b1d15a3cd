"""Keras models as graphs: its own sizes, published figures, tiles that equal the whole."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import os

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from keras import layers

from kernfit import InvalidInput, feature_maps, receptive_field, run_tiled, tile_plan
from kernfit.frameworks.keras.read import read_keras

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def unet():
    image = keras.Input((None, None, 1))
    x = skip = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(6, 3, padding="same")(layers.MaxPooling2D()(x))
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(4, 4, 2, padding="same", name="up")(x)
    x = layers.Concatenate()([x, skip, layers.DepthwiseConv2D(5, padding="same")(skip)])
    return keras.Model(image, layers.Conv2D(2, 1)(x))


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    # VGG16 as published; MobileNet pads in front of its strides, which leaves its size as it is;
    # Keras' ResNets stride in a block's first 1x1, so that 3x3 windows lie 2 pixels further apart.
    [("VGG16", 212, 32), ("MobileNet", 315, 32), ("ResNet50", 483, 32)],
)
def test_keras_applications(name, size, stride):
    model = getattr(keras.applications, name)(weights=None, include_top=False)
    field = receptive_field(model)
    assert (field.size, field.stride) == ((size, size), (stride, stride))


LAYERS = [
    layers.Conv2D(2, (2, 3), strides=2, padding="same"),
    layers.Conv2D(2, 3, dilation_rate=2),
    layers.AveragePooling2D(3, 2, padding="same"),
    layers.MaxPooling2D((2, 3)),
    layers.Conv2DTranspose(2, 3, 2, padding="same"),
    layers.Conv2DTranspose(2, 2, 3),
    layers.Conv2DTranspose(2, 5, 2),
    layers.UpSampling2D(2, interpolation="bilinear"),
    layers.UpSampling2D((1, 3)),
    layers.ZeroPadding2D(((1, 0), (2, 3))),
    layers.Cropping2D(((1, 0), (2, 3))),
    layers.SeparableConv2D(3, 3, padding="same"),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("rows", [16, 17])
def test_measured_by_indicator_images(layer, rows):
    """The rows that change when one row of the image does, all weights being 1."""
    image = keras.Input((rows, 20, 1))
    model = keras.Model(image, layer(image))
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    nothing = np.zeros((1, rows, 20), np.float32)
    reached = []
    for row in range(rows):
        lit = nothing.copy()
        lit[:, row] = 1
        maps = feature_maps(model, lit) - feature_maps(model, nothing)
        reached.append(np.abs(maps).max((0, 2)) > 0)
    graph = read_keras(model)
    field = receptive_field(model)
    assert len(reached[0]) == graph.resolved((rows, 20))[graph.output][0].length(rows)
    for output, hits in enumerate(np.transpose(reached)):
        (top, bottom), _ = field.window(output, 0)
        found = np.flatnonzero(hits)
        if found.size == 0:
            # A gap of a transposed convolution, or nothing but padding.
            assert top == bottom or bottom <= 0 or top >= rows
        elif top >= 0 and bottom <= rows:
            assert (found[0], found[-1] + 1) == (top, bottom)
        elif not isinstance(layer, layers.UpSampling2D):  # whose border repeats pixels
            assert top <= found[0] <= found[-1] < bottom


def test_tiles_equal_the_whole():
    model, image = unet(), np.random.default_rng(0).normal(size=(1, 90, 72)).astype(np.float32)
    expected = feature_maps(model, image)
    got = run_tiled(model, image, tile=40)
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    assert feature_maps(model, image, "first").shape == (4, 90, 72)


def test_models_within_models_and_reasons():
    image = keras.Input((64, 64, 3))
    inner = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(2, 3), layers.ReLU()])
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(inner(image))
    model = keras.Model(image, x)
    assert receptive_field(model, f"{inner.name}").size == (3, 3)
    assert receptive_field(model).whole[0].startswith("GlobalAveragePooling2D 'pool': it pools")
    with pytest.raises(InvalidInput, match="node 'pool' .* needs all of the image"):
        tile_plan(model, (64, 64), tile=32)


def test_what_is_not_read_is_said():
    image = keras.Input((64, 64, 1))
    model = keras.Model(image, layers.RandomFlip(name="flip")(image))
    with pytest.raises(InvalidInput, match="layer 'flip' has the kind 'RandomFlip', of which"):
        receptive_field(model)
    assert receptive_field(model, pointwise=("RandomFlip",)).size == (1, 1)

    with pytest.raises(InvalidInput, match="layer must be one of"):
        feature_maps(unet(), np.zeros((64, 64)), "none")
