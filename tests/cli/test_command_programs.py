"""Every command once as a program of its own: status 0 and no traceback; and Ctrl-C."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import ImageFilter

from kernfit.io.images import write_image
from kernfit.lesson import photograph, scene

pytestmark = pytest.mark.slow

START = "print('started', flush=True); from kernfit.cli import run; run()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    before = photograph()[0].crop((100, 100, 220, 200))
    before.save(folder / "before.png")
    before.filter(ImageFilter.SHARPEN).save(folder / "after.png")
    (folder / "pairs.csv").write_text("before,after\nbefore.png,after.png\n")
    write_image(folder / "wild.npy", np.random.default_rng(1).normal(size=(1500, 1500)))
    return folder


COMMANDS = {
    "demo": (),
    "learn": ("before.png", "after.png", "-o", "learnt.json"),
    "apply": ("sobel_x", "before.png", "applied.png"),
    "edges": ("before.png", "edges.png"),
    "show": ("sobel_x", "-o", "sobel.png"),
    "kernels": (),
    "stats": ("sum", "before.png", "after.png", "--shape", "3", "-o", "sums.npy"),
    "plan": ("learn", "--size", "500x400", "--shape", "3"),
    "lab": ("--help",),  # it runs until it is closed: see tests/lab
    "see": ("model.onnx",),
    "table": ("pairs.csv", "kernels.csv"),
    "tile": ("model.onnx", "floats.npy", "tiled.npy"),
}


def test_every_command_is_here():
    from kernfit.cli.app import app

    names = {command.callback.__name__ for command in app.registered_commands}
    names |= {group.name for group in app.registered_groups}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_as_a_program(name, folder):
    if "model.onnx" in COMMANDS[name]:
        onnx = pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        onnx.save(convolution(onnx), folder / "model.onnx")
        write_image(folder / "floats.npy", scene((40, 50)).astype(np.float32))
    done = subprocess.run(
        [sys.executable, "-c", START, name, *COMMANDS[name]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) > 1


def convolution(onnx):
    """A model of a single 3x3 layer."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h" + name, "w" + name])
        for name in ("x", "y")
    ]
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3])
    graph = helper.make_graph([node], "one", sides[:1], sides[1:], [weight])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_interruption_ends_it_in_a_line(folder):
    noise = str(folder / "wild.npy")
    arguments = ("learn", noise, noise, "--shape", "31", "-o", str(folder / "never.json"))
    with subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout.readline() == "started\n"
        time.sleep(0.5)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=120)
    assert (program.returncode, out, err) == (130, "", "kernfit: interrupted\n")
    assert not (folder / "never.json").exists()
