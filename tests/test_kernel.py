import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernfit import InvalidInput, Kernel


@given(rows=st.integers(1, 5), columns=st.integers(1, 5), data=st.data(), bias=st.integers(-9, 9))
def test_flipping_twice_gives_the_same_kernel(rows, columns, data, bias):
    taps = np.arange(rows * columns).reshape(rows, columns)
    anchor = (data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1)))
    kernel = Kernel(taps, bias, anchor=anchor, name="k")
    flipped = kernel.flipped()
    assert flipped.flipped() == kernel
    np.testing.assert_array_equal(flipped.taps, np.rot90(taps, 2))
    # The anchor stays on the tap of the same value.
    assert flipped.taps[flipped.anchor] == kernel.taps[kernel.anchor]
    assert (flipped.bias, flipped.name) == (kernel.bias, "k")


@pytest.mark.parametrize(
    ("shape", "anchor"),
    [((3, 3), (1, 1)), ((1, 2), (0, 0)), ((4, 5), (1, 2)), ((2, 2), (0, 0)), ((1, 1), (0, 0))],
)
def test_default_anchor(shape, anchor):
    kernel = Kernel(np.ones(shape))
    assert kernel.anchor == anchor
    assert kernel.shape == shape
    assert kernel.weight.shape == (1, 1, *shape)


@pytest.mark.parametrize(
    ("weight", "dtype"),
    [
        ([[1, 2]], np.int64),
        (np.array([[1, 2]], np.uint8), np.int64),
        ([[True, False]], np.int64),
        (np.array([[2**63 - 1]], np.uint64), np.int64),
        (np.array([[2**63]], np.uint64), np.float64),
        ([[1.0, 2.0]], np.float64),
        (np.array([[0.5]], np.float32), np.float64),
    ],
)
def test_integers_stay_integers(weight, dtype):
    assert Kernel(weight).weight.dtype == dtype


