"""Result dtypes, exact integers, and what happens to what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same, reference

from kernfit import InvalidInput, Kernel, ResultTooLarge
from kernfit.correlate import correlate2d, make_plan
from kernfit.correlate.definition import corr2d

INTEGERS = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


@pytest.mark.parametrize(
    ("image", "kernel", "expected"),
    [
        ("f4", np.ones((2, 2), "f4"), "f4"),
        ("f4", np.ones((2, 2), "f8"), "f4"),
        ("f8", np.ones((2, 2), "f4"), "f8"),
        ("f4", [[1.5, 2]], "f4"),
        ("f4", [[1, 2]], "f4"),
        ("f4", np.ones((1, 2), "i8"), "f4"),
        ("f4", Kernel([[0.5]]), "f4"),
        ("f4", Kernel([[3]], bias=0.5), "f4"),
        ("f2", [[1.5]], "f2"),
        ("f2", np.ones((1, 1), "f2"), "f2"),
        ("f2", np.ones((1, 1), "f4"), "f2"),
        ("u1", [[0.5]], "f8"),
        ("u1", np.ones((1, 1), "f4"), "f4"),
        ("u2", np.ones((1, 1), "f4"), "f4"),
        ("i4", np.ones((1, 1), "f4"), "f8"),
        ("?", np.ones((1, 1), "f4"), "f4"),
        ("c8", [[1.0]], "c8"),
        ("f4", [[1j]], "c8"),
        ("f8", [[1j]], "c16"),
        ("c8", np.ones((1, 1), "f8"), "c8"),
        ("g", [[1.0]], "g"),
        ("f4", np.ones((1, 1), "g"), "f4"),
        ("c8", np.ones((1, 1), "g"), "c8"),
        ("u1", [[1, -1]], "i2"),
        ("u1", [[100, 28]], "i2"),
        ("u1", [[100, 29]], "i4"),
        ("u1", [[128]], "i2"),
        ("u1", [[-128]], "i2"),
        ("u1", [[2**20]], "i4"),
        ("u1", np.ones((12, 12), "i8"), "i4"),
        ("i1", [[1, -1]], "i2"),
        ("?", np.ones((181, 181), "i8"), "i2"),
        ("?", np.ones((182, 182), "u1"), "i4"),
        ("u2", [[1]], "i4"),
        ("u2", [[2**15, -1]], "i4"),
        ("u2", [[2**15, 1]], "i8"),
        ("i2", [[1]], "i2"),
        ("i4", [[1]], "i4"),
        ("i4", [[1, 1]], "i8"),
        ("u4", [[2**31]], "i8"),
        ("u4", [[2**31 + 1]], "u8"),
        ("u8", [[1]], "u8"),
        ("i8", [[1]], "i8"),
        ("i8", [[1, 1]], "i8"),
        ("u8", [[1, 1]], "u8"),
        ("u8", [[1, -1]], "i8"),
        ("u1", Kernel([[1]], bias=3.0), "i2"),
        ("u1", Kernel([[1]], bias=0.5), "f8"),
    ],
)
def test_default_dtype(image, kernel, expected):
    x = np.ones((200, 200), image)
    assert correlate2d(x, kernel).dtype == np.dtype(expected)
    assert make_plan(x.shape, image, kernel).dtype == np.dtype(expected)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("method", ["definition", "direct", "separable", "fourier", "auto"])
def test_integers_are_exact(dtype, method):
    rng = np.random.default_rng(3)
    low, high = (0, 1) if dtype == "?" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    low, high = max(low, -(2**40)), min(high, 2**40)
    x = rng.integers(low, high, size=(30, 31), endpoint=True).astype(dtype)
    u, v = rng.integers(-9, 9, size=(5, 1)), rng.integers(-9, 9, size=(1, 4))
    u[0], v[0, 0] = 3, 2
    for k in (u * v, rng.integers(-300, 300, size=(3, 4)), np.array([[7, 0], [0, 0]])):
        for mode in ("valid", "same"):
            try:
                result = correlate2d(x, k, mode=mode, boundary="reflect", method=method)
            except InvalidInput:
                assert method in ("separable", "fourier")  # no exact way to do it
                continue
            assert result.dtype.kind in "iu"
            expected = reference(x, k, mode=mode, boundary="reflect")
            np.testing.assert_array_equal(result.astype(object), expected)


def test_the_fourier_method_is_exact_where_it_accepts_integers():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, size=(90, 80), dtype="u1")
    k = rng.integers(-128, 128, size=(31, 30))
    result = correlate2d(x, k, method="fourier")
    np.testing.assert_array_equal(result, correlate2d(x, k, method="direct"))
    assert make_plan(x.shape, "u1", k, method="fourier").error_bound == 0
    with pytest.raises(InvalidInput, match="method must be one that keeps the contract"):
        correlate2d(x.astype("i8"), k, method="fourier")


@pytest.mark.parametrize(("dtype", "taps"), [("i8", [[1, 1]]), ("u8", [[1, 1]]), ("u8", [[3, -2]])])
def test_64_bit_sums_are_exact_up_to_their_limit_and_refused_beyond(dtype, taps):
    result_dtype = make_plan((1, 4), dtype, taps).dtype
    most = np.iinfo(result_dtype).max
    large = most // max(sum(t for row in taps for t in row if t > 0), 1)
    x = np.array([[large, 0, large, large]]).astype(dtype)
    np.testing.assert_array_equal(correlate2d(x, taps).astype(object), reference(x, taps))
    x[0, 0] += 1
    with pytest.raises(ResultTooLarge, match=f"must lie in {result_dtype}'s range, but pixels"):
        correlate2d(x, taps)
    wrapped = correlate2d(x, taps, dtype="i8", overflow="wrap")
    expected = (reference(x, taps) + 2**63) % 2**64 - 2**63
    np.testing.assert_array_equal(wrapped.astype(object), expected)
    floats = correlate2d(x, taps, dtype=float)
    np.testing.assert_allclose(floats, reference(x, taps).astype(float), rtol=1e-15)


def test_sums_beyond_two_to_the_53_are_not_off_by_one():
    assert correlate2d([[2**62 + 1]], [[1]])[0, 0] == 2**62 + 1
    assert correlate2d([[2**61, 1, 0]], [[1, 1]])[0, 0] == 2**61 + 1


@pytest.mark.parametrize(
    ("image", "kernel"),
    [
        ("u1", [[128]]),
        ("u1", [[-128]]),
        ("u1", [[2**20, 1]]),
        ("u1", Kernel([[100, 100]], bias=-30000)),  # more than 16 bits until the bias is added
        ("u1", Kernel([[-100, -100]], bias=30000)),
        ("i1", [[2**20, 1]]),
        ("i2", [[2**15, 1]]),
        ("i2", Kernel([[2**15, 2**15 - 1]], bias=-(2**15))),
        ("?", [[2000, 1]]),
    ],
)
def test_taps_wider_than_pixels_are_exact(image, kernel):
    low, high = (0, 1) if image == "?" else (np.iinfo(image).min, np.iinfo(image).max)
    x = np.full((5, 150), high, image)
    x[2, ::4] = low
    taps = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
    weights, bias = np.asarray(taps.taps).astype(np.int64), int(np.asarray(taps.bias).item())
    result = correlate2d(x, kernel)
    np.testing.assert_array_equal(result, corr2d(x.astype(np.int64), weights) + bias)


def test_uint16_does_not_overflow():
    x = np.full((3, 3), 65535, "u2")
    assert correlate2d(x, np.ones((3, 3), "u2"))[0, 0] == 9 * 65535


@pytest.mark.parametrize("target", ["u1", "i1", "u2", "i2", "i4", "u8", "i8", "u4"])
@pytest.mark.parametrize("source", ["i2", "u2", "i8", "u8", "f4", "f8"])
def test_overflow(target, source):
    room = np.iinfo(target)
    values = [0, 1, 5, 127, 128, 255, 256, 300, 32768, 65535, 70000, 2**31, 2**32 + 7, 2**40 + 3]
    if source != "u8" and source != "u2":
        values += [-v for v in values]
    have = np.iinfo(source) if source[0] in "iu" else np.iinfo("i8")
    kept = [v for v in values if have.min <= v <= have.max]
    x = np.array([kept]).astype(source)
    exact = [int(v) for v in x[0].tolist()]
    taps = [[1.0]] if source[0] == "f" else [[1]]
    fits = all(room.min <= v <= room.max for v in exact)

    saturated = correlate2d(x, taps, dtype=target, overflow="saturate")
    assert saturated.dtype == target
    assert saturated[0].tolist() == [min(max(v, room.min), room.max) for v in exact]
    wrapped = correlate2d(x, taps, dtype=target, overflow="wrap")
    span = room.max - room.min + 1
    assert wrapped[0].tolist() == [(v - room.min) % span + room.min for v in exact]
    if fits:
        assert correlate2d(x, taps, dtype=target)[0].tolist() == exact
    else:
        with pytest.raises(ResultTooLarge, match=f"to fit dtype {np.dtype(target)}, got values"):
            correlate2d(x, taps, dtype=target)


def test_floats_round_half_to_even():
    x = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, 254.5]])
    assert correlate2d(x, [[1.0]], dtype="i2")[0].tolist() == [0, 2, 2, 0, -2, 254]


def test_not_finite_to_integer():
    x = np.array([[np.inf, -np.inf, 7.0]])
    assert correlate2d(x, [[1.0]], dtype="u1", overflow="saturate")[0].tolist() == [255, 0, 7]
    for overflow in ("raise", "wrap"):
        with pytest.raises(ResultTooLarge, match="got values from -inf to inf"):
            correlate2d(x, [[1.0]], dtype="u1", overflow=overflow)
    for overflow in ("raise", "saturate", "wrap"):
        with pytest.raises(ResultTooLarge, match="must be numbers to fit dtype uint8, got NaN"):
            correlate2d([[np.nan]], [[1.0]], dtype="u1", overflow=overflow)


def test_dtype_of_floats():
    x = np.random.default_rng(0).normal(size=(5, 5)).astype("f4")
    k = np.random.default_rng(1).normal(size=(3, 3)).astype("f4")
    # A wider result is also summed in it; a narrower one is rounded once.
    assert_same(correlate2d(x, k, dtype="f8"), reference(x, k), 1e-15)
    once = correlate2d(x.astype("f8"), k, dtype="f4")
    np.testing.assert_array_equal(once, reference(x, k).astype("f4"))
    integers = np.array([[2**25 + 1, 1]])
    assert correlate2d(integers, [[1, 2]], dtype="f8")[0, 0] == 2**25 + 3
    assert np.isinf(correlate2d([[1e300]], [[1.0]], dtype="f4"))


def test_float16_is_summed_in_float32_and_rounded_once():
    rng = np.random.default_rng(0)
    x, k = rng.random((30, 30)).astype("f2"), rng.random((9, 9)).astype("f2")
    result = correlate2d(x, k)
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, correlate2d(x.astype("f4"), k.astype("f4")).astype("f2"))


@pytest.mark.parametrize("method", ["definition", "direct", "separable", "fourier", "auto"])
@pytest.mark.parametrize(
    ("image", "kernel"), [("c8", "c8"), ("c16", "c16"), ("f8", "c16"), ("c8", "f4")]
)
def test_complex_numbers_are_not_conjugated(method, image, kernel):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 8)) + 1j * rng.normal(size=(9, 8)) * (image[0] == "c")
    k = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)) * (kernel[0] == "c")
    x = x.astype(image) if image[0] == "c" else x.real.astype(image)
    k = k.astype(kernel) if kernel[0] == "c" else k.real.astype(kernel)
    for mode in ("valid", "same"):
        result = correlate2d(x, k, mode=mode, method=method, stride=(1, 2))
        expected = reference(x, k, mode=mode, stride=(1, 2))
        assert_same(result, expected, 1e-13 if result.dtype == np.complex128 else 1e-5)


@pytest.mark.parametrize("dtype", ["g", "G"])
def test_long_doubles_keep_their_digits(dtype):
    x = np.ones((3, 4), dtype)
    x[1, 1] += np.finfo(np.longdouble).eps
    k = np.array([[1, 2], [3, 4]], dtype)
    for stride in (1, 2):
        result = correlate2d(x, k, stride=stride, mode="same")
        np.testing.assert_array_equal(result, reference(x, k, stride=stride, mode="same"))


def test_refusals():
    with pytest.raises(InvalidInput, match="dtype must be an integer, floating or complex dtype"):
        correlate2d([[1]], [[1]], dtype=bool)
    with pytest.raises(InvalidInput, match="dtype must be an integer, floating or complex dtype"):
        correlate2d([[1]], [[1]], dtype="nonsense")
    with pytest.raises(InvalidInput, match="dtype must be complex for complex numbers"):
        correlate2d([[1j]], [[1]], dtype=float)
    with pytest.raises(InvalidInput, match="overflow must be one of raise, saturate, wrap"):
        correlate2d([[1]], [[1]], overflow="clip")
    with pytest.raises(InvalidInput, match="fill_value must be an integer from 0 to 255"):
        correlate2d(np.ones((2, 2), "u1"), [[1]], fill_value=-1)
    with pytest.raises(InvalidInput, match="fill_value must be an integer from 0 to 255"):
        correlate2d(np.ones((2, 2), "u1"), [[1]], fill_value=0.5)
    with pytest.raises(InvalidInput, match="fill_value must be real"):
        correlate2d(np.ones((2, 2)), [[1]], fill_value=1j)
    with pytest.raises(InvalidInput, match="fill_value must be a number"):
        correlate2d(np.ones((2, 2)), [[1]], fill_value="x")
