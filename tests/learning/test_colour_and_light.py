"""Colour and light are said before any other cause, and the advice makes the answer better."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kernfit import learn
from kernfit.learning.pairs.light import to_levels, to_linear

with Image.open(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg") as portrait:
    COLOURS = np.asarray(portrait.convert("RGB"))
X = np.ascontiguousarray(np.moveaxis(COLOURS[120:248, 170:298], 2, 0))
LUMA = np.array([0.299, 0.587, 0.114])
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def levels(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def blurred(x, sigma):
    return np.stack([ndimage.gaussian_filter(plane.astype(float), sigma) for plane in x])


def mixed(matrix, x):
    return levels(np.einsum("oc,chw->ohw", matrix, x.astype(float)))


def in_light(function):
    return levels(to_levels(np.clip(function(to_linear(X.astype(float), 255)), 0, 255), 255))


def gains(*each):
    return np.reshape(each, (3, 1, 1))


EDITS = {
    "gains": (lambda: levels(X * gains(1.1, 1, 0.85)), "colour", "gains 1.10, 1.00, 0.85"),
    "gains, blurred": (
        lambda: levels(blurred(X, 1) * gains(1.2, 1, 0.7)),
        "colour",
        "gains 1.20, 1.00, 0.70",
    ),
    "offsets": (lambda: levels(X + gains(9, 0, -7.0)), "colour", "offsets 9, 0, -7"),
    "less saturated": (
        lambda: mixed(0.8 * np.eye(3) + 0.2 * LUMA, X),
        "colour",
        "a colour matrix (0.86 0.12 0.02 / ",
    ),
    "sepia, blurred": (
        lambda: mixed(SEPIA, blurred(X, 0.8)),
        "colour",
        "a colour matrix (0.39 0.77 0.19 / 0.35 0.69 0.17 / 0.27 0.53 0.13)",
    ),
    "one channel blurred": (
        lambda: levels(np.stack([blurred(X[n : n + 1], s)[0] for n, s in enumerate((1, 0, 2))])),
        "colour",
        "each has a kernel of its own",
    ),
    "blurred in linear light": (lambda: in_light(lambda x: blurred(x, 1.5)), "linear light", ""),
    "sharpened in linear light": (
        lambda: in_light(lambda x: 1.6 * x - 0.6 * blurred(x, 2)),
        "linear light",
        "",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_was_done_is_said_and_the_advice_explains_it(what):
    make, kind, words = EDITS[what]
    after = make()
    fit = learn(X, after, threads=1)
    assert (fit.status.code, fit.status.kind) == ("misfit", kind)
    assert words in fit.sentences()[0]
    assert fit.to_dict()["status"]["advice"] == fit.status.advice
    followed = learn(X, after, shape=9, threads=1, **fit.status.advice)
    assert followed.status.code in ("good", "undetermined"), str(followed.status)
    if kind == "colour":  # in linear light, levels are another unit
        assert followed.residual_rms < 0.35 < fit.residual_rms


@pytest.mark.parametrize("side", [24, 96])
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_noise_is_no_colour_and_no_light(side, spread):
    rng = np.random.default_rng(side)
    for _ in range(2):
        top, left = rng.integers(0, 128 - side + 1, 2)
        x = X[:, top : top + side, left : left + side]
        noise = rng.normal(0, 4, x.shape)
        if spread:
            noise = np.stack([ndimage.gaussian_filter(plane, spread) for plane in noise])
            noise *= 4 / noise.std()
        after = levels(blurred(x, 0.7) + noise)
        assert learn(x, after, threads=1).status.kind == ""


def test_a_curve_that_all_channels_follow_is_no_colour():
    after = levels(255 * (X / 255) ** 0.8)
    assert learn(X, after, threads=1).status.kind == "tone curve"
