"""kernfit stats: pairs summed up in files, added, taken out, solved."""

import json

import numpy as np
import pytest

from kernfit import Kernel, RefusedFile, Statistics, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.learning.answers.stored import fit_statistics
from kernfit.lesson import scene

KERNEL = np.array([[0.1, 0.2, 0.0], [0.0, 0.5, 0.1], [0.05, 0.0, 0.05]])


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def nights(tmp_path):
    rng = np.random.default_rng(70)
    photo = scene((300, 320)).astype(float)
    for night in range(9):
        top, left = rng.integers(0, 150, 2)
        x = photo[top : top + 120, left : left + 130]
        y = correlate2d(x, KERNEL, mode="same") + rng.normal(0, 1, x.shape)
        write_image(tmp_path / f"x{night}.npy", x)
        write_image(tmp_path / f"y{night}.npy", y)
        files = (tmp_path / f"x{night}.npy", tmp_path / f"y{night}.npy")
        assert run("stats", "sum", *files, "--shape", "3x3", "-o", tmp_path / f"{night}.npy") == 0
    return tmp_path


def test_nights_add_up_and_come_out_again(nights, capsys):
    files = [nights / f"{night}.npy" for night in range(9)]
    assert run("stats", "add", *files, "-o", nights / "all.npy") == 0
    assert run("stats", "subtract", nights / "all.npy", *files[1:], "-o", nights / "one.npy") == 0
    one, first = Statistics.load(nights / "one.npy"), Statistics.load(files[0])
    assert one.count == first.count == 118 * 128
    assert np.allclose(one.gram, first.gram, rtol=1e-10)
    assert run("stats", "solve", nights / "all.npy", "-o", nights / "k.json") == 0
    assert "A 3x3 kernel: " in capsys.readouterr().out
    assert np.abs(Kernel.load(nights / "k.json").taps - KERNEL).max() < 0.01
    assert run("stats", "subtract", files[0], nights / "all.npy", "-o", nights / "no.npy") == 2
    assert not (nights / "no.npy").exists()
    # The right number of pixels, but of another night.
    two = (files[1], files[2])
    assert run("stats", "add", *two, "-o", nights / "two.npy") == 0
    assert run("stats", "subtract", nights / "two.npy", files[0], "-o", nights / "no.npy") == 2
    assert "must have been added before" in capsys.readouterr().err


def test_many_nights_say_how_far_they_disagree(nights, capsys):
    files = [nights / f"{night}.npy" for night in range(9)]
    capsys.readouterr()
    assert run("stats", "solve", *files, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    errors = np.array(answer["stderr"])
    assert np.all(np.abs(Kernel.from_dict(answer["kernel"]).taps - KERNEL) < 5 * errors)
    assert len(fit_statistics([Statistics.load(f) for f in files]).uncertainty.influence) == 9


def test_files_are_exact_and_checked(tmp_path):
    rng = np.random.default_rng(71)
    x, y = rng.normal(size=(2, 9, 9)), rng.normal(size=(2, 8, 7))
    statistics = Statistics.of(x, y, (2, 3), channels="full", anchor=(1, 2))
    statistics.save(tmp_path / "s.npy")
    again = Statistics.load(tmp_path / "s.npy")
    for name in ("gram", "cross", "energy"):
        assert np.array_equal(getattr(again, name), getattr(statistics, name))
    assert (again.count, again.shape, again.anchor) == (56, (2, 3), (1, 2))
    with pytest.raises(RefusedFile, match=r"must end in \.npy"):
        statistics.save(tmp_path / "s.json")
    good = np.load(tmp_path / "s.npy")
    for damage in (good[:-1], good[None], good.astype(np.float32), np.zeros(9), good * np.nan):
        np.save(tmp_path / "bad.npy", damage)
        with pytest.raises(RefusedFile, match="does not hold statistics"):
            Statistics.load(tmp_path / "bad.npy")
    for place, value in ((0, 1.0), (1, 3.0), (1, 4.0), (2, -1.0), (2, 1e9), (7, 0.5), (8, -1.0)):
        bad = good.copy()
        bad[place] = value
        np.save(tmp_path / "bad.npy", bad)
        with pytest.raises(RefusedFile, match="does not hold statistics"):
            Statistics.load(tmp_path / "bad.npy")


def summed(folder, *options):
    """Sum up before.npy and after.npy, and return what is in the file."""
    files = (folder / "before.npy", folder / "after.npy")
    assert run("stats", "sum", *files, "-o", folder / "s.npy", "--overwrite", *options) == 0
    return Statistics.load(folder / "s.npy")


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(72)
    x = scene((90, 100)).astype(float)
    y = correlate2d(x, KERNEL, mode="same", boundary="edge") + rng.normal(0, 1, x.shape)
    np.save(tmp_path / "before.npy", x)
    np.save(tmp_path / "after.npy", y)
    return x, y


def test_what_counts_is_as_in_learn(pair, tmp_path):
    x, y = pair
    mask = np.random.default_rng(0).random(x.shape) < 0.8
    np.save(tmp_path / "mask.npy", mask.astype(np.uint8))
    np.save(tmp_path / "noise.npy", 1 + x / 50)
    inside = (slice(1, -1), slice(1, -1))
    found = summed(tmp_path, "--shape", "3", "--mask", tmp_path / "mask.npy")
    expected = Statistics.of(x, y[inside], 3, mask=mask[inside])
    assert found.count == expected.count
    assert np.allclose(found.gram, expected.gram)
    found = summed(tmp_path, "--shape", "3", "--variance", tmp_path / "noise.npy")
    assert np.allclose(
        found.cross, Statistics.of(x, y[inside], 3, variance=(1 + x / 50)[inside]).cross
    )
    fit = fit_statistics([found])
    assert fit.chi2 == pytest.approx(0.5, abs=0.3)
    assert fit.residual_rms == pytest.approx(1, abs=0.05)
    found = summed(tmp_path, "--shape", "3", "--clip", "50", "200", "--clip-before", "40", "220")
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3))
    seen = (windows > 40).all(axis=(2, 3)) & (windows < 220).all(axis=(2, 3))
    counts = seen & (y[inside] > 50) & (y[inside] < 200)
    assert found.count == counts.sum()


