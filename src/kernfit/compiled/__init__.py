"""Loops compiled by Numba, whose code is kept where it can be; they run where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import config

from kernfit.compiled.kept import KeptCode
from kernfit.compiled.notice import announce_compiling
from kernfit.compiled.uninterrupted import uninterrupted
from kernfit.errors import KernfitError


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, as `numba.njit` does.

    Parameters
    ----------
    cache : bool
        Keep the code for other processes, where there is a place for it; see `KeptCode`.
    **options
        As for `numba.njit`.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    KernfitError
        If NUMBA_DISABLE_JIT is set.
    """
    if config.DISABLE_JIT:
        raise KernfitError(
            "kernfit's loops must be compiled, but the environment variable NUMBA_DISABLE_JIT "
            "forbids it: unset it"
        )

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache:
            # What Numba's own enable_caching does, which dies where there is no place to write.
            dispatcher._cache = KeptCode(function)
        # Numba asks the dispatcher itself, so this is what a first call runs too.
        dispatcher.compile = uninterrupted()(dispatcher.compile)
        return dispatcher

    announce_compiling()
    return compiled
