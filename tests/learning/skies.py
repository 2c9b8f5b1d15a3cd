"""Star fields with known kernels: what a telescope makes of the sky on another night."""

import numpy as np

from kernfit import correlate2d
from kernfit.lesson import star_field


def gaussian(side, sigma, down=0.0, across=0.0):
    i, j = np.mgrid[:side, :side] - (side - 1) / 2
    taps = np.exp(-((i - down) ** 2 + (j - across) ** 2) / (2 * sigma**2))
    return taps / taps.sum()


# Kernels by the power of row and column, which run from -1 to 1, in Legendre polynomials.
def constant(side):
    return {(0, 0): 0.9 * gaussian(side, 1.0, 0.2, -0.1)}


def varying(side):
    base = gaussian(side, 1.0)
    return {
        (0, 0): base,
        (1, 0): 0.4 * (gaussian(side, 1.3, 0.3) - base),
        (0, 1): 0.3 * (gaussian(side, 0.9, 0, -0.3) - base),
        (1, 1): 0.2 * (gaussian(side, 1.4) - base),
        (2, 0): 0.2 * (gaussian(side, 1.3) - base) + 0.05 * base,
    }


def legendre(power, at):
    return (np.ones_like(at), at, (3 * at**2 - 1) / 2)[power]


def taps_at(kernels, row, column, size):
    u, v = 2 * row / (size[0] - 1) - 1, 2 * column / (size[1] - 1) - 1
    return sum(legendre(a, u) * legendre(b, v) * taps for (a, b), taps in kernels.items())


def observed(before, kernels):
    """The after image of the same size, without noise; its border is that of the edge pixels."""
    u, v = (np.linspace(-1, 1, n) for n in before.shape)
    return sum(
        np.outer(legendre(a, u), legendre(b, v))
        * correlate2d(before, taps, mode="same", boundary="edge")
        for (a, b), taps in kernels.items()
    )


def night(kernels, size=(400, 400), seed=0, background=(20.0, 10.0)):
    """Before, and after with a sloping background and photon noise."""
    rng = np.random.default_rng(seed + 1000)
    before = star_field(size, stars=size[0] * size[1] // 60, seed=seed)
    clean = observed(before, kernels)
    clean += background[0] * np.linspace(-1, 1, size[0])[:, np.newaxis]
    clean += background[1] * np.linspace(-1, 1, size[1])
    return before, rng.poisson(clean).astype(float), clean
