"""The command line: one command a file, each loading what it needs when it runs."""

import contextlib
import os
import re
import sys
from collections.abc import Sequence

from kernfit.cli.streams import abandon, flush, show_what_can_be_shown
from kernfit.errors import KernfitError

_BAD_INPUT = 2
_INTERRUPTED = 130
_NO_THREADS = re.compile("start new thread|schedule new futures|interpreter shutdown")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after ``kernfit``. Default: the process's own.

    Returns
    -------
    int
        0: done. 2: bad input, said in one line. 130: interrupted. 1: anything else.
    """
    show_what_can_be_shown()
    status = _run(list(sys.argv[1:] if arguments is None else arguments))
    _tell_what_compiles_again()
    return status


def _run(words: list[str]) -> int:
    """Run one command, and say in one line why it could not be done."""
    try:
        from kernfit.cli.app import app

        status = app(args=words, prog_name="kernfit", standalone_mode=False)
        # A reader such as `head` may have gone away before the last line was written.
        flush()
        if status == _INTERRUPTED:
            return _refuse("interrupted", _INTERRUPTED)
        return status if isinstance(status, int) else 0
    except KernfitError as error:
        from typer.main import get_command

        from kernfit.cli.wording import options_of, with_options

        return _refuse(with_options(str(error), options_of(get_command(app), words)))
    except MemoryError:
        return _refuse("not enough memory: give a smaller image or a smaller shape")
    except KeyboardInterrupt:
        return _refuse("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        abandon()  # nobody is left to tell
        return 1
    except OSError as error:
        return _refuse_of_system(error)
    except Exception as error:
        # Typer's own refusals (an unknown option, say) carry a message and an exit code; their
        # classes live in different places in different versions of Typer.
        if hasattr(error, "format_message"):
            return _refuse(f"{error.format_message().rstrip('.')}. See 'kernfit --help'.")
        if type(error).__name__ == "Abort":
            return _refuse("interrupted", _INTERRUPTED)
        if isinstance(error, RuntimeError) and _NO_THREADS.search(str(error)):
            return _refuse(
                f"the system starts no more threads ({error}): raise the limit on threads and "
                "processes, or start again if the program was ending"
            )
        if os.environ.get("KERNFIT_DEBUG"):
            raise
        return _refuse(
            f"unexpected {type(error).__name__}: {error}. This is a fault of kernfit: please "
            "report it (KERNFIT_DEBUG=1 shows where it happened)",
            1,
        )


def _refuse_of_system(error: OSError) -> int:
    """Say what the system refused: a full disk, a file that went away, a limit."""
    try:
        flush()
    except OSError:
        abandon()
    if os.environ.get("KERNFIT_DEBUG"):
        raise error
    where = f"{error.filename}: " if error.filename else ""
    return _refuse(
        f"{where}the system refuses to go on ({error.strerror or error}): make room, or check "
        "permissions and limits"
    )


def _refuse(message: str, status: int = _BAD_INPUT) -> int:
    """Say in one line why there is no result."""
    with contextlib.suppress(OSError):  # a full disk behind stderr: the status is left
        print("kernfit: " + " ".join(message.split()), file=sys.stderr)
    return status


def _tell_what_compiles_again() -> None:
    """Say why the next start will take as long as this one, where that is so."""
    kept = sys.modules.get("kernfit.compiled.kept")  # nothing was compiled without it
    reason = kept.why_not_kept() if kept else None
    if reason is not None:
        _refuse(
            f"note: compiled code could not be kept ({reason}), so each start takes some seconds: "
            "set NUMBA_CACHE_DIR to a folder that can be written to"
        )


def run() -> None:
    """Run as a program."""
    sys.exit(main())
