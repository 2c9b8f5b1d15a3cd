"""Optional packages: found, or asked for in one line."""

from __future__ import annotations

from importlib import import_module
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
            f"pip install 'kernfit[{extra}]'"
        ) from error
