"""Kernels with a parameter: blurs of any width, and the Laplacian of a Gaussian."""

import math
from collections.abc import Sequence

import numpy as np

from kernfit.arrays import Array, as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

# A wider kernel takes gigabytes and is surely a slip; a blur that wide is done on smaller images.
LONGEST = 4097


def box(size: int | Sequence[int]) -> Kernel:
    """Return the mean over a rectangle.

    Parameters
    ----------
    size : int or pair of int
        Rows and columns, from 1 to 4097.

    Returns
    -------
    Kernel
        Every tap is ``1 / (rows * columns)``.

    Raises
    ------
    InvalidInput
        If `size` is not one or two integers from 1 to 4097.

    Examples
    --------
    >>> box((1, 4))
    Kernel([[0.25, 0.25, 0.25, 0.25]], name='box 1x4')
    """
    rows, columns = _size(size)
    return Kernel(np.full((rows, columns), 1 / (rows * columns)), name=f"box {rows}x{columns}")


def gaussian(sigma: float, size: int | Sequence[int] | None = None) -> Kernel:
    """Return a Gaussian blur, sampled at the pixels' centres, its taps summing to 1.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels, above 0.
    size : int or pair of int, optional
        Rows and columns, from 1 to 4097. Default ``2 * round(4 * sigma) + 1``, as in SciPy's
        ``gaussian_filter``.

    Returns
    -------
    Kernel
        Taps in proportion to ``exp(-(row**2 + column**2) / (2 * sigma**2))``.

    Raises
    ------
    InvalidInput
        If `sigma` is not above 0, or the kernel would not have from 1 to 4097 rows and columns.

    Examples
    --------
    >>> gaussian(0.5, size=(1, 3))
    Kernel([[0.106507, 0.786986, 0.106507]], name='gaussian 0.5')
    """
    rows, columns = _squares(sigma, size)
    taps = np.exp(-(rows + columns) / (2 * sigma**2))
    return Kernel(taps / taps.sum(), name=f"gaussian {sigma:g}")


def laplacian_of_gaussian(sigma: float, size: int | Sequence[int] | None = None) -> Kernel:
    """Return the Laplacian of a Gaussian, which answers to blobs and edges of one width.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels, above 0.
    size : int or pair of int, optional
        Rows and columns, from 1 to 4097. Default ``2 * round(4 * sigma) + 1``.

    Returns
    -------
    Kernel
        Taps ``(r**2 - 2 * sigma**2) / sigma**4 * g(r)``, g being the Gaussian that sums to 1,
        less their mean, so that a flat image gives exactly 0 (D. Marr and E. Hildreth, "Theory of
        edge detection", 1980).

    Raises
    ------
    InvalidInput
        If `sigma` is not above 0, or the kernel would not have from 1 to 4097 rows and columns.

    Examples
    --------
    >>> bool(abs(laplacian_of_gaussian(1.4).taps.sum()) < 1e-12)
    True
    """
    rows, columns = _squares(sigma, size)
    bell = np.exp(-(rows + columns) / (2 * sigma**2))
    taps = (rows + columns - 2 * sigma**2) / sigma**4 * bell / bell.sum()
    return Kernel(taps - taps.mean(), name=f"laplacian of gaussian {sigma:g}")


def disk(radius: float) -> Kernel:
    """Return the mean over a disk, the blur of a lens out of focus.

    Parameters
    ----------
    radius : float
        In pixels, above 0.

    Returns
    -------
    Kernel
        Each tap is the share of the disk that lies in that pixel, to the last digit.

    Raises
    ------
    InvalidInput
        If `radius` is not above 0, or the kernel would have more than 4097 rows.

    Examples
    --------
    >>> disk(0.5)
    Kernel([[1.]], name='disk 0.5')
    """
    radius = _above_zero(radius, "radius")
    reach = math.ceil(radius - 0.5)
    _size(2 * reach + 1, "radius makes a kernel whose size")
    edges = np.arange(-reach, reach + 2) - 0.5
    corner = _area_to(edges[:, None], edges[None, :], radius)
    taps = np.diff(np.diff(corner, axis=0), axis=1)
    return Kernel(taps / (np.pi * radius**2), name=f"disk {radius:g}")


