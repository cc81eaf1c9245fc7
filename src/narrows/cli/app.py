"""The verbs and the manners that they share: one-line errors, exit codes, ``--json``."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import typer

from ..errors import NarrowsError

__all__ = ["app", "main", "printed"]

app = typer.Typer(
    name="narrows",
    help="Image autoencoders and everything they are good for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        from .. import __version__

        print(f"narrows {__version__}")
        raise typer.Exit()


def printed(document: Any, as_json: bool, text: str) -> None:
    """The result of a verb on standard output: JSON for machines, text for people."""
    print(json.dumps(document, indent=2, sort_keys=False, default=str) if as_json else text)


def main() -> None:
    """Run the command line; what Narrows refuses is one line and an exit code."""
    from . import (  # noqa: F401
        caption,
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
