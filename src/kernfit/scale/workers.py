"""Workers: threads of this process, or a Dask cluster, behind one small interface."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput, KernfitError
from kernfit.interop.packages import need

Task = TypeVar("Task")

# Tasks that are under way or waiting for each worker, so that none is idle.
_AHEAD = 2


class Workers:
    """Runs tasks on several workers and gives their results in order.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    count : int
        How many tasks run at a time.
    beside : int, optional
        How many of them in one process; all unless told otherwise.
    remote : bool
        Whether they run in other processes, which find files by their names only.
    """

    def __init__(
        self, executor: Executor, count: int, *, beside: int | None = None, remote: bool = False
    ) -> None:
        self._executor, self.count, self.remote = executor, count, remote
        self.beside = beside or count

    def map(self, function: Callable[[Task], Any], tasks: Iterable[Task]) -> Iterator[Any]:
        """Give the results in the order of the tasks, with few of them held at a time."""
        under_way: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                under_way.append(self._executor.submit(function, task))
                if len(under_way) >= _AHEAD * self.count:
                    yield self._result(under_way.popleft())
            while under_way:
                yield self._result(under_way.popleft())
        finally:
            running = [future for future in under_way if not future.cancel()]
            if not self.remote:
                # Nobody may still write when whoever asked for this goes on.
                wait(running)

    def _result(self, future: Future[Any]) -> Any:
        if not self.remote:
            return future.result()
        return _remote_result(future)


@contextmanager
def local_workers(threads: int | None = None) -> Iterator[Workers]:
    """Give threads of this process, as many as there are cores unless told otherwise."""
    count = thread_count(threads)
    executor = ThreadPoolExecutor(count, thread_name_prefix="kernfit")
    try:
        yield Workers(executor, count)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_workers(address: str) -> Iterator[Workers]:
    """Give the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``, or the path of its file in JSON.

    Raises
    ------
    InvalidInput
        If no scheduler answers there, or it has no worker.
    """
    distributed = need("distributed", "scale")
    where = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        client = distributed.Client(**where, timeout=20, set_as_default=False)
    # A wrong address fails in many ways: as a name, a port, a protocol, or by silence.
    except Exception as error:
        raise InvalidInput(
            f"no Dask scheduler answers at {address} ({type(error).__name__}): start one with "
            "'dask scheduler', and check the address"
        ) from error
    try:
        threads = client.nthreads().values()
        if not threads:
            raise InvalidInput(
                f"the Dask scheduler at {address} has no worker: start one with "
                f"'dask worker {address}'"
            )
        executor = client.get_executor(pure=False)
        yield Workers(executor, sum(threads), beside=max(threads), remote=True)
    finally:
        # Without a scheduler there is nothing to say goodbye to.
        client.close(timeout=5)


@contextmanager
def workers_at(scheduler: str | None, threads: int | None = None) -> Iterator[Workers]:
    """Give the workers of a Dask scheduler's address, or threads of this process without one."""
    with local_workers(threads) if scheduler is None else dask_workers(scheduler) as workers:
        yield workers


def _remote_result(future: Future[Any]) -> Any:
    """Return a result from a cluster, or say in one line what became of it."""
    from concurrent.futures import CancelledError

    try:
        return future.result()
    except (KernfitError, KeyboardInterrupt):
        raise
    except (CancelledError, OSError, TimeoutError) as error:
        raise InvalidInput(
            "the Dask scheduler is gone; what was finished is kept: start it and the same command "
            "again"
        ) from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            raise InvalidInput(
                "a part of the work ended several workers one after the other, for want of memory "
                "perhaps; what was finished is kept: give less --memory, or larger workers"
            ) from error
        raise
