"""PyTorch modules as graphs: known figures, and what PyTorch itself shows."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F

from kernfit import (
    InvalidInput,
    feature_maps,
    receptive_field,
    run_tiled,
    tile_plan,
)
from kernfit.see.measuring import verify

# torch.export itself uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Unit(nn.Module):
    """A residual unit as torchvision has it: the stride in the 3x3 of the first unit."""

    def __init__(self, inside, width, stride, bottleneck):
        super().__init__()
        outside = width * 4 if bottleneck else width
        sizes = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
        layers, channels = [], inside
        for number, (size, by) in enumerate(sizes):
            last = number == len(sizes) - 1
            out = outside if last else width
            layers += [
                nn.Conv2d(channels, out, size, by, size // 2, bias=False),
                nn.BatchNorm2d(out),
            ]
            layers += [] if last else [nn.ReLU(inplace=True)]
            channels = out
        self.path = nn.Sequential(*layers)
        self.shortcut = nn.Identity()
        if stride > 1 or inside != outside:
            self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.path(x) + self.shortcut(x))


def resnet(counts, width=4, bottleneck=True):
    stem = [nn.Conv2d(3, width, 7, 2, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    layers, inside = [nn.Sequential(*stem)], width
    for block, count in enumerate(counts):
        for unit in range(count):
            stride = 2 if block and not unit else 1
            layers.append(Unit(inside, width, stride, bottleneck))
            inside = width * 4 if bottleneck else width
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ELU())
        self.deep = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(6, 6, 3, padding=2, dilation=2))
        self.up = nn.ConvTranspose2d(6, 4, 4, 2, 1)
        self.last = nn.Conv2d(14, 2, (3, 1), padding="same")

    def forward(self, x):
        x = torch.sigmoid(self.first(x))
        y = self.down(x)
        z = F.interpolate(self.deep(y), size=y.shape[-2:], mode="nearest")
        return self.last(torch.cat([x, self.up(y + z), torch.relu(self.up(z)), x[:, :2]], dim=1))


class Everything(nn.Module):
    """What is left: shuffles, crops, borders, reshapes and layouts."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3, 2, padding_mode="reflect", padding=1)
        self.norm = nn.LayerNorm(8)
        self.dense = nn.Linear(8, 8)
        self.shuffle = nn.PixelShuffle(2)
        self.back = nn.PixelUnshuffle(2)

    def forward(self, x):
        x = self.conv(x)
        x = self.dense(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        one, other = x.chunk(2, 1)
        x = torch.stack([one, other], 2).flatten(1, 2)
        x = F.pad(x, (1, 2, 0, 1), mode="replicate")[:, :, 1:-1, 2:]
        x = F.interpolate(self.shuffle(x), scale_factor=1.5, mode="bilinear")
        return x.softmax(1) + x.mean(1, keepdim=True)


@pytest.mark.parametrize(
    ("counts", "size"), [((3, 4, 6, 3), 427), ((3, 4, 23, 3), 971), ((3, 8, 36, 3), 1451)]
)
def test_torchvisions_resnets_50_101_152(counts, size):
    # 427, 971 and 1451: torchvision strides in the 3x3 of a block's first unit.
    field = receptive_field(resnet(counts))
    assert (field.size, field.stride, field.aligned) == ((size, size), (32, 32), (True, True))
    assert field.padding == ((size - 1) // 2,) * 2


@pytest.mark.parametrize(
    ("module", "layer"),
    [(resnet((1, 1), bottleneck=False), None), (UNet(), None), (UNet(), "down"), (UNet(), "up")],
)
def test_torch_shows_the_same_windows(module, layer):
    found = verify(module, layer)
    assert found.equal, str(found)


@pytest.mark.parametrize("layer", ["conv", "shuffle", None])
def test_torch_shows_the_same_windows_for_all_the_rest(layer):
    found = verify(Everything(), layer)
    assert found.equal, str(found)


def test_layers_go_by_their_modules_names():
    fields = receptive_field(UNet(), "down.1"), receptive_field(UNet(), "deep")
    assert [field.size for field in fields] == [(8, 8), (26, 26)]
    with pytest.raises(InvalidInput, match="layer must be a node of the model, got 'down.7'"):
        receptive_field(UNet(), "down.7")


def test_the_module_is_left_as_it_was():
    module = resnet((1,))
    module[0].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    receptive_field(module)
    run_tiled(module, np.ones((3, 64, 64), np.float32), tile=48)
    assert module.training
    assert not module[0].training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.GroupNorm(2, 4), "normalised by statistics of all"),
        (nn.InstanceNorm2d(4), "normalised by statistics of all"),
        (nn.AdaptiveAvgPool2d(1), "pools all of it"),
        (nn.Sequential(nn.Flatten(), nn.Linear(4 * 64 * 64, 3)), "laid out in one axis"),
        (nn.Softmax(-1), ""),
    ],
)
def test_whole_images_have_a_reason(module, reason):
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), module)
    field = receptive_field(model, shape=(64, 64))
    assert field.size[1] is None
    assert reason in field.whole[0]
    assert field.window(3, 5)[1] == (0, 64)
    with pytest.raises(InvalidInput, match="would not equal the whole: node"):
        tile_plan(model, (64, 64), tile=32)


