"""The receptive field: which part of the image may affect an element of a layer's output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from kernfit.arrays import as_image
from kernfit.display import pairs_as_html
from kernfit.errors import InvalidInput
from kernfit.graph.extent import ONE_TO_ONE, Extent
from kernfit.graph.graph import LayerGraph, Node, Pair, Sizes, axis_names
from kernfit.graph.refusals import UnfitSize
from kernfit.graph.rules import Rule, Whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Number = int | Fraction


@dataclass(frozen=True)
class Axis:
    """What is known of a node along one axis.

    Attributes
    ----------
    extent : Extent or None
        The windows; None: every element may see the whole image.
    whole : str
        Why it is the whole image; empty if it is not.
    aligned : bool
        Whether all paths that meet on the way have their windows around the same centres.
    """

    extent: Extent | None
    whole: str = ""
    aligned: bool = True


@dataclass(frozen=True, repr=False)
class ReceptiveField:
    """Every place of the input that may affect one output element, for all output elements.

    Attributes
    ----------
    layer : str
        The node that it belongs to.
    axes : tuple of Axis
        The windows themselves, along rows and columns; along columns in 1-D, and along planes,
        rows and columns in 3-D. All that follows has as many numbers.
    shape : tuple of int or None
        The image's size, where it is known.

    See Also
    --------
    receptive_field : Makes one.
    EffectiveField : How much each pixel of it matters.

    Examples
    --------
    Two 3x3 layers see 5x5 pixels:

    >>> from kernfit.see import LayerSpec, receptive_field
    >>> field = receptive_field([LayerSpec(3), LayerSpec(3)])
    >>> field.size
    (5, 5)
    >>> field.window(2, 0)
    ((2, 7), (0, 5))
    """

    layer: str
    axes: tuple[Axis, ...]
    shape: Sizes | None = None

    @property
    def rows(self) -> Axis:
        """Along rows, the last axis but one."""
        return self.axes[-2]

    @property
    def columns(self) -> Axis:
        """Along columns, the last axis."""
        return self.axes[-1]

    @property
    def size(self) -> tuple[int | None, ...]:
        """(rows, columns) of the window, in pixels of the image; None: the whole image.

        It may be larger than the image. After up-sampling windows differ: then the largest.
        """
        return tuple(axis.extent.size if axis.extent else None for axis in self.axes)

    @property
    def stride(self) -> tuple[Number | None, ...]:
        """Pixels from the window of one output element to that of the next.

        A fraction after up-sampling; None where each window is the whole image.
        """
        return tuple(
            None if axis.extent is None else _plain(axis.extent.stride) for axis in self.axes
        )

    @property
    def padding(self) -> tuple[int | None, ...]:
        """How far the window of output element (0, 0) begins above and left of the image."""
        found = []
        for axis in self.axes:
            span = None if axis.extent is None else axis.extent.span(0)
            found.append(None if span is None else -span[0])
        return tuple(found)

    @property
    def aligned(self) -> tuple[bool, ...]:
        """Whether all paths that meet on the way have their windows around the same centres."""
        return tuple(axis.aligned for axis in self.axes)

    @property
    def whole(self) -> tuple[str, ...]:
        """Why an element sees the whole image, for rows and columns; empty if it does not."""
        return tuple(axis.whole for axis in self.axes)

    def window(self, *element: int) -> tuple[Pair, ...]:
        """Return the input rows and columns behind one output element.

        Parameters
        ----------
        *element : int
            The output element: row and column, in 2-D.

        Returns
        -------
        ((top, bottom), (left, right))
            Half-open: ``image[top:bottom, left:right]``. May reach beyond the image. Empty
            where the element depends on no pixel, in a gap of a transposed convolution.

        Raises
        ------
        InvalidInput
            If it is the whole image and the image's size is not known, or the element has not
            one number for each axis.

        See Also
        --------
        ReceptiveField.plot : Draws it.

        Examples
        --------
        >>> from kernfit import LayerSpec, receptive_field
        >>> receptive_field([LayerSpec(3), LayerSpec(3)]).window(0, 10)
        ((0, 5), (10, 15))
        """
        if len(element) != len(self.axes):
            raise InvalidInput(
                f"element must have {len(self.axes)} numbers, one for each axis, got {element}"
            )
        return tuple(self._along(axis, n) for axis, n in enumerate(element))

    def plot(
        self,
        image: ArrayLike | None = None,
        *,
        element: Pair | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the window behind one element of the feature map on the image.

        Parameters
        ----------
        image : array_like, optional
            (rows, columns) or (channels, rows, columns); three channels are drawn in colour.
            Default: an empty frame.
        element : (row, column), optional
            Default: the one in the middle of the image, the first where its size is not known.
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InvalidInput
            If the window is the whole image and its size is not known.

        See Also
        --------
        ReceptiveField.window : The same in numbers.

        Examples
        --------
        >>> from kernfit import catalogue, receptive_field, scene
        >>> receptive_field(catalogue["box_3"]).plot(scene((64, 64))).get_title()
        'layer1 [32, 32] sees 3x3'
        """
        from kernfit.plots import draw_window

        if len(self.axes) != 2:
            raise InvalidInput(
                f"a field must have two axes to be drawn, got {len(self.axes)}: print it instead"
            )
        pixels = None if image is None else as_image(image)
        shape = self.shape if pixels is None else pixels.shape[-2:]
        if element is None:
            row, column = (self._middle(axis, shape) for axis in (0, 1))
        else:
            row, column = element
        window = self._along(0, row), self._along(1, column)
        (top, bottom), (left, right) = window
        title = f"{self.layer} [{row}, {column}] sees {bottom - top}x{right - left}"
        frame = None if shape is None else (shape[-2], shape[-1])
        return draw_window(window, pixels, shape=frame, title=title, ax=ax)

    def _middle(self, axis: int, shape: Sizes | None) -> int:
        extent = self.axes[axis].extent
        return 0 if extent is None or shape is None else int(shape[axis] / extent.stride) // 2

    def _name(self, axis: int) -> str:
        return axis_names(len(self.axes))[axis]

    def _lines(self) -> list[tuple[str, str]]:
        """Return what there is to say, as names and values."""
        lines = [
            ("size", _both(self.size, "the whole image")),
            ("stride", _both(self.stride, "-")),
            ("padding", _both(self.padding, "-")),
        ]
        reason = next((reason for reason in self.whole if reason), "")
        if reason:
            lines.append(("whole image", reason))
        if not all(self.aligned):
            lines.append(("aligned", "no: paths that meet have other centres"))
        return lines

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self._lines())
        return f"ReceptiveField of {self.layer!r}: {said}"

    def _repr_html_(self) -> str:
        return pairs_as_html(f"receptive field of {self.layer}", self._lines())

    def _along(self, axis: int, element: int) -> Pair:
        extent = self.axes[axis].extent
        if extent is None:
            if self.shape is None:
                raise InvalidInput(
                    f"the window of {self.layer!r} is the whole image along {self._name(axis)} "
                    f"({self.axes[axis].whole}): give shape=(rows, columns)"
                )
            return 0, self.shape[axis]
        span = extent.span(element)
        if span is None:
            start = int(element * extent.stride)
            return start, start
        return span[0], span[1] + 1


