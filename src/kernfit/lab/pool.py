"""A few worker processes, a time limit for each piece of work, and a short queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

from kernfit.errors import KernfitError
from kernfit.lab.limits import Limits
from kernfit.lab.worker import work


class Busy(KernfitError):
    """Too much work waits already."""


class OutOfTime(KernfitError):
    """A piece of work took longer than it may."""


class Refused(KernfitError):
    """The work was refused, with a reason for the user."""


class Failed(KernfitError):
    """The work ended in an error of ours."""


class Worker:
    """One process, and a line to it."""

    def __init__(self, limits: Limits) -> None:
        # Spawned, not forked: threads of the server must not be copied half-way.
        context = get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(
            target=work, args=(theirs, limits.worker_bytes), daemon=True, name="kernfit lab"
        )
        self.process.start()
        theirs.close()

    def call(self, job: str, arguments: dict[str, Any], say: Callable[[str], None]) -> Any:
        """Have a piece of work done; blocks until it is."""
        try:
            self.line.send((job, arguments))
            while True:
                kind, content = self.line.recv()
                if kind == "progress":
                    say(content)
                elif kind == "done":
                    return content
                else:
                    raise Refused(content) if kind == "refused" else Failed(content)
        except (EOFError, OSError) as error:
            raise Failed("the process that worked on this has ended: try a smaller one") from error

    def stop(self) -> None:
        """End the process at once; a call under way fails."""
        self.process.kill()
        self.process.join(5)
        self.line.close()

    @property
    def alive(self) -> bool:
        """Whether it can take work."""
        return self.process.is_alive()


class Pool:
    """Workers that are handed out one piece of work at a time.

    Parameters
    ----------
    limits : Limits
        How many workers, how much waits.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting = 0
        self.stopped = False
        self.idle: asyncio.Queue[Worker] = asyncio.Queue()
        self.all: set[Worker] = set()
        self.threads = ThreadPoolExecutor(limits.workers * 2, thread_name_prefix="kernfit-lab")

    def start(self) -> None:
        """Start the workers; they load what they need while the page opens."""
        for _ in range(self.limits.workers):
            self._hire()

    def stop(self) -> None:
        """End all workers."""
        self.stopped = True
        for worker in self.all:
            worker.stop()
        self.all.clear()
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def run(
        self,
        job: str,
        arguments: dict[str, Any],
        *,
        seconds: float,
        say: Callable[[str], None] = lambda text: None,
    ) -> Any:
        """Do a piece of work in one of the workers and return its result.

        A worker whose work is out of time, or not wanted any more (the task was cancelled), is
        ended and replaced.

        Parameters
        ----------
        job : str
            Its name in `kernfit.lab.jobs.JOBS`.
        arguments : dict
            For that function.
        seconds : float
            How long it may take.
        say : callable
            Is told about progress, from another thread.

        Raises
        ------
        Busy, OutOfTime, Refused, Failed
        """
        if self.waiting >= self.limits.waiting:
            raise Busy("too much work is waiting: try again in a moment")
        self.waiting += 1
        try:
            worker = await self.idle.get()
        finally:
            self.waiting -= 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                return await loop.run_in_executor(self.threads, worker.call, job, arguments, say)
        except TimeoutError:
            self._fire(worker)
            raise OutOfTime(
                f"this took longer than {seconds:g} seconds: use a smaller image or kernel"
            ) from None
        except asyncio.CancelledError:
            self._fire(worker)
            raise
        finally:
            if worker in self.all and worker.alive:
                self.idle.put_nowait(worker)
            elif not self.stopped:
                self._fire(worker)
                self._hire()

    def _hire(self) -> None:
        worker = Worker(self.limits)
        self.all.add(worker)
        self.idle.put_nowait(worker)

    def _fire(self, worker: Worker) -> None:
        with suppress(OSError):
            worker.stop()
        self.all.discard(worker)
