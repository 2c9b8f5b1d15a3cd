"""The effective receptive field: how much of its window a layer really uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernfit.arrays import Array, as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.frameworks.registry import framework_of
from kernfit.graph.field import ReceptiveField
from kernfit.graph.graph import Pair
from kernfit.see.perturbing import perturbed
from kernfit.see.windows import receptive_field

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How much each pixel counts for one element.

    Attributes
    ----------
    strength : ndarray, shape (rows, columns)
        Root mean square gradient; 1 for the pixel that counts most.
    field : ReceptiveField
        The window that it lies in.
    spread : (rows, columns)
        Standard deviation of the squared gradient's place, in pixels.

    See Also
    --------
    effective_field : Makes one.
    ReceptiveField : What may matter at all.

    Examples
    --------
    >>> from kernfit import catalogue, effective_field
    >>> found = effective_field(catalogue["box_3"], (9, 9))
    >>> found.field.size, [round(width, 3) for width in found.spread]
    ((3, 3), [0.816, 0.816])
    """

    strength: Array
    field: ReceptiveField
    spread: tuple[float, float]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw how much each pixel counts.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.

        Returns
        -------
        matplotlib Axes

        See Also
        --------
        ReceptiveField.plot : The window that may matter.

        Examples
        --------
        >>> import kernfit
        >>> box = kernfit.catalogue["box_3"]
        >>> used = kernfit.effective_field([[box], [box]], (15, 15))
        >>> used.plot() is not None
        True
        """
        from kernfit.plots import draw_map

        return draw_map(self.strength, title=f"{self.field.layer}, what counts", ax=ax)


def effective_field(
    model: Any,
    shape: Pair,
    layer: str | None = None,
    *,
    element: Pair | None = None,
    images: int = 8,
    seed: int = 0,
    grain: int | None = None,
) -> EffectiveField:
    """Return how much each pixel counts for an element of a layer, by the model's own gradient.

    A torch module gives its gradient. Of an ONNX or Keras model it is measured, by moving blocks
    of pixels up and down: two runs of the element's window for each block and image.

    The window of a deep network is large, but most of it hardly counts (W. Luo, Y. Li, R. Urtasun,
    R. Zemel, Understanding the effective receptive field in deep convolutional neural networks,
    NeurIPS 2016).

    Parameters
    ----------
    model : model, path or kernels
        As `receptive_field` takes it, but not bare layers.
    shape : (rows, columns)
        Of the images.
    layer : str, optional
        Default: the (first) output.
    element : (row, column), optional
        Default: the middle one.
    images : int, default 8
        Random images, over which is averaged.
    seed : int
        Of those.
    grain : int, optional
        Rows and columns of the blocks, over which ``strength`` then is a mean. Default: 1 for
        windows of up to 32 pixels, larger in proportion.

    Returns
    -------
    EffectiveField

    Raises
    ------
    InvalidInput
        If it cannot be run, or has no such layer or element, or that depends on no pixel.

    See Also
    --------
    receptive_field : The window that may matter.

    Examples
    --------
    Two means over 3x3 pixels make a pyramid:

    >>> from kernfit import catalogue
    >>> found = effective_field([[catalogue["box_3"]], [catalogue["box_3"]]], (9, 9))
    >>> (found.strength[4] * 3).round(3)
    array([0., 0., 1., 2., 3., 2., 1., 0., 0.])
    """
    size = as_pair_of_ints(shape, "shape", least=1)
    for name, number in (("images", images), ("grain", grain)):
        if number is not None and number < 1:
            raise InvalidInput(f"{name} must be at least 1, got {number}")
    field = receptive_field(model, layer, shape=size)
    if (gradient := framework_of(model).gradient) is not None:
        strength = gradient(model, layer, size, element, images, seed)
    else:
        strength = perturbed(model, layer, field, size, element, images, seed, grain)
    power = strength**2
    total = power.sum()
    if total == 0:
        raise InvalidInput(f"layer {layer or 'output'!r} must depend on the image, got no gradient")
    spread = []
    for axis in (0, 1):
        weights, places = power.sum(1 - axis) / total, np.arange(size[axis])
        centre = (weights * places).sum()
        spread.append(float(np.sqrt((weights * (places - centre) ** 2).sum())))
    return EffectiveField(strength / strength.max(), field, (spread[0], spread[1]))
