"""Devices without float64: sums in compensated float32, held to the accuracy that is stated."""

from fractions import Fraction

import numpy as np
import pytest

from kernfit import InvalidInput, correlate2d, learn, scene
from kernfit.devices import lag_products, square, total
from kernfit.devices.compensated import halves, two_product, two_sum

RNG = np.random.default_rng(0)
TAPS = np.array([[1, -2, 0.5], [0.25, 3, 0], [-1, 0.5, 1]]) / 3


@pytest.fixture
def jnp():
    """JAX as it is by default: it makes float32 of every float64."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    yield jax.numpy
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request):
    return pytest.importorskip(request.param)


def exact(values):
    return sum(map(Fraction, values.ravel().tolist()))


def test_what_rounding_loses_is_known_exactly():
    a, b = (
        RNG.normal(size=500).astype(np.float32) * 10.0 ** RNG.integers(-5, 5, 500) for _ in "ab"
    )
    a, b = a.astype(np.float32), b.astype(np.float32)
    for (whole, rest), operation in (
        (two_sum(a, b), Fraction.__add__),
        (two_product(halves(a), halves(b)), Fraction.__mul__),
    ):
        for one, two, found, lost in zip(a, b, whole, rest, strict=True):
            expected = operation(Fraction(float(one)), Fraction(float(two)))
            assert Fraction(float(found)) + Fraction(float(lost)) == expected


@pytest.mark.parametrize("level", [0, 30000])
def test_sums_are_as_accurate_as_is_said(xp, level):
    y = (level + 100 * RNG.random((150, 170))).astype(np.float32)
    x = (level + 100 * RNG.random((152, 172))).astype(np.float32)
    images = [xp.asarray(image) for image in (y, x)]
    found = lag_products(*images, 3, (-2, 2))
    wide = np.pad(x.astype(np.float64), ((0, 0), (2, 0)))
    expected = np.array(
        [
            [float(exact(y.astype(np.float64) * wide[a : a + 150, b : b + 170])) for b in range(5)]
            for a in range(3)
        ]
    )
    # Products of float32 numbers are exact in float64.
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert total(images[0]) == pytest.approx(float(exact(y)), rel=1e-13)
    assert square(images[0]) == pytest.approx(float(exact(y.astype(np.float64) ** 2)), rel=1e-13)
    # In plain float32 they are not.
    assert abs(float((y * x[:150, :170]).sum(dtype=np.float32)) / expected[0, 2] - 1) > 1e-9


@pytest.mark.parametrize("kind", ["noise", "levels", "pedestal", "holes"])
def test_learn_is_that_of_float64(jnp, kind):
    before = scene((70, 64)).astype(np.float32)
    options = {"shape": 3}
    if kind == "pedestal":
        before += np.float32(60000)
    after = correlate2d(before, TAPS, mode="same", boundary="edge")
    after = (after + RNG.normal(size=after.shape)).astype(np.float32)
    if kind == "levels":
        before, after = before.astype(np.uint16), np.clip(after + 9000, 0, 65535).astype(np.uint16)
    if kind == "holes":
        before[20, 30] = after[50, 10:20] = np.nan
        options["mask"] = RNG.random(before.shape) > 0.1
    expected = learn(before, after, **options)
    got = learn(jnp.asarray(before), jnp.asarray(after), **options)
    np.testing.assert_allclose(got.kernel.taps, expected.kernel.taps, atol=1e-10)
    np.testing.assert_allclose(got.kernel.bias, expected.kernel.bias, atol=1e-5)
    np.testing.assert_allclose(got.stderr, expected.stderr, rtol=1e-4)
    np.testing.assert_allclose(got.residual_rms, expected.residual_rms, rtol=1e-6)
    assert (got.used, got.left_out) == (expected.used, expected.left_out)


def test_what_float32_does_not_hold_is_refused(jnp):
    large = (jnp.arange(90 * 80).reshape(90, 80) % 977) * 100000
    with pytest.raises(InvalidInput, match="levels within 2\\^24 on a device without float64"):
        learn(large, large, shape=3)
    image = jnp.asarray(scene((60, 60)).astype(np.float32))
    with pytest.raises(InvalidInput, match="between 1e-15 and 1e15 on a device without float64"):
        learn(image * 1e20, image * 1e20, shape=3)
