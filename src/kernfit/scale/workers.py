"""Workers: threads of this process, or a Dask cluster, behind one small interface."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput, KernfitError
from kernfit.packages import need

Task = TypeVar("Task")

log = logging.getLogger("kernfit.scale")

# Tasks that are under way or waiting for each worker, so that none is idle.
_AHEAD = 2
_LOOK = 0.5  # seconds between two looks whether a cluster is still there


class Workers:
    """Runs tasks on several workers and gives their results in order.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    count : int
        How many tasks run at a time.
    beside : int, optional
        How many of them in one process; all unless told otherwise.
    alive : callable, optional
        Says whether they can still be reached. Those for which this is given run in other
        processes, which find files by their names only.
    """

    def __init__(
        self,
        executor: Executor,
        count: int,
        *,
        beside: int | None = None,
        alive: Callable[[], bool] | None = None,
    ) -> None:
        self._executor, self.count, self._alive = executor, count, alive
        self.beside = beside or count

    @property
    def remote(self) -> bool:
        """Whether they run in other processes."""
        return self._alive is not None

    def map(self, function: Callable[[Task], Any], tasks: Iterable[Task]) -> Iterator[Any]:
        """Give the results in the order of the tasks, with few of them held at a time."""
        under_way: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                under_way.append(self._submitted(function, task))
                if len(under_way) >= _AHEAD * self.count:
                    yield self._result(under_way.popleft())
            while under_way:
                yield self._result(under_way.popleft())
        finally:
            running = [future for future in under_way if not future.cancel()]
            if not self.remote:
                # Nobody may still write when whoever asked for this goes on.
                wait(running)

    def _submitted(self, function: Callable[[Task], Any], task: Task) -> Future[Any]:
        try:
            return self._executor.submit(function, task)
        except Exception as error:
            if self._alive is None or self._alive():
                raise
            raise _gone() from error

    def _result(self, future: Future[Any]) -> Any:
        if self._alive is None:
            return future.result()
        # Of a scheduler that is gone, not every future hears.
        while not wait([future], timeout=_LOOK).done:
            if not self._alive():
                raise _gone()
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
    """Give the workers of a Dask cluster; the log says which of them are lost.

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
    with _quiet():
        try:
            threads = client.nthreads().values()
            if not threads:
                raise InvalidInput(
                    f"the Dask scheduler at {address} has no worker: start one with "
                    f"'dask worker {address}'"
                )
            client.subscribe_topic("all", _Watch(client))
            # Once it has to connect again, all that was asked of the scheduler is lost.
            yield Workers(
                client.get_executor(pure=False),
                sum(threads),
                beside=max(threads),
                alive=lambda: client.status == "running",
            )
        finally:
            # Without a scheduler there is nobody to say goodbye to.
            with suppress(TimeoutError, AssertionError):
                client.close(timeout=5)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own client from saying at length what is said here in a line."""
    names = ("tornado.application", *logging.root.manager.loggerDict)
    loggers = [
        logging.getLogger(name) for name in names if name.startswith(("distributed", "tornado"))
    ]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


_FINISHED = "lost-computed-tasks"


class _Watch:
    """Logs the workers that a cluster loses, from what its scheduler tells.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, event: tuple[float, Any]) -> None:
        """Take one event: when it was, and what."""
        said = event[1]
        # Workers that are closed on purpose are nobody's loss.
        if said.get("action") != "remove-worker" or said.get("expected"):
            return
        own = set(self._client.futures)
        begun, finished = (
            len(own & set(said.get(name) or ())) for name in ("processing-tasks", _FINISHED)
        )
        log.warning(
            "worker %s is lost: %s under way and %s not yet fetched go to others, to be done again",
            said.get("worker"),
            _parts(begun),
            _parts(finished),
        )


def _parts(count: int) -> str:
    return f"{count or 'no'} part{'s' * (count != 1)}"


@contextmanager
def workers_at(scheduler: str | None, threads: int | None = None) -> Iterator[Workers]:
    """Give the workers of a Dask scheduler's address, or threads of this process without one."""
    with local_workers(threads) if scheduler is None else dask_workers(scheduler) as workers:
        yield workers


def _gone() -> InvalidInput:
    return InvalidInput(
        "the Dask scheduler is gone; what was finished is kept: start it and the same command again"
    )


def _remote_result(future: Future[Any]) -> Any:
    """Return a result from a cluster, or say in one line what became of it."""
    try:
        return future.result()
    except (KernfitError, KeyboardInterrupt):
        raise
    except (CancelledError, OSError, TimeoutError) as error:
        raise _gone() from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            raise InvalidInput(
                "a part of the work ended several workers one after the other, for want of memory "
                "perhaps; what was finished is kept: give less --memory, or larger workers"
            ) from error
        raise
