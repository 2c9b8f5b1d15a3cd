"""Standard output and error: what they cannot show is shown otherwise, and never ends a command."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import Any

_PLAIN = {
    "±": "+-",
    "×": "x",
    "−": "-",
    "–": "-",
    "—": "-",
    "·": ".",
    "…": "...",
    "→": "->",
    "←": "<-",
    "≈": "~",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "µ": "u",
    "μ": "u",
    "σ": "sigma",
    "²": "^2",
    "°": " degrees",
    "é": "e",
    "á": "a",
}


def show_what_can_be_shown() -> None:
    """Have characters that the terminal's encoding lacks written in others, from now on."""
    codecs.register_error("kernfit", _in_plain)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="kernfit")  # type: ignore[union-attr]


def _in_plain(error: Any) -> tuple[str | bytes, int]:
    """Return what stands for a character: a plain one, a file's own byte, or its number."""
    character = error.object[error.start]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        # Part of a file's name, as Python reads what no encoding explains: the byte itself.
        return bytes([code - 0xDC00]), error.start + 1
    plain = _PLAIN.get(character)
    if plain is None:
        plain = character.encode("ascii", "backslashreplace").decode()
    return plain, error.start + 1


def flush() -> None:
    """Write what is still to be written.

    Raises
    ------
    OSError
        If it cannot be.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def abandon() -> None:
    """Let go of an output that takes nothing more: the interpreter would try again at its end."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
