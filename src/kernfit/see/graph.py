"""Layers as geometry: how an output's place follows from its inputs', whatever the framework."""

from __future__ import annotations

from dataclasses import dataclass

from kernfit.arrays import as_pair_of_ints

Pair = tuple[int, int]


@dataclass(frozen=True)
class LayerSpec:
    """A layer that slides a window: convolution, correlation or pooling.

    Output element i reads the input from ``i * stride - padding`` on, ``size`` taps that are
    ``dilation`` apart; along rows and along columns.

    Parameters
    ----------
    size : int or (rows, columns)
        Taps of the window.
    stride : int or pair, default 1
        Input elements from one output element to the next.
    dilation : int or pair, default 1
        Input elements from one tap to the next.
    padding : int or pair, default 0
        Elements added in front (top, left).

    Raises
    ------
    InvalidInput
        If one of them is not an integer or a pair of integers, or too small.
    """

    size: int | Pair
    stride: int | Pair = 1
    dilation: int | Pair = 1
    padding: int | Pair = 0

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("stride", 1), ("dilation", 1), ("padding", 0)):
            value = as_pair_of_ints(getattr(self, name), name, least=least)
            object.__setattr__(self, name, value)

    def along(self, axis: int) -> tuple[int, int, int, int]:
        """Return size, stride, dilation and padding along rows (0) or columns (1)."""
        pairs = (self.size, self.stride, self.dilation, self.padding)
        size, stride, dilation, padding = (as_pair_of_ints(pair, "pair")[axis] for pair in pairs)
        return size, stride, dilation, padding