def test_strides_dilations_and_linear_light(pair, tmp_path, capsys):
    x, _ = pair
    np.save(tmp_path / "after.npy", correlate2d(x, KERNEL, stride=2))
    found = summed(tmp_path, "--shape", "3", "--stride", "2")
    assert np.allclose(found.solve().weights[:-1, 0], KERNEL.ravel(), atol=1e-6)
    assert "the anchor of the first output sits on row 1, column 1" in capsys.readouterr().out
    np.save(tmp_path / "after.npy", correlate2d(x, KERNEL, mode="same", dilation=3))
    found = summed(tmp_path, "--shape", "3", "--dilation", "3")
    assert np.allclose(found.solve().weights[:-1, 0], KERNEL.ravel(), atol=1e-6)
    light = np.where(x / 255 <= 0.04045, x / 255 / 12.92, ((x / 255 + 0.055) / 1.055) ** 2.4)
    blurred = correlate2d(light, KERNEL / KERNEL.sum(), mode="same", boundary="edge")
    np.save(tmp_path / "before.npy", x / 255)
    levels = np.where(blurred <= 0.0031308, 12.92 * blurred, 1.055 * blurred ** (1 / 2.4) - 0.055)
    np.save(tmp_path / "after.npy", levels)
    found = summed(tmp_path, "--shape", "3", "--transfer", "srgb")
    assert np.allclose(found.solve().weights[:-1, 0], (KERNEL / KERNEL.sum()).ravel(), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--transfer", "gamma"], "--transfer must be one of srgb"),
        (["--variance", "nowhere.npy"], "--variance must be an image file"),
    ],
)
def test_refusals_of_sum(pair, tmp_path, options, message, capsys):
    files = (tmp_path / "before.npy", tmp_path / "after.npy", "-o", tmp_path / "s.npy")
    assert run("stats", "sum", *files, "--shape", "3", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "s.npy").exists()


def test_noise_before_is_kept(tmp_path):
    rng = np.random.default_rng(73)
    x = rng.gamma(1.0, 10, (150, 160))
    np.save(tmp_path / "before.npy", x + rng.normal(0, 4, x.shape))
    np.save(tmp_path / "after.npy", correlate2d(x, KERNEL, mode="same"))
    found = summed(tmp_path, "--shape", "3", "--before-variance", "16")
    assert found.noise is not None
    fit, plain = (
        fit_statistics([summed(tmp_path, "--shape", "3", *options)])
        for options in (("--before-variance", "16"), ())
    )
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 4 * fit.stderr)
    assert np.abs(plain.kernel.taps - KERNEL).max() > 10 * fit.stderr.max()
    whole = learn(
        np.load(tmp_path / "before.npy"),
        np.load(tmp_path / "after.npy"),
        shape=3,
        before_variance=16.0,
    )
    assert np.allclose(fit.kernel.taps, whole.kernel.taps, atol=1e-6)
    assert fit.residual_rms == pytest.approx(whole.residual_rms, rel=0.01)
    assert np.allclose(fit.stderr, whole.stderr, rtol=0.8)
