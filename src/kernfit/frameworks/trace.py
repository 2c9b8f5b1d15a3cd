"""A model's tensors followed one by one: where their rows and columns are, which node they are.

The readers of the frameworks translate each operation into one of these few steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from kernfit.graph.graph import IMAGE, LayerGraph, Node, Pair, Rules
from kernfit.graph.rules import SAME_PLACE, Resize, Rule, Whole, Window

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A tensor that depends on the image.

    Attributes
    ----------
    node : str
        The node of the graph that gives it.
    shape : tuple of int
        Of the whole tensor.
    axes : (row axis, column axis) or None
        Which of its axes are rows and columns; None: they cannot be told apart any more, and
        every element may see the whole image.
    """

    node: str
    shape: Shape
    axes: Pair | None

    @property
    def lengths(self) -> Pair:
        """Rows and columns of the feature map."""
        if self.axes is None:
            return 1, 1
        return self.shape[self.axes[0]], self.shape[self.axes[1]]


class Trace:
    """Builds a graph while a reader walks over a model.

    Parameters
    ----------
    shape : tuple of int
        Of the image tensor.
    axes : (int, int)
        Its row and column axes.
    name : str
        Of the image node.
    """

    def __init__(self, shape: Shape, axes: Pair, name: str = IMAGE) -> None:
        image = Place(name, shape, axes)
        self.graph = LayerGraph(
            {name: Node(name, "image", (), channels=_channels(shape, axes))}, shape=image.lengths
        )
        self.image = image

    @classmethod
    def of_images(cls, shapes: Sequence[Shape], axes: Pair, name: str = IMAGE) -> Trace:
        """Return a trace for several images of one size, taken as one with all their channels."""
        trace = cls(shapes[0], axes, name)
        counts = [_channels(shape, axes) or 1 for shape in shapes]
        trace.graph.nodes[name] = replace(trace.graph.nodes[name], channels=sum(counts))
        trace.graph.image_channels = tuple(counts)
        return trace

    def step(
        self,
        name: str,
        op: str,
        inputs: Sequence[Place],
        shape: Shape,
        rules: Rules = (SAME_PLACE, SAME_PLACE),
        axes: Pair | None = None,
    ) -> Place:
        """Add an operation that keeps rows and columns apart.

        Parameters
        ----------
        name, op : str
        inputs : sequence of Place
            Merged if there are several; broadcast from the last axis on, as NumPy does.
        shape : tuple of int
            Of the output.
        rules : pair of Rule
        axes : pair of int, optional
            Rows and columns of the output. Default: those of the inputs.
        """
        if axes is None:
            placed = next((place for place in inputs if place.axes is not None), None)
            if placed is None or placed.axes is None:
                return self.everywhere(name, op, inputs, shape, "it reads features of all of it")
            more = len(shape) - len(placed.shape)
            axes = placed.axes[0] + more, placed.axes[1] + more
        self.graph.put(name, op, [p.node for p in inputs], rules, _channels(shape, axes))
        return Place(name, shape, axes)

    def everywhere(
        self,
        name: str,
        op: str,
        inputs: Sequence[Place],
        shape: Shape,
        reason: str,
        axes: Pair | None = None,
    ) -> Place:
        """Add an operation whose every output may see the whole image."""
        outputs = (None, None) if axes is None else (shape[axes[0]], shape[axes[1]])
        rules = Whole(reason, outputs[0]), Whole(reason, outputs[1])
        self.graph.put(name, op, [p.node for p in inputs], rules, _channels(shape, axes))
        return Place(name, shape, axes)

    def slide(self, name: str, op: str, place: Place, shape: Shape, rules: Rules) -> Place:
        """Add a window over the last two axes, as convolution and pooling have it."""
        rank = len(place.shape)
        if place.axes is not None and place.axes != (rank - 2, rank - 1):
            reason = "its window does not slide along rows and columns"
            return self.everywhere(name, op, [place], shape, reason)
        return self.step(name, op, [place], shape, rules)

    def over(
        self, name: str, op: str, place: Place, over: Sequence[int], shape: Shape, reason: str
    ) -> Place:
        """Add an operation that mixes all elements along some axes, such as a mean or a softmax."""
        if place.axes is None:
            return self.everywhere(name, op, [place], shape, reason)
        mixed = {axis % len(place.shape) for axis in over}
        gone = len(shape) < len(place.shape)  # the axes vanish
        rules: list[Rule] = []
        for axis in place.axes:
            length = None if gone or shape[axis] == place.shape[axis] else shape[axis]
            rules.append(Whole(reason, length) if axis in mixed else SAME_PLACE)
        if gone and mixed.intersection(place.axes):
            return self.everywhere(name, op, [place], shape, reason)
        axes = place.axes
        if gone:
            axes = _less(axes[0], mixed), _less(axes[1], mixed)
        return self.step(name, op, [place], shape, (rules[0], rules[1]), axes)

    def permute(self, name: str, op: str, place: Place, order: Sequence[int]) -> Place:
        """Add an operation that reorders the axes."""
        rank = len(place.shape)
        order = [axis % rank for axis in order]
        shape = tuple(place.shape[axis] for axis in order)
        if place.axes is None:
            return self.step(name, op, [place], shape)
        axes = order.index(place.axes[0]), order.index(place.axes[1])
        return self.step(name, op, [place], shape, axes=axes)

    def reshape(self, name: str, op: str, place: Place, shape: Shape) -> Place:
        """Add an operation that lays the same elements out in another shape."""
        if place.axes is None:
            return self.step(name, op, [place], shape)
        found = [_after_reshape(place.shape, shape, axis) for axis in place.axes]
        if found[0] is None or found[1] is None:
            reason = "rows and columns are laid out in one axis"
            return self.everywhere(name, op, [place], shape, reason)
        (row, row_rule), (column, column_rule) = found[0], found[1]
        return self.step(name, op, [place], shape, (row_rule, column_rule), (row, column))

    def cut(
        self, name: str, op: str, place: Place, axis: int, start: int, step: int, shape: Shape
    ) -> Place:
        """Add a slice; `start` counts from the front, and `step` is at least 1."""
        axis %= len(place.shape)
        if place.axes is None or axis not in place.axes:
            return self.step(name, op, [place], shape)
        last = start + (shape[axis] - 1) * step
        behind = place.shape[axis] - 1 - last
        # What the last step leaves over is no crop: the next whole step decides.
        rule = Window(1, step, before=-start, after=-max(0, behind - (behind % step)))
        along = place.axes.index(axis)
        rules = (rule, SAME_PLACE) if along == 0 else (SAME_PLACE, rule)
        return self.step(name, op, [place], shape, rules)

    def joined(self, name: str, op: str, places: Sequence[Place], axis: int, shape: Shape) -> Place:
        """Add a concatenation; along rows or columns it makes windows that follow no rule."""
        placed = next((place for place in places if place.axes is not None), None)
        if placed is not None and placed.axes is not None and axis % len(shape) in placed.axes:
            reason = "pieces are put side by side, so that windows follow no rule"
            return self.everywhere(name, op, places, shape, reason, placed.axes)
        return self.step(name, op, places, shape)

    def sized(
        self, name: str, op: str, place: Place, shape: Shape, like: Resize, scale: Sequence[float]
    ) -> Place:
        """Add an up- or down-sampling; `scale` is 0 where it follows from the sizes."""
        if place.axes is None:
            return self.step(name, op, [place], shape)
        rules: list[Rule] = []
        for axis, given in zip(place.axes, scale, strict=True):
            exact = Fraction(shape[axis], place.shape[axis])
            # A scale of 0.333 stands for 1/3 if that explains the size.
            rounded = Fraction(given).limit_denominator(1000)
            # What does not is a size that the model has computed itself.
            explains = math.floor(place.shape[axis] * rounded) == shape[axis]
            factor = rounded if given and explains else exact
            rules.append(SAME_PLACE if factor == 1 else replace(like, scale=factor))
        return self.step(name, op, [place], shape, (rules[0], rules[1]))


def _after_reshape(before: Shape, after: Shape, axis: int) -> tuple[int, Rule] | None:
    """Return where an axis is after a reshape, and what has happened to it; None if it is lost."""
    ahead = math.prod(before[:axis])
    length = before[axis]
    for place, new in enumerate(after):
        if math.prod(after[:place]) != ahead or (new == 1 and length != 1):
            continue
        if new == length:
            return place, SAME_PLACE
        if length and new % length == 0 and math.prod(before[axis : axis + 2]) == new:
            return place, Resize(Fraction(new, length))  # depth becomes space
        if new and length % new == 0 and math.prod(after[place : place + 2]) == length:
            return place, Window(length // new, length // new)  # space becomes depth
    return None


def _less(axis: int, gone: set[int]) -> int:
    return axis - sum(other < axis for other in gone)


def _channels(shape: Shape, axes: Pair | None) -> int | None:
    """Return how many numbers there are for each place, the batch being 1."""
    if axes is None or 0 in shape:
        return None
    return math.prod(shape) // (shape[axes[0]] * shape[axes[1]])
