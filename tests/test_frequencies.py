"""The frequency response: against theory, against a discrete transform, and its errors."""

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, catalogue, correlate2d, learn, scene


def test_a_wave_comes_through_multiplied_by_the_response():
    kernel = Kernel([[1.0, -2, 0.5], [0.25, 3, -1]], anchor=(1, 0))
    rows, columns = np.indices((40, 40))
    for angle in (0, 90, 30, 135):
        response = kernel.frequency_response(angle=angle, points=9)
        down, right = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
        for frequency, value in zip(response.frequency, response.value, strict=True):
            wave = np.exp(2j * np.pi * frequency * (down * rows + right * columns))
            after = [correlate2d(part.copy(), kernel) for part in (wave.real, wave.imag)]
            # In mode valid the output begins where the anchor is.
            expected = value * wave[1:, : 40 - 2]
            np.testing.assert_allclose(after[0] + 1j * after[1], expected, atol=1e-12)


def test_known_responses():
    box = catalogue["box_3"].frequency_response(points=5)
    expected = np.abs(1 + 2 * np.cos(2 * np.pi * box.frequency)) / 3
    np.testing.assert_allclose(box.gain, expected, atol=1e-15)
    assert box.frequency[-1] == 0.5
    assert np.isclose(Kernel([[1]]).frequency_response(angle=45).frequency[-1], 0.5**0.5)
    edge = Kernel([[1, -1]]).frequency_response()
    np.testing.assert_allclose(edge.gain, 2 * np.sin(np.pi * edge.frequency), atol=1e-15)
    assert np.all(edge.stderr == 0)


def test_normalised_it_begins_at_one_and_mtf50_is_found():
    response = Kernel([[2.0, 2.0]]).frequency_response(normalise=True)
    assert response.gain[0] == 1
    # cos(pi f) = 1/2 at f = 1/3
    assert response.falls_to(0.5) == pytest.approx((1 / 3, 0), abs=1e-4)
    assert np.isnan(Kernel([[1.0]]).frequency_response().falls_to(0.5)[0])
    with pytest.raises(InvalidInput, match="the taps must have a sum other than 0"):
        Kernel([[1, -1]]).frequency_response(normalise=True)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"points": 1}, "points must be an integer of at least 2, got 1"),
        ({"points": 2.5}, "points must be an integer"),
        ({"angle": np.nan}, "angle must be a finite number of degrees"),
    ],
)
def test_options_are_checked(options, match):
    with pytest.raises(InvalidInput, match=match):
        Kernel([[1, 1]]).frequency_response(**options)


@pytest.mark.slow
def test_the_band_holds_the_truth():
    x = scene((96, 96)).astype(float)
    kernel = Kernel(np.outer([1, 2, 1], [1, 4, 1]) / 24)
    clean, noise = correlate2d(x, kernel), np.random.default_rng(3)
    held = {True: [], False: []}
    for _ in range(80):
        fit = learn(x, clean + noise.normal(0, 3, clean.shape), shape=3)
        for normalise, found in held.items():
            options = {"angle": 20, "points": 9, "normalise": normalise}
            low, high = fit.frequency_response(**options).interval()
            truth = kernel.frequency_response(**options).gain
            found.append((low <= truth) & (truth <= high))
    for found in held.values():
        # Neighbouring frequencies hold or miss it together: as sure as 80 draws, not 720.
        assert abs(np.mean(found) - 0.955) < 3 * np.sqrt(0.05 * 0.95 / 80)
        assert np.mean(found, axis=0).min() > 0.85


def test_frequencies_that_the_image_lacks_are_not_claimed():
    x = np.tile(scene((1, 200)).astype(float), (60, 1))  # no change from top to bottom
    fit = learn(x, correlate2d(x, np.ones((3, 3)) / 9, mode="same"), shape=3)
    along, down = fit.frequency_response(), fit.frequency_response(angle=90)
    assert np.isfinite(along.stderr).all()
    assert np.isnan(down.stderr[1:]).all()
    assert np.isfinite(down.stderr[0])


def test_a_descent_has_no_band():
    x = scene((30, 30)).astype(float)
    fit = learn(x, x, shape=1, descent=1e-9)
    assert np.isnan(fit.frequency_response().interval()[0]).all()


def test_each_channel_has_its_own():
    weight = np.arange(1.0, 7.0).reshape(1, 2, 1, 3)
    x = np.stack([scene((50, 50)), scene((50, 50))[::-1]]).astype(float)
    y = sum(correlate2d(a, w) for a, w in zip(x, weight[0], strict=True))[np.newaxis]
    fit = learn(x, y, channels="full")
    for source in (0, 1):
        expected = Kernel(weight[0, source]).frequency_response(points=5).gain
        found = fit.frequency_response(points=5, source=source)
        np.testing.assert_allclose(found.gain, expected, atol=1e-8)
        assert fit.plot(source=source).images[0].get_array().shape == (1, 3)
    with pytest.raises(InvalidInput, match="output and source must be channels"):
        fit.frequency_response(source=2)
    with pytest.raises(InvalidInput, match="output and source must be channels"):
        fit.kernel.plot(output=1)
