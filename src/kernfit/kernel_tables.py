"""The numbers of the catalogue: taps, what they do, and where they come from.

Every kernel is written as correlation applies it: row 0 is the top, and a positive tap on the
right answers to what lies on the right. "x" kernels answer to brightness that grows to the
right, "y" kernels to brightness that grows downwards.
"""

import numpy as np

from kernfit.arrays import Array
from kernfit.kernel import Kernel

# (name, group, kernel, what it does, source)
Row = tuple[str, str, Kernel, str, str]

LESSON = "A. Zhang and others, Dive into Deep Learning, section Convolutions for Images"
TEXTBOOK = "R. C. Gonzalez and R. E. Woods, Digital Image Processing, 2nd edition 2002, chapter 3"
FINITE = "finite differences; M. Abramowitz and I. Stegun, 1964, section 25.3"
SOBEL = "I. Sobel and G. Feldman, talk of 1968; see R. Duda and P. Hart, 1973, pages 271-272"
SCHARR = "H. Scharr, Optimal operators in digital image processing, thesis, Heidelberg 2000"
PREWITT = "J. Prewitt, Object enhancement and extraction, 1970"
ROBERTS = "L. Roberts, Machine perception of three-dimensional solids, thesis, MIT 1963"
FREI_CHEN = "W. Frei and C.-C. Chen, IEEE Transactions on Computers 26, 1977"
KIRSCH = "R. Kirsch, Computers and Biomedical Research 4, 1971"
ROBINSON = "G. Robinson, Computer Graphics and Image Processing 6, 1977"
MARR = "D. Marr and E. Hildreth, Theory of edge detection, 1980; the usual integer form"
BURT = "P. Burt and E. Adelson, IEEE Transactions on Communications 31, 1983"
GIMP = "GIMP manual, Convolution Matrix"
OPENCV = "OpenCV, getDerivKernels"
PILLOW = "Pillow, PIL.ImageFilter.{}, as Pillow applies it: rows upside down of what is written"

# The places around the centre, clockwise from the top left, and what lies there.
RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
COMPASS = ("nw", "n", "ne", "e", "se", "s", "sw", "w")


def rows() -> list[Row]:
    """Return all entries, in the order in which they are shown."""
    return [
        ("identity", "plain", Kernel([[1]]), "Leaves the image as it is.", "the neutral element"),
        *_gradients(),
        *_compass("kirsch", (5, 5, 5, -3, -3, -3, -3, -3), KIRSCH),
        *_compass("robinson", (1, 2, 1, 0, -1, -2, -1, 0), ROBINSON),
        *_second_derivatives(),
        *_blurs(),
        *_sharpeners(),
        *_pillow(),
    ]


