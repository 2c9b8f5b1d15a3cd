"""Models that cannot be tiled exactly, in blended tiles: what comes out, and how far it is off."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from kernfit import InvalidInput, run_tiled, tile_plan
from kernfit.see import tiling_error

# torch.export itself uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Gated(nn.Module):
    """Squeeze and excitation behind a stride, and back to the image's size."""

    def __init__(self):
        super().__init__()
        self.down, self.gate = nn.Conv2d(1, 3, 3, 2, 1), nn.Conv2d(3, 3, 1)
        self.up = nn.ConvTranspose2d(3, 1, 2, 2)

    def forward(self, x):
        y = self.down(x)
        return self.up(y * self.gate(y.mean((2, 3), keepdim=True)).sigmoid())


def whole(model, image):
    with torch.no_grad():
        return model(torch.tensor(image[None]))[0].numpy()


def picture(shape):
    return np.random.default_rng(1).random((1, *shape), np.float32)


def test_it_is_asked_for_and_the_error_is_what_a_comparison_gives():
    torch.manual_seed(0)
    model, image = Gated().eval(), picture((96, 130))
    with pytest.raises(InvalidInput, match="needs all of the image"):
        tile_plan(model, (96, 130), tile=48)
    expected = whole(model, image)
    got = run_tiled(model, image, tile=48, exact=False)
    found = tiling_error(model, image, tile=48)
    assert got.shape == expected.shape
    assert found.largest == np.abs(got - expected).max()
    assert found.rms == pytest.approx(np.sqrt(np.mean((got - expected) ** 2)), rel=1e-5)
    assert 0 < found.rms < 0.2 * found.spread
    assert str(found).startswith("on 96x130 pixels, tiles differ from the whole by")


def test_more_overlap_is_nearer_and_one_tile_is_the_whole():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 1, 15, padding=7).eval()
    image = picture((100, 90))
    errors = [tiling_error(model, image, tile=40, overlap=o).rms for o in (0, 0.25, 0.5)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert tiling_error(model, image, tile=40, overlap=0.5, blend="constant").rms > errors[2]
    np.testing.assert_allclose(
        run_tiled(model, image, tile=100, exact=False), whole(model, image), atol=1e-6
    )


def test_volumes_and_tensors():
    model = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.InstanceNorm3d(2)).eval()
    tensor = torch.rand(1, 1, 20, 24, 22)
    got = run_tiled(model, tensor, tile=16, exact=False)
    assert got.shape == (1, 2, 20, 24, 22)
    with torch.no_grad():
        assert (got - model(tensor)).abs().mean() < 0.5


def test_refusals():
    model, image = nn.Conv2d(1, 1, 3).eval(), picture((30, 30))
    with pytest.raises(InvalidInput, match="overlap must be from 0 to less than 1, got 1"):
        run_tiled(model, image, tile=8, exact=False, overlap=1)
    with pytest.raises(InvalidInput, match="blend must be one of"):
        run_tiled(model, image, tile=8, exact=False, blend="sharp")
    with pytest.raises(InvalidInput, match="tile must be given, and out, plan and pad left out"):
        run_tiled(model, image, exact=False)
    with pytest.raises(InvalidInput, match="must begin at whole elements"):
        run_tiled(model, image, tile=8, exact=False)
