"""The main job on a real photograph: every kernel of PIL.ImageFilter is found again."""

import numpy as np
import pytest
from PIL import ImageFilter

from kernfit import learn
from kernfit.lesson import photograph

FILTERS = [
    "SHARPEN",
    "EMBOSS",
    "CONTOUR",
    "DETAIL",
    "EDGE_ENHANCE",
    "EDGE_ENHANCE_MORE",
    "FIND_EDGES",
    "SMOOTH",
    "SMOOTH_MORE",
    "BLUR",
]


def as_pillow_applies_it(name):
    """Taps and offset; Pillow counts the kernel's rows from the bottom."""
    (columns, rows), scale, offset, taps = getattr(ImageFilter, name).filterargs
    return np.array(taps, float).reshape(rows, columns)[::-1] / scale, offset


@pytest.mark.parametrize("name", FILTERS)
def test_kernel_of_a_filter(name):
    before, _ = photograph()
    after = before.filter(getattr(ImageFilter, name))
    fit = learn(np.asarray(before), np.asarray(after))
    taps, offset = as_pillow_applies_it(name)
    assert fit.kernel.shape == taps.shape
    assert np.abs(fit.kernel.taps - taps).max() < 1e-3
    if offset:
        assert abs(fit.kernel.bias[0] - offset) < 0.5
    assert fit.status.code == "good"
    assert fit.residual_rms < 0.32
