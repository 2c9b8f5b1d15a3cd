"""Lag products through the Fourier transform against those summed one by one."""

import numpy as np
import pytest

import kernfit.correlate.lags.sums as room
from kernfit import Statistics
from kernfit.correlate.lags.parts import PanelParts, Parts, SpectralParts
from kernfit.correlate.lags.spectra import cheapest_transform
from kernfit.correlate.lags.sums import lag_products, lag_products_of_all, spectral_size


@pytest.fixture
def by_spectra(monkeypatch):
    def always(size, lags, firsts, seens):
        return cheapest_transform(lags, len(firsts), seens, size)[1]

    monkeypatch.setattr(room, "spectral_size", always)


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
@pytest.mark.parametrize("spectra", [True, False])
def test_equals_the_definition(size, rows, columns, spectra, request):
    if spectra:
        request.getfixturevalue("by_spectra")
    rng = np.random.default_rng(0)
    y = rng.normal(2, 1, size)
    x = rng.normal(-1, 3, (size[0] + rows - 1, size[1] + rows))
    expected = one_by_one(y, x, rows, columns)
    scale = np.sqrt(np.sum(y**2) * np.sum(x**2))
    for threads in (1, 2):
        found = lag_products(y, x, rows, columns, threads=threads)
        assert np.abs(found - expected).max() < 1e-14 * scale


def test_several_planes_at_once():
    rng = np.random.default_rng(5)
    ys, x = rng.normal(size=(3, 70, 80)), rng.normal(size=(76, 84))
    together = lag_products_of_all(ys, x, 7, (-2, 5), threads=2)
    assert together.shape == (3, 7, 8)
    for found, y in zip(together, ys, strict=True):
        assert np.allclose(found, one_by_one(y, x, 7, (-2, 5)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_narrow_dtypes_are_summed_in_float64(dtype):
    x = (np.random.default_rng(1).random((330, 300)) * 200).astype(dtype)
    assert spectral_size((300, 300), (31, 61), (0,), 1)
    found = lag_products(x[:300], x, 31, (-30, 30))
    expected = lag_products(x[:300], x, 4, (-2, 2))
    assert np.allclose(found[:4, 28:33], expected, rtol=1e-13)


@pytest.mark.parametrize("rows", [5, 21])
def test_does_not_depend_on_threads(rows):
    x = np.random.default_rng(2).normal(size=(900, 300))
    one, two = (lag_products(x[:870], x, rows, (-20, 20), threads=n) for n in (1, 2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("shape", [(31, 31), (9, 14), (1, 40), (40, 1)])
@pytest.mark.parametrize("channels", ["alike", "full"])
def test_statistics_are_the_same_either_way(monkeypatch, shape, channels):
    rng = np.random.default_rng(3)
    x = rng.normal(1000, 1, (2, 330, 310)).astype(np.float32)
    y = rng.normal(size=(2, 331 - shape[0], 311 - shape[1]))
    mask = rng.random(y.shape[1:]) < 0.99

    def sums(way):
        monkeypatch.setattr(room, "spectral_size", way)
        return Statistics.of(x, y, shape, channels=channels, mask=mask).sums

    found = sums(lambda size, lags, firsts, seens: cheapest_transform(lags, 4, seens, size)[1])
    direct = sums(lambda *_: None)
    assert np.abs(found.gram - direct.gram).max() < 1e-12 * direct.gram.max()
    scale = np.sqrt(direct.gram.diagonal()[:-1].max() * direct.energy[0])
    assert np.abs(found.cross - direct.cross)[:-1].max() < 1e-12 * scale
    assert np.allclose(found.energy, direct.energy, rtol=1e-13)


def test_small_kernels_and_images_are_summed_directly():
    assert spectral_size((4096, 4096), (11, 21), (0, 10), 1)
    assert spectral_size((4096, 4096), (3, 5), (0, 2), 1) is None
    assert spectral_size((60, 4096), (3, 5), (0, 2), 1) is None
    assert spectral_size((100, 100), (11, 21), (0, 10), 1) is None
    assert spectral_size((1000, 1000), (400, 400), (0,), 1) is None


def test_a_few_rows_that_are_left_over_are_summed_directly(monkeypatch):
    ways = []

    def seen(self, n, room, given=Parts.loaded):
        ways.append((type(self), self.tiles[0][0].start, self.tiles[-1][0].stop))
        return given(self, n, room)

    monkeypatch.setattr(Parts, "loaded", seen)
    rng = np.random.default_rng(6)
    y, x = rng.normal(size=(502, 502)), rng.normal(size=(512, 512))
    found = [lag_products(y, x, 11, (-10, 10), threads=n) for n in (1, 2, 3)]
    rows = {way: (top, bottom) for way, top, bottom in ways}
    assert rows[SpectralParts][0] == 0 < rows[SpectralParts][1] == rows[PanelParts][0]
    assert rows[PanelParts][1] == 502
    for other in found:
        assert np.array_equal(other, found[0])
    expected = one_by_one(y, x, 11, (-10, 10))
    assert np.abs(found[0] - expected).max() < 1e-14 * np.sqrt(np.sum(y**2) * np.sum(x**2))
