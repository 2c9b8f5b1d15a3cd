"""Sharpening with a threshold, learnt from pairs that Pillow made."""

import numpy as np
import pytest
from PIL import ImageFilter
from test_placing import SCENE, photograph, planes

from kernfit.edits.detail import Detail, blurred
from kernfit.edits.finding_detail import find_detail
from kernfit.edits.where import Where

WHOLE = Where.whole(192, 256)
EVERYWHERE = np.ones((192, 256), bool)


def test_three_boxes_are_pillows_blur():
    for sigma in (0.6, 1.0, 2.0, 3.7):
        made = blurred(planes(SCENE) / 255, sigma, "three boxes") * 255
        wanted = planes(SCENE.filter(ImageFilter.GaussianBlur(sigma)))
        np.testing.assert_allclose(made, wanted, atol=1e-9)


@pytest.mark.parametrize(("radius", "percent", "threshold"), [(2, 150, 6), (1.2, 80, 3)])
def test_an_unsharp_mask_with_a_threshold_is_copied(radius, percent, threshold):
    edit = ImageFilter.UnsharpMask(radius, percent, threshold)
    (stage,) = find_detail(planes(SCENE) / 255, planes(SCENE.filter(edit)) / 255, EVERYWHERE)
    assert stage.sigma == pytest.approx(radius, abs=1e-9)
    assert stage.amount == pytest.approx(percent / 100, rel=0.06)
    assert threshold / 255 < stage.threshold < (threshold + 1) / 255
    other = photograph(8)
    done = np.clip(np.rint(stage.apply(planes(other) / 255, WHOLE) * 255), 0, 255)
    assert np.sqrt(np.mean((done - planes(other.filter(edit))) ** 2)) < 0.5


def test_a_soft_threshold_is_told_from_a_hard_one():
    truth = Detail(1.5, 1.1, 0.02, "soft")
    before = planes(SCENE) / 255
    after = np.rint(truth.apply(before, WHOLE) * 255).clip(0, 255) / 255
    (stage,) = find_detail(before, after, EVERYWHERE)
    assert stage.shape == "soft"
    assert stage.sigma == pytest.approx(1.5, rel=0.02)
    assert stage.threshold == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize(
    "edit",
    [
        ImageFilter.UnsharpMask(2, 150, 0),
        ImageFilter.GaussianBlur(1.5),
        ImageFilter.SHARPEN,
        ImageFilter.MedianFilter(5),
    ],
)
def test_no_threshold_is_seen_where_there_is_none(edit):
    after = planes(SCENE.filter(edit)) / 255
    assert find_detail(planes(SCENE) / 255, after, EVERYWHERE) == ()
