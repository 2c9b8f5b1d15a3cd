"""Clipping is found in any dtype, and rounding between steps is no misfit."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from kernfit import catalogue, correlate2d, learn, scene
from kernfit.lesson import photograph

PHOTO, _ = photograph()
X = np.ascontiguousarray(np.asarray(PHOTO)[60:260, 120:340])
SHARPEN = catalogue["sharpen"].taps


def sharpened(x):
    return ndimage.correlate(x.astype(float), SHARPEN, mode="nearest")


CLIPPED = {
    "0 to 255 as float": lambda x: (x, np.clip(sharpened(x), 0, 255)),
    "0 to 1": lambda x: (x / 255, np.clip(sharpened(x) / 255, 0, 1)),
    "0 to 1, float32": lambda x: (
        (x / 255).astype(np.float32),
        np.clip(sharpened(x) / 255, 0, 1).astype(np.float32),
    ),
    "0 to 255 as int32": lambda x: (x, np.clip(np.rint(sharpened(x)), 0, 255).astype(np.int32)),
    "video": lambda x: (x, np.clip(np.rint(sharpened(x)), 16, 235).astype(np.uint8)),
    "12 of 16 bits": lambda x: (
        16 * x.astype(np.uint16),
        np.clip(np.rint(sharpened(16.0 * x)), 0, 4095).astype(np.uint16),
    ),
    "below 0 only": lambda x: (x / 255, np.maximum(sharpened(x) / 255, 0)),
}


@pytest.mark.parametrize("picture", ["photograph", "scene"])
@pytest.mark.parametrize("how", CLIPPED)
def test_clipping_is_found_in_any_dtype(how, picture):
    before, after = CLIPPED[how](X if picture == "photograph" else scene((200, 220)))
    fit = learn(before, after, threads=1)
    assert fit.status.code == "good"
    assert fit.kernel.shape == (3, 3)
    np.testing.assert_allclose(fit.kernel.taps, SHARPEN, atol=2e-3)
    assert any("the after image was clipped" in note for note in fit.notes)
    assert fit.left_out["clipped"] > 0


def test_noise_beside_clipping_does_not_hide_it():
    noise = np.random.default_rng(0).normal(0, 0.01, X.shape)
    fit = learn(X / 255, np.clip(sharpened(X) / 255 + noise, 0, 1), threads=1)
    assert fit.kernel.shape == (3, 3)
    assert fit.left_out["clipped"] > 0


@pytest.mark.parametrize("sigma", [1.0, 5.0])
def test_a_black_background_is_no_clipping(sigma):
    x = np.where(ndimage.gaussian_filter(X, 9) > 90, X, 0).astype(float)
    fit = learn(x, ndimage.gaussian_filter(x, sigma), threads=1, shape=15)
    assert fit.left_out["clipped"] == 0


def test_the_lesson_is_no_clipping():
    x = np.ones((60, 80))
    x[:, 20:50] = 0
    fit = learn(x, correlate2d(x, [[1, -1]]), threads=1)
    assert fit.left_out["clipped"] == 0
    np.testing.assert_allclose(fit.kernel.taps, [[1, -1]], atol=1e-9)


def test_a_report_shows_what_was_found_to_be_clipped(tmp_path):
    before, after = CLIPPED["0 to 1"](X)
    learn(before, after, threads=1).report(tmp_path / "page.html", before, after)
    assert "clipped" in (tmp_path / "page.html").read_text(encoding="utf-8")


STEPS = {
    **{f"blur {r}": ImageFilter.GaussianBlur(r) for r in (0.3, 0.5, 0.7, 1, 1.35, 2)},
    **{
        f"sharpening {r}, {percent}": ImageFilter.UnsharpMask(r, percent, 0)
        for r, percent in ((0.5, 200), (1, 60), (2, 150), (1.2, 73))
    },
}


@pytest.mark.parametrize("how", STEPS)
def test_rounding_between_steps_is_no_misfit(how):
    after = np.asarray(Image.fromarray(X).filter(STEPS[how]))
    fit = learn(X, after, threads=1)
    assert fit.status.kind == ""
    assert fit.status.code == "good"


def test_it_is_said_what_of_pillow_makes_every_pixel():
    after = np.asarray(Image.fromarray(X).filter(ImageFilter.GaussianBlur(0.5)))
    assert "Pillow's GaussianBlur(0.5)" in str(learn(X, after, threads=1).status)
    after = np.asarray(Image.fromarray(X).filter(ImageFilter.UnsharpMask(0.5, 200, 0)))
    assert "Pillow's UnsharpMask(0.5, 200, 0)" in str(learn(X, after, threads=1).status)


@pytest.mark.parametrize("threshold", [2, 3, 10])
def test_a_threshold_is_still_one(threshold):
    after = np.asarray(Image.fromarray(X).filter(ImageFilter.UnsharpMask(2, 150, threshold)))
    assert learn(X, after, threads=1).status.kind == "non-linear"
