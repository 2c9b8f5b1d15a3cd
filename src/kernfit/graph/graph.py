"""Layers as geometry: how an output's place follows from its inputs', whatever the framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kernfit.arrays import as_pair_of_ints, one_of
from kernfit.errors import InvalidInput
from kernfit.graph.rules import SAME_PLACE, Rule, Transposed, Window

Pair = tuple[int, int]
Sizes = tuple[int, ...]  # along each axis: planes, rows and columns; rows and columns; columns
Rules = tuple[Rule, ...]  # the same
IMAGE = "image"
MOST_ELEMENTS = 2**40


@dataclass(frozen=True)
class LayerSpec:
    """A layer that slides a window: convolution, correlation or pooling.

    Output element i reads the input from ``i * stride - padding`` on, ``size`` taps that are
    ``dilation`` apart; along rows and along columns.

    Parameters
    ----------
    size : int or (rows, columns)
        Taps of the window. One number in a tuple stands for 1-D, three for 3-D (planes, rows,
        columns); all of them then have as many.
    stride : int or pair, default 1
        Input elements from one output element to the next.
    dilation : int or pair, default 1
        Input elements from one tap to the next.
    padding : int, pair or "same", default 0
        Elements added in front and behind (top, left; bottom, right). "same" gives
        ``ceil(length / stride)`` outputs, an odd element is added behind, as TensorFlow does.
    transposed : bool, default False
        A transposed convolution: `stride` and `dilation` count output elements, and `padding`
        is taken away from the output.

    Raises
    ------
    InvalidInput
        If one of them is not an integer or a pair of integers, or too small, or `padding` is
        another word, or "same" for a transposed convolution.

    See Also
    --------
    LayerGraph : Layers with branches.
    receptive_field : What the last of them looks at.

    Examples
    --------
    A convolution of 3x3 taps, two apart, and a pooling of 1x2:

    >>> LayerSpec(3, dilation=2, padding=2).rules[0].taps(0)
    range(-2, 3, 2)
    >>> LayerSpec((1, 2), stride=(1, 2)).stride
    (1, 2)
    """

    size: int | Sizes
    stride: int | Sizes = 1
    dilation: int | Sizes = 1
    padding: int | Sizes | Literal["same"] = 0
    transposed: bool = False

    def __post_init__(self) -> None:
        given = (self.size, self.stride, self.dilation, self.padding)
        several = [len(value) for value in given if isinstance(value, (tuple, list))]
        count = several[0] if several else 2
        for name, least in (("size", 1), ("stride", 1), ("dilation", 1), ("padding", 0)):
            value = getattr(self, name)
            if name == "padding" and isinstance(value, str):
                one_of(value, ("same",), "padding, if not a number,")
                if self.transposed:
                    raise InvalidInput(
                        "padding of a transposed layer must be a number or a pair, got 'same': "
                        "give the elements that are taken away"
                    )
                continue
            object.__setattr__(self, name, as_sizes(value, name, count, least=least))

    @property
    def rules(self) -> Rules:
        """The rules along each axis: rows and columns, in 2-D."""
        count = len(as_sizes(self.size, "size"))
        return tuple(self._along(axis) for axis in range(count))

    def _along(self, axis: int) -> Rule:
        size, stride, dilation = (
            as_sizes(value, "size")[axis] for value in (self.size, self.stride, self.dilation)
        )
        if isinstance(self.padding, str):
            return Window(size, stride, dilation, same="upper")
        padding = as_sizes(self.padding, "padding", least=0)[axis]
        kind = Transposed if self.transposed else Window
        return kind(size, stride, dilation, padding, padding)


@dataclass(frozen=True)
class Node:
    """One operation of a model.

    Attributes
    ----------
    name : str
        Unique in its graph.
    op : str
        What the model calls the operation.
    inputs : tuple of str
        Names of the nodes that it reads and that depend on the image. Several are merged,
        element by element or channel after channel.
    rules : pair of Rule
        Along rows and columns.
    channels : int or None
        Of its output, where known.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    rules: Rules = (SAME_PLACE, SAME_PLACE)
    channels: int | None = None


