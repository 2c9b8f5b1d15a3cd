"""The stage that moves pixels: done to other pictures, and said in words."""

import re

import numpy as np
import pytest
from PIL import Image, ImageFilter
from test_placing import SCENE, found_for, moved, photograph, planes

from kernfit.edits.chain import Edit
from kernfit.edits.place import Place

OTHER = photograph(8, (150, 230))  # of another size


def learnt(edit):
    return Place.of(found_for(edit), planes(edit(SCENE)) / 255)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda p: p.crop((30, 20, 180, 140)), "cut out from row 20 and column 30, 150 x 120"),
        (lambda p: p.transpose(Image.ROTATE_90), "turned by 90° counterclockwise"),
        (lambda p: p.transpose(Image.FLIP_TOP_BOTTOM), "flipped upside down"),
        (lambda p: p.transpose(Image.TRANSVERSE), "mirrored along the rising diagonal"),
    ],
)
def test_whole_pixels_are_moved_exactly_in_pictures_of_other_sizes(edit, words):
    stage = learnt(edit)
    assert stage.words().startswith(words)
    done = Edit((stage,)).apply(planes(OTHER).astype(np.uint8))
    np.testing.assert_array_equal(done, planes(edit(OTHER)))


def test_a_picture_of_another_size_is_resized_by_the_same_factor():
    stage = learnt(lambda p: p.resize((p.width * 5 // 4, p.height * 5 // 4), Image.BICUBIC))
    assert stage.words() == "resized by 1.25 (bicubic (a = -0.5))"
    wanted = planes(OTHER.resize((288, 188), Image.BICUBIC))
    done = Edit((stage,)).apply(planes(OTHER).astype(np.uint8))
    assert done.shape == wanted.shape
    assert np.sqrt(np.mean((done - wanted) ** 2)) < 0.5


def test_a_turned_picture_of_another_size_turns_about_its_centre():
    def edit(picture):
        return picture.rotate(4, Image.BILINEAR, expand=True)

    stage = learnt(edit)
    assert stage.words().startswith("turned by 4.000")
    assert stage.fill == (0.0, 0.0, 0.0)
    # Pillow cuts decimals off here.
    done = Edit((stage,), rounding="down").apply(planes(OTHER).astype(np.uint8))
    wanted = planes(edit(OTHER))
    assert done.shape == wanted.shape
    inside = (slice(None), slice(20, -20), slice(20, -20))
    assert np.sqrt(np.mean((done - wanted)[inside] ** 2)) < 0.2


def test_a_shift_and_a_scale_are_said_with_their_errors():
    stage = learnt(lambda p: moved(p, 0.0, 1.02, 2.3, -1.1).filter(ImageFilter.GaussianBlur(1)))
    words = stage.words()
    scale, across, down = (
        float(re.search(pattern, words).group(1))
        for pattern in (
            r"scaled by ([\d.]+) ±",
            r"moved ([\d.]+) ± [\d.]+ to the right",
            r"and ([\d.]+) ± [\d.]+ up",
        )
    )
    assert (scale, across, down) == pytest.approx((1.02, 2.3, 1.1), abs=5e-3)
    assert "turned" not in words
    np.testing.assert_allclose(stage.seen((192, 256))[:, 0], False)


def test_nothing_moved_is_said():
    assert learnt(lambda p: p.filter(ImageFilter.SMOOTH)).still
