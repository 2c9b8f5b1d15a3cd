"""PyTorch modules as graphs of layers. Needs the package torch."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.reasons import never_pointwise, refuse_as_pointwise
from kernfit.frameworks.torch.ops import FOLLOW, IGNORED, TorchStep
from kernfit.frameworks.trace import Place, Trace
from kernfit.graph.graph import LayerGraph, Pair
from kernfit.graph.refusals import UnfitSize, UnknownOperation
from kernfit.packages import need

USUAL = (256, 256)  # an image size that the strides of usual models divide


def read_torch(
    model: Any, *, shape: Pair | None = None, pointwise: frozenset[str] = frozenset()
) -> LayerGraph:
    """Return the operations of a module as a graph, through `torch.export`.

    Nothing is computed but shapes. A node is named as torch.export names it ("conv2d_3"); a
    module's path ("layer1.0.conv1") stands for the last operation in that module.

    Parameters
    ----------
    model : torch.nn.Module
        Taken as in inference: batch normalisation and dropout are element-wise.
    shape : (rows, columns), optional
        Of the image. Default: 256 x 256.
    pointwise : frozenset of str
        Names of operations (such as "aten.relu.default" or "relu") or of nodes.

    Raises
    ------
    InvalidInput
        If it cannot be exported, or an operation is not known.
    """
    exported = export(model, shape)
    torch = need("torch", "torch")
    images = {
        node.name: tuple(int(n) for n in node.meta["val"].shape)
        for node in exported.graph.nodes
        if node.op == "placeholder" and node.name in exported.graph_signature.user_inputs
    }
    if not images:
        raise InvalidInput("the model must take one image, got a model without input")
    trace = Trace.of_images(list(images.values()), (2, 3), "+".join(images))
    places: dict[str, Place | list[Place]] = {
        name: Place(trace.image.node, full, (2, 3)) for name, full in images.items()
    }
    for node in exported.graph.nodes:
        if node.op == "call_function":
            given = _follow(torch, trace, node, places, pointwise)
            if given is not None:
                places[node.name] = given
                _name(trace.graph, node, given)
    results = _results(exported.graph, places)
    if not results:
        raise InvalidInput("the model's outputs must depend on the image, got none that does")
    trace.graph.results = results
    if shape is None:
        trace.graph.shape = None
    return trace.graph


def export(model: Any, shape: Pair | None = None) -> Any:
    """Return a module as a `torch.export.ExportedProgram` for its images, in inference mode.

    Parameters
    ----------
    model : torch.nn.Module
    shape : (rows, columns), optional
        Default: 256 x 256.

    Raises
    ------
    InvalidInput
        If it cannot be exported.
    """
    torch = need("torch", "torch")
    rows, columns = shape or USUAL
    weight = next(model.parameters(), None)
    device = None if weight is None else weight.device
    dtype = torch.float32 if weight is None else weight.dtype
    training = [module for module in model.modules() if module.training]
    failure: Exception | None = None
    try:
        model.eval()
        for counts in _channels_to_try(model):
            images = tuple(
                torch.zeros(1, n, rows, columns, device=device, dtype=dtype) for n in counts
            )
            try:
                # Gradients would add operations on what they need.
                with torch.no_grad(), quiet():
                    return torch.export.export(model, images, strict=False)
            # A forward method may fail in any way; the first failure tells most.
            except Exception as error:
                failure = failure or error
    finally:
        for module in training:
            module.training = True
    reason = " ".join(str(failure).split())[:200]
    raise UnfitSize(
        f"the model must run through torch.export for an image of {rows}x{columns}, got: {reason}: "
        "give a shape=(rows, columns) that it takes, wrap it in a module that takes only images, "
        "or export it to ONNX"
    ) from failure


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


def image_count(model: Any) -> int:
    """Return how many arguments a module's `forward` must be given, all taken for images."""
    known = inspect.signature(model.forward).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return max(1, sum(p.kind in plain and p.default is p.empty for p in known))


def _channels_to_try(model: Any) -> list[tuple[int, ...]]:
    """Return how many channels the images may have, the likeliest first.

    What the first convolution takes; of several images, what the first convolutions take, or
    equal parts of what the first one takes.
    """
    torch = need("torch", "torch")
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    taken = [int(m.in_channels) for m in model.modules() if isinstance(m, kinds)] or [3]
    count = image_count(model)
    first = taken[0]
    tries = [(first,) * count, (first // count,) * count, tuple((taken + taken * count)[:count])]
    tries += [(3,) * count, (1,) * count]
    return [counts for counts in dict.fromkeys(tries) if min(counts) > 0]


def _follow(
    torch: Any,
    trace: Trace,
    node: Any,
    places: dict[str, Place | list[Place]],
    pointwise: frozenset[str],
) -> Place | list[Place] | None:
    step = TorchStep(torch, trace, node, places)
    if not step.inputs or step.op in IGNORED:
        return None
    follow = FOLLOW.get(step.op)
    unread = follow is None and torch.Tag.pointwise not in getattr(node.target, "tags", ())
    own = not str(node.target).startswith("aten.")  # somebody's own may bear any name
    may_be = own or not never_pointwise(step.op)
    if pointwise.intersection((step.op, str(node.target), node.name)):
        if not own:
            refuse_as_pointwise(step.op)
        return step.kept()
    if follow is not None:
        return follow(step)
    if not unread:
        return step.kept()
    advice = (
        f"if it is element-wise, give pointwise=({step.op!r},)"
        if may_be
        else "it is not element-wise: choose a layer before it"
    )
    raise UnknownOperation(
        f"node {node.name!r}{_where(node)} has the operation {str(node.target)!r}, of which it is "
        f"not known what it looks at: {advice}"
    )


def _module(node: Any) -> str:
    """Return the path of the innermost module that a node comes from."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(next(reversed(stack.values()))[0]) if stack else ""


def _where(node: Any) -> str:
    return f" (in module {_module(node)!r})" if _module(node) else ""


def _name(graph: LayerGraph, node: Any, given: Place | list[Place]) -> None:
    """Let the paths of all modules around a node stand for it; later nodes take over."""
    last = given if isinstance(given, Place) else given[-1]
    for path, _ in (node.meta.get("nn_module_stack") or {}).values():
        if path:
            graph.aliases[str(path)] = last.node


def _results(graph: Any, places: dict[str, Place | list[Place]]) -> tuple[str, ...]:
    """Return the nodes that the model gives, the first one first."""
    output = next(node for node in graph.nodes if node.op == "output")
    found = [places[node.name] for node in output.all_input_nodes if node.name in places]
    return tuple(dict.fromkeys(place.node for place in found if isinstance(place, Place)))
