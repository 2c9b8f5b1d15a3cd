"""Feature maps: what a layer, or a kernel, found where."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image
from kernfit.errors import InvalidInput
from kernfit.interop.run import runner_for
from kernfit.io.images import read_image
from kernfit.kernel import Kernel


def feature_maps(
    model: Any,
    image: ArrayLike | str | os.PathLike[str],
    layer: str | None = None,
    *,
    divide: float = 1.0,
    pointwise: Collection[str] = (),
) -> Array:
    """Return what a layer of a model, or some kernels, answer to an image.

    Parameters
    ----------
    model : model, path, Kernel or sequence of Kernel
        As `receptive_field` takes it, but not bare layers. Of kernels no framework is needed:
        each gives one map of the image's size for each of its output channels.
    image : array_like or path
        (rows, columns) or (channels, rows, columns), or an image file.
    layer : str, optional
        A node or module of the model. Default: its (first) output.
    divide : float
        Pixels are divided by this, for example 255 for a model that takes 0 to 1.
    pointwise : collection of str
        As in `receptive_field`.

    Returns
    -------
    ndarray, shape (maps, rows, columns)

    Raises
    ------
    InvalidInput
        If there is no such layer, or the image does not fit.
    RefusedFile
        If a file cannot be read.

    Examples
    --------
    >>> from kernfit import catalogue
    >>> image = np.array([[0, 0, 9, 9]] * 4)
    >>> feature_maps([Kernel([[-1, 1]]), catalogue["box_3"]], image).shape
    (2, 4, 4)
    """
    kernels = _kernels(model)
    if isinstance(image, (str, os.PathLike)):
        pixels: Array = read_image(image).pixels
    else:
        pixels = as_image(image)
    if divide != 1:
        pixels = pixels / divide
    if kernels is not None:
        if layer is not None:
            raise InvalidInput(f"layer must be left out for kernels, got {layer!r}")
        return np.concatenate([_answers(kernel, pixels) for kernel in kernels])
    if pixels.ndim == 2:
        pixels = pixels[np.newaxis]
    if pixels.ndim != 3:
        raise InvalidInput(
            "image must have shape (rows, columns) or (channels, rows, columns), got "
            f"{pixels.shape}"
        )
    runner, _ = runner_for(model, layer, pointwise=pointwise)
    return runner(pixels.astype(np.float32))


def _kernels(model: Any) -> Sequence[Kernel] | None:
    """Return kernels as a list; None if `model` is something else."""
    if isinstance(model, Kernel):
        return [model]
    if isinstance(model, (list, tuple)) and model:
        return model if all(isinstance(kernel, Kernel) for kernel in model) else None
    return None


def _answers(kernel: Kernel, pixels: Array) -> Array:
    """Return one kernel's maps, of the image's size, borders as at the last pixel."""
    # Models of frameworks need not wait for a compiler.
    from kernfit.correlate import conv2d, correlate2d

    outputs, inputs = kernel.weight.shape[:2]
    if (outputs, inputs) == (1, 1):
        found = correlate2d(pixels.astype(np.float64), kernel, mode="same", boundary="edge")
        return found.reshape(-1, *found.shape[-2:])
    planes = pixels.reshape(-1, *pixels.shape[-2:]).astype(np.float64)
    if len(planes) != inputs:
        raise InvalidInput(
            f"image must have the kernel's {inputs} channels, got {len(planes)}: choose channels"
        )
    (row, column), (rows, columns) = kernel.anchor, kernel.shape
    around = ((row, rows - 1 - row), (column, columns - 1 - column))
    answers: Array = conv2d(
        planes[np.newaxis],
        kernel.weight.astype(np.float64),
        kernel.bias.astype(np.float64),
        padding=around,
        boundary="edge",
    )[0]
    return answers
