"""Signals and volumes: fields, halos and tiles along one axis and along three."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from kernfit import (
    InvalidInput,
    LayerSpec,
    feature_maps,
    receptive_field,
    run_tiled,
    tile_plan,
    verify,
)

# torch.export itself uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class UNet(nn.Module):
    """Two scales and a skip, in 1-D or 3-D."""

    def __init__(self, count):
        super().__init__()
        conv, up = getattr(nn, f"Conv{count}d"), getattr(nn, f"ConvTranspose{count}d")
        self.fine, self.coarse = conv(1, 3, 3, padding=1), conv(3, 4, 3, padding=1)
        self.pool, self.up = getattr(nn, f"MaxPool{count}d")(2), up(4, 3, 2, 2)
        self.last = conv(6, 2, 1)

    def forward(self, x):
        fine = self.fine(x)
        return self.last(torch.cat([fine, self.up(self.coarse(self.pool(fine)).relu())], 1))


def dilated(count):
    conv = getattr(nn, f"Conv{count}d")
    return nn.Sequential(conv(1, 2, 3, padding=2, dilation=2), nn.ReLU(), conv(2, 1, 5, stride=2))


def resized(count):
    conv = getattr(nn, f"Conv{count}d")
    mode = {1: "linear", 3: "trilinear"}[count]
    return nn.Sequential(
        conv(1, 2, 3, stride=2, padding=1), nn.Upsample(scale_factor=2, mode=mode), conv(2, 1, 3)
    )


def flat(count):
    """A kernel for each axis of a size of its own."""
    conv = getattr(nn, f"Conv{count}d")
    sizes = (1, 3, 5)[-count:]
    return nn.Sequential(conv(1, 2, sizes, padding=tuple(n // 2 for n in sizes)), nn.Sigmoid())


# Some first weights give a ReLU nothing but negative numbers, and the same result everywhere.
torch.manual_seed(0)
MODELS = {
    f"{make.__name__} in {count}-D": (make(count).eval(), count)
    for make in (UNet, dilated, resized, flat)
    for count in (1, 3)
}
SHAPES = {1: (151,), 3: (31, 26, 37)}


def whole(model, image):
    with torch.no_grad():
        return model(torch.tensor(image[None]))[0].numpy()


@pytest.mark.parametrize("name", MODELS)
def test_tiles_equal_the_whole(name):
    model, count = MODELS[name]
    shape = SHAPES[count]
    if name.startswith("UNet"):
        shape = tuple(n + n % 2 for n in shape)
    image = np.random.default_rng(0).random((1, *shape), np.float32)
    expected = whole(model, image)
    assert np.ptp(expected) > 0.01
    for tile in (500, tuple(n // 2 + 7 for n in shape)):
        got = run_tiled(model, image, tile=tile)
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=str(tile))
    plan = tile_plan(model, shape, memory=tile_plan(model, shape).bytes_needed // 3)
    assert 2 <= plan.count < 60
    np.testing.assert_allclose(run_tiled(model, image[0], plan=plan), expected, atol=1e-6)
    np.testing.assert_allclose(feature_maps(model, image[0]), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["UNet in 1-D", "UNet in 3-D"])
def test_padding_extends_volumes(name):
    model, count = MODELS[name]
    shape = SHAPES[count]
    image = np.random.default_rng(0).random((1, *shape), np.float32)
    with pytest.raises(InvalidInput, match="as do multiples of 2"):
        tile_plan(model, shape, tile=20)
    more = [(0, n % 2) for n in shape]
    expected = whole(model, np.pad(image, ((0, 0), *more), mode="edge"))
    expected = expected[(slice(None), *(slice(n) for n in shape))]
    np.testing.assert_allclose(run_tiled(model, image, tile=24, pad="edge"), expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_what_is_worked_out_is_measured(name):
    found = verify(MODELS[name][0])
    assert found.equal, str(found)


def test_fields_have_as_many_numbers_as_axes():
    field = receptive_field([LayerSpec((1, 3, 5)), LayerSpec((3, 3, 3), stride=(1, 2, 2))])
    assert (field.size, field.stride) == ((3, 5, 7), (1, 2, 2))
    assert field.window(4, 1, 0) == ((4, 7), (2, 7), (0, 7))
    assert receptive_field(dilated(1)).size == (9,)
    assert "multiples of 2 planes, 2 rows and 2 columns" in str(
        tile_plan(MODELS["UNet in 3-D"][0], (32, 32, 32), tile=16)
    )
    with pytest.raises(InvalidInput, match="element must have 3 numbers"):
        field.window(1, 1)
    with pytest.raises(InvalidInput, match="must have two axes to be drawn, got 3"):
        field.plot()
    with pytest.raises(InvalidInput, match="image must have 3 axes, and one for channels"):
        run_tiled(MODELS["UNet in 3-D"][0], np.zeros((9, 9)))
    with pytest.raises(InvalidInput, match="must have 2 axes as the image has, got 3"):
        receptive_field([LayerSpec(3), LayerSpec((3, 3, 3))])


def test_tensors_of_volumes_come_out_as_they_came():
    model, tensor = MODELS["flat in 3-D"][0], torch.rand(1, 1, 12, 13, 14)
    got = run_tiled(model, tensor, tile=9)
    with torch.no_grad():
        torch.testing.assert_close(got, model(tensor))
