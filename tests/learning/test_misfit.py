"""What is not a kernel alone is said to be something else, and of which kind; noise is not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from scipy import ndimage

from kernfit import learn
from kernfit.lesson import photograph

PHOTO, _ = photograph()
X = np.asarray(PHOTO)
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.45, 0.1], [0.02, 0.08, 0.05]])
BLURRED = ndimage.correlate(X.astype(float), KERNEL, mode="nearest")
ACROSS = np.linspace(0, 1, X.shape[1])


def levels(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def pillow(image_filter):
    return np.asarray(PHOTO.filter(image_filter))


def gamma(power):
    return levels(255 * (BLURRED / 255) ** power)


def jpeg(quality):
    file = io.BytesIO()
    Image.fromarray(levels(BLURRED)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def wild(share):
    rng = np.random.default_rng(1)
    image = BLURRED.copy()
    hit = rng.random(image.shape) < share
    image[hit] = rng.uniform(0, 255, hit.sum())
    return levels(image)


def painted_over():
    image = levels(BLURRED)
    image[50:90, 50:250] = 230
    return image


MISFITS = {
    "median 3": ("non-linear", lambda: pillow(ImageFilter.MedianFilter(3))),
    "median 5": ("non-linear", lambda: pillow(ImageFilter.MedianFilter(5))),
    "minimum": ("non-linear", lambda: pillow(ImageFilter.MinFilter(3))),
    "most frequent": ("non-linear", lambda: pillow(ImageFilter.ModeFilter(3))),
    "unsharp, threshold 3": ("non-linear", lambda: pillow(ImageFilter.UnsharpMask(2, 150, 3))),
    "unsharp, threshold 10": ("non-linear", lambda: pillow(ImageFilter.UnsharpMask(2, 100, 10))),
    "slope by Sobel": (
        "non-linear",
        lambda: levels(np.hypot(*(ndimage.sobel(X.astype(float), axis) for axis in (0, 1))) / 4),
    ),
    "JPEG at 75": ("lossy", lambda: jpeg(75)),
    "JPEG at 30": ("lossy", lambda: jpeg(30)),
    "gamma 1.2": ("tone curve", lambda: gamma(1.2)),
    "gamma 1/2.2": ("tone curve", lambda: gamma(1 / 2.2)),
    "equalised": ("tone curve", lambda: np.asarray(ImageOps.equalize(PHOTO))),
    "solarised": ("tone curve", lambda: np.asarray(ImageOps.solarize(PHOTO, 128))),
    "posterised": ("coarse levels", lambda: np.asarray(ImageOps.posterize(PHOTO, 4))),
    "sharp left, blurred right": (
        "varies over the field",
        lambda: levels((1 - ACROSS) * X + ACROSS * ndimage.gaussian_filter(X.astype(float), 1.5)),
    ),
    "vignette": ("varies over the field", lambda: levels(BLURRED * (1 - (ACROSS - 0.5) ** 2))),
    "background": ("varies over the field", lambda: levels(BLURRED * 0.8 + 20 * ACROSS)),
    "0.2 % wild": ("outliers", lambda: wild(0.002)),
    "5 % wild": ("outliers", lambda: wild(0.05)),
    "painted over": ("outliers", painted_over),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MISFITS)
def test_kind_of_misfit(name):
    kind, after = MISFITS[name]
    status = learn(X, after()).status
    assert status.code == "misfit"
    assert status.kind == kind
    assert status.remedy.endswith(".")


def noisy(noise):
    return levels(BLURRED + noise)


RNG = np.random.default_rng(2)
NOISES = {
    "white": lambda: noisy(RNG.normal(0, 2, X.shape)),
    "faint": lambda: noisy(RNG.normal(0, 0.6, X.shape)),
    "photons": lambda: RNG.poisson(BLURRED).astype(float),
    "uniform": lambda: BLURRED + RNG.uniform(-3, 3, X.shape),
    "float32": lambda: (BLURRED + RNG.normal(0, 2, X.shape)).astype(np.float32),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_no_misfit(name):
    fit = learn(X, NOISES[name](), shape=3)
    assert fit.status.code == "good"
    assert f"up to noise of {fit.residual_rms:.3g} grey levels." in str(fit.status)
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 5 * fit.stderr + 1e-3)


def test_noise_alike_in_neighbouring_pixels_is_named():
    noise = 6 * ndimage.gaussian_filter(RNG.normal(0, 1, X.shape), 1)
    status = learn(X, noisy(noise), shape=3).status
    assert status.code == "good"
    assert "alike in neighbouring pixels" in status.sentence


def test_clip_level_that_is_named_helps():
    after = np.minimum(levels(BLURRED), 200)
    fit = learn(X, after, clip=(0, 200))
    assert fit.status.code == "good"
    assert fit.reproduced == fit.used
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-4