def test_attention_is_the_whole_image():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 8, 8)

        def forward(self, x):
            x = self.conv(x)
            q = x.flatten(2).transpose(1, 2)
            return F.scaled_dot_product_attention(q, q, q).transpose(1, 2).reshape(x.shape)

    assert receptive_field(Attention()).size == (None, None)


def test_unknown_operations_name_node_and_module():
    class Strange(nn.Module):
        def forward(self, x):
            return torch.linalg.matrix_exp(x)

    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), Strange())
    with pytest.raises(InvalidInput, match=r"node 'lin\w+' \(in module '1'\) has.*if it is elem"):
        receptive_field(model)
    assert receptive_field(model, pointwise=("linalg_matrix_exp",)).size == (3, 3)


def test_what_is_known_to_read_neighbours_is_not_taken_for_element_wise():
    fold = nn.Sequential(nn.Conv2d(1, 4, 2, 32), nn.Flatten(2), nn.Fold(16, 2, stride=2))
    with pytest.raises(InvalidInput, match="it is not element-wise: choose a layer before it"):
        receptive_field(fold)
    with pytest.raises(InvalidInput, match="pointwise must name operations on each place alone"):
        receptive_field(nn.Conv2d(1, 1, 3), pointwise=("conv2d",))


def test_what_cannot_be_exported_is_said_in_a_line():
    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError("not\ntoday")

    with pytest.raises(InvalidInput, match=r"must run through torch\.export .* got: .*not today"):
        receptive_field(Fails())
    with pytest.raises(InvalidInput, match="got Tensor"):
        receptive_field(torch.zeros(3))


def test_tiles_of_a_module_equal_the_whole():
    torch.manual_seed(0)
    module, image = UNet(), np.random.default_rng(0).normal(size=(1, 120, 88)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(image)[None])[0].numpy()
    got = run_tiled(module, image, tile=(72, 56))
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    layer = run_tiled(module, image, tile=64, layer="down.1")
    with torch.no_grad():
        deep = module.down[:2](torch.sigmoid(module.first(torch.from_numpy(image)[None])))[0]
    assert np.abs(layer - deep.numpy()).max() <= 1e-5


def test_feature_maps_of_a_module():
    module, image = UNet(), np.random.default_rng(0).normal(size=(24, 32)).astype(np.float32)
    maps = feature_maps(module, image, "first")
    with torch.no_grad():
        expected = module.first(torch.from_numpy(image)[None, None])[0].numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-6)
    assert feature_maps(module, image).shape == (2, 24, 32)
    with pytest.raises(InvalidInput, match="must be a feature map"):
        feature_maps(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten()), image)
