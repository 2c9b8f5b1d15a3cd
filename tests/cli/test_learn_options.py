"""Options of `kernfit learn` on real files: --varying, --constraint, penalties, refusals."""

import json

import numpy as np
import pytest
from PIL import Image

from kernfit import Kernel, KernelField, RefusedFile, correlate2d
from kernfit.cli import main
from kernfit.lesson import scene


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def pair(tmp_path):
    """A scene, and the same with a blur that grows from left to right."""
    x = scene((120, 200)).astype(float)
    share = np.linspace(0, 0.5, 200)
    y = x + 0.0
    y[:, 1:-1] += share[1:-1] * ((x[:, 2:] + x[:, :-2]) / 2 - x[:, 1:-1])
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y + np.random.default_rng(0).normal(0, 0.2, y.shape))
    return tmp_path / "x.npy", tmp_path / "y.npy"


def test_says_what_how_sure_and_whether_to_believe_it(pair, tmp_path, capsys):
    field, difference = tmp_path / "f.json", tmp_path / "d.npy"
    page = tmp_path / "r.html"
    options = ("--varying", "auto", "--shape", "3", "-o", field, "--difference", difference)
    options += ("--report", page)
    assert run("learn", *pair, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "A 3x3 kernel, varying over the image to degree 1; the background the same everywhere."
    )
    assert lines[1].startswith("Each weight, or tap, is known to ± ")
    assert lines[2].startswith("The varying kernel explains the after image, up to noise of ")
    assert lines[-3:] == [
        f"kernel written to {field}",
        f"difference image written to {difference}",
        f"report written to {page}",
    ]
    assert "<h1>x.npy → y.npy</h1>" in page.read_text(encoding="utf-8")
    assert sum(line.startswith("held out") for line in lines) == 7
    loaded = KernelField.load(field)
    assert abs(loaded.at(60, 199).taps[1, 1] - 0.5) < 0.01
    image = np.load(difference)
    assert image.dtype == np.float32
    assert abs(np.nanstd(image) - 0.2) < 0.01
    x, y = (np.load(path) for path in pair)
    assert np.array_equal(image, loaded.difference(x, y).astype("f4"), equal_nan=True)


def test_json_is_the_whole_answer(pair, capsys):
    arguments = ("--varying", "1", "--background", "none", "--shape", "1x3", "--json")
    assert run("learn", *pair, *arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert KernelField.from_dict(answer["field"]).degree == 1
    assert answer["field"]["background"] == []
    assert answer["status"]["code"] == "good"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--varying", "two"], "--varying must be 'auto' or a whole number"),
        (["--varying", "1", "--background", "-1"], "--background must be 'auto' or a whole"),
        (["--varying", "1", "--bias", "none"], "cannot be combined, got --bias"),
        (["--varying", "1", "-o", "k.npy"], "must end in .json"),
        (["--varying", "1", "--difference", "d.png"], "must end in .npy, .tif or .fits"),
        (
            ["--varying", "1", "--variance", "stars"],
            "--variance must be an image file, or 'photons'",
        ),
        (["--difference", "d.npy"], "need --varying"),
    ],
)
def test_refusals(pair, arguments, message, capsys):
    assert run("learn", *pair, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_colours_are_refused(tmp_path, capsys):
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "a.png")
    assert run("learn", tmp_path / "a.png", tmp_path / "a.png", "--varying", "1") == 2
    assert "single planes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable JSON"),
        ('{"format": "kernfit-kernel"}', 'must have "format": "kernfit-field"'),
        ('{"format": "kernfit-field", "version": 1}', "does not hold a field"),
        (
            '{"format": "kernfit-field", "version": 1, "weights": [[[1]]], "background": [],'
            ' "degree": 1, "background_degree": -1, "size": [5, 5], "anchor": [0, 0],'
            ' "same_size": true}',
            "with 3 terms",
        ),
    ],
)
def test_damaged_fields_are_refused(tmp_path, content, message):
    (tmp_path / "f.json").write_text(content)
    with pytest.raises(RefusedFile, match=message):
        KernelField.load(tmp_path / "f.json")


