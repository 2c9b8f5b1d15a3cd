"""Which outputs of a tile are the very ones of the whole image, and how tiles must be placed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernfit.graph.field import fields_of
from kernfit.graph.graph import LayerGraph, Node, axis_names
from kernfit.graph.refusals import NeedsWhole, UnfitSize
from kernfit.graph.rules import Resize, Rule, Whole, Window

MOST_LENGTH = 2**28  # looked at one by one
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class AxisPlan:
    """What tiling along one axis has to know.

    Attributes
    ----------
    nodes : tuple of Node
        What stands behind the output, in order.
    rules : dict
        Of each node, along this axis, for the whole image.
    strides : dict
        Image pixels for each element of a node.
    lengths : dict
        Of each node for the whole image.
    grid : int
        Tiles must begin at its multiples, so that every stride meets the same elements.
    axis : int
        0 for rows, 1 for columns, in 2-D.
    """

    nodes: tuple[Node, ...]
    rules: dict[str, Rule]
    strides: dict[str, Fraction]
    lengths: dict[str, int]
    grid: int
    axis: int

    @property
    def along(self) -> str:
        """What the axis is called."""
        return axis_names(len(self.nodes[0].rules))[self.axis]

    @property
    def output(self) -> str:
        """The node whose elements are wanted."""
        return self.nodes[-1].name

    @property
    def length(self) -> int:
        """Of the image."""
        return self.lengths[self.nodes[0].name]


def plan_axis(graph: LayerGraph, target: str, axis: int, length: int) -> AxisPlan:
    """Return what tiling along an axis has to know, or say why it cannot be exact.

    Raises
    ------
    NeedsWhole
        If a node sees the whole image or depends on its size; it names the node.
    UnfitSize
        If the model does not take an image of this length.
    """
    nodes = tuple(graph.upto(target))
    for node in nodes:
        rule = node.rules[axis]
        why = ""
        if isinstance(rule, Whole):
            why = rule.reason
        elif isinstance(rule, Resize) and rule.places == "ends":
            why = "its sampling follows from the image's size (align_corners)"
        elif isinstance(rule, Window) and rule.beyond == "wrap" and (rule.before or rule.after):
            why = "its padding wraps around the image"
        if why:
            raise NeedsWhole(
                f"tiles of the model would not equal the whole: node {node.name!r} ({node.op}) "
                f"needs all of the image: {why}: run it on the whole image, or choose a layer "
                "before it"
            )
    strides = _strides(graph, nodes, axis)
    found = lengths_for(nodes, axis, length)
    if isinstance(found, str):
        along = axis_names(graph.dimensions)[axis]
        raise UnfitSize(f"the model does not take an image of {length} {along}: {found}")
    lengths, rules = found
    return AxisPlan(nodes, rules, strides, lengths, _grid(nodes, strides, axis), axis)


def grid_of(graph: LayerGraph, target: str, axis: int) -> int:
    """Return the pixels whose multiples are whole steps of every operation; 1 if none has one."""
    nodes = graph.upto(target)
    return _grid(nodes, _strides(graph, nodes, axis), axis)


def _strides(graph: LayerGraph, nodes: Sequence[Node], axis: int) -> dict[str, Fraction]:
    """Return the strides of the nodes that do not see the whole image."""
    fields = fields_of(graph)
    extents = {node.name: fields[node.name].axes[axis].extent for node in nodes}
    return {name: extent.stride for name, extent in extents.items() if extent is not None}


def lengths_for(
    nodes: Sequence[Node], axis: int, length: int
) -> tuple[dict[str, int], dict[str, Rule]] | str:
    """Return each node's length and rule for an image of some length, or why it does not fit."""
    lengths: dict[str, int] = {}
    rules: dict[str, Rule] = {}
    for node in nodes:
        merged = {lengths[name] for name in node.inputs} or {length}
        if len(merged) > 1:
            return f"at {node.op} {node.name!r} meet {' and '.join(map(str, sorted(merged)))}"
        (before,) = merged
        rule = rules[node.name] = node.rules[axis].at(before)
        lengths[node.name] = rule.length(before)
        if lengths[node.name] > MOST_LENGTH:
            return f"{lengths[node.name]} elements are too many at {node.op} {node.name!r}"
        if lengths[node.name] < 1:
            return f"nothing is left at {node.op} {node.name!r}"
        reflects = isinstance(rule, Window) and rule.beyond == "reflect"
        if reflects and max(rule.before, rule.after) >= before:  # type: ignore[union-attr]
            return f"{before} are too few to reflect at {node.op} {node.name!r}"
    return lengths, rules