@dataclass
class LayerGraph:
    """Operations from an image on, each after those that it reads.

    See Also
    --------
    LayerSpec : One layer.
    receptive_field : What a node of it looks at.

    Examples
    --------
    A residual unit, 3x3 and 3x3 beside a path that goes straight through:

    >>> graph = LayerGraph()
    >>> first = graph.add(LayerSpec(3, padding=1), name="first")
    >>> second = graph.add(LayerSpec(3, padding=1), name="second")
    >>> graph.join(second, "image", name="sum")
    'sum'
    """

    nodes: dict[str, Node] = field(default_factory=lambda: {IMAGE: Node(IMAGE, "image", ())})
    # Other names for nodes, such as a module's path: alias -> node.
    aliases: dict[str, str] = field(default_factory=dict)
    # What the model gives, by node; without, the last node.
    results: tuple[str, ...] = ()
    # (rows, columns) of the image where the model or its user says so.
    shape: Sizes | None = None
    # Of each image, where the model takes several of one size.
    image_channels: tuple[int, ...] = ()

    @property
    def image(self) -> str:
        """The name of the first node, the image."""
        return next(iter(self.nodes))

    @property
    def dimensions(self) -> int:
        """How many axes the image has."""
        return len(self.nodes[self.image].rules)

    @property
    def output(self) -> str:
        """The node that the model gives; the first of several."""
        return self.results[0] if self.results else next(reversed(self.nodes))

    def add(self, layer: LayerSpec, after: str | None = None, *, name: str = "") -> str:
        """Add a layer and return its name.

        Parameters
        ----------
        layer : LayerSpec
        after : str, optional
            The node that it reads. Default: the one added last.
        name : str, optional
            Default: a number.

        Returns
        -------
        str
            The node's name.

        See Also
        --------
        LayerGraph.join : Merge paths.

        Examples
        --------
        >>> from kernfit import LayerGraph, LayerSpec
        >>> graph = LayerGraph()
        >>> graph.add(LayerSpec(3)), graph.add(LayerSpec(3), name="second")
        ('layer1', 'second')
        """
        before = next(reversed(self.nodes)) if after is None else after
        return self.put(name or f"layer{len(self.nodes)}", "layer", (before,), layer.rules)

    def join(self, *paths: str, name: str = "") -> str:
        """Merge paths, by adding or stacking their channels, and return the node's name.

        Parameters
        ----------
        *paths : str
            Names of nodes.
        name : str, optional
            Default: a number.

        Returns
        -------
        str
            The node's name.

        See Also
        --------
        LayerGraph.add : One layer.

        Examples
        --------
        >>> from kernfit import LayerGraph, LayerSpec, receptive_field
        >>> graph = LayerGraph()
        >>> graph.join(graph.add(LayerSpec(3, padding=1)), "image", name="sum")
        'sum'
        >>> receptive_field(graph).size
        (3, 3)
        """
        return self.put(name or f"join{len(self.nodes)}", "join", paths)

    def put(
        self,
        name: str,
        op: str,
        inputs: Iterable[str],
        rules: Rules | None = None,
        channels: int | None = None,
    ) -> str:
        """Add any operation and return its name.

        Raises
        ------
        InvalidInput
            If the name is taken, or an input is not there yet.
        """
        if name in self.nodes:
            raise InvalidInput(f"node names must be unique, got {name!r} twice: choose another")
        rules = rules or (SAME_PLACE,) * self.dimensions
        if len(rules) != self.dimensions:
            raise InvalidInput(
                f"node {name!r} must have {self.dimensions} axes as the image has, got {len(rules)}"
            )
        node = Node(name, op, tuple(dict.fromkeys(inputs)), rules, channels)
        for missing in (before for before in node.inputs if before not in self.nodes):
            raise InvalidInput(
                f"node {name!r} must read nodes that are there, got {missing!r}: add that first"
            )
        if not node.inputs:
            raise InvalidInput(f"node {name!r} must read at least one node, got none")
        self.nodes[name] = node
        return name

    def find(self, layer: str | None) -> str:
        """Return the node of that name or alias; the output for None.

        Parameters
        ----------
        layer : str or None
            A node's name or alias.

        Returns
        -------
        str

        Raises
        ------
        InvalidInput
            If there is none; similar names are shown.

        See Also
        --------
        LayerGraph.upto : All nodes behind one.

        Examples
        --------
        >>> from kernfit import LayerGraph, LayerSpec
        >>> graph = LayerGraph()
        >>> graph.add(LayerSpec(3), name="first")
        'first'
        >>> graph.find(None)
        'first'
        """
        if layer is None:
            return self.output
        found = layer if layer in self.nodes else self.aliases.get(layer)
        if found is None:
            from difflib import get_close_matches

            names = [*self.nodes, *self.aliases]
            near = get_close_matches(layer, names, 3, 0.4) or names[-3:]
            raise InvalidInput(
                f"layer must be a node of the model, got {layer!r}: try {', '.join(near)}"
            )
        return found

    def upto(self, target: str) -> list[Node]:
        """Return the nodes that stand behind `target`, in order, itself last.

        Parameters
        ----------
        target : str
            A node's name.

        Returns
        -------
        list of Node

        See Also
        --------
        LayerGraph.find : The node of a name.

        Examples
        --------
        >>> from kernfit import LayerGraph, LayerSpec
        >>> graph = LayerGraph()
        >>> first, second = graph.add(LayerSpec(3)), graph.add(LayerSpec(3))
        >>> [node.name for node in graph.upto(first)]
        ['image', 'layer1']
        """
        needed = {target}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        return [node for node in self.nodes.values() if node.name in needed]

    def sizes(self, lengths: Sizes) -> dict[str, tuple[Sizes, Rules]]:
        """Return each node's size for an image of this size, and its rules for that.

        Parameters
        ----------
        lengths : (rows, columns)

        Raises
        ------
        InvalidInput
            If a feature map is larger than any that can be computed.
        """
        found: dict[str, tuple[Sizes, Rules]] = {}
        for node in self.nodes.values():
            seen = [found[name][0] for name in node.inputs] or [lengths]
            # The longest: the others are spread over it, or the model does not run at this size.
            size = [max(lengths) for lengths in zip(*seen, strict=True)]
            rules = tuple(rule.at(n) for rule, n in zip(node.rules, size, strict=True))
            outputs = tuple(rule.length(n) for rule, n in zip(rules, size, strict=True))
            if max(outputs) > MOST_ELEMENTS:
                raise InvalidInput(
                    f"the map of {node.op} {node.name!r} must have at most {MOST_ELEMENTS} "
                    f"elements along each axis, got {max(outputs)}: check the model"
                )
            found[node.name] = outputs, rules
        return found

    def resolved(self, lengths: Sizes) -> dict[str, Rules]:
        """Return each node's rules for an image of this size, `same` padding turned to numbers.

        Parameters
        ----------
        lengths : (rows, columns)
        """
        return {name: rules for name, (_, rules) in self.sizes(lengths).items()}


