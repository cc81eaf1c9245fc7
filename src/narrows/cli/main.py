"""The command line: all verbs, and what becomes of an error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from ..errors import NarrowsError
from .app import app, escaped

__all__ = ["main"]


def main() -> None:
    """Run the command line; what Narrows refuses is one line and an exit code."""
    from . import (  # noqa: F401
        classify,
        collection,
        compress,
        data,
        demo,
        denoise,
        duplicates,
        evaluate,
        generate,
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
        search,
        segment,
        steer,
        train,
        upscale,
    )

    debug = bool(os.environ.get("NARROWS_DEBUG"))
    try:
        with _libraries_silent(debug):
            app()
    except NarrowsError as error:
        _fail(str(error), 1, debug)
    except ValueError as error:
        _fail(str(error), 2, debug)
    except KeyboardInterrupt:
        _fail("stopped", 1, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        _fail("there is not enough memory; use smaller pictures, a smaller code or batch", 1, debug)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1, debug)


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


def _fail(text: str, code: int, debug: bool) -> None:
    if debug:
        raise  # noqa: PLE0704 - called from an except clause: the traceback is what was asked for
    print(f"narrows: {escaped(text, one_line=True)}", file=sys.stderr)
    sys.exit(code)
