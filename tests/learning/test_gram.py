"""The fast Gram matrix against patches written out one by one."""

import numpy as np
import pytest
from patches import patches

from kernfit.learning.sums.gram import gram_of_outputs, lag_gram, window_sums


def worst(found, true):
    return np.abs(found - true).max() / np.abs(true).max()


def test_agrees_with_brute_force_on_a_thousand_shapes():
    rng = np.random.default_rng(20)
    for _ in range(1000):
        shape = (int(rng.integers(1, 10)), int(rng.integers(1, 8)))
        height, width = rng.integers(1, 20, 2)
        planes = rng.normal(3, 1, (2, height + shape[0] - 1, width + shape[1] - 1))
        p, q = (patches(plane[np.newaxis], shape)[:-1] for plane in planes)
        taps = shape[0] * shape[1]
        same = lag_gram(planes[0], planes[0], shape).reshape(taps, taps)
        mixed = lag_gram(planes[0], planes[1], shape).reshape(taps, taps)
        assert worst(same, p @ p.T) < 1e-12
        assert worst(mixed, p @ q.T) < 1e-12
        assert worst(window_sums(planes[0], shape).ravel(), p.sum(axis=1)) < 1e-12


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, bool])
def test_narrow_dtypes_do_not_overflow(dtype):
    rng = np.random.default_rng(1)
    top = 1 if dtype is bool else 255 if dtype is np.uint8 else 30_000
    plane = (rng.random((40, 300)) * (top + 0.99)).astype(dtype)
    p = patches(plane[np.newaxis], (3, 4))[:-1]
    assert worst(lag_gram(plane, plane, (3, 4)).reshape(12, 12), p @ p.T) < 1e-12
    assert worst(window_sums(plane, (3, 4)).ravel(), p.sum(axis=1)) < 1e-12


def test_does_not_depend_on_threads_or_memory_order():
    rng = np.random.default_rng(2)
    plane = rng.normal(size=(300, 90))
    one = lag_gram(plane, plane, (5, 3), threads=1)
    assert np.array_equal(one, lag_gram(plane, plane, (5, 3), threads=2))
    odd = np.asfortranarray(plane)[::-1][::-1]
    assert worst(lag_gram(odd, odd, (5, 3)), one) < 1e-13


def test_wide_image_goes_through_its_border_in_pieces():
    plane = np.random.default_rng(3).normal(size=(5, 90_000))
    p = patches(plane[np.newaxis], (5, 5))[:-1]
    assert worst(lag_gram(plane, plane, (5, 5)).reshape(25, 25), p @ p.T) < 1e-12


def test_chosen_outputs():
    rng = np.random.default_rng(4)
    planes = rng.normal(size=(2, 12, 11))
    outputs = rng.random((10, 8)) < 0.4
    p = patches(planes, (3, 4))[:, outputs.ravel()]
    assert worst(gram_of_outputs(planes, (3, 4), outputs), p @ p.T) < 1e-12
    none = np.zeros_like(outputs)
    assert not gram_of_outputs(planes, (3, 4), none).any()
