"""PyTorch modules as graphs of layers. Needs the package torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.reasons import never_pointwise, refuse_as_pointwise
from kernfit.frameworks.torch.inputs import INNER, image_count, plain, usual_shape
from kernfit.frameworks.torch.ops import FOLLOW, IGNORED, TorchStep
from kernfit.frameworks.trace import Place, Trace
from kernfit.graph.graph import LayerGraph, Sizes
from kernfit.graph.refusals import UnfitSize, UnknownOperation
from kernfit.packages import need


def read_torch(
    model: Any, *, shape: Sizes | None = None, pointwise: frozenset[str] = frozenset()
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
    model = plain(model)
    exported = export(model, shape)
    torch = need("torch", "torch")
    lengths = shape or usual_shape(model)
    images = {
        node.name: tuple(int(n) for n in node.meta["val"].shape)
        for node in exported.graph.nodes
        if node.op == "placeholder" and node.name in exported.graph_signature.user_inputs
    }
    images = {name: full for name, full in images.items() if full[2:] == lengths}
    if not images:
        raise InvalidInput("the model must take one image, got a model without input")
    axes = tuple(range(2, 2 + len(lengths)))
    trace = Trace.of_images(list(images.values()), axes, "+".join(images))
    places: dict[str, Place | list[Place]] = {
        name: Place(trace.image.node, full, axes) for name, full in images.items()
    }
    for node in exported.graph.nodes:
        if node.op == "call_function":
            given = _follow(torch, trace, node, places, pointwise)
            if given is not None:
                places[node.name] = given
                _name(trace.graph, node, given)
    results = _results(exported, places)
    for name, node_name in _named_results(torch, exported, places):
        trace.graph.aliases.setdefault(name, node_name)
    if not results:
        raise InvalidInput("the model's outputs must depend on the image, got none that does")
    trace.graph.results = results
    if shape is None:
        trace.graph.shape = None
    return trace.graph


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
        if path and str(path) != INNER[:-1]:
            graph.aliases[str(path).removeprefix(INNER)] = last.node


def _results(exported: Any, places: dict[str, Place | list[Place]]) -> tuple[str, ...]:
    """Return the nodes that the model gives, the first one first."""
    output = next(node for node in exported.graph.nodes if node.op == "output")
    found = [places[node.name] for node in output.all_input_nodes if node.name in places]
    return tuple(dict.fromkeys(place.node for place in found if isinstance(place, Place)))


def _named_results(
    torch: Any, exported: Any, places: dict[str, Place | list[Place]]
) -> Iterator[tuple[str, str]]:
    """Return the model's outputs by their keys and numbers: "logits", "features.0"."""
    names = list(exported.graph_signature.user_outputs)
    tree = torch.utils._pytree.tree_unflatten(names, exported.call_spec.out_spec)
    for path, name in torch.utils._pytree.tree_flatten_with_path(tree)[0]:
        place = places.get(str(name))
        if path and isinstance(place, Place):
            keys = (
                getattr(key, "key", getattr(key, "idx", getattr(key, "name", ""))) for key in path
            )
            yield ".".join(map(str, keys)), place.node
