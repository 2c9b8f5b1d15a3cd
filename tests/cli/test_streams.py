"""Whatever stands behind standard output: a command's work is not lost to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.lesson import scene

PROGRAM = [sys.executable, "-m", "kernfit"]
NEED_FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = np.clip(np.rint(scene()), 0, 255).astype(np.uint8)
    write_image("before.png", before)
    assert main(["apply", "box_3", "before.png", "after.png"]) == 0
    return tmp_path


def told(monkeypatch, encoding, words):
    """What a command writes to a terminal of this encoding, and its status."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    with monkeypatch.context() as during:
        for name, stream in streams.items():
            during.setattr(sys, name, stream)
        status = main(words)
    for stream in streams.values():
        stream.flush()
    return status, *(stream.buffer.getvalue() for stream in streams.values())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "cp932", "koi8-r", "utf-16"])
def test_learn_in_every_encoding(folder, monkeypatch, encoding):
    status, out, err = told(
        monkeypatch, encoding, ["learn", "before.png", "after.png", "-o", "k.json"]
    )
    assert status == 0, err
    assert (folder / "k.json").exists()
    text = out.decode(encoding)
    assert "written to" in text
    try:
        sign = "±".encode(encoding).decode(encoding)
    except UnicodeEncodeError:
        sign = "+-"
    assert sign in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_that_the_encoding_lacks(folder, monkeypatch, encoding):
    (folder / "before.png").rename(folder / "Ω雪.png")
    status, _, err = told(monkeypatch, encoding, ["apply", "sobel_x", "雪Ω.png", "o.png"])
    assert status == 2
    assert rb"kernfit: \u96ea\u03a9.png does not exist" in err
    words = ["learn", "Ω雪.png", "after.png", "-o", "Ω.json"]
    status, out, err = told(monkeypatch, encoding, words)
    assert (status, err) == (0, b"")
    assert rb"written to \u03a9.json" in out


def test_bytes_of_names_stay(folder, monkeypatch):
    status, _, err = told(monkeypatch, "ascii", ["show", os.fsdecode(b"k\xe9rnel.json")])
    assert status == 2
    assert b"k\xe9rnel.json" in err


def run(*words, **options):
    done = subprocess.run([*PROGRAM, *words], stderr=subprocess.PIPE, text=True, **options)
    return done.returncode, done.stderr


def test_without_any_locale():
    plain = os.environ | {
        **{"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        "PYTHONIOENCODING": "ascii:strict",
    }
    assert run("kernels", env=plain, stdout=subprocess.DEVNULL) == (0, "")


@NEED_FULL
@pytest.mark.parametrize("words", [["kernels"], ["--help"]])
def test_a_full_disk_behind_the_output(words):
    with open("/dev/full", "w") as full:
        status, err = run(*words, stdout=full)
    assert status == 2
    assert err.startswith("kernfit: the system refuses to go on (No space left on device): make")
    assert err.count("\n") == 1


@NEED_FULL
def test_a_full_disk_behind_the_errors():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, "show", "nothing.json"], stderr=full)
    assert done.returncode in (2, 120)  # 120: Python itself could not flush


def test_nobody_reads_the_output():
    reading, writing = os.pipe()
    os.close(reading)
    status, err = run("kernels", stdout=writing)
    os.close(writing)
    assert (status, err) == (1, "")


def test_no_output_at_all():
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *PROGRAM, "kernels"], stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "refuses to go on (No space left on device)"),
        (PermissionError(13, "Permission denied", "x.json"), "x.json: the system refuses"),
        (RuntimeError("can't start new thread"), "starts no more threads"),
        (RuntimeError("cannot schedule new futures after interpreter shutdown"), "no more threads"),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_kernfit(monkeypatch, capsys, error, words):
    import kernfit.cli.app as commands

    def fail(**options):
        raise error

    monkeypatch.setattr(commands, "app", fail)
    assert main(["kernels"]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "fault" not in told
    assert told.count("\n") == 1


def test_what_is_a_fault_of_kernfit_is_called_so(monkeypatch, capsys):
    import kernfit.cli.app as commands

    monkeypatch.setattr(commands, "app", lambda **options: 1 / 0)
    assert main(["kernels"]) == 1
    assert "unexpected ZeroDivisionError" in capsys.readouterr().err
