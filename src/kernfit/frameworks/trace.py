"""A model's tensors followed one by one: where their rows and columns are, which node they are.

The readers of the frameworks translate each operation into one of these few steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from kernfit.graph.graph import IMAGE, LayerGraph, Node, Rules, Sizes
from kernfit.graph.rules import SAME_PLACE, Resize, Rule, Whole, Window

Shape = tuple[int, ...]
Axes = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A tensor that depends on the image.

    Attributes
    ----------
    node : str
        The node of the graph that gives it.
    shape : tuple of int
        Of the whole tensor.
    axes : tuple of int, or None
        Which of its axes are the image's (rows and columns, in 2-D); all the same one, where they
        are laid out one after the other in it. None: they cannot be told apart any more, and
        every element may see the whole image.
    merged : tuple of int
        Their lengths, where they are laid out in one axis.
    """

    node: str
    shape: Shape
    axes: Axes | None
    merged: Sizes = ()

    @property
    def lengths(self) -> Sizes:
        """Rows and columns of the feature map."""
        if self.axes is None:
            return 1, 1
        return self.merged or tuple(self.shape[axis] for axis in self.axes)


class Trace:
    """Builds a graph while a reader walks over a model.

    Parameters
    ----------
    shape : tuple of int
        Of the image tensor.
    axes : tuple of int
        Which of its axes are the image's: rows and columns, in 2-D.
    name : str
        Of the image node.
    """

    def __init__(self, shape: Shape, axes: Axes, name: str = IMAGE) -> None:
        image = Place(name, shape, axes)
        first = Node(name, "image", (), (SAME_PLACE,) * len(axes), _channels(shape, axes))
        self.graph = LayerGraph({name: first}, shape=image.lengths)
        self.image = image

    @classmethod
    def of_images(cls, shapes: Sequence[Shape], axes: Axes, name: str = IMAGE) -> Trace:
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
        rules: Rules | None = None,
        axes: Axes | None = None,
        merged: Sizes | None = None,
    ) -> Place:
        """Add an operation that keeps the image's axes apart.

        Parameters
        ----------
        name, op : str
        inputs : sequence of Place
            Merged if there are several; broadcast from the last axis on, as NumPy does.
        shape : tuple of int
            Of the output.
        rules : tuple of Rule, optional
            Along each axis. Default: each element stays in its place.
        axes, merged : optional
            Of the output. Default: those of the inputs.
        """
        placed = next((place for place in inputs if place.axes is not None), None)
        if axes is None:
            if placed is None or placed.axes is None:
                return self.everywhere(name, op, inputs, shape, "it reads features of all of it")
            if len({place.merged for place in inputs if place.axes is not None}) > 1:
                reason = "rows and columns are laid out in one axis"
                return self.everywhere(name, op, inputs, shape, reason)
            more = len(shape) - len(placed.shape)
            axes = tuple(axis + more for axis in placed.axes)
        if merged is None:
            merged = placed.merged if placed is not None else ()
        rules = rules or (SAME_PLACE,) * len(axes)
        channels = _channels(shape, axes)
        self.graph.put(name, op, [p.node for p in inputs], rules, channels)
        return Place(name, shape, axes, merged)

    def everywhere(
        self,
        name: str,
        op: str,
        inputs: Sequence[Place],
        shape: Shape,
        reason: str,
        axes: Axes | None = None,
    ) -> Place:
        """Add an operation whose every output may see the whole image."""
        count = len(self.image.axes or ())
        lengths = [None] * count if axes is None else [shape[axis] for axis in axes]
        rules = tuple(Whole(reason, length) for length in lengths)
        self.graph.put(name, op, [p.node for p in inputs], rules, _channels(shape, axes))
        return Place(name, shape, axes)

    def slide(self, name: str, op: str, place: Place, shape: Shape, rules: Rules) -> Place:
        """Add a window over the last axes, as convolution and pooling have it."""
        if place.axes is None:
            return self.step(name, op, [place], shape)
        first = len(place.shape) - len(rules)
        # Along the batch every image is on its own.
        if any(0 < axis < (len(place.shape) if place.merged else first) for axis in place.axes):
            reason = "its window does not slide along rows and columns"
            return self.everywhere(name, op, [place], shape, reason)
        along = tuple(rules[axis - first] if axis >= first else SAME_PLACE for axis in place.axes)
        return self.step(name, op, [place], shape, along)

    def over(
        self, name: str, op: str, place: Place, over: Sequence[int], shape: Shape, reason: str
    ) -> Place:
        """Add an operation that mixes all elements along some axes, such as a mean or a softmax."""
        if place.axes is None:
            return self.everywhere(name, op, [place], shape, reason)
        mixed = {axis % len(place.shape) for axis in over}
        gone = len(shape) < len(place.shape)  # the axes vanish
        if mixed.intersection(place.axes) and (gone or place.merged):
            return self.everywhere(name, op, [place], shape, reason)
        rules: list[Rule] = []
        for axis in place.axes:
            length = None if gone or shape[axis] == place.shape[axis] else shape[axis]
            rules.append(Whole(reason, length) if axis in mixed else SAME_PLACE)
        axes = tuple(_less(axis, mixed) for axis in place.axes) if gone else place.axes
        return self.step(name, op, [place], shape, tuple(rules), axes)

    def permute(self, name: str, op: str, place: Place, order: Sequence[int]) -> Place:
        """Add an operation that reorders the axes."""
        rank = len(place.shape)
        order = [axis % rank for axis in order]
        shape = tuple(place.shape[axis] for axis in order)
        if place.axes is None:
            return self.step(name, op, [place], shape)
        axes = tuple(order.index(axis) for axis in place.axes)
        return self.step(name, op, [place], shape, axes=axes)

    def reshape(self, name: str, op: str, place: Place, shape: Shape) -> Place:
        """Add an operation that lays the same elements out in another shape."""
        if place.axes is None:
            return self.step(name, op, [place], shape)
        if place.merged:
            return self._apart(name, op, place, shape)
        found = [_after_reshape(place.shape, shape, axis) for axis in place.axes]
        if any(pair is None for pair in found):
            return self._laid_out(name, op, place, shape)
        rules = tuple(rule for _, rule in found)  # type: ignore[misc]
        return self.step(name, op, [place], shape, rules, tuple(axis for axis, _ in found))  # type: ignore[misc]

    def _laid_out(self, name: str, op: str, place: Place, shape: Shape) -> Place:
        """Follow the image's axes into one, where they lie side by side in order."""
        assert place.axes is not None
        first, count = place.axes[0], len(place.axes)
        if place.axes == tuple(range(first, first + count)):
            lengths = tuple(place.shape[axis] for axis in place.axes)
            for axis, length in enumerate(shape):
                ahead = math.prod(shape[:axis]) == math.prod(place.shape[:first])
                if ahead and length == math.prod(lengths) > 1:
                    return self.step(name, op, [place], shape, None, (axis,) * count, lengths)
        reason = "rows and columns are laid out in one axis"
        return self.everywhere(name, op, [place], shape, reason)

    def _apart(self, name: str, op: str, place: Place, shape: Shape) -> Place:
        """Follow axes that were laid out in one, where they come apart again or stay so."""
        assert place.axes is not None
        ahead, length, count = math.prod(place.shape[: place.axes[0]]), math.prod(place.merged), 0
        for axis, new in enumerate(shape):
            if math.prod(shape[:axis]) != ahead:
                continue
            if new == length:
                return self.step(name, op, [place], shape, axes=(axis,) * len(place.axes))
            count = len(place.merged)
            if shape[axis : axis + count] == place.merged:
                axes = tuple(range(axis, axis + count))
                return self.step(name, op, [place], shape, None, axes, ())
        reason = "rows and columns are laid out in one axis"
        return self.everywhere(name, op, [place], shape, reason)

    def cut(
        self, name: str, op: str, place: Place, axis: int, start: int, step: int, shape: Shape
    ) -> Place:
        """Add a slice; `start` counts from the front, and `step` is at least 1."""
        axis %= len(place.shape)
        if place.axes is None or axis not in place.axes:
            return self.step(name, op, [place], shape)
        if place.merged:
            if shape == place.shape:
                return self.step(name, op, [place], shape)
            return self.everywhere(name, op, [place], shape, "it picks a row or column")
        last = start + (shape[axis] - 1) * step
        behind = place.shape[axis] - 1 - last
        # What the last step leaves over is no crop: the next whole step decides.
        rule = Window(1, step, before=-start, after=-max(0, behind - (behind % step)))
        rules = tuple(rule if own == axis else SAME_PLACE for own in place.axes)
        return self.step(name, op, [place], shape, rules)

    def joined(self, name: str, op: str, places: Sequence[Place], axis: int, shape: Shape) -> Place:
        """Add a concatenation; along rows or columns it makes windows that follow no rule."""
        placed = next((place for place in places if place.axes is not None), None)
        if placed is not None and placed.axes is not None and axis % len(shape) in placed.axes:
            reason = "pieces are put side by side, so that windows follow no rule"
            axes = None if placed.merged else placed.axes
            return self.everywhere(name, op, places, shape, reason, axes)
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
        return self.step(name, op, [place], shape, tuple(rules))


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


def _channels(shape: Shape, axes: Axes | None) -> int | None:
    """Return how many numbers there are for each place, the batch being 1."""
    if axes is None or 0 in shape:
        return None
    return math.prod(shape) // math.prod(shape[axis] for axis in set(axes))