def _gradients() -> list[Row]:
    """Return pairs for x and y; the second is the first one transposed."""
    pairs = [
        ("lesson_edge", "lesson_edge_y", [[1, -1]], "Pixel less its neighbour", LESSON),
        ("forward_difference", "", [[-1, 1]], "Next pixel less this one", FINITE),
        ("central_difference", "", [[-0.5, 0, 0.5]], "Slope by central differences", FINITE),
        ("sobel", "", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "8 times the smoothed slope", SOBEL),
        ("sobel_5", "", _outer([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1]), "Wider Sobel", OPENCV),
        (
            "scharr",
            "",
            [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
            "32 times the slope, nearly the same in all directions",
            SCHARR,
        ),
        ("prewitt", "", [[-1, 0, 1]] * 3, "6 times the slope, mean of three rows", PREWITT),
        (
            "frei_chen",
            "",
            _outer([1, 2**0.5, 1], [-1, 0, 1]),
            "Slope with weights between Prewitt and Sobel",
            FREI_CHEN,
        ),
    ]
    found: list[Row] = []
    for name, other, taps, summary, source in pairs:
        array = np.array(taps)
        if other:
            found.append((name, "gradient", Kernel(array), f"{summary} to the right.", source))
            found.append((other, "gradient", Kernel(array.T), f"{summary} below.", source))
        else:
            found.append((f"{name}_x", "gradient", Kernel(array), f"{summary}, along x.", source))
            found.append((f"{name}_y", "gradient", Kernel(array.T), f"{summary}, along y.", source))
    diagonal = "Difference along {} diagonal, half a pixel off."
    found.append(
        ("roberts_1", "gradient", Kernel([[1, 0], [0, -1]]), diagonal.format("the main"), ROBERTS)
    )
    found.append(
        ("roberts_2", "gradient", Kernel([[0, 1], [-1, 0]]), diagonal.format("the other"), ROBERTS)
    )
    return found


def _compass(name: str, ring: tuple[int, ...], source: str) -> list[Row]:
    """Return eight kernels that answer to brightness growing towards each wind direction."""
    found: list[Row] = []
    for turn, wind in enumerate(COMPASS):
        taps = np.zeros((3, 3), int)
        for step, weight in enumerate(ring):
            # The ring as given has its largest tap second, which is north.
            taps[RING[(step + turn - 1) % 8]] = weight
        summary = f"Answers to brightness growing towards {wind.upper()}."
        found.append((f"{name}_{wind}", "compass", Kernel(taps), summary, source))
    return found


def _second_derivatives() -> list[Row]:
    cross = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    full = [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    wide = [
        [0, 0, -1, 0, 0],
        [0, -1, -2, -1, 0],
        [-1, -2, 16, -2, -1],
        [0, -1, -2, -1, 0],
        [0, 0, -1, 0, 0],
    ]
    line = np.array([[1, -2, 1]])
    twisted = [[2, 0, 2], [0, -8, 0], [2, 0, 2]]
    group = "second derivative"
    return [
        ("second_difference_x", group, Kernel(line), "Curvature along x.", FINITE),
        ("second_difference_y", group, Kernel(line.T), "Curvature along y.", FINITE),
        ("laplacian", group, Kernel(cross), "Curvature, from the 4 next neighbours.", FINITE),
        ("laplacian_8", group, Kernel(full), "3 times the curvature, 8 neighbours.", TEXTBOOK),
        ("laplacian_opencv_3", group, Kernel(twisted), "4 times the curvature.", OPENCV),
        (
            "laplacian_of_gaussian_5",
            group,
            Kernel(wide),
            "Smoothed curvature with its sign turned: positive on bright spots.",
            MARR,
        ),
    ]


def _blurs() -> list[Row]:
    three, five = np.array([1, 2, 1]), np.array([1, 4, 6, 4, 1])
    return [
        ("box_3", "blur", Kernel(np.full((3, 3), 1 / 9)), "Mean of 3x3 pixels.", TEXTBOOK),
        ("box_5", "blur", Kernel(np.full((5, 5), 1 / 25)), "Mean of 5x5 pixels.", TEXTBOOK),
        ("gaussian_3", "blur", Kernel(_outer(three, three) / 16), "Binomial blur.", TEXTBOOK),
        ("gaussian_5", "blur", Kernel(_outer(five, five) / 256), "Wider binomial blur.", BURT),
    ]


def _sharpeners() -> list[Row]:
    five = np.array([1, 4, 6, 4, 1])
    unsharp = -_outer(five, five) / 256
    unsharp[2, 2] += 2
    cross = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    full = [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]
    relief = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
    return [
        ("sharpen", "sharpen", Kernel(cross), "The image less its Laplacian.", TEXTBOOK),
        ("sharpen_8", "sharpen", Kernel(full), "The same with 8 neighbours.", TEXTBOOK),
        ("unsharp", "sharpen", Kernel(unsharp), "Twice the image less gaussian_5.", TEXTBOOK),
        ("emboss", "sharpen", Kernel(relief), "Relief lit from the bottom right.", GIMP),
    ]


def _pillow() -> list[Row]:
    """Return Pillow's own filters: taps over a scale, its offset as the bias."""
    ring = np.ones((5, 5), int)
    ring[1:4, 1:4] = 0
    wide = np.ones((5, 5), int)
    wide[1:4, 1:4] = 5
    wide[2, 2] = 44
    relief = [[0, 0, 0], [0, 1, 0], [-1, 0, 0]]
    filters: list[tuple[str, Array, int, int, str]] = [
        ("BLUR", ring, 16, 0, "Mean of a ring of 16 pixels."),
        ("CONTOUR", _centred(8, -1), 1, 255, "Dark outlines on white."),
        ("DETAIL", np.array([[0, -1, 0], [-1, 10, -1], [0, -1, 0]]), 6, 0, "Slight sharpening."),
        ("EDGE_ENHANCE", _centred(10, -1), 2, 0, "Sharpening."),
        ("EDGE_ENHANCE_MORE", _centred(9, -1), 1, 0, "Strong sharpening."),
        ("EMBOSS", np.array(relief), 1, 128, "Relief on grey."),
        ("FIND_EDGES", _centred(8, -1), 1, 0, "Bright outlines on black."),
        ("SHARPEN", _centred(32, -2), 16, 0, "Sharpening."),
        ("SMOOTH", _centred(5, 1), 13, 0, "Slight blur."),
        ("SMOOTH_MORE", wide, 100, 0, "Blur that keeps much of the centre."),
    ]
    return [
        (
            f"pillow_{name.lower()}",
            "Pillow",
            Kernel(taps if scale == 1 else taps / scale, offset),
            summary,
            PILLOW.format(name),
        )
        for name, taps, scale, offset, summary in filters
    ]


def _centred(centre: int, others: int) -> Array:
    taps = np.full((3, 3), others)
    taps[1, 1] = centre
    return taps


def _outer(column: object, row: object) -> Array:
    taps: Array = np.outer(np.asarray(column), np.asarray(row))
    return taps