def fields_of(graph: LayerGraph) -> dict[str, ReceptiveField]:
    """Return the receptive field of every node of a graph.

    Windows are followed from the image on, with integers and fractions and no rounding: the
    window of an output is the union of the windows of the inputs that it reads (A. Araujo,
    W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill
    2019, has the closed form for the layers without up-sampling).

    Parameters
    ----------
    graph : LayerGraph

    Returns
    -------
    dict
        By the nodes' names, from the image on.

    Raises
    ------
    InvalidInput
        If paths of different strides meet.
    """
    rules = graph.resolved(graph.shape or _assumed(graph))
    known: dict[str, tuple[Axis, ...]] = {}
    names = axis_names(graph.dimensions)
    for node in graph.nodes.values():
        inputs = [known[name] for name in node.inputs]
        known[node.name] = tuple(
            _through(node, [axes[axis] for axes in inputs], rules[node.name][axis], names[axis])
            for axis in range(graph.dimensions)
        )
    return {name: ReceptiveField(name, axes, graph.shape) for name, axes in known.items()}


def _through(node: Node, inputs: list[Axis], rule: Rule, along: str) -> Axis:
    """Return what a node sees along one axis, given what its inputs see."""
    if not inputs:
        return Axis(ONE_TO_ONE)
    merged = inputs[0]
    for other in inputs[1:]:
        merged = _merge(node, merged, other, along)
    if isinstance(rule, Whole):
        return Axis(None, merged.whole or f"{node.op} {node.name!r}: {rule.reason}", merged.aligned)
    if merged.extent is None:
        return merged
    return Axis(merged.extent.through(rule), "", merged.aligned)


def _merge(node: Node, one: Axis, other: Axis, along: str) -> Axis:
    aligned = one.aligned and other.aligned
    if one.extent is None or other.extent is None:
        return Axis(None, one.whole or other.whole, aligned)
    if one.extent.stride != other.extent.stride:
        raise UnfitSize(
            f"paths that meet at {node.op} {node.name!r} must have the same stride along {along}, "
            f"got {one.extent.stride} and {other.extent.stride}, so such sizes fit only by chance"
        )
    return Axis(
        one.extent.merged(other.extent), "", aligned and one.extent.aligned_with(other.extent)
    )


def _assumed(graph: LayerGraph) -> Sizes:
    """Return a size for "same" padding where none is known: one that all strides divide."""
    return (2**12 * 3**2 * 5,) * graph.dimensions


def _both(pair: tuple[Any, ...], nothing: str) -> str:
    """Return "3x3", or the word for nothing where an axis has none."""
    texts = [nothing if n is None else str(n) for n in pair]
    return nothing if set(texts) == {nothing} else " x ".join(texts)


def _plain(number: Fraction) -> Number:
    return int(number) if number.denominator == 1 else number


def describe(field: ReceptiveField) -> dict[str, Any]:
    """Return the figures as plain numbers and lists, for JSON; fractions as text."""
    return {
        "layer": field.layer,
        "size": list(field.size),
        "stride": [str(n) if isinstance(n, Fraction) else n for n in field.stride],
        "padding": list(field.padding),
        "aligned": list(field.aligned),
        "whole": list(field.whole),
    }
