"""Every command on real files: what it prints, what it writes, how it refuses."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kernfit import Kernel, catalogue, correlate2d
from kernfit.cli import main
from kernfit.io.images import read_image, write_image
from kernfit.lesson import photograph, scene
from kernfit.named_kernels import detectors


@pytest.fixture
def pair(tmp_path):
    """A photograph and what Pillow's SHARPEN made of it, as files."""
    before, _ = photograph()
    before.save(tmp_path / "before.png")
    before.filter(ImageFilter.SHARPEN).save(tmp_path / "after.png")
    return tmp_path / "before.png", tmp_path / "after.png"


def run(*arguments):
    return main([str(argument) for argument in arguments])


SHARPEN = np.array([[-2, -2, -2], [-2, 32, -2], [-2, -2, -2]]) / 16


def words_and_numbers(text):
    """Words as they are, numbers apart, for the last digits may depend on the machine."""
    parts = re.split(r"(-?\d+\.\d+)", text)
    return parts[::2], np.array(parts[1::2], float)


def test_demo_shows_the_lessons_numbers(capsys, tmp_path):
    assert run("demo", "--folder", tmp_path / "new") == 0
    text = capsys.readouterr().out
    for expected in (
        "[[19 25]",
        "[[ 0  1  0  0  0 -1  0]",
        "start (0, 0): loss 12.0000",
        "batch 2, loss 4.9152\n  batch 4, loss 0.8246\n  batch 6, loss 0.1384\n",
        "batch 8, loss 0.0232\n  batch 10, loss 0.0039\n",
        "kernel (0.9884708, -0.9884708)",
        "[[ 1. -1.]]",
        "Each is the other flipped: True",
        "two 2x2 layers: output (0, 0) sees rows 0 to 2, columns 0 to 2: 3x3 pixels",
        "A 3x3 kernel: each pixel becomes a weighted sum of the 3x3 around it.",
        "2.000000 ± ",
    ):
        assert expected in text
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    promised = re.search(r"```text\n(A 3x3 kernel: .*?)```", readme, re.DOTALL).group(1)
    shown = text[text.index("  A 3x3 kernel: ") : text.index("  Pillow's own numbers")]
    words, numbers = words_and_numbers(textwrap.dedent(shown))
    assert words_and_numbers(promised)[0] == words
    assert np.abs(words_and_numbers(promised)[1] - numbers).max() < 1e-4
    assert np.abs(Kernel.load(tmp_path / "new" / "sharpen.json").taps - SHARPEN).max() < 1e-4
    assert run("learn", tmp_path / "new" / "before.png", tmp_path / "new" / "after.png") == 0


