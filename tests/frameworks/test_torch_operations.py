"""PyTorch operations one by one: what they see is what changes when a row of the image does."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from kernfit import receptive_field

# torch.export itself uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Calls(nn.Module):
    """A layer, and a function of its maps."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.layer, self.function = layer or nn.Conv2d(1, 4, 3, padding=1), function

    def forward(self, x):
        return self.function(self.layer(x))


class OverPlanes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(1, 2, (3, 5, 3), padding=(1, 2, 1))

    def forward(self, x):
        return self.conv(x[:, None])[:, :, 0]


def laid_out(y):
    """Rows and columns in one axis, normalised over channels, and back."""
    return F.softmax(y.flatten(2).mT, -1).mT.unflatten(2, y.shape[2:])


def over_channels(y):
    rows = y.permute(0, 2, 3, 1).reshape(-1, 1, 4)
    mixed = F.conv1d(rows, torch.ones(1, 1, 3, dtype=y.dtype), padding=1)
    return mixed.view(1, *y.shape[2:], 4).permute(0, 3, 1, 2)


def in_place(y):
    """A matrix product at each place."""
    y = y.permute(0, 2, 3, 1)
    return (y[..., None] @ y[..., None, :]).flatten(3).permute(0, 3, 1, 2)


def within_windows(y):
    """Attention within windows of 4x4, as in a Swin transformer."""
    n, c, h, w = y.shape
    windows = y.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    mixed = F.scaled_dot_product_attention(windows[:, None], windows[:, None], windows[:, None])
    mixed = mixed[:, 0].view(n, h // 4, w // 4, 4, 4, c)
    return mixed.permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


def smaller(mode):
    return lambda y: F.interpolate(y, scale_factor=0.5, mode=mode, antialias=True)


def tracked():
    norm = nn.InstanceNorm2d(4, track_running_stats=True)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm)


LOCAL = {
    "conv3d over planes": OverPlanes(),
    "conv1d over channels": Calls(over_channels),
    "glu": Calls(lambda y: F.glu(y, 1)),
    "view_as": Calls(lambda y: y.flatten(2).view_as(y)),
    "rows laid out and back": Calls(laid_out),
    "index": Calls(lambda y: y[:, [2, 0, 0, 1, 3]]),
    "gather": Calls(lambda y: y.gather(1, torch.zeros_like(y, dtype=torch.int64))),
    "topk": Calls(lambda y: y.topk(2, 1).values),
    "sort": Calls(lambda y: y.sort(1).values),
    "cosine": Calls(lambda y: F.cosine_similarity(y + 3, y.exp(), 1)[:, None]),
    "repeat_interleave": Calls(lambda y: y.repeat_interleave(2, 2).repeat_interleave(3, 1)),
    "unfold": Calls(lambda y: F.unfold(y, 3, padding=1).unflatten(2, y.shape[2:])),
    "windows": Calls(lambda y: y.unfold(2, 4, 2).sum(-1)),
    "pixel_unshuffle": Calls(lambda y: F.pixel_unshuffle(y, 2)),
    "copy": Calls(lambda y: torch.zeros_like(y).copy_(y)),
    "smaller, anti-aliased": Calls(smaller("bilinear")),
    "cubic, anti-aliased": Calls(smaller("bicubic")),
    "unpooled": Calls(lambda y: F.max_unpool2d(*F.max_pool2d(y, 2, return_indices=True), 2)),
    "einsum": Calls(lambda y: torch.einsum("nchw,oc->nohw", y, torch.ones(3, 4, dtype=y.dtype))),
    "einsum of two": Calls(lambda y: torch.einsum("nchw,ndhw->ncdhw", y, y).flatten(1, 2)),
    "matrices in place": Calls(in_place),
    "windows of attention": Calls(within_windows),
    "tracked statistics": tracked(),
}


@pytest.mark.parametrize("name", LOCAL)
def test_every_operation_sees_what_a_changed_row_shows(name):
    model = LOCAL[name].eval().double()
    image = torch.rand(1, 1, 24, 24, dtype=torch.float64)
    field = receptive_field(model, shape=(24, 24))
    with torch.no_grad():
        changed = []
        for row in range(24):
            moved = image.clone()
            moved[:, :, row] += torch.rand(24, dtype=torch.float64)
            changed.append((model(moved) != model(image)).any(1)[0].any(1).numpy())
    reads = np.array(changed)  # [image row, output row]
    assert not reads.all(0).any()
    for element in range(reads.shape[1]):
        first, last = field.window(element, 0)[0]
        found = np.flatnonzero(reads[:, element])
        assert first <= found.min() <= found.max() < last, (element, found)
    middle = range(reads.shape[1] // 2 - 2, reads.shape[1] // 2 + 2)
    spans = [np.flatnonzero(reads[:, element]) for element in middle]
    sizes = [field.window(e, 0)[0][1] - field.window(e, 0)[0][0] for e in middle]
    assert max(s.max() - s.min() + 1 for s in spans) == max(sizes)
