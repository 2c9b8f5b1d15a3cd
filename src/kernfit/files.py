"""Files at the door: how large one is, and writing one so that no reader ever sees half of it."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernfit.errors import RefusedFile


def size_of_file(path: str | os.PathLike[str]) -> int:
    """Return the size in bytes of an ordinary file that is there to be read.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    int
        Its size in bytes, at least 1.

    Raises
    ------
    RefusedFile
        If there is no such file, it may not be read, it is a folder or a device, or it is empty.
    """
    try:
        status = os.stat(path)
        # Opening says whether it may be read; only a regular file, as opening a pipe can wait.
        if stat.S_ISREG(status.st_mode):
            os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        raise RefusedFile(f"{path} does not exist: check the name and the folder") from None
    except OSError as error:
        raise RefusedFile(
            f"{path} cannot be read ({error.strerror}): check its name and permissions"
        ) from error
    except ValueError as error:
        raise RefusedFile(f"{str(path)!r} is not a file name ({error})") from error
    if stat.S_ISDIR(status.st_mode):
        raise RefusedFile(f"{path} must be a file, but it is a folder: name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise RefusedFile(f"{path} must be an ordinary file, but it is a device or a pipe")
    if status.st_size == 0:
        raise RefusedFile(f"{path} is empty: write or copy the file again")
    return status.st_size


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse a path that could not be written, before the work whose result it is to hold.

    Parameters
    ----------
    path : path-like
        Where a file shall be.

    Raises
    ------
    RefusedFile
        As `whole_file` would: its folder does not exist or cannot be written to, or it is a
        folder or a device.
    """
    _create_beside(path)[1].unlink()


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it replaces `path`, else it vanishes.

    The temporary file keeps the suffix, by which writers choose their format. A link is followed:
    the file that it points to is replaced, and keeps its permissions.

    Parameters
    ----------
    path : path-like
        Where the finished file shall be.

    Yields
    ------
    pathlib.Path
        The path to write to.

    Raises
    ------
    RefusedFile
        If the folder does not exist or cannot be written to, or `path` is a folder or a device.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with whole_file(target) as temporary:
    ...     _ = temporary.write_text("1 -1")
    >>> target.read_text()
    '1 -1'
    """
    target, temporary = _create_beside(path)
    before = target.stat() if target.exists() else None
    try:
        yield temporary
        if before is not None:
            temporary.chmod(stat.S_IMODE(before.st_mode))
        temporary.replace(target)
    except RefusedFile:
        raise
    except OSError as error:
        raise RefusedFile(
            f"{path} cannot be written ({error.strerror or error}): make room or choose another "
            "folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _create_beside(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the file that a path means and an empty temporary one beside it."""
    try:
        target = Path(os.path.realpath(path))
        before = target.stat() if target.exists() else None
        if before is not None and stat.S_ISDIR(before.st_mode):
            raise RefusedFile(
                f"{path} must name a file to write, but it is a folder: add a file name"
            )
        # Replacing /dev/null by an ordinary file would break the machine for everyone.
        if before is not None and not stat.S_ISREG(before.st_mode):
            raise RefusedFile(f"{path} must name an ordinary file, but it is a device or a pipe")
        temporary = target.with_name(f".{target.stem[:40]}-{secrets.token_hex(6)}{target.suffix}")
        # O_EXCL: never write through what somebody else has put there. 0o666: less the umask.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except RefusedFile:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RefusedFile(
            f"{path} cannot be written ({reason}): choose a folder that exists and may be "
            "written to"
        ) from error
    return target, temporary
