"""What stands behind one element in every node: held to a walk through all taps."""

import numpy as np
import pytest

from kernfit import LayerGraph, LayerSpec, receptive_fields
from kernfit.graph.behind import behind, lengths_of


def walked(graph, target, element, shape, axis):
    """The elements of every node that reach one element, tap by tap."""
    lengths = lengths_of(graph, shape)
    rules = graph.resolved(shape)
    reached = {target: {element}}
    for node in reversed(graph.upto(target)):
        for name in node.inputs:
            rule = rules[node.name][axis]
            taps = {tap for at in reached.get(node.name, ()) for tap in rule.taps(at)}
            reached.setdefault(name, set()).update(taps)
    assert lengths[target][axis] > element
    return {name: (min(found), max(found) + 1) for name, found in reached.items() if found}


def random_graph(seed):
    choose = np.random.default_rng(seed)
    graph = LayerGraph()
    for _ in range(choose.integers(1, 6)):
        up = bool(choose.random() < 0.3)
        graph.add(
            LayerSpec(
                int(choose.integers(1, 6)),
                stride=int(choose.integers(1, 4)),
                dilation=1 if up else int(choose.integers(1, 3)),
                padding=0 if up else int(choose.integers(0, 4)),
                transposed=up,
            )
        )
    return graph


@pytest.mark.parametrize("seed", range(60))
def test_as_a_walk_through_all_taps(seed):
    graph, shape = random_graph(seed), (90, 70)
    target = graph.output
    lengths = lengths_of(graph, shape)[target]
    if min(lengths) < 1:
        return
    choose = np.random.default_rng(seed + 1000)
    for _ in range(5):
        element = tuple(int(choose.integers(0, n)) for n in lengths)
        found = behind(graph, target, element, shape)
        walks = [walked(graph, target, element[axis], shape, axis) for axis in (0, 1)]
        expected = {
            name: (walks[0][name], walks[1][name])
            for name in graph.nodes
            if name in walks[0] and name in walks[1]  # the gaps of transposed layers see nothing
        }
        assert found == expected


def test_the_image_is_seen_as_the_receptive_field_has_it():
    graph = LayerGraph()
    first = graph.add(LayerSpec(3, stride=2, padding=1), name="first")
    deep = graph.add(LayerSpec(5, padding=2), first, name="deep")
    graph.join(first, deep, name="sum")
    field = receptive_fields(graph)["sum"]
    found = behind(graph, "sum", (7, 3), (64, 64))
    assert found["image"] == field.window(7, 3)
    assert found["first"] == ((5, 10), (1, 6))
    assert lengths_of(graph, (64, 64))["sum"] == (32, 32)


def test_windows_of_very_many_elements_are_found_by_their_ends():
    layers = [LayerSpec(5001), LayerSpec(3, stride=2), LayerSpec(4, stride=2, transposed=True)]
    field = receptive_fields([*layers, LayerSpec(3000), LayerSpec(3000, dilation=2)])["layer5"]
    graph = LayerGraph()
    for layer in (*layers, LayerSpec(3000), LayerSpec(3000, dilation=2)):
        graph.add(layer)
    assert behind(graph, "layer5", (2, 9), (40_000, 40_000))["image"] == field.window(2, 9)
