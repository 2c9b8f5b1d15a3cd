"""What stands behind one element in every node before it: the way back through the graph."""

from __future__ import annotations

from collections.abc import Collection

from kernfit.graph.graph import LayerGraph, Pair, Rules, Sizes
from kernfit.graph.rules import Rule, Whole

Box = tuple[Pair, Pair]

# So many elements along one axis are followed one by one, since transposed layers leave gaps.
_MANY = 4096


def lengths_of(graph: LayerGraph, shape: Pair) -> dict[str, Pair]:
    """Return (rows, columns) of every node's output for an image of this size.

    Parameters
    ----------
    graph : LayerGraph
    shape : (rows, columns)

    Returns
    -------
    dict
        By name; 0 where nothing is left.
    """
    found = {}
    for name, (lengths, _) in graph.sizes(shape).items():
        found[name] = max(lengths[0], 0), max(lengths[1], 0)
    return found


def behind(graph: LayerGraph, target: str, element: Pair, shape: Pair) -> dict[str, Box]:
    """Return which elements of every node may affect one element of `target`.

    Parameters
    ----------
    graph : LayerGraph
    target : str
        A node.
    element : (row, column)
        Of its output.
    shape : (rows, columns)
        Of the image.

    Returns
    -------
    dict
        By name, for the nodes that it depends on and itself: half-open ((top, bottom),
        (left, right)), which may reach beyond the node's own elements.

    Examples
    --------
    >>> from kernfit.see import LayerSpec
    >>> graph = LayerGraph()
    >>> _ = graph.add(LayerSpec(3), name="a"), graph.add(LayerSpec(2, stride=2), name="b")
    >>> behind(graph, "b", (1, 0), (8, 8))
    {'image': ((2, 6), (0, 4)), 'a': ((2, 4), (0, 2)), 'b': ((1, 2), (0, 1))}
    """
    sized = graph.sizes(shape)
    along = [_along(graph, target, axis, element[axis], sized) for axis in (0, 1)]
    return {
        node.name: (along[0][node.name], along[1][node.name])
        for node in graph.upto(target)
        if node.name in along[0] and node.name in along[1]
    }


def _along(
    graph: LayerGraph, target: str, axis: int, element: int, sized: dict[str, tuple[Sizes, Rules]]
) -> dict[str, Pair]:
    needed: dict[str, Collection[int]] = {target: (element,)}
    for node in reversed(graph.upto(target)):
        if not needed.get(node.name):
            continue
        rule = sized[node.name][1][axis]
        for name in node.inputs:
            found = _inputs(rule, needed[node.name], sized[name][0][axis])
            known = needed.get(name)
            needed[name] = {*known, *found} if known else found
    return {name: (min(found), max(found) + 1) for name, found in needed.items() if found}


def _inputs(rule: Rule, outputs: Collection[int], length: int) -> Collection[int]:
    """Return the inputs behind some outputs; of very many, all from the first to the last."""
    if isinstance(rule, Whole):
        return range(length)
    if len(outputs) <= _MANY:
        return {tap for output in outputs for tap in rule.taps(output)}
    # Those of the first and the last period reach farthest.
    first, last, period = min(outputs), max(outputs), rule.period[0]
    ends = (*range(first, first + period), *range(last - period + 1, last + 1))
    taps = [tap for output in ends for tap in rule.taps(output)]
    return range(min(taps), max(taps) + 1) if taps else ()
