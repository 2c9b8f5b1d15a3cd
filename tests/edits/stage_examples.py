"""One conformance suite for stages: examples of each, and what all of them must do."""

import numpy as np

from kernfit.edits.clip import Clip
from kernfit.edits.colour import Colour
from kernfit.edits.curve import Curve
from kernfit.edits.detail import Detail
from kernfit.edits.gain import GainField
from kernfit.edits.hue import Hue
from kernfit.edits.look import Look
from kernfit.edits.neighbours import Gaussian, Neighbours
from kernfit.edits.place import Place
from kernfit.edits.resampling.filters import CATMULL_ROM, Filter
from kernfit.edits.resampling.sampling import Sampling
from kernfit.edits.tone import Tone
from kernfit.kernel import Kernel

MIXED = [[0.8, 0.15, 0.1], [0.02, 0.9, 0.05], [-0.1, 0.2, 0.7]]
BENT = Curve.like(lambda v: v**1.3, 6, 1).values[0]
ROUND = Kernel([[0.1, -0.3, 0.1], [-0.3, 1.8, -0.3], [0.1, -0.3, 0.1]])

# Name -> (a stage, channels that it takes). Every kind in STAGES must have one.
EXAMPLES = {
    "clip": (Clip(), 3),
    "gains": (Colour.of(np.diag([1.2, 1.0, 0.8]), 0.0, "gains"), 3),
    "gains and offsets": (
        Colour.of(np.diag([1.2, 1.0, 0.8]), [0.1, 0, -0.02], "gains and offsets"),
        3,
    ),
    "saturation": (Colour.at_rest("saturation", luma="601").moved([1.4]), 3),
    "matrix": (Colour.of(MIXED, 0.0, "matrix"), 3),
    "matrix and offsets": (Colour.of(MIXED, [0.1, 0, -0.02], "matrix and offsets"), 3),
    "grey": (Colour.of([[0.3, 0.6, 0.1]], 0.0, "matrix"), 3),
    "gamma": (Tone("gamma", ((0.7,), (1.0,), (1.4,))), 3),
    "levels": (Tone("levels", ((0.05, 0.95, 1.2),)), 1),
    "faded": (Tone("faded", ((1.2, 0.1, 0.9),)), 2),
    "contrast": (Tone("contrast", ((1.3, 0.45),)), 1),
    "sigmoid": (Tone("sigmoid", ((4.0, 0.45),)), 1),
    "inverse sigmoid": (Tone("inverse sigmoid", ((4.0, 0.45),)), 1),
    "s-curve": (Tone("s-curve", ((0.07,),)), 1),
    "to light": (Tone("to light"), 3),
    "from light": (Tone("from light"), 3),
    "curve": (Curve((BENT,)), 3),
    "curves": (Curve((BENT, BENT[::-1], Curve.at_rest(6).values[0])), 3),
    "kernel": (Neighbours(Kernel([[0.1, 0.2, 0.3], [0.05, -0.4, 0.6]], 0.02)), 2),
    "even kernel": (Neighbours(Kernel([[0.1, 0.2, 0.3, 0.4]], anchor=(0, 3))), 1),
    "unit kernel": (Neighbours(ROUND, "isotropic", True), 1),
    "point-symmetric kernel": (
        Neighbours(Kernel([[0.1, 0.2, 0.3], [0.4, 0.5, 0.4], [0.3, 0.2, 0.1]]), "point-symmetric"),
        2,
    ),
    "blur": (Gaussian(1.1, blurs=True), 2),
    "unsharp mask": (Gaussian(0.9, -0.7), 1),
    "hue": (Hue(0.95, 1.2, 0.04), 3),
    "hue of the largest": (Hue(0.95, 0.8, -0.1, "HSV"), 3),
    "vignette": (GainField((-0.3, 0.1)), 3),
    "gain field": (GainField((0.1, 0.2, -0.1, 0.05, 0.03), "polynomial"), 1),
    "crop": (Place(((1.0, 0.0), (0.0, 1.0)), (0.0, 1.5), (14, 17), (10, 12), "cut"), 3),
    "quarter turn": (Place(((0.0, 1.0), (-1.0, 0.0)), (0.0, 0.0), (14, 17), (17, 14)), 2),
    "half": (
        Place(
            ((2.0, 0.0), (0.0, 17 / 9)),
            (0.0, 0.0),
            (14, 17),
            (7, 9),
            "factor",
            Sampling(Filter("lanczos", (3.0,)), antialias=True, shorten=True),
        ),
        1,
    ),
    "turn": (
        Place(
            ((0.98, -0.1), (0.1, 0.98)),
            (0.31, -0.22),
            (14, 17),
            (14, 17),
            how=Sampling(CATMULL_ROM),
            free=True,
        ),
        3,
    ),
    "sharpening with a threshold": (Detail(1.1, 0.8, 0.02), 2),
    "soft threshold": (Detail(0.9, -0.5, 0.03, "soft"), 1),
    "table": (Look(np.random.default_rng(5).uniform(0, 1, (4, 4, 4, 3))), 3),
    "shown table": (
        Look(
            np.random.default_rng(6).uniform(0, 1, (3, 3, 3, 3)),
            "trilinear",
            np.arange(27).reshape(3, 3, 3) % 2 == 0,
        ),
        3,
    ),
}
