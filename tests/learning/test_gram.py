"""The fast Gram matrix against patches written out one by one."""

import numpy as np
import pytest
from patches import patches

from kernfit.learning.sums.patches import patch_products
from kernfit.learning.sums.summing import sum_up


def worst(found, true):
    return np.abs(found - true).max() / np.abs(true).max()


def gram_of(planes, shape, **options):
    """The Gram matrix of plain images, by the fast way."""
    targets = np.ones((1, planes.shape[1] - shape[0] + 1, planes.shape[2] - shape[1] + 1))
    sums = sum_up(planes, targets, shape, **options)
    return sums.about(np.zeros(len(planes)), np.zeros(1)).gram


def test_agrees_with_brute_force_on_a_thousand_shapes():
    rng = np.random.default_rng(20)
    for _ in range(1000):
        shape = (int(rng.integers(1, 10)), int(rng.integers(1, 8)))
        height, width = rng.integers(1, 20, 2)
        planes = rng.normal(3, 1, (2, height + shape[0] - 1, width + shape[1] - 1))
        p = patches(planes, shape)
        assert worst(gram_of(planes, shape, threads=1), p @ p.T) < 1e-12
        alone = patches(planes[:1], shape)
        assert worst(gram_of(planes[:1], shape, threads=1), alone @ alone.T) < 1e-12


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, bool])
def test_narrow_dtypes_do_not_overflow(dtype):
    rng = np.random.default_rng(1)
    top = 1 if dtype is bool else 255 if dtype is np.uint8 else 30_000
    plane = (rng.random((1, 40, 300)) * (top + 0.99)).astype(dtype)
    p = patches(plane, (3, 4))
    assert worst(gram_of(plane, (3, 4)), p @ p.T) < 1e-12


def test_does_not_depend_on_threads_or_memory_order():
    rng = np.random.default_rng(2)
    plane = rng.normal(size=(1, 300, 90))
    one = gram_of(plane, (5, 3), threads=1)
    assert np.array_equal(one, gram_of(plane, (5, 3), threads=2))
    odd = np.asfortranarray(plane[0])[::-1][::-1][np.newaxis]
    assert worst(gram_of(odd, (5, 3)), one) < 1e-13


def test_wide_and_tall_images():
    plane = np.random.default_rng(3).normal(size=(1, 5, 90_000))
    for part, shape in ((plane, (5, 5)), (plane.transpose(0, 2, 1), (5, 5))):
        p = patches(part, shape)
        assert worst(gram_of(part, shape), p @ p.T) < 1e-12


def test_holes_are_taken_off():
    rng = np.random.default_rng(5)
    x = rng.normal(50, 1, (2, 90, 80))
    used = rng.random((86, 78)) < 0.95
    used[20:60, 10:50] = False
    x[:, 35:40, 25:30] = 1e30  # no output that counts sees these
    p = patches(x, (5, 3))[:, used.ravel()]
    assert worst(gram_of(x, (5, 3), used=used), p @ p.T) < 1e-12


@pytest.mark.parametrize("threads", [1, 2])
def test_chosen_and_weighted_outputs(threads):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 92, 311)), rng.normal(size=(2, 90, 308))
    outputs = rng.random((90, 308)) < 0.4
    weight = rng.random(outputs.shape)
    p = patches(x, (3, 4))[:, outputs.ravel()]
    targets = y[:, outputs]
    for w, scale in ((None, 1.0), (weight, weight[outputs])):
        gram, cross, energy = patch_products(x, y, (3, 4), outputs, w, threads=threads)
        assert worst(gram, (p * scale) @ p.T) < 1e-12
        assert worst(cross, (p * scale) @ targets.T) < 1e-12
        assert np.allclose(energy, (targets**2 * scale).sum(axis=1), rtol=1e-12)
    none = np.zeros_like(outputs)
    assert not patch_products(x, y, (3, 4), none)[0].any()
