"""The receptive field: which part of the image may affect an element of a layer's output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernfit.see.graph import LayerSpec, Pair


@dataclass(frozen=True)
class ReceptiveField:
    """Every place of the input that may affect one output element, for all output elements.

    Attributes
    ----------
    size : (rows, columns)
        Extent of the window, in input pixels. It may be larger than the image.
    stride : (rows, columns)
        Input pixels from the window of one output element to that of the next.
    padding : (rows, columns)
        How far the window of output element (0, 0) begins above and left of the image.

    Examples
    --------
    Two 3x3 layers see 5x5 pixels:

    >>> field = receptive_field([LayerSpec(3), LayerSpec(3)])
    >>> field.size
    (5, 5)
    >>> field.window(2, 0)
    ((2, 7), (0, 5))
    """

    size: Pair
    stride: Pair
    padding: Pair

    def window(self, row: int, column: int) -> tuple[Pair, Pair]:
        """Return the input rows and columns behind one output element.

        Parameters
        ----------
        row, column : int
            The output element.

        Returns
        -------
        ((top, bottom), (left, right))
            Half-open: ``image[top:bottom, left:right]``. May reach beyond the image.
        """
        top = row * self.stride[0] - self.padding[0]
        left = column * self.stride[1] - self.padding[1]
        return (top, top + self.size[0]), (left, left + self.size[1])


def receptive_field(layers: Sequence[LayerSpec]) -> ReceptiveField:
    """Return the receptive field of the last of some layers on the input of the first.

    Interval arithmetic from the first layer to the last: a layer of ``size`` taps widens the
    window by ``(size - 1) * dilation`` steps of the stride so far, and multiplies the stride (A.
    Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks,
    Distill 2019).

    Parameters
    ----------
    layers : sequence of LayerSpec
        From the image on; an empty one is the image itself.

    Returns
    -------
    ReceptiveField
    """
    sizes, strides, paddings = [], [], []
    for axis in (0, 1):
        extent, jump, before = 1, 1, 0
        for layer in layers:
            size, stride, dilation, padding = layer.along(axis)
            extent += (size - 1) * dilation * jump
            before += padding * jump
            jump *= stride
        sizes.append(extent)
        strides.append(jump)
        paddings.append(before)
    return ReceptiveField(
        (sizes[0], sizes[1]), (strides[0], strides[1]), (paddings[0], paddings[1])
    )
