"""Receptive fields of any model: read its graph, then follow the windows through it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kernfit.frameworks.registry import given, graph_of
from kernfit.graph.field import ReceptiveField, fields_of
from kernfit.graph.graph import Pair


def receptive_field(
    model: Any,
    layer: str | None = None,
    *,
    shape: Pair | None = None,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
) -> ReceptiveField:
    """Return the part of the image that may affect an element of a layer's output.

    Parameters
    ----------
    model : model, path or layers
        A `torch.nn.Module`, a Keras 3 model, an ONNX file (path) or `onnx.ModelProto`, a
        `LayerGraph`, a sequence of `LayerSpec` (an empty one is the image itself), or kernels as
        `feature_maps` takes them. If it takes several images of one size, windows are those of
        all of them.
    layer : str, optional
        A node's name, or a module's path. Default: the model's (first) output.
    shape : (rows, columns), optional
        The image's size in pixels. Needed only where padding or windows follow from it; without,
        the model's own size, or one that all strides divide.
    pointwise : collection of str
        Operations, or nodes, of which it is not known what they look at, and that are to be
        taken for element-wise.
    example_inputs : mapping, optional
        What the model takes beside images, by name: times, levels of noise, masks, prompts. They
        are taken for constants. Default: zeros for inputs of PyTorch that are named like a time.

    Returns
    -------
    ReceptiveField
        An upper bound that is exact for positive weights: a tap that is zero is counted.

    Raises
    ------
    InvalidInput
        If the model has an operation that is not known (it names the node), no such layer, or
        paths of different strides meet.
    RefusedFile
        If the file is no model that is read.

    See Also
    --------
    receptive_fields : Of all layers.
    effective_field : How much each pixel matters.

    Examples
    --------
    >>> from kernfit import LayerSpec
    >>> receptive_field([LayerSpec(3, stride=2, padding=1), LayerSpec(3)]).size
    (7, 7)
    """
    model = given(model, example_inputs)
    graph = graph_of(model, shape=shape, pointwise=pointwise)
    name = graph.find(layer)
    return fields_of(graph)[name]


def receptive_fields(
    model: Any,
    *,
    shape: Pair | None = None,
    pointwise: Collection[str] = (),
    example_inputs: Mapping[str, Any] | None = None,
) -> dict[str, ReceptiveField]:
    """Return the receptive field of every node of a model, by name, from the image on.

    The parameters and errors are those of `receptive_field`.

    Parameters
    ----------
    model, shape, pointwise, example_inputs
        As there.

    Returns
    -------
    dict of ReceptiveField

    See Also
    --------
    receptive_field : Of one layer.

    Examples
    --------
    >>> from kernfit import LayerSpec
    >>> fields = receptive_fields([LayerSpec(3), LayerSpec(2, stride=2)])
    >>> {name: field.size[0] for name, field in fields.items()}
    {'image': 1, 'layer1': 3, 'layer2': 4}
    """
    model = given(model, example_inputs)
    return fields_of(graph_of(model, shape=shape, pointwise=pointwise))
