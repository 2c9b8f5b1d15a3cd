"""Models that need no framework: layers, kernels, and functions that are only run."""

from __future__ import annotations

import types
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.framework import Framework
from kernfit.frameworks.runner import Runner
from kernfit.graph.graph import LayerGraph, Sizes, as_graph, is_layers
from kernfit.graph.stack import as_stack, stack_graph, stack_maps
from kernfit.hashing import digest


def _read_layers(model: Any, *, shape: Sizes | None, pointwise: frozenset[str]) -> LayerGraph:
    graph = as_graph(model)
    if shape is not None:
        graph = LayerGraph(graph.nodes, graph.aliases, graph.results, shape)
    return graph


def _read_kernels(model: Any, *, shape: Sizes | None, pointwise: frozenset[str]) -> LayerGraph:
    stack = as_stack(model)
    assert stack is not None  # as KERNELS owns it
    return stack_graph(stack, shape)


def _run_kernels(model: Any, layer: str | None, _pointwise: frozenset[str]) -> tuple[Runner, str]:
    stack = as_stack(model)
    assert stack is not None  # as KERNELS owns it
    marks = (str(kernel.to_dict()).encode() for kernels in stack for kernel in kernels)
    return lambda image: stack_maps(stack, image, layer), digest(str(layer).encode(), *marks)


def _is_function(model: Any) -> bool:
    """Say whether this is a plain function, and no framework's model."""
    return isinstance(model, (types.FunctionType, types.MethodType, types.BuiltinFunctionType))


def _read_function(model: Any, *, shape: Sizes | None, pointwise: frozenset[str]) -> LayerGraph:
    raise InvalidInput(
        f"model must be one whose operations can be read, got the function {_named(model)}: give "
        "a plan, made for layers that see as much as it does"
    )


def _run_function(model: Any, _layer: str | None, _pointwise: frozenset[str]) -> tuple[Runner, str]:
    return model, _named(model)


def _named(model: Any) -> str:
    return str(getattr(model, "__qualname__", type(model).__name__))


LAYERS = Framework(
    "layers", is_layers, _read_layers, dimensions=lambda model: as_graph(model).dimensions
)
KERNELS = Framework(
    "kernels", lambda model: as_stack(model) is not None, _read_kernels, _run_kernels
)
FUNCTION = Framework("function", _is_function, _read_function, _run_function)
