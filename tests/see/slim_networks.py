"""The TF-Slim networks of the published figures, as layer graphs.

Source: tensorflow/models, research/slim/nets (Apache-2.0): alexnet.py, vgg.py, mobilenet_v1.py,
inception_v2.py, inception_v3.py, resnet_v1.py. Channels do not matter here, element-wise layers
and 1x1 convolutions of stride 1 are left out where they are no end point.
"""

from kernfit import LayerGraph, LayerSpec

VALID, SAME = 0, "same"


def alexnet_v2():
    graph = LayerGraph()
    graph.add(LayerSpec(11, 4), name="conv1")
    graph.add(LayerSpec(3, 2), name="pool1")
    graph.add(LayerSpec(5, padding=SAME), name="conv2")
    graph.add(LayerSpec(3, 2), name="pool2")
    for name in ("conv3", "conv4", "conv5"):
        graph.add(LayerSpec(3, padding=SAME), name=name)
    graph.add(LayerSpec(3, 2), name="pool5")
    return graph


def vgg_16():
    graph = LayerGraph()
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            graph.add(LayerSpec(3, padding=SAME), name=f"conv{block}_{number}")
        graph.add(LayerSpec(2, 2), name=f"pool{block}")
    return graph


def mobilenet_v1():
    graph = LayerGraph()
    graph.add(LayerSpec(3, 2, padding=SAME), name="Conv2d_0")
    for number, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), 1):
        graph.add(LayerSpec(3, stride, padding=SAME), name=f"Conv2d_{number}_depthwise")
        graph.add(LayerSpec(1), name=f"Conv2d_{number}_pointwise")
    return graph


def _branches(graph, name, *branches):
    """Chains of (size, stride, padding) beside each other, then put together."""
    start = next(reversed(graph.nodes))
    ends = []
    for branch in branches:
        end = start
        for size, stride, padding in branch:
            end = graph.add(LayerSpec(size, stride, padding=padding), end)
        ends.append(end)
    graph.join(*ends, name=name)


def _same(*sizes):
    return [(size, 1, SAME) for size in sizes]


def inception_v2():
    graph = LayerGraph()
    graph.add(LayerSpec(7, 2, padding=SAME), name="Conv2d_1a_7x7")
    graph.add(LayerSpec(3, 2, padding=SAME), name="MaxPool_2a_3x3")
    graph.add(LayerSpec(1), name="Conv2d_2b_1x1")
    graph.add(LayerSpec(3, padding=SAME), name="Conv2d_2c_3x3")
    graph.add(LayerSpec(3, 2, padding=SAME), name="MaxPool_3a_3x3")
    for name in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c"):
        if name.endswith("a"):
            down = [(3, 2, SAME)]
            _branches(graph, f"Mixed_{name}", _same(1) + down, _same(1, 3) + down, down)
        else:
            paths = _same(1), _same(1, 3), _same(1, 3, 3), _same(3, 1)
            _branches(graph, f"Mixed_{name}", *paths)
    return graph


def inception_v3():
    graph = LayerGraph()
    for name, size, stride, padding in (
        ("Conv2d_1a_3x3", 3, 2, VALID),
        ("Conv2d_2a_3x3", 3, 1, VALID),
        ("Conv2d_2b_3x3", 3, 1, SAME),
        ("MaxPool_3a_3x3", 3, 2, VALID),
        ("Conv2d_3b_1x1", 1, 1, VALID),
        ("Conv2d_4a_3x3", 3, 1, VALID),
        ("MaxPool_5a_3x3", 3, 2, VALID),
    ):
        graph.add(LayerSpec(size, stride, padding=padding), name=name)
    down, row, column = [(3, 2, VALID)], (1, 7), (7, 1)
    for name in "bcd":
        _branches(graph, f"Mixed_5{name}", _same(1), _same(1, 5), _same(1, 3, 3), _same(3, 1))
    _branches(graph, "Mixed_6a", down, _same(1, 3) + down, down)
    for name in "bcde":
        paths = _same(1), _same(1, row, column), _same(1, column, row, column, row), _same(3, 1)
        _branches(graph, f"Mixed_6{name}", *paths)
    _branches(graph, "Mixed_7a", _same(1) + down, _same(1, row, column) + down, down)
    for name in "bc":
        paths = [_same(1), _same(3, 1)]
        paths += [_same(1, *more, last) for more in ((), (3,)) for last in ((1, 3), (3, 1))]
        _branches(graph, f"Mixed_7{name}", *paths)
    return graph


def resnet_v1(*units):
    """TF-Slim strides in the last unit of each block but the last."""
    graph = LayerGraph()
    graph.add(LayerSpec(7, 2, padding=3), name="conv1")
    start = graph.add(LayerSpec(3, 2, padding=SAME), name="pool1")
    for block, count in enumerate(units, 1):
        for unit in range(1, count + 1):
            last = unit == count
            stride = 2 if last and block < len(units) else 1
            path = graph.add(LayerSpec(1), start)
            path = graph.add(LayerSpec(3, stride, padding=1), path)
            path = graph.add(LayerSpec(1), path)
            shortcut = graph.add(LayerSpec(1, stride), start)
            name = f"block{block}" if last else ""
            start = graph.join(path, shortcut, name=name)
    return graph


NETWORKS = {
    "alexnet_v2": alexnet_v2(),
    "vgg_16": vgg_16(),
    "mobilenet_v1": mobilenet_v1(),
    "inception_v2": inception_v2(),
    "inception_v3": inception_v3(),
    "resnet_v1_50": resnet_v1(3, 4, 6, 3),
    "resnet_v1_101": resnet_v1(3, 4, 23, 3),
    "resnet_v1_152": resnet_v1(3, 8, 36, 3),
}
