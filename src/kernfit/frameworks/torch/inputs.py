"""What a PyTorch module is given beside images, and modules in other forms made into plain ones."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from kernfit.errors import InvalidInput
from kernfit.graph.graph import Sizes
from kernfit.packages import need

INNER = "given."  # in front of the paths of modules within a module with inputs of its own
USUAL: dict[int, Sizes] = {1: (4096,), 2: (256, 256), 3: (64, 64, 64)}
# Names of inputs that are a number for each image: when, and how much noise.
_NUMBERS = """
t time times timestep timesteps step steps sigma sigmas noise noise_level level noise_std gamma
labels label class_labels y cond temb
"""


def plain(model: Any) -> Any:
    """Return a module that takes images only.

    An exported program is taken as its module. Of inputs named like a time or a level of noise,
    zeros of the first kind and shape that the module takes are made constants.

    Raises
    ------
    InvalidInput
        If it is TorchScript, which cannot be exported.
    """
    torch = need("torch", "torch")
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        raise InvalidInput(
            "model must be a torch.nn.Module, got TorchScript, which torch.export does not take: "
            "pass the module that it was made from, or export that to ONNX"
        )
    if isinstance(model, torch.export.ExportedProgram):
        return model.module(check_guards=False)
    if isinstance(model, torch.nn.Module) and hasattr(model, "kernfit_images"):
        return model
    needed = required(model)
    numbers = [name for name in needed[1:] if name in _NUMBERS.split()]
    if not numbers:
        return model
    from kernfit.frameworks.torch.read import exported_at

    usual = usual_shape(model)
    for values in _zeros(torch, len(numbers)):
        given = with_inputs(model, dict(zip(numbers, values, strict=True)))
        if exported_at(given, usual) is not None:
            return given
    return model


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
    return USUAL[dimensions(model)]


def dimensions(model: Any) -> int:
    """Return along how many axes a module's first convolution slides; 2 if it has none."""
    torch = need("torch", "torch")
    for module in model.modules():
        for count in (1, 2, 3):
            kinds = getattr(torch.nn, f"Conv{count}d"), getattr(torch.nn, f"ConvTranspose{count}d")
            if isinstance(module, kinds):
                return count
    return 2


def _zeros(torch: Any, count: int) -> Iterator[tuple[Any, ...]]:
    kinds = [
        torch.zeros(1),
        torch.zeros(1, dtype=torch.int64),
        torch.zeros(1, 1),
        torch.zeros(()),
    ]
    alike = [(kind,) * count for kind in kinds]
    yield from alike
    if 1 < count < 4:
        yield from product(kinds, repeat=count)
