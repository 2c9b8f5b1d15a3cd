"""What a PyTorch module is given: images of which size and kind, and what beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.graph.graph import Sizes
from kernfit.packages import need

INNER = "given."  # in front of the paths of modules within a module with inputs of its own
USUAL: dict[int, Sizes] = {1: (4096,), 2: (256, 256), 3: (64, 64, 64)}

# By a module's id: a weak reference to it, and how many axes its images have.
CHECKED: dict[int, tuple[Callable[[], Any], int]] = {}


def with_inputs(model: Any, fixed: Mapping[str, Any]) -> Any:
    """Return a module that takes images only, others of its inputs being constants.

    Parameters
    ----------
    model : torch.nn.Module
    fixed : mapping
        Values by the names of the arguments of `forward`.

    Raises
    ------
    InvalidInput
        If `forward` has no such argument, or nothing is left for an image.
    """
    torch = need("torch", "torch")
    known = inspect.signature(model.forward).parameters
    for name in fixed:
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            raise InvalidInput(
                f"example_inputs must name arguments of forward, {', '.join(known)}, got {name!r}"
            )
    images = [name for name in required(model) if name not in fixed]
    if not images:
        raise InvalidInput("example_inputs must leave an argument for the image, got all of them")

    module: Any = torch.nn.Module

    class Given(module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.given = model
            self.kernfit_images = len(images)
            self.values = {
                name: torch.as_tensor(value)
                if isinstance(value, (np.ndarray, float, int))
                else value
                for name, value in fixed.items()
            }

        def forward(self, *tensors: Any) -> Any:
            return self.given(**dict(zip(images, tensors, strict=True)), **self.values)

    return Given()


def required(model: Any) -> list[str]:
    """Return the names of the arguments that a module's `forward` must be given."""
    known = inspect.signature(model.forward).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in known if p.kind in kinds and p.default is p.empty]


def image_count(model: Any) -> int:
    """Return how many images a module takes: what it must be given is taken for images."""
    return int(getattr(model, "kernfit_images", 0)) or max(1, len(required(model)))


def usual_shape(model: Any) -> Sizes:
    """Return an image size that the strides of usual models divide; of an exported one, its own.

    How many axes an image has, the first convolution says.
    """
    torch = need("torch", "torch")
    if isinstance(model, torch.fx.GraphModule):
        for node in model.graph.nodes:
            shape = getattr(node.meta.get("val"), "shape", ())
            if node.op == "placeholder" and len(shape) > 2:
                return tuple(int(n) for n in shape[2:])
        return USUAL[2]
    return USUAL[dimensions(model)]


def dimensions(model: Any) -> int:
    """Return along how many axes a module's first convolution slides; 2 if it has none.

    What `checked` has found out comes first: a convolution of volumes may be for planes of images.
    """
    if (known := CHECKED.get(id(model))) is not None and known[0]() is model:
        return known[1]
    torch = need("torch", "torch")
    if isinstance(model, torch.export.ExportedProgram):
        model = model.module(check_guards=False)
    if isinstance(model, torch.fx.GraphModule):
        return len(usual_shape(model))
    for module in model.modules() if isinstance(model, torch.nn.Module) else ():
        for count in (1, 2, 3):
            kinds = getattr(torch.nn, f"Conv{count}d"), getattr(torch.nn, f"ConvTranspose{count}d")
            if isinstance(module, kinds):
                return count
    return 2
