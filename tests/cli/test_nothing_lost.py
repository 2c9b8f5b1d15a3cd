"""No command writes over what it reads, nor unasked over another file; inputs stay as they are."""

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kernfit import catalogue
from kernfit.cli import main
from kernfit.lesson import scene


def digests(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of pictures, kernels and links to them, in which commands run."""
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(scene((40, 50)))
    image.save("a.png")
    image.filter(ImageFilter.SHARPEN).save("b.png")
    image.save("a.jpg")
    np.save("x.npy", scene((40, 50)))
    catalogue["box_3"].save("k.json")
    os.symlink("a.png", "link.png")
    os.link("a.png", "hard.png")
    Path("sub").mkdir()
    Path("pairs.csv").write_text("before,after\na.png,b.png\n")
    return tmp_path


COMMANDS = [
    ["apply", "sharpen", "a.jpg", "a.jpg"],
    ["apply", "k.json", "x.npy", "x.npy"],
    ["apply", "sharpen", "a.png", "link.png"],
    ["apply", "sharpen", "a.png", "hard.png"],
    ["apply", "sharpen", "link.png", "a.png"],
    ["apply", "sharpen", "a.png", "sub/../a.png"],
    ["apply", "sharpen", "a.png", "./a.png"],
    ["apply", "k.json", "a.png", "k.json"],
    ["edges", "a.png", "a.png"],
    ["learn", "a.png", "b.png", "-o", "a.png"],
    ["learn", "a.png", "b.png", "--report", "b.png"],
    ["learn", "a.png", "b.png", "--varying", "0", "--difference", "b.png"],
    ["learn", "a.png", "b.png", "--free", "k.json", "-o", "k.json"],
    ["show", "k.json", "-o", "k.json"],
    ["see", "k.json", "--image", "a.png", "--plot", "a.png"],
    ["table", "pairs.csv", "pairs.csv"],
    ["tile", "x.npy", "a.png", "a.png"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_input_is_never_written_over(folder, capsys, command):
    before = digests(folder)
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "is read by this command" in error
    assert error.count("\n") == 1
    assert main([*command, "--overwrite"]) == 2
    assert "is read by this command" in capsys.readouterr().err
    assert digests(folder) == before


def test_nor_one_of_a_folder_or_a_pattern(folder, capsys):
    for place in (".", "*.png"):
        assert main(["learn", place, place, "-o", "b.png", "--overwrite"]) == 2
        assert "b.png is read by this command" in capsys.readouterr().err


def test_statistics_are_added_up_into_another_file(folder, capsys):
    assert main(["stats", "sum", "a.png", "b.png", "--shape", "3", "-o", "s.npy"]) == 0
    before = digests(folder)
    assert main(["stats", "add", "s.npy", "-o", "s.npy", "--overwrite"]) == 2
    assert "s.npy is read by this command" in capsys.readouterr().err
    assert main(["stats", "sum", "a.png", "b.png", "--shape", "3", "-o", "s.npy"]) == 2
    assert "s.npy is there already" in capsys.readouterr().err
    assert digests(folder) == before


OTHERS = [
    ["edges", "a.png", "b.png"],
    ["apply", "sharpen", "a.png", "b.png"],
    ["show", "box_3", "-o", "b.png"],
    ["learn", "a.png", "a.png", "--shape", "1", "-o", "k.json"],
]


@pytest.mark.parametrize("command", OTHERS, ids=" ".join)
def test_another_file_is_replaced_only_if_that_is_asked_for(folder, capsys, monkeypatch, command):
    before = digests(folder)
    assert main(command) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"kernfit: \S+ is there already: choose another name, or add --overwrite\n", error
    )
    assert digests(folder) == before
    # Asked on a terminal: no, and then yes.
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    asked = []
    for answer in (False, True):
        monkeypatch.setattr(
            "typer.confirm", lambda text, *, err, answer=answer: asked.append(text) or answer
        )
        assert main(command) == (0 if answer else 2)
        assert (digests(folder) == before) is not answer
        capsys.readouterr()
    assert asked[0].endswith("is there already: replace it?")
    assert main([*command, "--overwrite"]) == 0
    unchanged = digests(folder).items() & before.items()
    assert len(unchanged) == len(before) - 1


def test_one_name_for_two_results(folder, capsys):
    assert main(["learn", "a.png", "b.png", "-o", "n.json", "--report", "./n.json"]) == 2
    assert "two results must go to two files" in capsys.readouterr().err


def test_the_demo_keeps_what_is_in_the_folder(folder, capsys):
    (folder / "sub" / "before.png").write_bytes(b"precious")
    assert main(["demo", "--folder", "sub"]) == 2
    assert "before.png is there already" in capsys.readouterr().err
    assert (folder / "sub" / "before.png").read_bytes() == b"precious"


def test_every_command_that_writes_is_guarded():
    """A parameter that looks like a file to write is one that the guard knows."""
    from typer.main import get_command

    from kernfit.cli.app import app

    def commands(command):
        below = getattr(command, "commands", None)
        return [c for each in below.values() for c in commands(each)] if below else [command]

    for command in commands(get_command(app)):
        names = {parameter.name for parameter in command.params}
        writes = any("rite" in (getattr(p, "help", "") or "") for p in command.params)
        draws = any("Draw" in (getattr(p, "help", "") or "") for p in command.params)
        assert ("overwrite" in names) or not (writes or draws), command.name


def test_inputs_stay_as_they_are(folder, capsys):
    before = digests(folder)
    for command in (
        ["apply", "sharpen", "a.png", "o1.png"],
        ["apply", "k.json", "a.jpg", "o2.jpg"],
        ["apply", "k.json", "x.npy", "o3.npy"],
        ["edges", "a.png", "o4.png"],
        ["learn", "a.png", "b.png", "--shape", "3", "-o", "o5.json", "--report", "o6.html"],
        ["show", "k.json", "--json"],
        ["see", "k.json", "--image", "a.png", "--plot", "o7.png"],
    ):
        assert main(command) == 0, capsys.readouterr().err
        after = digests(folder)
        assert {path: after[path] for path in before} == before
    assert json.loads(Path("o5.json").read_text())["format"] == "kernfit-kernel"
