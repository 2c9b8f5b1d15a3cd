"""A process that works for the lab: it can be stopped at any time without harm to the server."""

from __future__ import annotations

import errno
import signal
from multiprocessing.connection import Connection
from typing import Any

from kernfit.errors import KernfitError

_TOO_LARGE = "refused", "not enough memory for this: use a smaller image or kernel"


def work(connection: Connection, more_bytes: int) -> None:
    """Do what arrives until nobody asks any more.

    Parameters
    ----------
    connection : Connection
        Gives (job, arguments), takes ("progress", text) and then one of ("done", result),
        ("refused", reason) and ("failed", reason).
    more_bytes : int
        Address space that may be taken beyond what the libraries need.
    """
    # Ctrl-C in the terminal reaches the whole group; the server ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from kernfit.lab.jobs import JOBS

    _limit_memory(more_bytes)

    def say(text: str) -> None:
        connection.send(("progress", text))

    while True:
        try:
            job, arguments = connection.recv()
        except (EOFError, OSError):
            return
        message: tuple[str, Any]
        try:
            message = "done", JOBS[job](say, **arguments)
        except KernfitError as error:
            message = "refused", " ".join(str(error).split())
        except MemoryError:
            message = _TOO_LARGE
        except OSError as error:
            full = error.errno == errno.ENOMEM
            message = _TOO_LARGE if full else ("failed", f"OSError: {error.strerror}")
        except Exception as error:
            message = "failed", " ".join(f"{type(error).__name__}: {error}".split())[:300]
        try:
            connection.send(message)
        except OSError:
            return


def _limit_memory(more_bytes: int) -> None:
    """Let allocations fail beyond a limit, where the system knows such limits."""
    try:
        import resource
        from pathlib import Path

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = now + more_bytes
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass  # Windows and macOS: the sizes that are checked before must do
