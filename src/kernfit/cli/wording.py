"""Advice meant for Python, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def options_of(command: Any, arguments: Sequence[str] = ()) -> dict[str, str]:
    """Return the options of a command, or of that below it which some arguments call.

    Parameters
    ----------
    command : click.Command
    arguments : sequence of str

    Returns
    -------
    dict of str to str
        The options by their Python names.
    """
    for word in arguments:
        command = getattr(command, "commands", {}).get(word, command)
    return {
        str(each.name): max(each.opts, key=len)
        for each in command.params
        if each.param_type_name == "option"
    }


def with_options(text: str, options: dict[str, str]) -> str:
    """Return a sentence in which Python's keyword arguments have become options.

    Parameters
    ----------
    text : str
    options : dict of str to str
        By their names in Python.

    Returns
    -------
    str

    Examples
    --------
    >>> with_options("give channels='full'", {"channels": "--channels"})
    'give --channels full'
    >>> with_options("shape must be positive; robust=True helps", {"shape": "--shape"})
    '--shape must be positive; robust=True helps'
    """
    for name, option in options.items():
        own = rf"(?<![\w.-]){name}"
        text = re.sub(rf"{own}=True\b", option, text)
        text = re.sub(rf"{own}=(['\"]?)(\w[\w.]*)\1", rf"{option} \2", text)
        text = re.sub(rf"{own} (must|needs|has to)\b", rf"{option} \1", text)
    return text