def graph_in(dimensions: int) -> LayerGraph:
    """Return an empty graph for images with so many axes."""
    return LayerGraph({IMAGE: Node(IMAGE, "image", (), (SAME_PLACE,) * dimensions)})


def axis_names(count: int) -> tuple[str, ...]:
    """Return what the axes of an image are called, the last of planes, rows and columns."""
    names = ("planes", "rows", "columns")
    return names[-count:] if count <= 3 else tuple(f"axis {axis}" for axis in range(count))


def as_sizes(value: Any, name: str, count: int | None = None, *, least: int = 1) -> Sizes:
    """Return one number, or one for each axis, as a tuple of integers.

    Raises
    ------
    InvalidInput
        If they are no integers, too small, or not as many as axes.
    """
    if count == 2 or (count is None and not isinstance(value, (tuple, list))):
        return as_pair_of_ints(value, name, least=least)
    values = [value] * (count or 1) if isinstance(value, int) else list(value)
    if count not in (None, len(values)) or not values:
        raise InvalidInput(f"{name} must be {count} integers, got {value!r}")
    return tuple(as_pair_of_ints(n, name, least=least)[0] for n in values)


def as_graph(layers: LayerGraph | Sequence[LayerSpec]) -> LayerGraph:
    """Return a graph: one as it is, or a list of layers one after the other."""
    if isinstance(layers, LayerGraph):
        return layers
    graph = graph_in(len(layers[0].rules) if layers and isinstance(layers[0], LayerSpec) else 2)
    for layer in layers:
        if not isinstance(layer, LayerSpec):
            raise InvalidInput(f"layers must hold LayerSpec only, got {type(layer).__name__}")
        graph.add(layer)
    return graph


def is_layers(model: object) -> bool:
    """Say whether `model` is a graph or a sequence of layers, and no framework's model."""
    if isinstance(model, LayerGraph):
        return True
    return (
        isinstance(model, Sequence)
        and not isinstance(model, (str, bytes, Mapping))
        and all(isinstance(layer, LayerSpec) for layer in model)
    )
