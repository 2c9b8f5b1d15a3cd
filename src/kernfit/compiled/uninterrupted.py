"""Ctrl-C waits while LLVM works: its lock would stay taken, and other threads wait for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back an interruption until the end of the block.

    Python raises KeyboardInterrupt between any two instructions of the main thread, also between
    taking a lock and noting that it is to be given back.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Signals are handled in the main thread alone; a handler that Python cannot see stays.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *given: held.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])
