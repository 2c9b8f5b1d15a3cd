"""Memory lent and given back: nobody writes into what another still holds."""

import gc
import threading

import numpy as np
import pytest

from kernfit import correlate2d, heap
from kernfit.heap import LARGE, PAGE, give_back, lend

F4 = np.dtype("f4")
SHAPE = (LARGE // 4 // 1024, 1024)


@pytest.fixture(autouse=True)
def nothing_waits():
    gc.collect()
    give_back()
    yield
    give_back()


def address(array):
    return array.__array_interface__["data"][0]


def memory_of(place):
    """Return the address of the memory in which a place lies, among all that waits."""
    return next(
        address(memory)
        for memory in heap._waiting.values()
        if address(memory) <= place < address(memory) + len(memory)
    )


def waiting_bytes():
    return sum(len(memory) - PAGE for memory in heap._waiting.values())


def test_memory_is_used_again_when_nobody_holds_it():
    first = lend(SHAPE, F4)
    first[:] = 1
    place = address(first)
    second = lend(SHAPE, F4)
    assert not np.shares_memory(first, second)
    del first
    third = lend(SHAPE, F4)
    assert address(third) == place
    assert third.flags.writeable
    assert third.flags.c_contiguous


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x[3:, ::2],
        lambda x: x.T[1:].view("i4"),
        memoryview,
        lambda x: np.asarray(x)[:1][0, :5].reshape(5, 1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)),
        lambda x: np.frombuffer(x, "u1")[9:],
    ],
)
def test_whoever_holds_a_part_holds_the_memory(hold):
    array = lend(SHAPE, F4)
    array[:] = 1
    places = {address(array)}
    part = hold(array)
    before = np.asarray(part).tobytes()
    del array
    gc.collect()
    other = lend(SHAPE, F4)
    other[:] = 2
    assert np.asarray(part).tobytes() == before
    places.add(address(other))
    assert len(places) == 2
    del part, other
    gc.collect()
    assert len({memory_of(place) for place in places}) == 2


def test_little_waits_and_is_given_back():
    for _ in range(3):
        many = [lend(SHAPE, F4) for _ in range(9)]
        del many
        assert waiting_bytes() == 1 << 27
    assert not heap._lent
    held = lend(SHAPE, F4)
    give_back()
    assert not heap._waiting
    held[:] = 3  # what is in use stays
    # Much less than what waits is not worth it.
    del held
    large = lend((8 * SHAPE[0], SHAPE[1]), F4)
    del large
    give_back()


def test_what_came_last_is_kept():
    small, large = lend(SHAPE, F4), lend((4 * SHAPE[0], SHAPE[1]), F4)
    place = address(large)
    del small
    del large
    assert waiting_bytes() == 1 << 27
    assert memory_of(place) <= place


@pytest.mark.parametrize("like", [0, 4, 4092, 12345678 * 4])
def test_an_address_is_like_another(like):
    for _ in range(2):  # in new memory, and in what is used again
        array = lend(SHAPE, F4, like=like)
        assert (address(array) - like) % PAGE == 0
        array[:] = 1
        array[-1, -1] = 2
        assert array.flags.aligned
        del array


def test_results_of_many_threads_are_their_own():
    image = np.random.default_rng(0).standard_normal((2900, 2900)).astype(F4)
    wrong = []

    def use(n):
        for _ in range(3):
            result = correlate2d(image, np.full((1, 1), n, F4), threads=1)
            if not (result == image * n).all():
                wrong.append(n)

    users = [threading.Thread(target=use, args=(n,)) for n in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not wrong


def test_mapped_files_keep_what_was_written(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(20000.0))
    shared = np.load(tmp_path / "x.npy", mmap_mode="r+")
    shared[5] = -1
    own = np.load(tmp_path / "x.npy", mmap_mode="c")
    own[7] = -2  # of this process alone
    give_back(shared, own, np.ones(3))
    assert (shared[5], own[7]) == (-1, -2)
    shared.flush()
    assert np.load(tmp_path / "x.npy")[5] == -1
    assert np.load(tmp_path / "x.npy")[7] == 7
