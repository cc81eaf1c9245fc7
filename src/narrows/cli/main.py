"""The command line: all verbs, and what becomes of an error."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import Interrupted, NarrowsError
from ..files import TOO_MANY
from .app import app, escaped, grouped, only

__all__ = ["main"]

NO_MEMORY = "there is not enough memory; use smaller pictures, a smaller code or batch"
STOPPED = 130  # by Ctrl-C: 128 and the signal's number


def main() -> None:
    """Run the command line; what Narrows refuses is one line and an exit code.

    0: done; 1: it failed; 2: wrong usage; 130, 143, 129: stopped by Ctrl-C, SIGTERM or SIGHUP.
    """
    _streams()
    from . import (  # noqa: F401
        check,
        classify,
        collection,
        compress,
        data,
        demo,
        denoise,
        duplicates,
        edit,
        evaluate,
        export,
        flaws,
        generate,
        hub,
        index,
        info,
        inpaint,
        kernels,
        map,
        morph,
        outliers,
        prior,
        recipes,
        reconstruct,
        reproduce,
        restore,
        search,
        segment,
        size,
        steer,
        studio,
        train,
        tune,
        upscale,
    )

    for stream in (sys.stdout, sys.stderr):  # what it cannot write is escaped, not a reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    grouped(app)
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    chosen = app if "_NARROWS_COMPLETE" in os.environ else only(app, verb)
    debug = bool(os.environ.get("NARROWS_DEBUG"))
    with _signals() as stopped:
        try:
            with _libraries_silent(debug):
                chosen(prog_name="narrows")
        except SystemExit as left:
            if stopped and left.code == STOPPED:  # Typer makes 130 of every KeyboardInterrupt
                _fail("stopped", 128 + stopped[-1], debug)
            _finish(left.code)
            raise
        except NarrowsError as error:
            asked = error.signal if isinstance(error, Interrupted) else None
            code = 1 if asked is None else 128 + asked
            if error.said_elsewhere:
                _leave_after_first(code)
            _fail(str(error), code, debug)
        except ValueError as error:
            _fail(str(error), 2, debug)
        except KeyboardInterrupt:
            _fail("stopped", 128 + stopped[-1] if stopped else STOPPED, debug)
        except MemoryError:
            _fail(NO_MEMORY, 1, debug)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            _fail(NO_MEMORY, 1, debug)
        except OSError as error:
            _fail_of_system(error, debug)


def _leave_after_first(code: int) -> NoReturn:
    """End when the process that says why has ended: torchrun stops all where one of them fails."""
    from ..processes import most

    with contextlib.suppress(BaseException):
        most(0.0)
    sys.exit(code)


def _streams() -> None:
    """Where standard input, output or error is closed, nothing else may take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP end a verb as Ctrl-C does; gives the list of those that came."""
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    ours = [n for n in numbers if signal.getsignal(n) is signal.SIG_DFL]  # nohup's stays
    for number in ours:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _finish(code: object) -> None:
    """Put the answer out while something can still be said of it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _fail_of_system(error, False)


@contextlib.contextmanager
def _libraries_silent(debug: bool) -> Iterator[None]:
    """Only Python writes to standard error: what libraries say there past it (a panic of the database
    about a damaged file) is said once, by us."""
    try:
        there = sys.stderr.fileno() == 2 and not debug
    except (AttributeError, OSError, ValueError):  # closed, or no file
        there = False
    if not there:
        yield
        return
    python, kept = sys.stderr, os.dup(2)
    sys.stderr = open(kept, "w", encoding=python.encoding, errors=python.errors, buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os.dup2(kept, 2)
        ours, sys.stderr = sys.stderr, python
        with contextlib.suppress(OSError):
            ours.close()


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that there was not enough memory, of whichever device."""
    said = str(error).lower()
    words = ("allocate memory", "not enough memory", "out of memory", "bad_alloc")
    return type(error).__name__ == "OutOfMemoryError" or any(word in said for word in words)


def _fail_of_system(error: OSError, debug: bool) -> NoReturn:
    if error.errno == errno.EPIPE:  # whoever read has read enough
        _silence(sys.stdout)
        sys.exit(1)
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
        _silence(sys.stdout)
        _fail(f"the answer could not be written ({error.strerror})", 1, debug)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        _fail(TOO_MANY, 1, debug)
    _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1, debug)


def _silence(stream: Any) -> None:
    """What is left in it goes nowhere, so that Python's end has nothing to complain of."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(text: str, code: int, debug: bool) -> NoReturn:
    if debug:
        raise  # noqa: PLE0704 - called from an except clause: the traceback is what was asked for
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
        print(f"narrows: {escaped(text, one_line=True)}", file=sys.stderr, flush=True)
    sys.exit(code)
