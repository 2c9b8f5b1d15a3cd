"""Keeping other programs' remarks on odd files off the terminal: a refusal is one line."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

STDERR_LOCK = Lock()


@contextmanager
def silent_tifffile() -> Iterator[None]:
    """Keep tifffile's remarks on odd files off the terminal."""
    logger = logging.getLogger("tifffile")

    def drop(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)  # one of our own, so that threads do not undo each other's
    try:
        yield
    finally:
        logger.removeFilter(drop)


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Keep libtiff, which prints past Python, from adding its own lines to our one.

    The place where errors go belongs to the whole process: one thread at a time may change it.
    """
    with STDERR_LOCK:
        try:
            before = os.dup(2)
        except OSError:  # there is none, as in a program without a console
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            os.close(nowhere)
