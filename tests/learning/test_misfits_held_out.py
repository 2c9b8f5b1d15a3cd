"""Misfits on photographs that no threshold was chosen on; benchmarks/misfits.py has all of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from kernfit import learn

pytestmark = pytest.mark.slow

skimage = pytest.importorskip("skimage")

SIDE = 200
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.45, 0.1], [0.02, 0.08, 0.05]])
PICTURES = ("gravel.png", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg")


def picture(name):
    image = Image.open(Path(skimage.__file__).parent / "data" / name).convert("L")
    left, top = ((side - SIDE) // 2 for side in image.size)
    return np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))


def levels(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def blurred(x):
    return ndimage.correlate(x.astype(float), KERNEL, mode="nearest")


def by_pillow(image_filter):
    return lambda x: np.asarray(Image.fromarray(x).filter(image_filter))


def jpeg(x):
    file = io.BytesIO()
    Image.fromarray(levels(blurred(x))).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def painted(x):
    image = levels(blurred(x))
    image[50:90, 60:150] = 230
    return image


def cloned(x):
    image = levels(blurred(x))
    image[30:80, 20:90] = image[110:160, 100:170]
    return image


def wild(x):
    rng = np.random.default_rng(1)
    return levels(np.where(rng.random(x.shape) < 0.03, rng.uniform(0, 255, x.shape), blurred(x)))


def vignette(x):
    rows, columns = np.mgrid[-1 : 1 : 1j * SIDE, -1 : 1 : 1j * SIDE]
    return levels(blurred(x) * (1 - 0.2 * (rows**2 + columns**2)))


MISFITS = {
    "median": (by_pillow(ImageFilter.MedianFilter(3)), {"non-linear"}),
    "most frequent": (by_pillow(ImageFilter.ModeFilter(3)), {"non-linear"}),
    "tone curve": (lambda x: levels(255 * (blurred(x) / 255) ** 0.6), {"tone curve"}),
    "posterised": (lambda x: x & 0xE0, {"coarse levels"}),
    "JPEG": (jpeg, {"lossy", "non-linear"}),
    "painted over": (painted, {"outliers"}),
    "cloned": (cloned, {"outliers"}),
    "wild pixels": (wild, {"outliers"}),
    "vignette": (vignette, {"varies over the field"}),
    "mirrored": (lambda x: levels(blurred(x[:, ::-1])), {"moved", "unrelated"}),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_no_kernel_did_is_noticed(name):
    make, kinds = MISFITS[name]
    found = []
    for each in PICTURES:
        x = picture(each)
        found.append(learn(x, make(x)).status)
    assert sum(status.code == "misfit" for status in found) >= len(PICTURES) - 1
    assert sum(status.kind in kinds for status in found) >= len(PICTURES) - 2, found


def photons(image, rng):
    return rng.poisson(image)


NOISES = {
    "white": lambda image, rng: levels(image + rng.normal(0, 3, image.shape)),
    "photons": photons,
    "correlated": lambda image, rng: (
        image + 8 * ndimage.gaussian_filter(rng.normal(size=image.shape), 1)
    ),
    "uniform": lambda image, rng: image + rng.uniform(-4, 4, image.shape),
    "rounding": lambda image, rng: levels(image),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("each", PICTURES)
def test_noise_is_no_misfit(each, name):
    x = picture(each)
    after = NOISES[name](blurred(x), np.random.default_rng(5))
    assert learn(x, after).status.code != "misfit"