def test_constraints_and_penalties(pair, tmp_path, capsys):
    x = np.load(pair[0])
    np.save(tmp_path / "blurred.npy", (x + np.roll(x, 1, 1) + np.roll(x, -1, 1)) / 3)
    (tmp_path / "free.txt").write_text("1 1 1\n")
    arguments = ("--shape", "1x3", "--constraint", "symmetric", "--constraint", "sum-to-one")
    blurred = (pair[0], tmp_path / "blurred.npy")
    assert run("learn", *blurred, *arguments, "--free", tmp_path / "free.txt") == 0
    assert "(imposed: symmetric, sum-to-one)" in capsys.readouterr().out
    assert run("learn", *blurred, "--shape", "3", "--ridge", "1e-3", "--smooth", "auto") == 0
    assert "imposed: ridge 0.001" in capsys.readouterr().out
    assert run("learn", *blurred, "--ridge", "much") == 2
    assert "--ridge must be 'auto' or a number" in capsys.readouterr().err
    assert run("learn", *blurred, "--constraint", "round") == 2
    assert "must be among symmetric" in capsys.readouterr().err
    assert run("learn", *blurred, "--varying", "1", "--constraint", "symmetric") == 2
    assert "cannot be combined, got --constraint" in capsys.readouterr().err


def test_groups(tmp_path, capsys):
    rng = np.random.default_rng(4)
    x = np.stack([scene((80, 90)), scene((90, 80)).T]).astype(float)
    kernels = rng.uniform(0, 1, (2, 3, 3))
    y = np.stack([correlate2d(plane, k, mode="same") for plane, k in zip(x, kernels, strict=True)])
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    files = (tmp_path / "x.npy", tmp_path / "y.npy")
    options = ("--channels", "full", "--groups", "2", "--shape", "3", "-o", tmp_path / "k.json")
    assert run("learn", *files, *options) == 0
    weight = Kernel.load(tmp_path / "k.json").weight
    assert np.allclose(weight[[0, 1], [0, 1]], kernels, atol=1e-6)
    assert not weight[[0, 1], [1, 0]].any()
    assert run("learn", *files, "--groups", "2") == 2
    assert "--groups must go with --channels full" in capsys.readouterr().err


def test_masks_and_variances_of_several_pairs(tmp_path, capsys):
    rng = np.random.default_rng(5)
    kernel = np.array([[0.1, 0.2, 0.0], [0.0, 0.5, 0.1], [0.05, 0.0, 0.05]])
    for name in ("before", "after", "mask", "noise", "seen"):
        (tmp_path / name).mkdir()
    used = 0
    for n in range(3):
        x = scene((90, 100 + n)).astype(float)
        spread = 1 + x / 50
        y = correlate2d(x, kernel, mode="same") + rng.normal(0, np.sqrt(spread))
        mask = rng.random(x.shape) < 0.7
        y[~mask] = 255
        used += mask[1:-1, 1:-1].sum()
        for name, image in (("before", x), ("after", y), ("mask", 1.0 * mask), ("noise", spread)):
            np.save(tmp_path / name / f"{n}.npy", image)
    folders = (tmp_path / "before", tmp_path / "after", "--mask", tmp_path / "mask", "--shape", "3")
    assert run("learn", *folders, "--variance", tmp_path / "noise", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["used"] == used
    assert abs(answer["chi2"] - 1) < 0.05
    assert np.abs(np.array(answer["kernel"]["weight"][0][0]) - kernel).max() < 0.02
    (tmp_path / "noise" / "2.npy").unlink()
    assert run("learn", *folders, "--variance", tmp_path / "noise") == 2
    assert "--variance must be one file, or one for each of 3 pairs" in capsys.readouterr().err


def test_large_tables_are_shown_when_asked_for(tmp_path, capsys):
    x = scene((80, 90)).astype(float)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", correlate2d(x, np.full((9, 9), 1 / 81), mode="same"))
    given = ("learn", tmp_path / "x.npy", tmp_path / "y.npy", "--shape", "9")
    assert run(*given) == 0
    short = capsys.readouterr().out
    assert "--numbers shows them" in short
    assert run(*given, "--numbers") == 0
    assert len(capsys.readouterr().out.splitlines()) >= len(short.splitlines()) + 8
    assert run("learn", tmp_path / "x.npy", tmp_path / "x.npy", "--shape", "3") == 0
    assert "--numbers" not in capsys.readouterr().out
