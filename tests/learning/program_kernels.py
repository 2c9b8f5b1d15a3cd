"""The kernels that image programs slide, by what their documentation says of them.

In correlation orientation, and never from a run of kernfit.
"""

from dataclasses import dataclass

import numpy as np

ASYMMETRIC = np.array([[1, 2, 3], [4, 5, 6], [0, -1, -4]])
DECIMAL = np.array([[0.1, 0.2, 0.3], [0.1, 0.25, 0], [0, -0.1, 0.15]])
FIVE = np.array(
    [[1, 2, 3, 4, 5], [-5, 6, -7, 8, 9], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
)
SEVEN = np.array([[1], [2], [3], [4], [-5], [6], [5]])
WIDE = np.array([[1, 2, 3, 1, 1], [0, 4, 5, -6, 1], [1, -1, 2, 2, 0]])
DIAGONAL = np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
EVEN = np.array([[0.1, 0.2], [0.3, 0.4]])
LONG = np.array([[1, 2, 3, 4], [2, -1, 1, -2]])


def around(taps, up=0, down=0, left=0, right=0):
    """Zeros around taps whose anchor is not at the centre."""
    return np.pad(np.asarray(taps, float), ((up, down), (left, right)))


def flipped(taps):
    return np.asarray(taps, float)[::-1, ::-1]


def square(profile):
    """The kernel that is this profile down and across."""
    return np.outer(profile, profile)


def box(*sizes):
    return np.full(sizes, 1 / np.prod(sizes))


def gaussian(sigma, radius):
    places = np.arange(-radius, radius + 1)
    profile = np.exp(-(places**2) / (2 * sigma**2))
    return profile / profile.sum()


def blur(sigma, radius):
    """ImageMagick's and GraphicsMagick's -blur: each tap sums a Gaussian at three places."""
    places = np.arange(-3 * radius - 1, 3 * radius + 2) / 3
    profile = np.exp(-(places**2) / (2 * sigma**2)).reshape(-1, 3).sum(axis=1)
    return profile / profile.sum()


def sharpen(sigma, radius):
    """Their -sharpen: the Gaussian negative, its centre twice its sum, all divided by the sum."""
    taps = -square(gaussian(sigma, radius))
    taps[radius, radius] = 2
    return taps / taps.sum()


def unsharp(blurred, amount=1.0):
    rows, columns = blurred.shape
    taps = -amount * blurred
    taps[rows // 2, columns // 2] += 1 + amount
    return taps


def motion(sigma, radius):
    """ImageMagick's -motion-blur at angle 0: half a Gaussian, to the right."""
    profile = gaussian(sigma, radius)
    profile[:radius] = 0
    return profile[np.newaxis] / profile.sum()


def recursive(sigma, radius):
    """ffmpeg's gblur: a first-order filter forth and back (Alvarez and Mazorra, 1994)."""
    spread = sigma**2 / 2
    share = (1 + 2 * spread - np.sqrt(1 + 4 * spread)) / (2 * spread)
    profile = share ** np.abs(np.arange(-radius, radius + 1))
    return profile * (1 - share) / (1 + share)


def three_boxes(sigma):
    """Pillow's GaussianBlur below sigma 1.4: three boxes of fractional radius (Gwosdek, 2011)."""
    variance = sigma**2 / 3
    radius = 3 * variance / (6 * (1 - variance))
    once = np.array([radius, 1, radius]) / (1 + 2 * radius)
    return np.convolve(np.convolve(once, once), once)


@dataclass(frozen=True, eq=False)
class Linear:
    """A program that slides a kernel.

    Attributes
    ----------
    program : str
    command : str
        As typed into a shell; for Pillow and SciPy an expression. The before image is the word in
        it that `before_images` knows.
    taps : ndarray
    offset : float, default 0
    rounding : str, default "rounds"
        "rounds" to the nearest level; "cuts" to the next lower one; "each pass" rounds, which
        leaves more than rounding once; "none" for floating numbers.
    reproduced : float, default 1
        Share of the pixels at least that the rounded prediction must give exactly.
    tails : bool, default False
        Whether the outermost taps may be too small to be found.
    """

    program: str
    command: str
    taps: np.ndarray
    offset: float = 0.0
    rounding: str = "rounds"
    reproduced: float = 1.0
    tails: bool = False

    @property
    def bias(self):
        """The lowest and highest bias that its rounding may look like.

        Sums of integers over a divisor d are whole multiples of 1/d, so that adding up to 1/d
        before rounding changes nothing.
        """
        if self.rounding == "each pass":
            return self.offset - 1, self.offset + 1
        if self.rounding == "none":
            return self.offset, self.offset
        divisors = np.arange(1, 257)
        scaled = divisors[:, np.newaxis] * self.taps.ravel()
        whole = np.abs(scaled - np.rint(scaled)).max(axis=1) < 1e-9
        step = 1 / divisors[whole][0] if whole.any() else 0.0
        low = self.offset - 0.5 * (self.rounding == "cuts")
        return low, low + step


@dataclass(frozen=True)
class NonLinear:
    """A program of which no kernel tells all."""

    program: str
    command: str
