"""Writing files so that no reader ever sees half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernfit.errors import RefusedFile


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it replaces `path`, else it vanishes.

    The temporary file keeps the suffix, by which writers choose their format.

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
        If the folder does not exist or cannot be written to.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with whole_file(target) as temporary:
    ...     _ = temporary.write_text("1 -1")
    >>> target.read_text()
    '1 -1'
    """
    target = Path(path)
    if target.is_dir():
        raise RefusedFile(f"{target} must name a file to write, but it is a folder: add a file name")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise RefusedFile(
            f"{target} cannot be written ({error.strerror}): choose a folder that exists "
            "and may be written to"
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; a finished one gets the usual permissions back.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except RefusedFile:
        raise
    except OSError as error:
        raise RefusedFile(f"{target} cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
