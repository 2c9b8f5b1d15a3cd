"""Tensors of PyTorch in, tensors out."""

from __future__ import annotations

import sys
from typing import Any

from kernfit.arrays import Array


def as_tensor(image: Any) -> Any:
    """Return an image if it is a tensor of PyTorch, else None; nothing is imported to find out."""
    torch = sys.modules.get("torch")
    return image if torch is not None and isinstance(image, torch.Tensor) else None


def like_tensor(result: Array, tensor: Any) -> Any:
    """Return a result as a tensor of the device, dtype and leading axes of another.

    Parameters
    ----------
    result : ndarray, shape (channels, rows, columns) or as many axes as the image has
    tensor : torch.Tensor
        Its axes in front of those of the result have length 1. Integers do not round the
        result.
    """
    torch = sys.modules["torch"]
    found = torch.from_numpy(result).to(tensor.device)
    if tensor.is_floating_point():
        found = found.to(tensor.dtype)
    return found[(None,) * max(0, tensor.ndim - result.ndim)]
