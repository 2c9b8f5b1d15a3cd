"""The effective receptive field: how much of its window a layer really uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernfit.arrays import Array, as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.interop.read import framework_of
from kernfit.see.field import ReceptiveField
from kernfit.see.graph import Pair
from kernfit.see.windows import receptive_field


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How much each pixel counts for one element.

    Attributes
    ----------
    strength : ndarray, shape (rows, columns)
        Root mean square gradient; 1 for the pixel that counts most.
    field : ReceptiveField
        The window that it lies in.
    spread : (rows, columns)
        Standard deviation of the squared gradient's place, in pixels.
    """

    strength: Array
    field: ReceptiveField
    spread: tuple[float, float]


def effective_field(
    model: Any,
    shape: Pair,
    layer: str | None = None,
    *,
    element: Pair | None = None,
    images: int = 8,
    seed: int = 0,
) -> EffectiveField:
    """Return how much each pixel counts for an element of a layer, by the model's own gradient.

    The window of a deep network is large, but most of it hardly counts (W. Luo, Y. Li, R. Urtasun,
    R. Zemel, Understanding the effective receptive field in deep convolutional neural networks,
    NeurIPS 2016). `plots` draw ``strength`` as any feature map.

    Parameters
    ----------
    model : torch.nn.Module
    shape : (rows, columns)
        Of the images.
    layer : str, optional
        Default: the (first) output.
    element : (row, column), optional
        Default: the middle one.
    images : int, default 8
        Random images, over which is averaged.
    seed : int
        Of those.

    Returns
    -------
    EffectiveField

    Raises
    ------
    InvalidInput
        If it is not a torch module, or has no such layer or element.
    """
    size = as_pair_of_ints(shape, "shape", least=1)
    if (kind := framework_of(model)) != "torch":
        raise InvalidInput(f"model must be a torch.nn.Module, which has gradients, got {kind}")
    from kernfit.interop.torch_gradient import torch_gradient

    strength = torch_gradient(model, layer, size, element, images, seed)
    power = strength**2
    total = power.sum()
    if total == 0:
        raise InvalidInput(f"layer {layer or 'output'!r} must depend on the image, got no gradient")
    spread = []
    for axis in (0, 1):
        weights, places = power.sum(1 - axis) / total, np.arange(size[axis])
        centre = (weights * places).sum()
        spread.append(float(np.sqrt((weights * (places - centre) ** 2).sum())))
    field = receptive_field(model, layer, shape=size)
    return EffectiveField(strength / strength.max(), field, (spread[0], spread[1]))
