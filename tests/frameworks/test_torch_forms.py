"""PyTorch models in other forms, with other inputs, and with several outputs."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from kernfit import InvalidInput, RefusedFile, feature_maps, receptive_field, run_tiled, verify

# torch.export itself uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Timed(nn.Module):
    """A map moved by a number for each image, as in diffusion."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(1, 4)

    def forward(self, x, t):
        return self.conv(x) + self.linear(t[:, None].float())[:, :, None, None]


class Guided(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 5, padding=2)

    def forward(self, image, prompt):
        return self.conv(image) * prompt.sum()


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 5, padding=2)

    def forward(self, x):
        y = self.a(x)
        return {"features": [y, F.relu(y)], "logits": self.b(y)}


def plain():
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))


IMAGE = np.random.default_rng(0).random((1, 40, 36), np.float32)


def test_a_time_is_no_image():
    model = Timed().eval()
    assert receptive_field(model).size == (3, 3)
    assert receptive_field(model, "conv").size == (3, 3)
    image = np.random.default_rng(0).random((3, 50, 41), np.float32)
    with torch.no_grad():
        expected = model(torch.tensor(image[None]), torch.zeros(1))[0].numpy()
    np.testing.assert_allclose(run_tiled(model, image, tile=20), expected, atol=1e-6)
    assert verify(model).equal


def test_other_inputs_are_given_as_examples():
    model = Guided().eval()
    prompt = {"prompt": torch.tensor([2.0, 1.0])}
    assert receptive_field(model, example_inputs=prompt).size == (5, 5)
    got = run_tiled(model, IMAGE, tile=20, example_inputs=prompt)
    with torch.no_grad():
        expected = 3 * model.conv(torch.tensor(IMAGE[None]))[0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(
        feature_maps(model, IMAGE, example_inputs=prompt), expected, atol=1e-5
    )
    assert verify(model, example_inputs=prompt).equal
    with pytest.raises(
        InvalidInput, match="must name arguments of forward, image, prompt, got 'p'"
    ):
        receptive_field(model, example_inputs={"p": 1.0})


def test_an_exported_program_and_its_module():
    program = torch.export.export(plain().eval(), (torch.zeros(1, 1, 40, 36),))
    for model in (program, program.module()):
        assert receptive_field(model).size == (5, 5)
        np.testing.assert_array_equal(feature_maps(model, IMAGE).shape, (1, 40, 36))


def test_torchscript_and_files_that_hold_code_are_refused(tmp_path):
    with pytest.warns(DeprecationWarning, match="jit"):
        script = torch.jit.trace(plain().eval(), torch.zeros(1, 1, 8, 8))
    with pytest.raises(InvalidInput, match="got TorchScript, which torch.export does not take"):
        receptive_field(script)
    with pytest.raises(RefusedFile, match="torch.export.load, and pass what that gives"):
        receptive_field(tmp_path / "model.pt2")


def test_outputs_go_by_their_keys():
    model = Named().eval()
    assert receptive_field(model, "features.0").size == (3, 3)
    assert receptive_field(model, "logits").size == (7, 7)
    assert feature_maps(model, IMAGE, "features.1").shape == (2, 40, 36)


def test_tensors_come_out_as_tensors():
    model = plain().eval()
    tensor = torch.tensor(IMAGE[None])
    got = run_tiled(model, tensor, tile=20)
    with torch.no_grad():
        torch.testing.assert_close(got, model(tensor), atol=1e-6, rtol=0)
    half = run_tiled(model.bfloat16(), tensor.bfloat16(), tile=20)
    assert (half.dtype, half.shape) == (torch.bfloat16, (1, 1, 40, 36))


def test_torch_says_nothing_of_its_own(capfd):
    with pytest.raises(InvalidInput, match="must run through torch.export"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(3, 1, 3)))
    said = capfd.readouterr()
    assert said.out + said.err == ""
