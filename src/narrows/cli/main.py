"""The command line: all verbs, and what becomes of an error."""

from __future__ import annotations

import os
import sys

from ..errors import NarrowsError
from .app import app

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
        flaws,
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


def _fail(text: str, code: int, debug: bool) -> None:
    if debug:
        raise  # noqa: PLE0704 - called from an except clause: the traceback is what was asked for
    print(f"narrows: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(code)
