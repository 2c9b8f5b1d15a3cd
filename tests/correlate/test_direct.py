"""The direct method against the definition."""

import numpy as np
import pytest

from kernfit.correlate.direct import SUPPORTED_PAIRS, correlate_rows


def by_definition(image, taps):
    height = image.shape[0] - taps.shape[0] + 1
    width = image.shape[1] - taps.shape[1] + 1
    out = np.zeros((height, width), taps.dtype)
    for a in range(taps.shape[0]):
        for b in range(taps.shape[1]):
            out += image[a : a + height, b : b + width].astype(taps.dtype) * taps[a, b]
    return out


def random_array(rng, shape, dtype, high=9):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -high, high, shape).astype(dtype)
    values = rng.standard_normal(shape)
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def pairs():
    return sorted(SUPPORTED_PAIRS, key=str)


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_matches_the_definition(pair):
    rng = np.random.default_rng(5)
    for shape, size in [((9, 40), (3, 2)), ((7, 7), (7, 7)), ((5, 70), (1, 4)), ((30, 4), (5, 1))]:
        image, taps = random_array(rng, shape, pair[0]), random_array(rng, size, pair[1])
        expected = by_definition(image, taps)
        out = np.empty_like(expected)
        correlate_rows(image, taps, out, threads=2)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
