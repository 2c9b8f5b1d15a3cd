"""Optional packages: found, or asked for in one line."""

from __future__ import annotations

import shlex
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from kernfit.errors import InvalidInput


def need(module: str, extra: str) -> Any:
    """Import an optional module, or say which extra brings it.

    Parameters
    ----------
    module : str
        Its full name.
    extra : str
        The extra of kernfit that has it.

    Raises
    ------
    InvalidInput
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput(
            f"this needs the package {module.split('.')[0]}, which is not installed: "
            f"{how_to_install(extra)}"
        ) from error


def how_to_install(extra: str) -> str:
    """Return the command that installs what an extra brings.

    It names the packages, since ``kernfit[extra]`` is only found where kernfit was published.

    Parameters
    ----------
    extra : str

    Returns
    -------
    str
    """
    try:
        wanted = requires("kernfit") or []
    except PackageNotFoundError:  # run from its source, never installed
        wanted = []
    parts = [requirement.partition(";") for requirement in wanted]
    names = [name.strip() for name, _, marker in parts if f"extra == '{extra}'" in marker]
    return f"pip install {shlex.join(names) if names else extra}"
