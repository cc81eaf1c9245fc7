"""The command line: all verbs, and what becomes of an error."""

from __future__ import annotations

import io
import os
import sys

from ..errors import NarrowsError
from .app import app

__all__ = ["main"]

NO_MEMORY = "there is not enough memory; use smaller pictures, a smaller code or batch"


def main() -> None:
    """Run the command line; what Narrows refuses is one line and an exit code."""
    from . import (  # noqa: F401
        check,
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

    for stream in (sys.stdout, sys.stderr):  # what it cannot write is escaped, not a reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = bool(os.environ.get("NARROWS_DEBUG"))
    try:
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
        _fail(NO_MEMORY, 1, debug)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        _fail(NO_MEMORY, 1, debug)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1, debug)


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that there was not enough memory, of whichever device."""
    said = str(error).lower()
    words = ("allocate memory", "not enough memory", "out of memory", "bad_alloc")
    return type(error).__name__ == "OutOfMemoryError" or any(word in said for word in words)


def _fail(text: str, code: int, debug: bool) -> None:
    if debug:
        raise  # noqa: PLE0704 - called from an except clause: the traceback is what was asked for
    print(f"narrows: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(code)
