"""Feature maps: what a layer, or a kernel, found where."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import dimensions_of, given, runner_for
from kernfit.graph.stack import as_stack, stack_maps
from kernfit.io.images import read_image


def feature_maps(
    model: Any,
    image: ArrayLike | str | os.PathLike[str],
    layer: str | None = None,
    *,
    divide: float = 1.0,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
) -> Array:
    """Return what a layer of a model, or some kernels, answer to an image.

    Parameters
    ----------
    model : model, path, Kernel or sequence of Kernel
        As `receptive_field` takes it, but not bare layers. Of kernels no framework is needed:
        each gives one map of the image's size for each of its output channels. Kernels in a list
        lie side by side; lists in a list are layers, each of which reads the maps of the one
        before it.
    image : array_like or path
        (rows, columns) or (channels, rows, columns), or an image file. Of a model of volumes or
        signals, an array with one axis for each of theirs, and one for channels or none.
    layer : str, optional
        A node or module of the model, of kernels "layer1", "layer2" and so on. Default: its
        (first) output.
    divide : float
        Pixels are divided by this, for example 255 for a model that takes 0 to 1.
    pointwise : collection of str
    example_inputs : mapping, optional
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

    See Also
    --------
    plot_maps : Draws them.
    run_tiled : On images that are too large.

    Examples
    --------
    >>> from kernfit import Kernel, catalogue
    >>> image = np.array([[0, 0, 9, 9]] * 4)
    >>> feature_maps([Kernel([[-1, 1]]), catalogue["box_3"]], image).shape
    (2, 4, 4)

    Two layers, edges and then their mean over 3x3 pixels:

    >>> layers = [[catalogue["sobel_x"], catalogue["sobel_y"]], [catalogue["box_3"]]]
    >>> feature_maps(layers, image, "layer1").shape, feature_maps(layers, image).shape
    ((2, 4, 4), (2, 4, 4))
    """
    model = given(model, example_inputs)
    stack, count = as_stack(model), dimensions_of(model)
    if isinstance(image, (str, os.PathLike)):
        pixels: Array = read_image(image).pixels
    else:
        pixels = as_image(image) if count == 2 else np.asarray(image)
    if divide != 1:
        pixels = pixels / divide
    if stack is not None:
        return stack_maps(stack, pixels, layer)
    if pixels.ndim == count:
        pixels = pixels[np.newaxis]
    if pixels.ndim != count + 1:
        raise InvalidInput(
            f"image must have {count} axes, and one for channels in front of them or none, got "
            f"shape {pixels.shape}"
        )
    runner, _ = runner_for(model, layer, pointwise=pointwise)
    return runner(pixels.astype(np.float32))
