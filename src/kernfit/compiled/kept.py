"""Compiled code, kept in files for other processes where that can be done."""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from numba import config
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from kernfit.compiled.sources import source_stamp

_DIGEST = hashlib.sha256().digest_size
_AN_HOUR = 3600.0

_refusals: list[str] = []


def why_not_kept() -> str | None:
    """Return why this process could not keep code that it compiled, or None if it could."""
    return _refusals[0] if _refusals else None


class KeptCode:
    """What Numba asks for compiled code of one function, and hands it to.

    In the place of Numba's own cache, which ends a program where no folder can be written to, the
    disk is full, or a file of it is damaged. Here there is one file for each signature and
    processor. It begins with a digest of the rest, and is written whole or not at all: so there is
    no index, processes need no locks, and what is damaged is compiled again and replaced.

    Parameters
    ----------
    function : callable
        What is compiled, from the top of a module.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @property
    def cache_path(self) -> str | None:
        """The folder that is asked first."""
        return next((str(folder) for folder in self._folders), None)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the code for a signature, or None if there is none that can be used."""
        target.refresh()
        try:
            key = self._key(signature, target.codegen())
            for folder in self._folders:
                with suppress(OSError):
                    content = (folder / self._name(key)).read_bytes()
                    digest, code = content[:_DIGEST], content[_DIGEST:]
                    # Damage is found by the digest: nothing damaged is unpickled, let alone run.
                    if hashlib.sha256(key + code).digest() == digest:
                        return CompileResult._rebuild(target, *pickle.loads(code))
        except Exception:
            # Whatever is wrong with what is kept, compiling works without it.
            return None
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep compiled code in the first folder that takes it."""
        if result.lifted or result.library.has_dynamic_globals:
            return
        reason = "no folder"
        try:
            key = self._key(signature, result.library.codegen)
            code = dumps(result._reduce())
            content = hashlib.sha256(key + code).digest() + code
            for folder in self._folders:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    _write_whole(folder / self._name(key), content)
                except OSError as error:
                    reason = f"{folder}: {error.strerror or error}"
                    continue
                self._remove_old(folder)
                return
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        _refusals.append(reason)

    def enable(self) -> None:
        """Do nothing: code is kept where it can be."""

    def disable(self) -> None:
        """Do nothing, likewise."""

    def flush(self) -> None:
        """Remove what is kept of this function."""
        for folder in self._folders:
            self._remove(folder, lambda path: True)

    @cached_property
    def _folders(self) -> list[Path]:
        """Return the folders for the code: the user's choice, else beside the source or at home."""
        return list(_folders(Path(self._function.__code__.co_filename)))

    @cached_property
    def _stem(self) -> str:
        """Return what the names of all files of this function begin with."""
        where = self._function.__module__.rpartition(".")[2]
        name = self._function.__qualname__.replace("<", "").replace(">", "")
        return f"{where}.{name}-"

    @cached_property
    def _version(self) -> str:
        """Return what the names of those files have in common that are still of use."""
        stamp = source_stamp(Path(self._function.__code__.co_filename))
        return f"{self._stem}{sys.implementation.cache_tag}{sys.abiflags}-{stamp[:16]}"

    def _key(self, signature: Any, codegen: Any) -> bytes:
        """Return a digest of what the code depends on."""
        parts = (
            self._version,
            repr(signature),
            # The processor and its instructions, as far as Numba uses them.
            repr(codegen.magic_tuple()),
            str(self._function.__code__.co_firstlineno),
        )
        return hashlib.sha256("\n".join(parts).encode()).digest()

    def _name(self, key: bytes) -> str:
        # Numba's suffix: what clears its caches clears these.
        return f"{self._version}-{key.hex()[:24]}.nbc"

    def _remove_old(self, folder: Path) -> None:
        """Remove files of older sources, and what killed processes have left half written."""

        def is_old(path: Path) -> bool:
            if path.suffix == ".part":
                return time.time() - path.stat().st_mtime > _AN_HOUR
            return not path.name.startswith(self._version)

        self._remove(folder, is_old)

    def _remove(self, folder: Path, wanted: Callable[[Path], bool]) -> None:
        with suppress(OSError):
            for entry in os.scandir(folder):
                if entry.name.startswith(self._stem):
                    path = Path(entry.path)
                    with suppress(OSError):
                        if wanted(path):
                            path.unlink()


def _folders(source: Path) -> Iterator[Path]:
    # Numba's own choice of folders and names.
    parent = source.absolute().parent
    name = f"{parent.name}_{hashlib.sha1(str(parent).encode()).hexdigest()}"
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR).absolute() / name
        return
    if source.exists():
        yield parent / "__pycache__"
    home = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    # A user without a home has a "~" in the working folder.
    if home.is_absolute():
        yield home / name


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file, or leave nothing; who reads it meanwhile sees the old one or the new one."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(6)}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
