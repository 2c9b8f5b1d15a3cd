"""The size that was found, checked by blocks that are held out."""

import numpy as np

from kernfit import correlate2d, learn
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.sizes.size_check import better_size, held_out_sizes
from kernfit.lesson import scene

KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])


def a_pair(noise=2.0):
    rng = np.random.default_rng(0)
    x = scene((200, 210)).astype(float)
    return x, correlate2d(x, KERNEL, mode="same") + rng.normal(0, noise, x.shape)


def test_the_size_found_predicts_as_well_as_its_neighbours():
    fit = learn(*a_pair())
    assert list(fit.held_out) == [(3, 3), (1, 1), (5, 5)]
    assert abs(fit.held_out[3, 3] - 2) < 0.02
    assert fit.held_out[1, 1] > 2.5
    assert fit.held_out[3, 3] < fit.held_out[5, 5] * 1.001
    assert fit.to_dict()["held_out"] == [
        {"shape": list(shape), "residual_rms": rms} for shape, rms in fit.held_out.items()
    ]
    assert not any("held out" in note for note in fit.notes)


def test_held_out_blocks_take_no_part_in_what_predicts_them():
    x, y = a_pair()
    errors = held_out_sizes(Pair.of(x, y), (3, 3), threads=1)[3, 3]
    # The whole fit leaves less in the same pixels: it has seen them.
    inner = learn(x[1:-1, 1:-1], y[1:-1, 1:-1], shape=3).residual_rms
    assert np.sqrt(errors.mean()) > inner


def test_a_size_that_is_too_small_is_noticed():
    x, y = a_pair()
    assert better_size(held_out_sizes(Pair.of(x, y), (1, 1), threads=1)) == (3, 3)
    assert better_size(held_out_sizes(Pair.of(x, y), (3, 3), threads=1)) is None
    assert better_size(held_out_sizes(Pair.of(x, y), (5, 5), threads=1)) is None


def test_small_images_and_given_sizes_are_not_checked():
    x, y = a_pair()
    assert learn(x, y, shape=3).held_out == {}
    assert held_out_sizes(Pair.of(x[:30, :30], y[:30, :30]), (3, 3), threads=1) == {}
