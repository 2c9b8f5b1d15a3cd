"""How much memory a model needs for an image, estimated from its feature maps."""

from __future__ import annotations

import math

from kernfit.graph.graph import LayerGraph, Sizes

BYTES = 4  # float32
SPARE = 3  # runtimes keep scratch space beside the feature maps, and pad channels


def peak_bytes(graph: LayerGraph, target: str, shape: Sizes) -> int | None:
    """Return about how many bytes are in use at most while a node is computed.

    A feature map is counted from the operation that makes it to the last one that reads it; for
    the runtime's scratch space and channels in blocks of 8 the sum is taken three times, which is
    what ONNX Runtime was seen to need for few channels.

    Parameters
    ----------
    graph : LayerGraph
    target : str
    shape : (rows, columns)
        Of the image.

    Returns
    -------
    int or None
        None where the channels of a node are not known.
    """
    nodes = graph.upto(target)
    last_use = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    sizes: dict[str, Sizes] = {}
    live: dict[str, int] = {}
    peak = 0
    for number, node in enumerate(nodes):
        if node.channels is None:
            return None
        seen = [sizes[name] for name in node.inputs] or [shape]
        longest = [max(lengths) for lengths in zip(*seen, strict=True)]
        size = tuple(
            max(rule.at(n).length(n), 1) for rule, n in zip(node.rules, longest, strict=True)
        )
        sizes[node.name] = size
        live[node.name] = math.prod(size) * node.channels * BYTES
        peak = max(peak, sum(live.values()))
        for name in node.inputs:
            if last_use[name] == number and name in live:
                del live[name]
    return peak * SPARE
