"""PyTorch modules in any form made into exported programs, for images of some size."""

from __future__ import annotations

import logging
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.torch.inputs import (
    CHECKED,
    USUAL,
    dimensions,
    image_count,
    required,
    usual_shape,
    with_inputs,
)
from kernfit.graph.graph import Sizes
from kernfit.graph.refusals import UnfitSize
from kernfit.packages import need

# Names of inputs that are a number for each image: when, and how much noise.
_NUMBERS = """
t time times timestep timesteps step steps sigma sigmas noise noise_level level noise_std gamma
labels label class_labels y cond temb
"""


def checked(model: Any) -> int:
    """Return how many axes a module's images have, tried where its convolutions do not say 2."""
    guess = dimensions(model)
    torch = need("torch", "torch")
    if guess == 2 or id(model) in CHECKED or not isinstance(model, torch.nn.Module):
        return guess
    if not isinstance(model, torch.fx.GraphModule):
        for count in (guess, 2):
            if exported_at(model, USUAL[count]) is not None:
                CHECKED[id(model)] = weakref.ref(model), count
                return count
    return guess


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
    checked(model)
    needed = required(model)
    numbers = [name for name in needed[1:] if name in _NUMBERS.split()]
    if not numbers:
        return model
    usual = usual_shape(model)
    for values in _zeros(torch, len(numbers)):
        given = with_inputs(model, dict(zip(numbers, values, strict=True)))
        if exported_at(given, usual) is not None:
            return given
    return model


def export(model: Any, shape: Sizes | None = None) -> Any:
    """Return a module as a `torch.export.ExportedProgram` for its images, in inference mode.

    Parameters
    ----------
    model : torch.nn.Module
    shape : tuple of int, optional
        Default: 256 x 256, or what `usual_shape` says.

    Raises
    ------
    UnfitSize
        If it cannot be exported for such an image.
    """
    shape = shape or usual_shape(model)
    failures: list[Exception] = []
    found = exported_at(model, shape, failures)
    if found is not None:
        return found
    reason = " ".join(str(failures[0]).split())[:200]
    raise UnfitSize(
        f"the model must run through torch.export for an image of {'x'.join(map(str, shape))}, "
        f"got: {reason}: give a shape= that it takes, example_inputs= for what it takes beside "
        "images, or export it to ONNX"
    ) from failures[0]


def exported_at(model: Any, shape: Sizes, failures: list[Exception] | None = None) -> Any:
    """Return a module exported for an image of this size, or None; failures are noted."""
    torch = need("torch", "torch")
    weight = next(model.parameters(), None)
    device = None if weight is None else weight.device
    dtype = torch.float32 if weight is None else weight.dtype
    training = [module for module in model.modules() if module.training]
    try:
        # What has been exported is so for inference, and says that it cannot be changed.
        with suppress(NotImplementedError):
            model.eval()
        for counts in _channels_to_try(model):
            images = tuple(torch.zeros(1, n, *shape, device=device, dtype=dtype) for n in counts)
            try:
                # Gradients would add operations on what they need.
                with torch.no_grad(), quiet():
                    return torch.export.export(model, images, strict=False)
            # A forward method may fail in any way; the first failure tells most.
            except Exception as error:
                if failures is not None:
                    failures.append(error)
    finally:
        for module in training:
            module.training = True
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to itself what PyTorch logs and warns of while it exports: what fails is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _channels_to_try(model: Any) -> list[tuple[int, ...]]:
    """Return how many channels the images may have, the likeliest first.

    What the first convolution takes; of several images, what the first convolutions take, or
    equal parts of what the first one takes.
    """
    torch = need("torch", "torch")
    kinds = tuple(
        getattr(torch.nn, f"{name}{n}d") for name in ("Conv", "ConvTranspose") for n in (1, 2, 3)
    )
    known = [
        int(node.meta["val"].shape[1])
        for node in (model.graph.nodes if isinstance(model, torch.fx.GraphModule) else ())
        if node.op == "placeholder" and len(getattr(node.meta.get("val"), "shape", ())) > 2
    ]
    taken = known or [int(m.in_channels) for m in model.modules() if isinstance(m, kinds)] or [3]
    count = image_count(model)
    first = taken[0]
    tries = [(first,) * count, (first // count,) * count, tuple((taken + taken * count)[:count])]
    tries += [(3,) * count, (1,) * count]
    return [counts for counts in dict.fromkeys(tries) if min(counts) > 0]


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
