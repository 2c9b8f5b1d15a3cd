"""What is said besides the kernel: depths, shifts, linear light, how sure a prediction is."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from kernfit import InvalidInput, Kernel, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.learning.transfer import to_levels, to_linear
from kernfit.lesson import scene

pytestmark = pytest.mark.slow

KERNEL = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


def test_another_depth_is_said():
    x = scene((80, 90))
    y = np.rint(correlate2d(x.astype(float), KERNEL, mode="same") * 257).astype(np.uint16)
    fit = learn(x, y)
    assert "the before image has 8 bits and the after image has 16 bits" in fit.notes[0]
    assert "taps 257 times as large; without it they sum to 1" in fit.notes[0]
    back = learn(y, x)
    assert "0.00389105 times as large" in back.notes[0]
    unit = learn(x, correlate2d(x / 255, KERNEL, mode="same"))
    assert "the after image lies between 0 and 1" in unit.notes[0]
    assert learn(x, x).notes == ()


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ((2, 0), "2 pixels lower than"),
        ((0, -3), "3 pixels farther left than"),
        ((-1, 1), "1 pixels higher and 1 pixels farther right than"),
    ],
)
def test_whole_shifts_are_said(moved, words):
    x = np.random.default_rng(0).normal(size=(90, 100))
    fit = learn(x, np.roll(x, moved, (0, 1)))
    assert words in fit.notes[0]


def test_parts_of_a_pixel_are_said_with_their_error():
    rng = np.random.default_rng(1)
    x = gaussian_filter(rng.normal(size=(200, 200)), 1.5) * 100
    y = shift(x, (0.4, 0), order=5, mode="wrap") + rng.normal(0, 0.1, x.shape)
    note = learn(x, y, shape=9).notes[0]
    found = float(note.split("lies ")[1].split()[0])
    assert abs(found - 0.4) < 0.02
    assert "pixels lower than" in note
    for other in ([[-1, 0, 1]], [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]):
        notes = learn(x, correlate2d(x, other, mode="same")).notes
        assert not any("the after image lies" in note for note in notes)


def test_linear_light_is_learnt_and_compared():
    x = scene((120, 130))
    light = correlate2d(to_linear(x.astype(float), 255.0), KERNEL, mode="same", boundary="edge")
    y = np.clip(np.rint(to_levels(light, 255.0)), 0, 255).astype(np.uint8)
    fit = learn(x, y, transfer="srgb", shape=3)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 2e-3
    assert "linear light fits better" in fit.notes[-1]
    assert fit.status.sentence == "The kernel explains the after image in linear light"
    plain = np.clip(np.rint(correlate2d(x.astype(float), KERNEL, mode="same")), 0, 255)
    other = learn(x, plain.astype(np.uint8), transfer="srgb", shape=3)
    assert "the levels as they are fit better than linear light" in other.notes[-1]


def test_linear_light_there_and_back():
    levels = np.linspace(0, 1, 1001)
    assert np.allclose(to_levels(to_linear(levels, 1.0), 1.0), levels, atol=1e-12)
    # From the standard's table: mid grey.
    assert to_linear(np.array([0.5]), 1.0)[0] == pytest.approx(0.21404, abs=1e-5)


@pytest.mark.parametrize(
    ("before", "transfer", "message"),
    [
        (np.full((9, 9), 300.0), "srgb", "before must have 8 or 16 bits, or floating levels from"),
        (np.ones((9, 9)), "gamma", "transfer must be one of srgb, got 'gamma'"),
    ],
)
def test_refusals(before, transfer, message):
    with pytest.raises(InvalidInput, match=message):
        learn(before, np.random.default_rng(2).random((9, 9)), transfer=transfer, shape=1)


@pytest.mark.parametrize("side", [14, 60])
def test_predictions_are_as_sure_as_they_say(side):
    rng = np.random.default_rng(3)
    x, target = rng.gamma(1, 10, (side, side)), rng.gamma(1, 10, (30, 30))
    true = correlate2d(target, KERNEL)
    scores = []
    for _ in range(30):
        y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 2, x.shape)
        fit = learn(x, y, shape=3, threads=1)
        error = fit.prediction_error(target)
        assert error.shape == true.shape
        scores.append((fit.predict(target) - true) / error)
    assert np.mean(np.square(scores)) == pytest.approx(1, abs=0.3)


def test_predictions_of_mixed_channels_and_of_what_is_not_determined():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 60, 60))
    kernel = Kernel(rng.normal(size=(3, 2, 2, 2)))
    y = correlate2d(x, kernel) + rng.normal(0, 0.1, (3, 59, 59))
    fit = learn(x, y, channels="full")
    error = fit.prediction_error(x)
    assert error.shape == (3, 59, 59)
    assert np.abs((fit.predict(x) - correlate2d(x, kernel)) / error).mean() < 3
    flat = learn(np.tile(np.arange(20.0) ** 2, (20, 1)), np.ones((20, 20)), shape=3)
    assert np.isnan(flat.prediction_error(np.ones((9, 9)))).all()


def test_options_of_the_command(tmp_path, capsys):
    rng = np.random.default_rng(5)
    x = rng.gamma(1, 20, (90, 90))
    y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
    files = {"x": x + rng.normal(0, 2, x.shape), "y": y, "v": np.ones(x.shape)}
    for name, image in files.items():
        write_image(tmp_path / f"{name}.npy", image)
    names = [str(tmp_path / f"{name}.npy") for name in ("x", "y")]

    def run(*options):
        code = main(["learn", *names, "--shape", "3x3", *map(str, options)])
        return code, capsys.readouterr()

    code, told = run("--variance", tmp_path / "v.npy", "--before-variance", "4", "--json")
    assert code == 0
    answer = json.loads(told.out)
    found = np.array(Kernel.from_dict(answer["kernel"]).taps)
    assert np.all(np.abs(found - KERNEL) < 5 * np.array(answer["stderr"]))
    assert answer["chi2"] is not None
    assert "noise of the before image makes" in " ".join(answer["notes"])
    code, told = run("--clip-before", "-1", "60")
    assert code == 0
    assert "clipped before" in told.out
    code, told = run("--before-variance", "much")
    assert code == 2
    assert "--before-variance must be a number or an image file, got much" in told.err
    code, told = run("--transfer", "srgb")
    assert code == 2
    assert "8 or 16 bits" in told.err
