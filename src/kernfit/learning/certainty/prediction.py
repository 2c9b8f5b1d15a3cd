"""How sure a prediction is, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image
from kernfit.correlate import correlate2d
from kernfit.kernel import Kernel
from kernfit.learning.certainty.uncertainty import Uncertainty


def prediction_error(
    kernel: Kernel, uncertainty: Uncertainty, image: ArrayLike, **options: Any
) -> Array:
    """Return the standard error of each predicted pixel; see `Fit.prediction_error`.

    A prediction is a combination of the weights, so its variance is the sum over the blocks of
    the square of what each block's pull on the kernel predicts: a correlation for each block.
    """
    if not np.isfinite(uncertainty.covariance).all():
        return np.full_like(correlate2d(image, kernel, **options), np.nan, dtype=np.float64)
    pixels = as_image(image).astype(np.float64)
    outputs, inputs, kh, kw = kernel.weight.shape
    deviations = [
        uncertainty.deviations(output, slice(0, inputs * kh * kw + 1)) for output in range(outputs)
    ]
    found: Array | None = None
    for parts in zip(*deviations, strict=True):
        weight = np.array([part[:-1].reshape(inputs, kh, kw) for part in parts])
        moved = Kernel(weight, [part[-1] for part in parts], anchor=kernel.anchor)
        square = correlate2d(pixels, moved, **options) ** 2
        found = square if found is None else found + square
    assert found is not None
    return np.sqrt(found)
