"""Lag products through the Fourier transform against those summed one by one."""

import numpy as np
import pytest

import kernfit.correlate.lags as room
from kernfit import Statistics
from kernfit.correlate.lag_spectra import lag_products_by_spectra, pays


def one_by_one(y, x, rows, columns):
    """The definition: x is 0 outside itself."""
    first, last = columns
    height, width = y.shape
    padded = np.zeros((x.shape[0], width + last - first))
    left, right = max(first, 0), min(x.shape[1], width + last)
    padded[:, left - first : right - first] = x[:, left:right]
    return np.array(
        [
            [np.sum(y * padded[c : c + height, d : d + width]) for d in range(last - first + 1)]
            for c in range(rows)
        ]
    )


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((300, 310), 7, (-6, 6)),
        ((260, 700), 31, (0, 30)),
        ((500, 257), 3, (-30, 30)),
        ((40, 30), 5, (-4, 4)),
        ((227, 197), 30, (-29, 30)),
        ((100, 120), 100, (-90, 90)),
    ],
)
def test_equals_the_definition(size, rows, columns):
    rng = np.random.default_rng(0)
    y = rng.normal(2, 1, size)
    x = rng.normal(-1, 3, (size[0] + rows - 1, size[1] + rows))
    expected = one_by_one(y, x, rows, columns)
    scale = np.sqrt(np.sum(y**2) * np.sum(x**2))
    for threads in (1, 2):
        found = lag_products_by_spectra(y, x, rows, columns, threads=threads)
        assert np.abs(found - expected).max() < 1e-14 * scale


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_narrow_dtypes_are_summed_in_float64(dtype):
    x = (np.random.default_rng(1).random((330, 300)) * 200).astype(dtype)
    found = lag_products_by_spectra(x[:300], x, 31, (-30, 30))
    expected = room.lag_products(x[:300], x, 4, (-2, 2))
    assert np.allclose(found[:4, 28:33], expected, rtol=1e-13)


def test_does_not_depend_on_threads():
    x = np.random.default_rng(2).normal(size=(900, 300))
    one, two = (lag_products_by_spectra(x[:880], x, 21, (-20, 20), threads=n) for n in (1, 2))
    assert np.array_equal(one, two)


def test_statistics_are_the_same_either_way(monkeypatch):
    rng = np.random.default_rng(3)
    x = rng.normal(1000, 1, (420, 430)).astype(np.float32)
    y = rng.normal(size=(390, 400))
    assert pays(31, 61, y.shape)
    found = Statistics.of(x, y, 31).sums
    monkeypatch.setattr(room, "pays", lambda *_: False)
    direct = Statistics.of(x, y, 31).sums
    assert np.abs(found.gram - direct.gram).max() < 1e-12 * direct.gram.max()
    scale = np.sqrt(direct.gram.diagonal()[:-1].max() * direct.energy[0])
    assert np.abs(found.cross - direct.cross)[:-1].max() < 1e-12 * scale


def test_small_kernels_and_images_are_summed_directly():
    assert not pays(11, 21, (4096, 4096))
    assert not pays(31, 61, (200, 4096))
