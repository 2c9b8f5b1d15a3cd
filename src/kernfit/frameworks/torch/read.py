"""PyTorch modules as graphs of layers. Needs the package torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kernfit.errors import InvalidInput
from kernfit.frameworks.reasons import never_pointwise, refuse_as_pointwise
from kernfit.frameworks.torch.exporting import export, plain
from kernfit.frameworks.torch.inputs import INNER, usual_shape
from kernfit.frameworks.torch.ops import FOLLOW, IGNORED, TorchStep
from kernfit.frameworks.trace import Place, Trace
from kernfit.graph.graph import LayerGraph, Sizes
from kernfit.graph.refusals import UnknownOperation
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