def test_learn_says_what_how_sure_and_whether_to_believe_it(capsys, pair, tmp_path):
    assert run("learn", *pair, "-o", tmp_path / "k.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A 3x3 kernel: each pixel becomes a weighted sum of the 3x3 around it."
    assert lines[1].startswith("Each weight, or tap, is known to ± ")
    assert lines[2] == "Every pixel lies within half a level of what the kernel gives."
    text = "\n".join(lines)
    assert "rounding to whole levels alone leaves 0.289" in text
    assert "left out: 2,220 border, 12,016 clipped" in text
    assert np.abs(Kernel.load(tmp_path / "k.json").taps - SHARPEN).max() < 1e-4


def test_learn_json_is_the_whole_answer(capsys, pair):
    assert run("learn", *pair, "--json", "--shape", "3x3") == 0
    answer = json.loads(capsys.readouterr().out)
    assert np.shape(answer["stderr"]) == (3, 3)
    assert answer["status"]["code"] == "good"
    assert answer["used"] + sum(answer["left_out"].values()) == 512 * 600
    assert Kernel.from_dict(answer["kernel"]).shape == (3, 3)


def test_learn_quiet_prints_nothing(capsys, pair, tmp_path):
    assert run("learn", *pair, "--quiet", "-o", tmp_path / "k.json", "--shape", "3") == 0
    assert capsys.readouterr() == ("", "")
    assert Kernel.load(tmp_path / "k.json").shape == (3, 3)


def test_learn_writes_a_report(capsys, pair, tmp_path):
    assert run("learn", *pair, "--shape", "3x3", "--report", tmp_path / "r.html") == 0
    assert f"report written to {tmp_path / 'r.html'}" in capsys.readouterr().out
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h1>before.png → after.png</h1>" in text
    assert "It is Pillow SHARPEN" in text
    options = ("--shape", "3x3", "--transfer", "srgb", "--clip-before", "3", "250")
    assert run("learn", *pair, *options, "--report", tmp_path / "r.html", "--overwrite") == 0
    assert "levels are those of linear light" in (tmp_path / "r.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run("learn", *pair, "--report", tmp_path / "r.pdf") == 2
    assert "the report's suffix must be one of .html" in capsys.readouterr().err
    assert not (tmp_path / "r.pdf").exists()


def test_learn_by_descent(capsys, tmp_path):
    np.save(tmp_path / "x.npy", x := np.eye(8) + np.arange(8) % 3)
    np.save(tmp_path / "y.npy", x[:, :-1] - x[:, 1:])
    arguments = ("learn", tmp_path / "x.npy", tmp_path / "y.npy", "--bias", "none")
    assert run(*arguments, "--descent", "1e-3", "--steps", "20") == 0
    text = capsys.readouterr().out
    assert "step  0  loss " in text
    assert "step 20  loss " in text
    assert "The descent has not arrived" in text
    assert run(*arguments, "--descent", "10") == 0
    assert "The descent diverged" in capsys.readouterr().out


def test_learn_of_colours_mixed(tmp_path, capsys):
    before = np.asarray(Image.fromarray(scene()).convert("RGB")).transpose(2, 0, 1).copy()
    before[1] = before[1, ::-1]
    before[2] = before[2, :, ::-1]
    write_image(tmp_path / "before.png", before)
    grey = np.rint(np.tensordot([0.299, 0.587, 0.114], before, 1)).astype(np.uint8)
    write_image(tmp_path / "after.png", grey)
    pair = (tmp_path / "before.png", tmp_path / "after.png")
    assert run("learn", *pair, "--shape", "1", "--channels", "full") == 0
    text = capsys.readouterr().out
    assert "3 channels in, 1 out" in text
    assert "0.5870" in text
    assert run("learn", *pair, "--kernel-only") == 2
    assert "give --channels full to learn" in capsys.readouterr().err


def test_learn_with_a_mask(tmp_path, capsys):
    x = scene((60, 60))
    y = x.copy()
    y[:, 30:] = 255 - y[:, 30:]
    mask = np.zeros(x.shape, np.uint8)
    mask[:, :30] = 255
    for name, pixels in (("x", x), ("y", y), ("mask", mask)):
        write_image(tmp_path / f"{name}.png", pixels)
    files = (tmp_path / "x.png", tmp_path / "y.png", "--shape", "1")
    assert run("learn", *files, "--mask", tmp_path / "mask.png", "--clip", "-1", "256") == 0
    text = capsys.readouterr().out
    assert "1,800 used; left out: 1,800 masked" in text


def test_apply_gives_back_what_pillow_made(tmp_path, pair, capsys):
    before, after = pair
    Kernel(SHARPEN).save(tmp_path / "k.json")
    assert run("apply", tmp_path / "k.json", before, tmp_path / "out.png") == 0
    assert "out.png: 600x512 uint8" in capsys.readouterr().out
    found = read_image(tmp_path / "out.png").pixels.astype(int)
    wanted = read_image(after).pixels.astype(int)
    inside = np.s_[1:-1, 1:-1]
    # Pillow rounds halves up, NumPy to the even level.
    assert np.abs(found - wanted)[inside].max() <= 1
    assert np.mean(found[inside] != wanted[inside]) < 0.07  # a sixteenth of sums end in a half


def test_apply_keeps_16_bits_and_alpha(tmp_path):
    pixels = (scene((30, 40)).astype(np.uint16) * 257)[np.newaxis].repeat(3, 0)
    alpha = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    write_image(tmp_path / "in.png", pixels, alpha=alpha)
    assert run("apply", "box_3", tmp_path / "in.png", tmp_path / "out.png", "--quiet") == 0
    out = read_image(tmp_path / "out.png")
    assert out.pixels.dtype == np.uint16
    wanted = correlate2d(pixels, catalogue["box_3"], mode="same", boundary="edge")
    assert np.abs(out.pixels - wanted).max() <= 0.5
    assert np.array_equal(out.alpha, alpha)


def test_apply_overflow_and_dtype(tmp_path, capsys):
    write_image(tmp_path / "in.png", scene((30, 40)))
    arguments = ("apply", "laplacian", tmp_path / "in.png")
    assert run(*arguments, tmp_path / "out.png", "--overflow", "raise") == 2
    assert not (tmp_path / "out.png").exists()
    assert capsys.readouterr().err.count("\n") == 1
    assert run(*arguments, tmp_path / "out.tif", "--dtype", "int16", "--mode", "valid") == 0
    found = read_image(tmp_path / "out.tif").pixels
    assert np.array_equal(found, correlate2d(scene((30, 40)), catalogue["laplacian"]))


@pytest.mark.parametrize("detector", sorted(detectors))
def test_edges_are_white_at_a_full_step(tmp_path, detector):
    image = np.zeros((20, 24), np.uint8)
    image[:, 10:] = 255
    write_image(tmp_path / "in.png", image)
    arguments = ("edges", tmp_path / "in.png", tmp_path / "out.png", "--detector", detector)
    assert run(*arguments) == 0
    edges = read_image(tmp_path / "out.png").pixels
    assert edges.shape == image.shape
    near = edges[:, 8:12].max(axis=1)
    assert np.all(near == 255)
    assert not edges[:, :7].any()
    assert not edges[:, 14:].any()


def test_apply_to_an_image_smaller_than_the_kernel(tmp_path, capsys):
    write_image(tmp_path / "in.png", scene((2, 2)))
    assert run("apply", "sobel_x", tmp_path / "in.png", tmp_path / "o.png", "--mode", "valid") == 2
    assert "got 2x2 for 3x3: use --mode same" in capsys.readouterr().err


def test_negative_results_that_are_cut_off_are_said(tmp_path, capsys):
    write_image(tmp_path / "in.png", scene((40, 40)))
    arguments = ("apply", "sobel_x", tmp_path / "in.png")
    assert run(*arguments, tmp_path / "out.png") == 0
    assert "note: uint8 has no levels below 0: --dtype float32" in capsys.readouterr().out
    assert run(*arguments, tmp_path / "out.tif", "--dtype", "float32") == 0
    assert run("apply", "box_3", tmp_path / "in.png", tmp_path / "out.png", "--overwrite") == 0
    assert "note" not in capsys.readouterr().out


def test_without_a_bias_the_size_is_the_same(pair, capsys):
    assert run("learn", *pair, "--bias", "none") == 0
    assert capsys.readouterr().out.startswith("A 3x3 kernel: ")


def test_the_size_of_a_path_is_bounded(pair, capsys):
    arguments = ("--shape", "3", "--descent", "1e-13", "--steps", str(10**11))
    assert run("learn", *pair, *arguments) == 2
    assert "--steps must be few enough" in capsys.readouterr().err


def test_show_and_kernels(tmp_path, capsys):
    assert run("show", "sobel_x", "-o", tmp_path / "sobel.png") == 0
    text = capsys.readouterr().out
    assert "sobel_x: 3x3, anchor at row 1, column 1" in text
    assert "-2    0    2" in text
    assert read_image(tmp_path / "sobel.png").pixels.shape[0] == 3
    assert run("show", "sobel_x", "--json") == 0
    assert Kernel.from_dict(json.loads(capsys.readouterr().out)) == catalogue["sobel_x"]
    assert run("kernels") == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in catalogue)
    assert run("kernels", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == len(catalogue)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["learn", "no.png", "no.png"], "no.png"),
        (["learn", "text.png", "text.png"], "text.png"),
        (["learn", "a.png", "b.png"], "after must not be larger than before"),
        (["learn", "a.png", "a.png", "--shape", "big"], "--shape must be 'auto' or rows x columns"),
        (["learn", "a.png", "a.png", "--shape", "99"], "the kernel must fit"),
        (["learn", "a.png", "a.png", "--bias", "some"], "--bias must be one of constant, none"),
        (["learn", "a.png", "a.png", "-o", "k.xyz"], "k.xyz"),
        (["learn", "a.png", "a.png", "-o", "none/k.json"], "none/k.json"),
        (["learn", "no.png", "no.png", "-o", "k.xyz"], "k.xyz"),
        (["learn", "no.png", "no.png", "-o", "none/k.json"], "none/k.json"),
        (["learn", "a.png", "a.png", "--descent", "nan"], "must be a positive learning rate"),
        (["learn", "a.png", "a.png", "--descent", "inf"], "must be a positive learning rate"),
        (["learn", "a.png", "a.png", "--channels", "x"], "--channels must be one of"),
        (["learn", "a.png"], "Missing argument"),
        (["learn", "a.png", "a.png", "--wrong"], "No such option"),
        (["apply", "nothing", "a.png", "out.png"], "did you mean"),
        (["apply", "no.json", "a.png", "out.png"], "no.json"),
        (["apply", "sobel_x", "a.png", "out.xyz"], "out.xyz"),
        (["apply", "sobel_x", "a.png", "out.png", "--dtype", "int"], "--dtype must be one of"),
        (["apply", "sobel_x", "a.png", "out.png", "--dtype", "float32"], "out.png"),
        (["apply", "sobel_x", "no.png", "none/out.png"], "none/out.png"),
        (["apply", "sobel_x", "a.png", "out.png", "--boundary", "x"], "--boundary must be"),
        (["edges", "no.png", "none/out.png"], "none/out.png"),
        (["edges", "a.png", "out.png", "--detector", "x"], "--detector must be one of lesson"),
        (["show", "sobel"], "can mean sobel_x or sobel_y"),
        (["show", "sobel_x", "-o", "out.xyz"], "suffix must be one of .png"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_input_is_one_line_status_2_and_no_file(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_image("a.png", scene((20, 20)))
    write_image("b.png", scene((21, 20)))
    (tmp_path / "text.png").write_text("not a picture")
    there = sorted(os.listdir())
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernfit: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(os.listdir()) == there


def test_an_existing_output_survives_a_refusal(tmp_path):
    write_image(tmp_path / "a.png", scene((20, 20)))
    (tmp_path / "out.png").write_bytes(b"precious")
    assert (
        run("apply", "sobel_x", tmp_path / "a.png", tmp_path / "out.png", "--overflow", "raise")
        == 2
    )
    assert (tmp_path / "out.png").read_bytes() == b"precious"


def test_as_a_program(tmp_path):
    """The installed program: help and version, and a closed pipe is no fault."""
    code = "from kernfit.cli import run; run()"

    def program(*arguments, **options):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, **options
        )

    helped = program("--help")
    assert helped.returncode == 0
    for command in ("demo", "learn", "apply", "edges", "show", "kernels", "lab"):
        assert command in helped.stdout
    assert program("--version").stdout.startswith("kernfit 0.")
    alone = program()
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == helped.stdout
    assert "..." not in alone.stdout.split("Commands:")[1]
    refused = program("learn", "no.png", "no.png")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    piped = subprocess.run(
        f'"{sys.executable}" -c "{code}" kernels | head -n 1; exit ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in piped.stderr
    assert "Exception ignored" not in piped.stderr


@pytest.mark.parametrize("command", ["plan", "stats"])
def test_a_group_alone_shows_its_help(capsys, command):
    assert run(command) == 0
    said = capsys.readouterr()
    assert f"Usage: kernfit {command}" in said.out
    assert "Commands:" in said.out
    assert said.err == ""


def test_interruption_and_faults_are_told_in_a_line(monkeypatch, capsys):
    from kernfit.cli.app import app

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    def broken(*_args, **_options):
        raise RuntimeError("seven\nlines")

    monkeypatch.setattr(type(app), "__call__", interrupted)
    assert main([]) == 130
    monkeypatch.setattr(type(app), "__call__", broken)
    assert main([]) == 1
    err = capsys.readouterr().err
    assert "unexpected RuntimeError: seven lines" in err
    assert err.count("\n") == 2
