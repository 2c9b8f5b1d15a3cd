"""How much each pixel counts for an element of a PyTorch module, by its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.torch.exporting import export, plain
from kernfit.frameworks.torch.read import read_torch
from kernfit.frameworks.torch.run import upto
from kernfit.graph.graph import Pair
from kernfit.packages import need


def torch_gradient(
    model: Any, layer: str | None, shape: Pair, element: Pair | None, images: int, seed: int
) -> Array:
    """Return the root mean square gradient of an element, by pixel.

    Parameters
    ----------
    model : torch.nn.Module
    layer : str or None
    shape : (rows, columns)
        Of the images.
    element : (row, column) or None
        None: the middle one.
    images : int
        Random ones, over which is averaged.
    seed : int

    Returns
    -------
    ndarray, shape (rows, columns)

    Raises
    ------
    InvalidInput
        If the layer is no feature map, or has no such element.
    """
    torch = need("torch", "torch")
    model = plain(model)
    graph = read_torch(model, shape=shape)
    target = graph.find(layer)
    program = export(model, shape).module()
    weight = next(model.parameters(), None)
    like = {} if weight is None else {"device": weight.device, "dtype": weight.dtype}
    rng = np.random.default_rng(seed)
    total = np.zeros(shape)
    for _ in range(images):
        batches = [
            torch.as_tensor(rng.standard_normal((1, n, *shape)), **like).requires_grad_()
            for n in graph.image_channels
        ]
        maps = upto(torch, program, target, batches)
        if maps.ndim != 4:
            raise InvalidInput(f"layer {target!r} must be a feature map, got {tuple(maps.shape)}")
        row, column = element or (maps.shape[2] // 2, maps.shape[3] // 2)
        if not (0 <= row < maps.shape[2] and 0 <= column < maps.shape[3]):
            raise InvalidInput(
                f"element must lie within the map of {tuple(maps.shape[2:])}, got {element}"
            )
        # Channels with random signs: what they have in common does not cancel on average.
        signs = torch.as_tensor(rng.choice([-1.0, 1.0], maps.shape[1]), **like)
        wanted = (maps[0, :, row, column] * signs).sum()
        for gradient in torch.autograd.grad(wanted, batches, allow_unused=True):
            if gradient is not None:
                total += (gradient[0].double() ** 2).sum(0).cpu().numpy()
    found: Array = np.sqrt(total / images)
    return found
