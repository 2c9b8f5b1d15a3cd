"""One kernel in the conventions of other programs.

Sources: the reference pages of each function; every line but MATLAB's is held by a test that runs
the program. MATLAB: the pages of imfilter and filter2, Image Processing Toolbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kernfit.arrays import Array, one_of
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

Sides = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Convention:
    """How a program applies the weights that it is given.

    Attributes
    ----------
    flips : bool
        It flips the weights in both axes, which is convolution.
    centre : {"low", "high", "free", "pad"}
        The tap on the output pixel: ``(k - 1) // 2``, ``k // 2``, wherever an argument says, or
        wherever padding in front puts it.
    layout : {"hw", "1hw", "oihw", "hwio"}
        Order of the axes of the weights.
    odd : bool
        It takes only odd shapes.
    boundaries : dict
        kernfit's boundaries by the program's words for them.
    """

    flips: bool
    centre: Literal["low", "high", "free", "pad"]
    layout: Literal["hw", "1hw", "oihw", "hwio"]
    odd: bool
    boundaries: dict[str, Any]


_SIGNAL = {"constant": "fill", "symmetric": "symm", "wrap": "wrap"}
_NDIMAGE = {
    "constant": "constant",
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "wrap",
}
# The numbers behind cv2.BORDER_CONSTANT, REPLICATE, REFLECT_101 and REFLECT.
_CV2 = {"constant": 0, "edge": 1, "reflect": 4, "symmetric": 2}
_TORCH = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}
_MATLAB = {"constant": 0, "edge": "replicate", "symmetric": "symmetric", "wrap": "circular"}

CONVENTIONS: dict[str, Convention] = {
    "scipy.signal.correlate2d": Convention(False, "low", "hw", False, _SIGNAL),
    "scipy.signal.convolve2d": Convention(True, "high", "hw", False, _SIGNAL),
    "scipy.ndimage.correlate": Convention(False, "free", "hw", False, _NDIMAGE),
    "scipy.ndimage.convolve": Convention(True, "free", "hw", False, _NDIMAGE),
    "cv2.filter2D": Convention(False, "free", "hw", False, _CV2),
    "torch.nn.functional.conv2d": Convention(False, "pad", "oihw", False, _TORCH),
    "keras.layers.Conv2D": Convention(False, "pad", "hwio", False, {"constant": 0}),
    "jax.lax.conv_general_dilated": Convention(False, "pad", "oihw", False, {"constant": 0}),
    "astropy.convolution.convolve": Convention(
        True, "low", "hw", True, {"constant": "fill", "edge": "extend", "wrap": "wrap"}
    ),
    "kornia.filters.filter2d": Convention(False, "low", "1hw", True, _TORCH),
    "MATLAB imfilter": Convention(False, "low", "hw", False, _MATLAB),
}


@dataclass(frozen=True)
class Call:
    """What to give to another program so that it does what a kernel does here.

    Attributes
    ----------
    function : str
        Its full name.
    weights : ndarray
        In its orientation and layout.
    arguments : dict
        Its other arguments, by name.
    padding : ((top, bottom), (left, right))
        To be put around the image first, by the program's own means; zeros where it pads itself.
    bias : ndarray, shape (out,)
        To be added, where the function has no argument for it.
    """

    function: str
    weights: Array
    arguments: dict[str, Any]
    padding: Sides
    bias: Array


def convert(kernel: Kernel, to: str, *, boundary: str = "constant") -> Call:
    """Return what another program needs to give `correlate2d(image, kernel, mode="same")`.

    Parameters
    ----------
    kernel : Kernel
    to : str
        One of `CONVENTIONS`, for example "scipy.ndimage.convolve".
    boundary : str
        As `correlate2d` names it.

    Returns
    -------
    Call
        Where a program fixes the tap that sits on the output pixel, the weights are extended by
        zeros until the anchor is there.

    Raises
    ------
    InvalidInput
        If the program is not known, has no such boundary, or takes no kernel that mixes channels.

    See Also
    --------
    Kernel.flipped : Turned by 180 degrees.

    Examples
    --------
    >>> call = convert(Kernel([[1, -1]]), "scipy.ndimage.convolve")
    >>> call.weights, call.arguments
    (array([[-1,  1]]), {'origin': (0, 0), 'mode': 'constant'})
    """
    rule = CONVENTIONS[one_of(to, CONVENTIONS, "to")]
    if boundary not in rule.boundaries:
        raise InvalidInput(
            f"{to} has the boundaries {', '.join(rule.boundaries)}, got {boundary!r}: choose one, "
            "or pad the image first"
        )
    if rule.layout in ("hw", "1hw") and kernel.weight.shape[:2] != (1, 1):
        raise InvalidInput(
            f"{to} takes one kernel, got {kernel.weight.shape[0]} out of "
            f"{kernel.weight.shape[1]} channels: convert them one by one"
        )
    weight, anchor = kernel.weight, kernel.anchor
    fixed = rule.centre in ("low", "high")
    if fixed and (rule.odd or anchor != _centre(rule, weight.shape[2:])):
        weight, anchor = _centred(weight, anchor)
    sides = _sides(anchor, weight.shape[2:])
    arguments = _arguments(to, rule, anchor, weight.shape[2:], boundary, sides)
    if rule.flips:
        weight = weight[:, :, ::-1, ::-1]
    weights: Array = {
        "hw": weight[0, 0],
        "1hw": weight[0],
        "oihw": weight,
        "hwio": weight.transpose(2, 3, 1, 0),
    }[rule.layout]
    padding = sides if rule.centre == "pad" and "jax" not in to else ((0, 0), (0, 0))
    return Call(to, np.array(weights, order="C"), arguments, padding, kernel.bias)


def take(weights: Array, source: str) -> Kernel:
    """Return the kernel that another program applies when it is given these weights.

    Parameters
    ----------
    weights : ndarray
        In the layout of `source`.
    source : str
        One of `CONVENTIONS`.

    Returns
    -------
    Kernel
        In correlation orientation, with the program's default centre as its anchor.

    Raises
    ------
    InvalidInput
        If the program is not known, or the weights do not have its axes.

    Examples
    --------
    >>> take(np.array([[1, 2, 3]]), "scipy.signal.convolve2d")
    Kernel([[3, 2, 1]])
    """
    rule = CONVENTIONS[one_of(source, CONVENTIONS, "source")]
    array = np.asarray(weights)
    if array.ndim != {"hw": 2, "1hw": 3, "oihw": 4, "hwio": 4}[rule.layout]:
        raise InvalidInput(f"weights of {source} must be {rule.layout}, got shape {array.shape}")
    if rule.layout == "hwio":
        array = array.transpose(3, 2, 0, 1)
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    if rule.flips:
        array = array[:, :, ::-1, ::-1]
    centre = rule.centre
    if centre == "free":  # when nothing is said
        # ndimage.convolve shifts even shapes so that the flipped centre is meant.
        centre = "low" if rule.flips else "high"
    size = array.shape[2:]
    low = centre in ("low", "pad")
    anchor = [(n - 1) // 2 if low else n // 2 for n in size]
    return Kernel(array, anchor=anchor)


def _centre(rule: Convention, size: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = ((n - 1) // 2 if rule.centre == "low" else n // 2 for n in size)
    return rows, columns


def _centred(weight: Array, anchor: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """Extend taps by zeros to an odd shape with the anchor in the middle."""
    sides = []
    for tap, size in zip(anchor, weight.shape[2:], strict=True):
        half = max(tap, size - 1 - tap)
        sides.append((half - tap, half - (size - 1 - tap)))
    wider = np.pad(weight, ((0, 0), (0, 0), *sides))
    return wider, (wider.shape[2] // 2, wider.shape[3] // 2)


def _sides(anchor: tuple[int, int], size: tuple[int, ...]) -> Sides:
    (row, column), (rows, columns) = anchor, size
    return (row, rows - 1 - row), (column, columns - 1 - column)


def _arguments(
    to: str,
    rule: Convention,
    anchor: tuple[int, int],
    size: tuple[int, ...],
    boundary: str,
    sides: Sides,
) -> dict[str, Any]:
    word = rule.boundaries[boundary]
    if to.startswith("scipy.signal"):
        return {"mode": "same", "boundary": word}
    if to.startswith("scipy.ndimage"):
        if rule.flips:
            origin = tuple(n // 2 - a - (n % 2 == 0) for n, a in zip(size, anchor, strict=True))
        else:
            origin = tuple(a - n // 2 for n, a in zip(size, anchor, strict=True))
        return {"origin": origin, "mode": word}
    if to == "cv2.filter2D":
        return {"ddepth": -1, "anchor": (anchor[1], anchor[0]), "borderType": word}
    if to.startswith("astropy"):
        return {"boundary": word, "normalize_kernel": False, "nan_treatment": "fill"}
    if to.startswith("kornia"):
        return {"border_type": word, "padding": "same"}
    if to.startswith("jax"):
        return {"window_strides": (1, 1), "padding": sides}
    if to.startswith("MATLAB"):
        return {"options": (word, "same", "corr")}
    return {"padding": 0} if to.startswith("torch") else {"padding": "valid"}
