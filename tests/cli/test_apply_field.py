"""kernfit apply with a kernel that varies over the image."""

import json

import numpy as np
import pytest

from kernfit import InvalidInput, KernelField, RefusedFile, correlate2d, learn_varying, scene
from kernfit.cli import main
from kernfit.kernel import Kernel


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def field():
    x = scene((60, 90)).astype(float)
    share = np.linspace(0, 0.5, 90)
    y = x + 5.0 * share
    y[:, 1:-1] += share[1:-1] * (x[:, 2:] - x[:, 1:-1])
    return learn_varying(x, y, degree=1, background=1, shape=(1, 3)).field


@pytest.fixture
def files(field, tmp_path):
    field.save(tmp_path / "f.json")
    np.save(tmp_path / "x.npy", scene((60, 90)))
    return tmp_path


@pytest.mark.parametrize("boundary", ["edge", "wrap", "reflect", "symmetric", "constant"])
def test_beyond_the_border_as_any_kernel_does(field, boundary):
    x = scene((60, 90)).astype(float)
    made = field.predict(x, boundary=boundary, fill_value=7)
    for row, column in ((0, 0), (30, 0), (59, 89), (20, 40)):
        kernel = field.at(row, column)
        whole = correlate2d(x, kernel, mode="same", boundary=boundary, fill_value=7)
        assert made[row, column] == pytest.approx(whole[row, column])
    inside = np.isfinite(field.predict(x))
    assert np.allclose(made[inside], field.predict(x)[inside])


def test_applies_a_field_to_a_file(files, field, capsys):
    assert run("apply", files / "f.json", files / "x.npy", files / "y.npy") == 0
    assert capsys.readouterr().out.startswith(f"{files / 'y.npy'}: 60x90 uint8")
    x = scene((60, 90)).astype(float)
    expected = np.clip(np.rint(field.predict(x, boundary="edge")), 0, 255)
    assert np.abs(np.load(files / "y.npy") - expected).max() == 0
    options = ("--mode", "valid", "--dtype", "float32", "--quiet")
    assert run("apply", files / "f.json", files / "x.npy", files / "v.npy", *options) == 0
    assert capsys.readouterr().out == ""
    valid = np.load(files / "v.npy")
    assert valid.shape == (60, 88)
    assert np.allclose(valid, field.predict(x)[:, 1:-1], rtol=1e-6)


def test_channels_go_alike(files):
    x = np.stack([scene((60, 90))] * 3) // np.array([1, 2, 3], np.uint8)[:, None, None]
    np.save(files / "c.npy", x)
    assert run("apply", files / "f.json", files / "c.npy", files / "o.npy") == 0
    np.save(files / "one.npy", x[1])
    assert run("apply", files / "f.json", files / "one.npy", files / "p.npy") == 0
    assert np.array_equal(np.load(files / "o.npy")[1], np.load(files / "p.npy"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mode", "full"], "--mode must be same or valid for this kernel"),
        (["--boundary", "nearest"], "--boundary must be one of edge, reflect"),
        (["--scheduler", "tcp://nowhere:1"], "must be applied to an image that fits into"),
        (["--dtype", "bool"], "--dtype must be one of"),
    ],
)
def test_refusals_are_one_line(files, options, message, capsys):
    assert run("apply", files / "f.json", files / "x.npy", files / "y.npy", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (files / "y.npy").exists()


def test_another_size_is_refused(files, capsys):
    np.save(files / "s.npy", np.zeros((60, 91)))
    assert run("apply", files / "f.json", files / "s.npy", files / "y.npy") == 2
    assert "must have the size 60x90 over which the field varies" in capsys.readouterr().err


@pytest.mark.parametrize("layout", [{"indent": 2}, {"sort_keys": True, "separators": (",", ":")}])
def test_a_field_may_be_laid_out_anew(files, layout):
    written = json.loads((files / "f.json").read_text())
    (files / "other.json").write_text(json.dumps(written, **layout))
    for name in ("f", "other"):
        assert run("apply", files / f"{name}.json", files / "x.npy", files / f"{name}.npy") == 0
    np.testing.assert_array_equal(np.load(files / "f.npy"), np.load(files / "other.npy"))


def test_a_field_of_smaller_after_images(files, capsys):
    x = scene((60, 90)).astype(float)
    y = x[:, :-1] * np.linspace(1, 2, 89)
    small = learn_varying(x, y, degree=1, background=0, shape=(1, 2)).field
    small.save(files / "s.json")
    assert run("apply", files / "s.json", files / "x.npy", files / "y.npy") == 2
    assert "--mode must be valid" in capsys.readouterr().err
    options = ("--mode", "valid", "--dtype", "float64")
    assert run("apply", files / "s.json", files / "x.npy", files / "y.npy", *options) == 0
    assert np.allclose(np.load(files / "y.npy"), small.predict(x))
    with pytest.raises(InvalidInput, match="boundary must be None for a field"):
        small.predict(x, boundary="edge")


def test_a_field_is_no_single_kernel(files):
    with pytest.raises(RefusedFile, match="holds a kernel that varies over the image"):
        Kernel.load(files / "f.json")
    assert KernelField.load(files / "f.json").degree == 1
