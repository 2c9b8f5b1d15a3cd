"""Pairs of other libraries: the same fit as NumPy's, summed up where they lie."""

import numpy as np
import pytest

from kernfit import InvalidInput, correlate2d, learn, scene
from kernfit.learning import elsewhere, elsewhere_sums

RNG = np.random.default_rng(0)
SCENE = scene((90, 84)).astype(np.float32)
TAPS = np.array([[1, -2, 0.5], [0.25, 3, 0], [-1, 0.5, 1]]) / 3


def alike(got, expected, tolerance=1e-9):
    largest = np.abs(expected.kernel.weight).max()
    np.testing.assert_allclose(got.kernel.weight, expected.kernel.weight, atol=tolerance * largest)
    np.testing.assert_allclose(got.kernel.bias, expected.kernel.bias, atol=1e-6)
    np.testing.assert_allclose(got.stderr, expected.stderr, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(got.residual_rms, expected.residual_rms, rtol=1e-5, atol=1e-9)
    assert (got.used, got.left_out) == (expected.used, expected.left_out)
    assert (got.reproduced, got.kernel.anchor) == (expected.reproduced, expected.kernel.anchor)
    assert str(got.status) == str(expected.status)


def noisy(image, mode="same"):
    found = correlate2d(image, TAPS, mode=mode, boundary="edge")
    return (found + RNG.normal(size=found.shape)).astype(np.float32)


@pytest.mark.parametrize("mode", ["same", "valid"])
def test_a_pair_with_noise(moved, mode):
    after = noisy(SCENE, mode)
    expected = learn(SCENE, after, shape=3)
    alike(learn(moved(SCENE), moved(after), shape=3), expected)
    np.testing.assert_allclose(expected.kernel.taps, TAPS, atol=0.05)


def test_bands_and_blocks_add_up(moved, monkeypatch):
    monkeypatch.setattr(elsewhere_sums, "_BAND", 5000)
    after = noisy(SCENE)
    alike(learn(moved(SCENE), moved(after), shape=(3, 5)), learn(SCENE, after, shape=(3, 5)))


def test_missing_masked_and_clipped_pixels(moved):
    before = np.stack([SCENE, SCENE[::-1]])
    after = np.stack([noisy(plane) for plane in before])
    before[0, 20, 30] = np.nan
    before[1, 70, 3:6] = np.inf
    after[1, 50, 40:60] = np.nan
    mask = RNG.random(SCENE.shape) > 0.2
    for options in ({"channels": "alike"}, {"channels": "full"}, {"clip": (10, 180)}):
        options = {"shape": 3, "mask": mask, **options}
        alike(learn(moved(before), moved(after), **options), learn(before, after, **options))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_whole_levels_are_found_and_the_size_too(moved, xp, dtype):
    before = scene((120, 110)).astype(dtype)
    sharp = correlate2d(before, [[0, -1, 0], [-1, 6, -1], [0, -1, 0]], mode="same") / 2
    after = np.clip(np.floor(sharp + 0.5), 0, 255).astype(dtype)
    try:
        images = moved(before), moved(after)
    except (TypeError, ValueError, AttributeError):
        pytest.skip("it has no such dtype")
    expected = learn(before, after)
    got = learn(*images)
    assert expected.kernel.shape == got.kernel.shape == (3, 3)
    np.testing.assert_allclose(got.kernel.taps, expected.kernel.taps, atol=1e-3)
    assert got.used == expected.used or dtype == "uint8"  # what saturated before is not looked for


def test_descent_is_the_same(moved):
    x = np.array([[1.0, 1, 0, 0, 0, 0, 1, 1]] * 6)
    options = {"shape": (1, 2), "descent": 0.01, "steps": 10, "bias": False}
    expected = learn(x, x[:, :-1] - x[:, 1:], **options)
    got = learn(moved(x), moved(x[:, :-1] - x[:, 1:]), **options)
    np.testing.assert_allclose(got.kernel.taps, expected.kernel.taps, atol=1e-12)
    np.testing.assert_allclose(got.history.losses, expected.history.losses, atol=1e-9)


def test_images_stay_where_they_are(moved, monkeypatch):
    """Only samples come to the host: none of what crosses is as large as an image."""
    before = RNG.normal(size=(400, 380)).astype(np.float32)
    after = correlate2d(before, TAPS, mode="same") + RNG.normal(size=before.shape)
    crossed = []
    plain = elsewhere.to_host

    def watched(array):
        found = plain(array)
        crossed.append(found.size)
        return found

    monkeypatch.setattr(elsewhere, "to_host", watched)
    fit = learn(moved(before), moved(after.astype(np.float32)), shape=3)
    np.testing.assert_allclose(fit.kernel.taps, TAPS, atol=0.02)
    assert max(crossed) < before.size / 2


def test_refusals(moved):
    images = moved(SCENE), moved(noisy(SCENE))
    with pytest.raises(InvalidInput, match="must be arrays of one library, got .* and ndarray"):
        learn(images[0], SCENE, shape=3)
    with pytest.raises(InvalidInput, match="after must not be larger than before"):
        learn(images[0][5:, :], images[1], shape=3)
    with pytest.raises(InvalidInput, match="at least one pixel of the after image must count"):
        learn(*images, shape=3, mask=np.zeros(SCENE.shape, bool))
    with pytest.raises(InvalidInput, match="the kernel must fit into the before image"):
        learn(*images, shape=99)
