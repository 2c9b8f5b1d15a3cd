"""Work on strips of rows in a pool of threads.

One pool serves every caller in the process. The strips are many more than the threads and each
thread takes the next one when it is free, so a core that is busy elsewhere delays nobody.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import Any

from kernfit.arrays import as_pair_of_ints

_STRIPS_EACH = 4  # for every thread: enough to even out, few enough to cost nothing

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_here = threading.local()
_turn = threading.Lock()


def for_strips(
    work: Callable[[int, int], object], rows: int, threads: int, each: int = _STRIPS_EACH
) -> None:
    """Call ``work(first, stop)`` on strips that cover ``range(rows)`` exactly once.

    Returns when every strip is done, also when one has failed.

    Parameters
    ----------
    work : callable
        Takes the first row of a strip and the row after its last. It should release the GIL, and
        must not mind which thread calls it, nor when.
    rows : int
        How many rows there are.
    threads : int
        How many threads work at once; the calling thread is one of them.
    each : int
        How many strips there are for every thread: more where rows differ much in work.

    Raises
    ------
    Exception
        What `work` raised, after the strips under way have ended; no new ones are begun.
    """
    if rows <= 0:
        return
    # A worker that asks for workers could wait for itself for ever: it does the work alone.
    if threads <= 1 or rows == 1 or getattr(_here, "is_worker", False):
        work(0, rows)
        return
    count = min(rows, threads * each)
    edges = [rows * n // count for n in range(count + 1)]
    strips = deque(pairwise(edges))

    def drain() -> None:
        try:
            while True:
                try:
                    first, stop = strips.popleft()
                except IndexError:
                    return
                work(first, stop)
        except BaseException:
            strips.clear()
            raise

    futures = [_workers().submit(drain) for _ in range(min(threads, count) - 1)]
    try:
        drain()
    finally:
        # Nobody may still write into the caller's array once the call has returned.
        wait(futures)
    for future in futures:
        future.result()


def at_once(*calls: Callable[[], Any], threads: int) -> list[Any]:
    """Return what calls give that do not need each other, made by several threads."""
    found: list[Any] = [None] * len(calls)

    def work(first: int, stop: int) -> None:
        found[first:stop] = [call() for call in calls[first:stop]]

    for_strips(work, len(calls), threads)
    return found


def thread_count(threads: int | None) -> int:
    """Return how many threads to use: as many as told, or as there are cores to run on.

    Parameters
    ----------
    threads : int or None
        At least 1; None for as many as this process may use cores.

    Returns
    -------
    int

    Raises
    ------
    InvalidInput
        If `threads` is not a positive integer.
    """
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    return as_pair_of_ints(threads, "threads", least=1)[0]


def one_at_a_time() -> threading.Lock:
    """Return the lock to hold for work that only one thread may do at a time."""
    return _turn


def _workers() -> ThreadPoolExecutor:
    """Return the pool, made when it is first wanted; its threads start as they are needed."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(
                max_workers=max(32, os.cpu_count() or 1),
                thread_name_prefix="kernfit",
                initializer=_mark_worker,
            )
        return _pool


def _mark_worker() -> None:
    _here.is_worker = True


def _forget_pool() -> None:
    """Drop pool and locks in a forked child, which has none of the threads that hold them."""
    global _pool, _lock, _turn
    _lock, _turn = threading.Lock(), threading.Lock()
    _pool = None
    _here.is_worker = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
