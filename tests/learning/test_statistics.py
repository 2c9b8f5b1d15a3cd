"""Statistics merge, in any order and tiling, to what brute force gives."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patches import patches

from kernfit import InvalidInput, ResultTooLarge, Statistics


def brute_force(x, y, shape, mask=None):
    """Gram matrix, cross sums, energy, count from patches written out."""
    p = patches(x, shape)
    targets = y.reshape(len(y), -1)
    used = np.ones(p.shape[1], bool) if mask is None else mask.ravel()
    p, targets = p[:, used], targets[:, used]
    return p @ p.T, p @ targets.T, (targets**2).sum(axis=1), int(used.sum())


def agree(statistics, gram, cross, energy, count, rtol=1e-12):
    assert statistics.count == count
    assert np.abs(statistics.gram - gram).max() <= rtol * np.abs(gram).max()
    # Sums of products of either sign are measured by what was summed.
    scale = np.sqrt(np.diagonal(gram)[:, np.newaxis] * energy)
    assert np.all(np.abs(statistics.cross - cross) <= rtol * scale.max())
    assert np.allclose(statistics.energy, energy, rtol=rtol)


def a_pair(rng, shape, height, width, inputs=1, outputs=1):
    x = rng.normal(2, 1, (inputs, height + shape[0] - 1, width + shape[1] - 1))
    return x, rng.normal(size=(outputs, height, width))


def test_brute_force_on_a_thousand_shapes():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        shape = (int(rng.integers(1, 10)), int(rng.integers(1, 8)))
        height, width = rng.integers(1, 16, 2)
        x, y = a_pair(rng, shape, height, width)
        agree(Statistics.of(x, y, shape), *brute_force(x, y, shape))


@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.02, 0.3, 0.7, 1.0]))
@settings(max_examples=80, deadline=None)
def test_masked_outputs_are_as_if_never_summed(seed, share):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    x, y = a_pair(rng, shape, 9, 12, inputs=2, outputs=3)
    mask = rng.random((9, 12)) < share
    y[:, ~mask] = np.nan
    found = Statistics.of(x, y, shape, mask=mask, channels="full")
    agree(found, *brute_force(x, np.nan_to_num(y), shape, mask), rtol=1e-11)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_merge_in_any_order_and_any_tiling(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    height, width = (int(n) for n in rng.integers(2, 30, 2))
    x, y = a_pair(rng, shape, height, width)
    whole = Statistics.of(x, y, shape)
    rows = np.unique([0, height, *rng.integers(1, height, 3)])
    columns = np.unique([0, width, *rng.integers(1, width, 3)])
    tiles = [
        Statistics.of(
            x[:, top : bottom + shape[0] - 1, left : right + shape[1] - 1],
            y[:, top:bottom, left:right],
            shape,
        )
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    rng.shuffle(tiles)
    merged = tiles[0]
    for tile in tiles[1:]:
        merged += tile
    agree(merged, whole.gram, whole.cross, whole.energy, whole.count)
    if len(tiles) > 1:
        without = merged - tiles[0]
        rest = tiles[1]
        for tile in tiles[2:]:
            rest += tile
        agree(without, rest.gram, rest.cross, rest.energy, rest.count, rtol=1e-11)


def test_channels_alike_are_more_images():
    rng = np.random.default_rng(5)
    x, y = a_pair(rng, (2, 3), 8, 9, inputs=2, outputs=2)
    alike = Statistics.of(x, y, (2, 3))
    apart = Statistics.of(x[0], y[0], (2, 3)) + Statistics.of(x[1], y[1], (2, 3))
    agree(alike, apart.gram, apart.cross, apart.energy, apart.count)


def test_a_smaller_support_is_a_sub_matrix():
    rng = np.random.default_rng(6)
    x, y = a_pair(rng, (5, 4), 20, 21, inputs=2, outputs=2)
    large = Statistics.of(x, y, (5, 4), channels="full")
    small = large.support(slice(1, 4), slice(2, 4))
    direct = Statistics.of(x[:, 1:-1, 2:], y, (3, 2), channels="full")
    agree(small, direct.gram, direct.cross, direct.energy, direct.count)
    assert small.shape == (3, 2)
    assert small.anchor == (1, -1)


def test_unlike_statistics_do_not_merge():
    x = np.ones((5, 5))
    with pytest.raises(InvalidInput, match="same support, anchor and channels, got 1x2"):
        Statistics.of(x, x[:, 1:], (1, 2)) + Statistics.of(x, x[1:], (2, 1))


def test_a_support_too_large_for_memory_is_refused():
    x = np.zeros((3000, 3000), np.uint8)
    with pytest.raises(ResultTooLarge, match="at most 16383 taps in all .* got 200x200"):
        Statistics.of(x, x[199:, 199:], 200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (0, 1)}, "shape must be at least 1"),
        ({"shape": (2, 2)}, "after must have 4x4 pixels for a 2x2 kernel"),
        ({"after": np.full((5, 4), np.nan)}, "must be finite where they count"),
        ({"mask": np.ones((5, 5), bool)}, r"mask must have shape \(5, 4\)"),
        ({"mask": np.ones((5, 4))}, "mask must be boolean"),
        ({"channels": "some"}, "channels must be one of alike, full"),
        ({"before": np.ones((2, 5, 5))}, "equally many channels"),
        ({"before": np.ones((5, 5)) + 1j}, "before must be real"),
    ],
)
def test_refusals(change, message):
    arguments = {"before": np.ones((5, 5)), "after": np.ones((5, 4)), "shape": (1, 2)} | change
    with pytest.raises(InvalidInput, match=message):
        Statistics.of(**arguments)
