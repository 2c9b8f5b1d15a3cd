"""Tables of colours: found, extrapolated, written for other programs and read."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageFilter
from test_placing import SCENE, photograph, planes

from kernfit.edits.cubes import read_cube, write_cube
from kernfit.edits.finding_look import find_look
from kernfit.edits.look import Look
from kernfit.edits.where import Where
from kernfit.errors import InvalidInput, RefusedFile

WHOLE = Where.whole(192, 256)
EVERYWHERE = np.ones((192, 256), bool)


def teal_and_orange(colours):
    """A look that no matrix and no curve makes: shadows turn one way, lights the other."""
    light = colours.mean(0)
    tint = np.array([0.12, 0.0, -0.12])[:, np.newaxis, np.newaxis]
    return colours + tint * np.sin(2.2 * (light - 0.5)) * (1 - np.abs(colours - 0.5))


def test_a_look_is_copied_to_another_picture():
    before, other = planes(SCENE) / 255, planes(photograph(8)) / 255
    after = np.rint(teal_and_orange(before).clip(0, 1) * 255) / 255
    look = find_look(before, after, EVERYWHERE)
    assert 0.01 < look.shown.mean() < 0.9
    left = look.apply(other, WHOLE) - teal_and_orange(other)
    nothing = other - teal_and_orange(other)
    assert np.sqrt(np.mean(left**2)) * 255 < 1.2
    assert np.sqrt(np.mean(left**2)) < 0.15 * np.sqrt(np.mean(nothing**2))


def test_colours_that_no_picture_showed_are_extrapolated_smoothly():
    narrow = 0.4 + 0.2 * planes(SCENE) / 255
    matrix = np.array([[0.9, 0.2, 0.0], [0.0, 0.8, 0.1], [0.1, 0.1, 0.7]])
    look = find_look(narrow, np.tensordot(matrix, narrow, 1), EVERYWHERE)
    axis = np.linspace(0, 1, 17)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    assert look.shown.mean() < 0.1
    assert np.abs(look.table - nodes @ matrix.T).max() < 0.02


@pytest.mark.parametrize("between", ["tetrahedral", "trilinear"])
def test_a_table_holds_its_nodes_and_affine_colours(between):
    rng = np.random.default_rng(2)
    table = rng.uniform(0, 1, (5, 5, 5, 3))
    nodes = np.moveaxis(np.indices((5, 5, 5)) / 4, 0, 0).reshape(3, -1)
    look = Look(table, between)
    np.testing.assert_allclose(look.apply(nodes, WHOLE), table.reshape(-1, 3).T, atol=1e-12)
    matrix, axis = rng.uniform(-0.3, 0.3, (3, 3)), np.linspace(0, 1, 5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    colours = rng.uniform(0, 1, (3, 400))
    np.testing.assert_allclose(
        Look(grid @ matrix.T, between).apply(colours, WHOLE), matrix @ colours, atol=1e-12
    )


def test_cube_files_go_out_and_in(tmp_path):
    look = Look(np.random.default_rng(1).uniform(-0.1, 1.1, (4, 4, 4, 3)))
    write_cube(look, tmp_path / "a.cube", title='of "mine"')
    back = read_cube(tmp_path / "a.cube")
    np.testing.assert_allclose(back.table, look.table, atol=1e-8)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_ffmpeg_does_the_same_with_the_file(tmp_path):
    look = Look(np.random.default_rng(1).uniform(0.1, 0.9, (4, 4, 4, 3)))
    write_cube(look, tmp_path / "a.cube")
    SCENE.filter(ImageFilter.BLUR).save(tmp_path / "in.png")
    command = ["ffmpeg", "-loglevel", "error", "-i", "in.png", "-vf", "lut3d=a.cube", "out.png"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = planes(Image.open(tmp_path / "out.png").convert("RGB"))
    wanted = look.apply(planes(Image.open(tmp_path / "in.png")) / 255, WHOLE) * 255
    # It cuts decimals off.
    assert np.abs(done + 0.5 - wanted).max() < 0.52


@pytest.mark.parametrize(
    "text",
    [
        "LUT_3D_SIZE 2\n0 0 0\n",
        "LUT_3D_SIZE 1\n0 0 0\n",
        "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n",
        "LUT_3D_SIZE 900000\n",
        "LUT_3D_SIZE 2\n" + "nan 0 0\n" * 8,
        "LUT_3D_SIZE 2\nDOMAIN_MAX 2 2 2\n" + "0 0 0\n" * 8,
        "\x00\x01",
    ],
)
def test_files_that_hold_no_table_are_refused(tmp_path, text):
    (tmp_path / "a.cube").write_text(text)
    with pytest.raises(RefusedFile, match="must hold a table of colours"):
        read_cube(tmp_path / "a.cube")


def test_grey_pictures_have_no_look():
    grey = planes(SCENE.convert("L")) / 255
    assert find_look(grey, grey, EVERYWHERE) is None
    with pytest.raises(InvalidInput, match="red, green and blue"):
        Look(np.zeros((2, 2, 2, 3))).apply(grey, WHOLE)
