"""An interruption while code is compiled comes after it, so LLVM's lock is given back."""

import signal
import sys
import threading

import numpy as np
import pytest

from kernfit.compiled import njit
from kernfit.compiled.uninterrupted import uninterrupted


@pytest.fixture(autouse=True)
def usual_handler():
    """As in a program that runs in the foreground."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_is_raised_at_the_end_of_the_block():
    done = []

    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGINT)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_changed():
    found = []

    def work():
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_compiling_is_finished_first():
    @njit()
    def double(x):
        return x * 2

    def interrupt(frame, event, argument):
        if frame.f_code.co_name == "_compile_cached":  # Numba's, in the midst of it
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    before = sys.getprofile()
    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            double(np.int64(3))
    finally:
        sys.setprofile(before)
    assert len(double.signatures) == 1