def motion(length: float, angle: float = 0.0) -> Kernel:
    """Return the blur of a camera that moves along a straight line while the shutter is open.

    Parameters
    ----------
    length : float
        Of the path in pixels, above 0.
    angle : float, default 0
        Of the path in degrees, counter-clockwise from the rows' direction.

    Returns
    -------
    Kernel
        Each tap is the share of the path that lies in that pixel.

    Raises
    ------
    InvalidInput
        If `length` is not above 0, `angle` is not finite, or the kernel would have more than
        4097 rows or columns.

    Examples
    --------
    >>> motion(4)
    Kernel([[0.125, 0.25 , 0.25 , 0.25 , 0.125]], name='motion 4 at 0')
    """
    length = _above_zero(length, "length")
    if not math.isfinite(angle):
        raise InvalidInput(f"angle must be a number of degrees, got {angle}")
    # Exact zeros at multiples of 90 degrees keep straight paths one pixel thin.
    across, up = (round(part(math.radians(angle)), 15) for part in (math.cos, math.sin))
    reach = [math.ceil(length / 2 * abs(part) - 0.5) for part in (up, across)]
    _size([2 * pixels + 1 for pixels in reach], "length makes a kernel whose size")
    # Cut the path where it goes from one pixel to the next; rows count downwards.
    cuts = [np.array([-length / 2, length / 2])]
    for pixels, part in zip(reach, (-up, across), strict=True):
        borders = np.arange(-pixels, pixels) + 0.5
        cuts.append(borders / part if part else borders[:0])
    path = np.sort(np.concatenate(cuts).clip(-length / 2, length / 2))
    middle, share = (path[1:] + path[:-1]) / 2, np.diff(path) / length
    # Where the path goes through a corner, rounding leaves specks in the pixels beside it.
    middle, share = middle[share > 1e-12], share[share > 1e-12]
    taps = np.zeros([2 * pixels + 1 for pixels in reach])
    rows = np.rint(-up * middle).astype(int) + reach[0]
    columns = np.rint(across * middle).astype(int) + reach[1]
    np.add.at(taps, (rows, columns), share)
    return Kernel(taps, name=f"motion {length:g} at {angle:g}")


def _above_zero(value: float, name: str) -> float:
    """Return a finite number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InvalidInput(f"{name} must be a number above 0, got {value!r}")
    return number


def _size(size: int | Sequence[int], name: str = "size") -> tuple[int, int]:
    rows, columns = as_pair_of_ints(size, name, least=1)
    if max(rows, columns) > LONGEST:
        raise InvalidInput(
            f"{name} must be at most {LONGEST}, got {(rows, columns)}: use a smaller kernel on a "
            "smaller image"
        )
    return rows, columns


def _squares(sigma: float, size: int | Sequence[int] | None) -> tuple[Array, Array]:
    """Return the squared distances of rows (a column) and columns (a row) from the centre."""
    sigma = _above_zero(sigma, "sigma")
    if size is None:
        rows, columns = _size(2 * int(4 * sigma + 0.5) + 1, "sigma makes a kernel whose size")
    else:
        rows, columns = _size(size)
    y, x = (np.arange(count) - (count - 1) / 2 for count in (rows, columns))
    return (y**2)[:, None], (x**2)[None, :]


def _area_to(y: Array, x: Array, radius: float) -> Array:
    """Return the area of the disk between the axes and (x, y), with the sign of x * y."""
    sign = np.sign(x) * np.sign(y)
    x, y = np.minimum(np.abs(x), radius), np.minimum(np.abs(y), radius)
    # Up to x = straight the disk is higher than y; from there on its edge is the limit.
    straight = np.minimum(np.sqrt(np.maximum(radius**2 - y**2, 0)), x)

    def under_edge(t: Array) -> Array:
        area: Array = (
            t * np.sqrt(np.maximum(radius**2 - t**2, 0)) + radius**2 * np.arcsin(t / radius)
        ) / 2
        return area

    area: Array = sign * (straight * y + under_edge(x) - under_edge(straight))
    return area
