"""An after image that was cropped is found in its before image."""

import numpy as np
import pytest
from PIL import Image

from kernfit import InvalidInput, catalogue, correlate2d, learn
from kernfit.lesson import photograph, scene

PHOTO = np.asarray(photograph()[0])


def explains(fit, before, after):
    """Whether the kernel makes exactly the after image of the before image, at the place found."""
    made = correlate2d(before.astype(float), fit.kernel, mode="same")
    row, column = fit.offset
    height, width = after.shape
    return np.allclose(made[row : row + height, column : column + width], after, atol=1e-6)


@pytest.mark.parametrize("name", ["gaussian_5", "sharpen", "sobel_x", "emboss", "laplacian"])
def test_a_crop_is_found_whatever_the_kernel(name):
    after = correlate2d(PHOTO.astype(float), catalogue[name], mode="same", boundary="edge")
    part = after[100:400, 37:302]
    fit = learn(PHOTO, part)
    # A kernel that moves what it shows may be found moved the other way, by as much.
    assert np.abs(np.subtract(fit.offset, (100, 37))).max() <= 1
    assert explains(fit, PHOTO, part)


def test_a_shape_that_does_not_fit_the_sizes_means_a_crop():
    after = correlate2d(PHOTO, [[1, 2], [0, 1]], mode="same")[5:-4, 3:-2]
    fit = learn(PHOTO, after, shape=3)
    assert explains(fit, PHOTO, after)


def test_colours_and_noise():
    rng = np.random.default_rng(50)
    before = np.stack([scene((200, 220)), scene((220, 200)).T, scene((200, 220))[::-1]])
    after = correlate2d(before.astype(float), catalogue["box_3"]) + rng.normal(0, 5, (3, 198, 218))
    fit = learn(before, after[:, 60:180, 80:190])
    assert fit.offset == (61, 81)
    assert np.all(np.abs(fit.kernel.taps - 1 / 9) < 5 * fit.stderr)


def test_an_unrelated_image_is_refused():
    rng = np.random.default_rng(51)
    with pytest.raises(InvalidInput, match="no place where they are alike"):
        learn(PHOTO, rng.integers(0, 255, (200, 210)))


@pytest.mark.parametrize("share", [0.4, 2 / 3, 0.8, 1.2, 1.7])
def test_another_size_is_said_to_be_one(share):
    image = Image.fromarray(PHOTO)
    size = (round(image.width * share), round(image.height * share))
    after = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    with pytest.raises(InvalidInput, match=f"resized from 600x512 to {size[1]}x{size[0]}: bring"):
        learn(PHOTO, after)


def test_a_size_that_a_kernel_might_leave_too():
    after = np.asarray(Image.fromarray(PHOTO).resize((495, 580), Image.Resampling.BICUBIC))
    status = learn(PHOTO, after).status
    assert status.kind == "moved"
    assert "resized from 600x512 to 580x495" in status.sentence
    # A kernel that leaves as much is none the worse for it.
    box = correlate2d(PHOTO.astype(float), np.ones((21, 18)) / 378)
    assert learn(PHOTO, box).status.code == "good"
