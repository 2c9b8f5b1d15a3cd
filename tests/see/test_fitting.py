"""Images that a model does not take, and tiles that cost as little as may be."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from kernfit import InvalidInput, LayerSpec, run_tiled, tile_plan


class Pyramid(nn.Module):
    """Two scales that meet by up-sampling to the finer one's size, as in an FPN or U-Net."""

    def __init__(self):
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(1, 2, 3, 2, 1), nn.Conv2d(2, 2, 3, 2, 1)

    def forward(self, x):
        fine = self.fine(x)
        return fine + interpolate(self.coarse(fine), size=fine.shape[-2:])


class FixedPool(nn.Module):
    """Pools to 4x4 places, whatever the image, and comes back to the image's size."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return self.conv(x) + interpolate(adaptive_avg_pool2d(x, 4), size=x.shape[-2:])


def whole(model, image, pad=None, more=(0, 0)):
    if pad:
        image = np.pad(image, ((0, 0), (0, more[0]), (0, more[1])), mode=pad)
    with torch.no_grad():
        return model(torch.tensor(image[None]))[0].numpy()


def test_without_padding_the_refusal_names_what_fits():
    model = Pyramid().eval()
    with pytest.raises(InvalidInput, match=r"63x67 fits, as do multiples of 4 rows and 4 col.*pad"):
        tile_plan(model, (62, 65), tile=32)
    assert tile_plan(model, (63, 67), tile=32).count > 1


@pytest.mark.parametrize("pad", ["edge", "reflect"])
def test_padding_extends_a_torch_module_and_the_result_is_cut_back(pad):
    model = Pyramid().eval()
    image = np.random.default_rng(0).random((1, 62, 70), np.float32)
    plan = tile_plan(model, (62, 70), tile=32, pad=True)
    assert (plan.padded, plan.result) == ((1, 1), (31, 35))
    expected = whole(model, image, pad, plan.padded)[:, :31, :35]
    np.testing.assert_allclose(run_tiled(model, image, tile=32, pad=pad), expected, atol=1e-6)


def test_a_size_that_is_fixed_in_the_model_is_found_before_it_is_run():
    model = FixedPool().eval()
    assert tile_plan(model, (64, 64)).count == 1
    with pytest.raises(InvalidInput, match="does something else to a tile of 48x48"):
        tile_plan(model, (64, 64), tile=32)


def test_tiles_at_the_border_grow_to_the_limit():
    plan = tile_plan([LayerSpec(189, padding=94)], (496, 368), tile=256)
    assert plan.count == 15
    assert {strip.length for strip in plan.rows[1:-1]} == {256}
    assert plan.rows[0].last == 162
    read = sum(strip.length for strip in plan.rows) * sum(strip.length for strip in plan.columns)
    assert plan.times == read / (496 * 368)
    assert f"each pixel is computed {plan.times:.2g} times" in str(plan)


def test_the_tile_that_is_said_to_halve_the_work_does():
    layers = [LayerSpec(189, padding=94)]
    plan = tile_plan(layers, (2000, 3000), tile=256)
    better = tile_plan(layers, (2000, 3000), tile=plan.halved_by)
    assert plan.times > 2
    assert better.times <= 0.5 * plan.times < 1.1 * 2 * better.times
    assert f"tiles of {plan.halved_by[0]}x{plan.halved_by[1]}" in str(plan)
    assert tile_plan(layers, (2000, 3000), tile=2000).halved_by is None


def test_memory_is_spent_on_the_shape_that_costs_least():
    model = nn.Sequential(nn.Conv2d(1, 8, 61, padding=30), nn.Conv2d(8, 1, 61, padding=30)).eval()
    shape = (500, 3000)
    plan = tile_plan(model, shape, memory=16 * 2**20)
    assert plan.bytes_needed <= 16 * 2**20
    side = int((plan.tile[0] * plan.tile[1]) ** 0.5)
    square = tile_plan(model, shape, tile=side)
    assert plan.times < 0.95 * square.times  # cuts across the short axis cost least
