"""Have the compiled code loaded before anybody waits for it."""

from __future__ import annotations

import numpy as np

from kernfit.lab.jobs.answers import strength_of
from kernfit.lab.telling import Say
from kernfit.learning import learn
from kernfit.lesson import scene
from kernfit.named_kernels import detectors


def warm_up(say: Say) -> None:
    """Run what the benches run, on a little image."""
    picture = scene((128, 128))
    strength_of(picture, detectors["sobel"], "edge")
    learn(picture, np.rint(picture * 0.5 + 20).astype(np.uint8)).recognise()