def clean_elements(plan: AxisPlan, start: int, stop: int) -> dict[str, Flags] | None:
    """Say which elements of a tile are computed from the same numbers as in the whole image.

    Parameters
    ----------
    plan : AxisPlan
    start, stop : int
        The tile's place in the image; `start` is a multiple of the grid.

    Returns
    -------
    dict of ndarray of bool, or None
        For each node, one for each element; i is number ``i + start / stride`` of the whole.
        None if the model does not take a tile of this length, or pads it differently.

    Notes
    -----
    From the image on, an element is clean if all inputs that it reads are clean, or lie beyond
    the tile where they lie beyond the whole image as well, so that both read the same padding.
    """
    found = lengths_for(plan.nodes, plan.axis, stop - start)
    if isinstance(found, str):
        return None
    lengths, rules = found
    clean: dict[str, Flags] = {plan.nodes[0].name: np.ones(stop - start, np.bool_)}
    for node in plan.nodes[1:]:
        rule = rules[node.name]
        whole = plan.rules[node.name]
        assert not isinstance(rule, Whole)
        if isinstance(rule, Window) and isinstance(whole, Window) and rule.before != whole.before:
            return None
        before = node.inputs[0]
        inputs = np.logical_and.reduce([clean[name] for name in node.inputs])
        offset = int(start / plan.strides[before])
        clean[node.name] = _followed(rule, lengths[node.name], inputs, offset, plan.lengths[before])
        # With ceil mode a tile may give more outputs than the whole has there.
        there = plan.lengths[node.name] - int(start / plan.strides[node.name])
        clean[node.name][max(there, 0) :] = False
    return clean


def _followed(
    rule: Window | Resize | Rule, count: int, clean: Flags, offset: int, whole: int
) -> Flags:
    """Return which outputs of one operation are clean, given which of its inputs are."""
    assert not isinstance(rule, Whole)
    length = len(clean)
    good = np.ones(count, np.bool_)
    outputs, inputs = rule.period
    for phase in range(min(outputs, count)):
        turns = np.arange(len(range(phase, count, outputs)))
        for tap in rule.taps(phase):
            read = tap + turns * inputs
            front, behind = read < 0, read >= length
            fine = clean[np.clip(read, 0, length - 1)]
            if rule.beyond == "zeros":
                fine = np.where(front, read + offset < 0, fine)
                fine = np.where(behind, read + offset >= whole, fine)
            else:
                # The same elements stand in for what is missing only at the image's own ends.
                mirror = {"edge": 0, "reflect": 0, "symmetric": 1, "wrap": 0}[rule.beyond]
                if rule.beyond == "edge":
                    instead = np.clip(read, 0, length - 1)
                else:
                    instead = np.where(front, -read - mirror, 2 * (length - 1) + mirror - read)
                stands = clean[np.clip(instead, 0, length - 1)]
                if rule.beyond == "wrap":
                    stands = np.full(stands.shape, offset == 0 and length == whole)
                fine = np.where(front, stands & (offset == 0), fine)
                fine = np.where(behind, stands & (offset + length == whole), fine)
            good[phase::outputs] &= fine
    return good


def _grid(nodes: Sequence[Node], strides: dict[str, Fraction], axis: int) -> int:
    """Return the pixels whose multiples are whole steps of every operation."""
    steps = [strides.get(nodes[-1].name, Fraction(1))]
    for node in nodes[1:]:
        rule = node.rules[axis]
        if not isinstance(rule, Whole) and node.inputs[0] in strides:
            steps.append(strides[node.inputs[0]] * rule.period[1])
    return math.lcm(*(step.numerator for step in steps))
