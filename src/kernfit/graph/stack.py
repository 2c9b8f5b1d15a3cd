"""Kernels side by side and one after another, run without any framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.graph.graph import LayerGraph, Sizes
from kernfit.graph.rules import Window
from kernfit.kernel import Kernel

Stack = list[list[Kernel]]


def as_stack(model: Any) -> Stack | None:
    """Return layers of kernels, or None if `model` is something else.

    Parameters
    ----------
    model : Kernel, sequence of Kernel, or sequence of both
        A kernel, or kernels side by side, is one layer. A sequence in which at least one item is
        itself a sequence holds layers, each of which reads the maps of the one before it.
    """
    if isinstance(model, Kernel):
        return [[model]]
    if not isinstance(model, (list, tuple)) or not model:
        return None
    if all(isinstance(item, Kernel) for item in model):
        return [list(model)]
    layers = [[item] if isinstance(item, Kernel) else item for item in model]
    if all(
        isinstance(layer, (list, tuple)) and layer and all(isinstance(k, Kernel) for k in layer)
        for layer in layers
    ):
        return [list(layer) for layer in layers]
    return None


def stack_graph(stack: Stack, shape: Sizes | None = None) -> LayerGraph:
    """Return the operations of layers of kernels: "layer1", "layer2" and so on.

    Kernels side by side are "layer1:0", "layer1:1" and so on, merged in "layer1".
    """
    graph = LayerGraph(shape=shape)
    before = graph.image
    for number, kernels in enumerate(stack, 1):
        name = f"layer{number}"
        parts = []
        for part, kernel in enumerate(kernels):
            rules = tuple(
                Window(size, before=tap, after=size - 1 - tap, beyond="edge")
                for tap, size in zip(kernel.anchor, kernel.shape, strict=True)
            )
            called = name if len(kernels) == 1 else f"{name}:{part}"
            op = kernel.name or "kernel"
            parts.append(graph.put(called, op, (before,), (rules[0], rules[1])))
        before = parts[0] if len(parts) == 1 else graph.put(name, "side by side", parts)
    return graph


def stack_maps(stack: Stack, pixels: Array, layer: str | None = None) -> Array:
    """Return the maps of a layer, of the image's size, borders as at the last pixel.

    Parameters
    ----------
    stack : list of list of Kernel
    pixels : ndarray, shape (..., rows, columns)
    layer : str, optional
        A node of `stack_graph`. Default: the last.

    Raises
    ------
    InvalidInput
        If there is no such layer, or a kernel does not fit the channels that it is given.
    """
    target = stack_graph(stack).find(layer)
    maps = pixels.reshape(-1, *pixels.shape[-2:]).astype(np.float64)
    name, _, part = target.partition(":")
    for number, kernels in enumerate(stack, 1):
        if target == "image":
            break
        chosen: Sequence[Kernel] = kernels
        if name == f"layer{number}" and part:
            chosen = [kernels[int(part)]]
        maps = np.concatenate([_answers(kernel, maps) for kernel in chosen])
        if name == f"layer{number}":
            break
    return maps


def _answers(kernel: Kernel, planes: Array) -> Array:
    # Models of frameworks need not wait for a compiler.
    from kernfit.correlate import conv2d, correlate2d

    inputs = kernel.weight.shape[1]
    if kernel.weight.shape[:2] == (1, 1):
        return correlate2d(planes, kernel, mode="same", boundary="edge")
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
