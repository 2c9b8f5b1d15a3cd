"""One process at a time writes a result."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kernfit.errors import RefusedFile

try:
    import fcntl
except ImportError:  # Windows: there a mapped file can be neither opened anew nor replaced
    fcntl = None  # type: ignore[assignment]


class Lock:
    """A file that says who is at work; the system lets go of it when that process ends, or dies.

    Parameters
    ----------
    path : path
        Of the lock.
    target : path
        What is locked, for words.

    Raises
    ------
    RefusedFile
        If another process holds it.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self._path = path
        self._close: Callable[[], object] | None = None
        while fcntl is not None:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            close = weakref.finalize(self, os.close, file)
            try:
                # Of this process, not of this object: work taken up again here is not refused.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                holder = " ".join(os.read(file, 200).decode("utf-8", "replace").split())
                close()
                raise RefusedFile(
                    f"{target} is being written by {holder or 'another process'}: wait for it, or "
                    "choose another name"
                ) from None
            except OSError:
                close()
                return  # a file system without locks
            # Its last holder may have removed it between opening and locking.
            with suppress(FileNotFoundError):
                if os.fstat(file).st_ino == os.stat(path).st_ino:
                    self._close = close
                    os.truncate(file, 0)
                    os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                    return
            close()

    def release(self) -> None:
        """Let others write."""
        if self._close is not None:
            self._path.unlink(missing_ok=True)
            self._close()
            self._close = None