def test_it_does_not_change():
    taps = np.array([[1, 2]])
    kernel = Kernel(taps)
    taps[0, 0] = 9
    assert kernel.taps[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kernel.taps[0, 0] = 9
    with pytest.raises(ValueError, match="read-only"):
        kernel.bias[0] = 9
    with pytest.raises(AttributeError, match="a Kernel does not change: make a new one"):
        kernel.name = "other"


def test_equality_and_hash():
    kernel = Kernel([[1, -1]], 2, anchor=(0, 1), name="a")
    same = Kernel([[1.0, -1.0]], [2.0], anchor=(0, 1), name="b")
    assert kernel == same
    assert hash(kernel) == hash(same)
    assert len({kernel, same}) == 1
    others = [
        Kernel([[1, -1]], 2),
        Kernel([[1, -1]], 3, anchor=(0, 1)),
        Kernel([[1, -2]], 2, anchor=(0, 1)),
        Kernel([[1, -1, 0]], 2, anchor=(0, 1)),
        Kernel([[1], [-1]], 2, anchor=(1, 0)),
    ]
    assert all(kernel != other for other in others)
    assert kernel != "kernel"
    assert Kernel([[0.0]]) == Kernel([[-0.0]])
    assert hash(Kernel([[0.0]])) == hash(Kernel([[-0.0]]))


def test_copies_and_other_processes():
    kernel = Kernel(np.arange(12).reshape(2, 3, 1, 2) / 7, [1, 2], anchor=(0, 1), name="k")
    for found in (
        pickle.loads(pickle.dumps(kernel)),
        copy.copy(kernel),
        copy.deepcopy(kernel),
        Kernel.from_dict(kernel.to_dict()),
    ):
        assert found == kernel
        assert found.name == "k"
        assert found.weight.dtype == kernel.weight.dtype
        assert not found.weight.flags.writeable


def test_channels():
    kernel = Kernel(np.ones((2, 3, 1, 1)), 5)
    np.testing.assert_array_equal(kernel.bias, [5, 5])
    with pytest.raises(InvalidInput, match=r"taps needs a kernel with one .* got 3 in and 2 out"):
        _ = kernel.taps


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (Kernel([[1, -1]]), "Kernel([[1, -1]])"),
        (Kernel([[-1, 1]], 2), "Kernel([[-1, 1]], bias=2)"),
        (Kernel([[-10, 1]], anchor=(0, 1)), "Kernel([[-10, 1]], anchor=(0, 1))"),
        (
            Kernel([[1, -1], [0, 2]], 0.5, name="k"),
            "Kernel([[ 1, -1],\n        [ 0,  2]], bias=0.5, name='k')",
        ),
        (Kernel(np.ones((20, 20))), "Kernel(<20x20 taps>)"),
        (Kernel(np.ones((2, 1, 1, 1)), [1, 2]), "Kernel([[[[1.]]], [[[1.]]]], bias=[1, 2])"),
    ],
)
def test_repr(kernel, text):
    assert repr(kernel) == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2],), r"weight must have shape \(rows, columns\) or .* got shape \(2,\)"),
        (([[[1]]],), r"weight must have shape .* got shape \(1, 1, 1\)"),
        (([[]],), r"at least one tap, got shape \(1, 0\)"),
        (([[np.nan]],), "weight must be finite, got NaN or infinity"),
        (([[1]], np.inf), "bias must be finite, got NaN or infinity"),
        (([[1j]],), "weight must be real, got dtype complex128"),
        (([["a"]],), "weight must hold numbers"),
        (([[1]], [1, 2]), r"bias must be one number or have shape \(1,\).* got shape \(2,\)"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(InvalidInput, match=words):
        Kernel(*arguments)


@pytest.mark.parametrize("anchor", [(0, 2), (-1, 0), (1, 0), 1])
def test_anchors_off_the_kernel(anchor):
    with pytest.raises(InvalidInput, match="anchor must be one of the taps of a 1x2 kernel, got"):
        Kernel([[1, 2]], anchor=anchor)


def test_records_without_weight():
    with pytest.raises(InvalidInput, match=r"must have 'weight', got \['bias'\]"):
        Kernel.from_dict({"bias": 1})


def test_repr_hides_rounding_far_below_the_taps():
    kernel = Kernel([[1e-15, -1.0], [-1e-14, 5.0]], 2e-14)
    assert repr(kernel) == "Kernel([[ 0., -1.],\n        [ 0.,  5.]])"
    assert "1.5e-20" in repr(Kernel([[1.5e-20, 1e-21]]))


def test_other_libraries_take_it_for_an_array():
    from scipy import ndimage

    kernel = Kernel([[1, 2, 4], [0, 3, 1]])
    image = np.arange(30.0).reshape(5, 6)
    made = ndimage.correlate(image, kernel, mode="nearest")
    assert np.array_equal(made, ndimage.correlate(image, kernel.taps, mode="nearest"))
    assert np.asarray(kernel).shape == (2, 3)
    assert np.asarray(kernel, dtype="f4").dtype == np.float32
    assert np.asarray(Kernel(np.ones((2, 1, 3, 3)))).shape == (2, 1, 3, 3)
    copy = np.array(kernel)
    copy[0, 0] = 9
    assert kernel.taps[0, 0] == 1
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(kernel, dtype="f4", copy=False)


def test_a_kernel_times_a_number():
    kernel = Kernel([[1, 2]], bias=3, anchor=(0, 1))
    twice = Kernel([[2, 4]], bias=6, anchor=(0, 1))
    assert kernel * 2 == 2 * kernel == np.float64(2) * kernel == twice
    assert kernel / 4 == Kernel([[0.25, 0.5]], bias=0.75, anchor=(0, 1))
    assert -kernel == Kernel([[-1, -2]], bias=-3, anchor=(0, 1))
    for wrong in (lambda: kernel * kernel, lambda: kernel * [1, 2], lambda: kernel / kernel):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ZeroDivisionError):
        kernel / 0
