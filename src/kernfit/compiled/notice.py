"""Say that code is being compiled, so that nobody takes the first use for a hang."""

from __future__ import annotations

import sys
from functools import cache

from numba.core.event import Event, Listener, register


class Notice(Listener):  # type: ignore[misc]
    """Writes one line when kernfit's code is compiled, which Numba's cache spares later uses."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Event) -> None:
        """Write the line if this is the first time, and somebody is there to read it."""
        ours = event.data["dispatcher"].py_func.__module__.startswith("kernfit.")
        if ours and not self.said and sys.stderr is not None and sys.stderr.isatty():
            self.said = True
            print("kernfit: compiling for this processor, once (a few seconds)", file=sys.stderr)

    def on_end(self, event: Event) -> None:
        """Say nothing."""


@cache
def announce_compiling() -> None:
    """Have it said, from now on."""
    register("numba:compile", Notice())
