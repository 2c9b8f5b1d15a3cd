import numpy as np
import pytest

from kernfit import InvalidInput
from kernfit.arrays import as_image, as_mask, as_numbers, as_pair_of_ints, as_taps, one_of


def test_arrays_are_not_copied():
    for dtype in (bool, np.int8, np.uint64, np.float16, np.float64, complex):
        array = np.zeros((3, 4), dtype)
        assert as_numbers(array, "x") is array
        assert as_image(array) is array
        assert as_taps(array) is array


def test_byte_order_is_made_native():
    found = as_numbers(np.array([1, 2], ">f4"), "x")
    assert found.dtype == np.float32
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, [1, 2])


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[1], "a", [2, 3]]])
def test_ragged(value):
    with pytest.raises(InvalidInput, match="x must be a rectangular array of numbers"):
        as_numbers(value, "x")


@pytest.mark.parametrize("value", ["text", None, [None], [object()], {"a": 1}, [2**70]])
def test_not_numbers(value):
    with pytest.raises(InvalidInput, match=r"x must hold numbers, got dtype .*: convert it first"):
        as_numbers(value, "x")


def test_masked_arrays_would_lose_their_mask():
    with pytest.raises(InvalidInput, match=r"x must be a plain array, .* x\.filled\(numpy\.nan\)"):
        as_numbers(np.ma.zeros(3), "x")


@pytest.mark.parametrize("value", [3, [1, 2]])
def test_images_have_two_axes(value):
    with pytest.raises(InvalidInput, match=r"image must have at least 2 axes .* add an axis"):
        as_image(value)


@pytest.mark.parametrize("value", [3, [1, 2], [[]], [[[1]]]])
def test_taps_have_two_axes(value):
    with pytest.raises(InvalidInput, match=r"kernel must have 2 axes .* at least one tap, got"):
        as_taps(value)


def test_pairs():
    assert as_pair_of_ints(3, "n") == (3, 3)
    assert as_pair_of_ints((2, 3), "n") == (2, 3)
    assert as_pair_of_ints(np.array([2, 3], np.uint8), "n") == (2, 3)
    assert as_pair_of_ints(np.int64(-5), "n") == (-5, -5)
    assert all(type(item) is int for item in as_pair_of_ints(np.array([2, 3]), "n"))


@pytest.mark.parametrize("value", [1.5, 2.0, True, (True, 1), (1,), (1, 2, 3), "12", None])
def test_not_pairs(value):
    with pytest.raises(InvalidInput, match=r"n must be an integer or a \(rows, columns\) pair"):
        as_pair_of_ints(value, "n")


def test_pairs_have_a_least_value():
    assert as_pair_of_ints(0, "n", least=0) == (0, 0)
    with pytest.raises(InvalidInput, match=r"n must be at least 1, got \(2, 0\)"):
        as_pair_of_ints((2, 0), "n", least=1)


def test_masks():
    mask = np.ones((2, 3), bool)
    assert as_mask(mask, (2, 3)) is mask
    with pytest.raises(InvalidInput, match=r"mask must be boolean .* got dtype int64: compare"):
        as_mask(mask.astype(int), (2, 3))
    with pytest.raises(InvalidInput, match=r"mask must have shape \(3, 2\), got \(2, 3\)"):
        as_mask(mask, (3, 2))


def test_words():
    assert one_of("edge", ["wrap", "edge"], "boundary") == "edge"
    with pytest.raises(InvalidInput, match="boundary must be one of wrap, edge, got 'side'"):
        one_of("side", ["wrap", "edge"], "boundary")
