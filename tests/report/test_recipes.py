"""Recipes: the text as it stands in the report is run, and gives what kernfit gives."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kernfit import Kernel, conv2d, correlate2d, scene
from kernfit.io.images import read_image, write_image
from kernfit.report.recipes import Files, recipes_for

pytestmark = pytest.mark.slow

KERNELS = {
    "asymmetric": Kernel([[0.1, 0.2, -0.3], [0.15, 0.55, 0.1], [0, 0.25, -0.2]], 12.3),
    "sums to 1": Kernel([[0.1, 0.2, -0.3], [0.15, 0.7, 0.1], [0, 0.25, -0.2]], 3.25),
    "edges": Kernel([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], 100),
    "even": Kernel([[0.1, 0.2], [0.3, 0.15], [0.05, 0.25]], -4, anchor=(2, 0)),
    "row": Kernel([[0.05, -0.1, 0.2, 0.6, 0.3, -0.1, 0.2]], anchor=(0, 1)),
    "column": Kernel([[0.25], [0.5], [0.25]]),
    "one": Kernel([[1.75]], -20),
    "large": Kernel(np.outer(np.hanning(15), np.hanning(15)[:13]) / 49),
    "tiny taps": Kernel(np.full((9, 9), 1e-7)),
}
FILES = {
    "grey": Files(255, False),
    "colour": Files(255, True),
    "16 bits": Files(65535, False),
    "16-bit colour": Files(65535, True),
    "floating": Files(None, False),
}
NEEDS = {"OpenCV": "cv2", "PyTorch": "torch"}
# What the border looks like is ffmpeg's own.
OWN_BORDER = ("ffmpeg",)


def image_for(files):
    low = np.random.default_rng(5).integers(0, 256, (50, 60))
    grey = scene((50, 60))
    if files.top is None:
        return grey - 100.25
    if files.top == 65535:
        grey = (256 * grey.astype(int) + low).astype(np.uint16)
    return np.stack([grey, files.top - grey, grey[::-1]]) if files.colour else grey


def executable(name):
    """ImageMagick's convert has a name of its own where there are several."""
    for candidate in {"convert": ("convert-im6.q16", "convert")}.get(name, (name,)):
        if found := shutil.which(candidate):
            return found
    return None


def run(recipe, folder, monkeypatch):
    """Paste the text into a shell or into Python."""
    if not recipe.shell:
        if recipe.program in NEEDS:
            pytest.importorskip(NEEDS[recipe.program])
        monkeypatch.chdir(folder)
        exec(compile(recipe.text, recipe.program, "exec"), {})
        return
    text = recipe.text
    for name in ("convert", "ffmpeg"):
        if text.startswith(name):
            path = executable(name)
            if path is None:
                assert "CI" not in os.environ, f"{name} is not there"
                pytest.skip(f"{name} is not there")
            quiet = " -loglevel error -y" if name == "ffmpeg" else ""
            text = text.replace(name, f"{path}{quiet}", 1)
    kernfit = f"{sys.executable} -c 'from kernfit.cli import run; run()'"
    subprocess.run(
        ["sh", "-c", text.replace("\nkernfit apply", f"\n{kernfit} apply")],
        cwd=folder,
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def output(folder, files):
    if files.top is None:
        return np.load(folder / "output.npy")
    path = folder / "output.tif"
    return read_image(path if path.exists() else folder / f"output{files.suffix}").pixels


def agrees(found, expected, files, inside):
    """Equal, but for numbers that lie halfway between two levels."""
    if files.top is None:
        np.testing.assert_allclose(found, expected, atol=1e-6)
        return
    assert found.shape == expected.shape
    off = np.abs(found - np.clip(expected, 0, files.top))[(..., *inside)]
    assert off.max() <= 0.5 + (1e-3 if files.top == 255 else 0.05)


def cases():
    for kernel_name, kernel in KERNELS.items():
        for files_name, files in FILES.items():
            if files_name == "grey" or kernel_name in ("asymmetric", "even", "sums to 1"):
                for recipe in recipes_for(kernel, files):
                    # Each starts an interpreter; what it does depends on the files alone.
                    if recipe.program.endswith("command line") and kernel_name != "asymmetric":
                        continue
                    name = f"{recipe.program}, {kernel_name}, {files_name}"
                    yield pytest.param(kernel, files, recipe, id=name)


@pytest.mark.parametrize(("kernel", "files", "recipe"), list(cases()))
def test_the_pasted_text_gives_kernfits_own_answer(kernel, files, recipe, tmp_path, monkeypatch):
    if not recipe.text:
        assert recipe.program in ("ffmpeg", "ImageMagick")
        assert files.top is None or kernel.taps.size > 121
        return
    image = image_for(files)
    expected = correlate2d(image.astype(float), kernel, mode="same", boundary="edge")
    if files.top is None:
        np.save(tmp_path / "input.npy", image)
    else:
        write_image(tmp_path / f"input{files.suffix}", image)
    run(recipe, tmp_path, monkeypatch)
    reach = max(kernel.shape) if recipe.program in OWN_BORDER else 0
    inside = (slice(reach, image.shape[-2] - reach), slice(reach, image.shape[-1] - reach))
    agrees(output(tmp_path, files), expected, files, inside)


MIXING = Kernel(
    np.random.default_rng(2).normal(size=(3, 3, 2, 3)) / 4, bias=[3, -20, 60], anchor=(0, 2)
)
TO_GREY = Kernel(np.array([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1))


@pytest.mark.parametrize("kernel", [MIXING, TO_GREY], ids=["3 to 3", "3 to 1"])
def test_kernels_that_mix_channels(kernel, tmp_path, monkeypatch):
    files = Files(255, True)
    image = image_for(files)
    write_image(tmp_path / "input.png", image)
    (row, column), (rows, columns) = kernel.anchor, kernel.shape
    expected = conv2d(
        image[np.newaxis].astype(float),
        kernel.weight,
        kernel.bias.astype(float),
        padding=((row, rows - 1 - row), (column, columns - 1 - column)),
        boundary="edge",
    )[0].squeeze()
    able = []
    for recipe in recipes_for(kernel, files):
        if recipe.text:
            able.append(recipe.program)
            run(recipe, tmp_path, monkeypatch)
            agrees(output(tmp_path, files), expected, files, np.s_[:, :])
        else:
            assert "cannot mix" in recipe.note
    assert able == ["kernfit", "SciPy", "PyTorch"]


def test_nothing_in_a_recipe_is_in_powers_of_ten_for_programs_that_do_not_read_them():
    for recipe in recipes_for(KERNELS["tiny taps"], FILES["grey"]):
        if recipe.program in ("ImageMagick", "ffmpeg"):
            assert "e-0" not in recipe.text
