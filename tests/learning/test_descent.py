"""Gradient descent on statistics follows a training loop over the images."""

import numpy as np
import pytest

from kernfit import InvalidInput, Statistics, corr2d
from kernfit.lesson import EDGE_KERNEL, RATE, STEPS, black_bar


# Losses before each step and the last kernel of a training loop in TensorFlow 2.21.
@pytest.mark.parametrize(
    ("start", "losses", "end"),
    [
        (
            (0, 0),
            [12.0000, 4.9152, 2.0133, 0.8246, 0.3378, 0.1384, 0.0567, 0.0232, 0.0095, 0.0039],
            (0.9884708, -0.9884708),
        ),
        (
            (0.5, 0.5),
            [27.0000, 14.5152, 8.1573, 4.7568, 2.8544, 1.7490, 1.0875, 0.6829, 0.4317, 0.2741],
            (1.0421579, -0.93478364),
        ),
        (
            (-0.3, 0.8),
            [32.5800, 14.2088, 6.3729, 2.9642, 1.4406, 0.7350, 0.3938, 0.2207, 0.1284, 0.0769],
            (1.0089732, -0.9552862),
        ),
    ],
)
def test_the_lessons_trajectory(start, losses, end):
    x = black_bar()
    y = corr2d(x, EDGE_KERNEL)
    path = Statistics.of(x, y, (1, 2)).descend(RATE, STEPS, start, bias=False)
    assert np.abs(path.losses[:STEPS] - losses).max() < 6e-5
    # TensorFlow computes in float32.
    assert np.abs(path.weights[-1][:2, 0] - end).max() < 1e-6
    assert path.weights[-1][2, 0] == 0


def test_is_the_loop_over_the_images_with_bias_and_channels():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2, 12, 11))
    y = rng.normal(size=(2, 10, 10))
    weight, bias = rng.normal(size=(2, 2, 3, 2)), np.zeros(2)
    rate, steps = 1e-3, 6
    path = Statistics.of(x, y, (3, 2), channels="full").descend(rate, steps, weight)
    for step in range(steps + 1):
        error = (
            np.stack([sum(corr2d(x[i], weight[o, i]) for i in range(2)) for o in range(2)])
            + bias[:, np.newaxis, np.newaxis]
            - y
        )
        assert np.isclose(path.losses[step], np.sum(error**2), rtol=1e-10)
        taps = path.weights[step][:-1].T.reshape(2, 2, 3, 2)
        assert np.allclose(taps, weight, rtol=0, atol=1e-12)
        for o in range(2):
            for i in range(2):
                weight[o, i] -= rate * 2 * corr2d(x[i], error[o])
            bias[o] -= rate * 2 * error[o].sum()


def test_says_from_which_rate_on_it_diverges():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(20, 20)), rng.normal(size=(18, 18))
    statistics = Statistics.of(x, y, 3)
    limit = statistics.descend(1e-9, 1).largest_rate
    assert not statistics.descend(0.98 * limit, 3000).diverged
    assert statistics.descend(1.02 * limit, 3000).diverged


def test_refusals():
    statistics = Statistics.of(np.ones((3, 3)), np.ones((3, 2)), (1, 2))
    with pytest.raises(InvalidInput, match="rate must be positive"):
        statistics.descend(0, 10)
    with pytest.raises(InvalidInput, match="start must have 2 taps, or 3 weights"):
        statistics.descend(0.1, 10, [1, 2, 3, 4])
