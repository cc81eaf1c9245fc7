"""The application that every verb adds itself to, and how an answer is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..tables import counted

if TYPE_CHECKING:
    from ..results import Result

__all__ = ["answer", "app", "printed"]

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


def answer(result: Result, as_json: bool, out: Path | None = None, text: str = "") -> None:
    """A verb's result: saved to ``out``, then printed; notes and what was skipped on standard error.

    Args:
        out: a folder, or a PNG that only the result's figure goes to.
        text: printed for people instead of the result's own.
    """
    if out is not None and out.suffix.lower() == ".png" and not out.is_dir():
        from ..figures import save

        written: dict[str, Any] = {"sheet": str(save(next(iter(result.figures().values())), out))}
    else:
        written = {} if out is None else result.save(out)
    for name, reason in result.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    shown = [path for name, path in written.items() if name not in ("document", "pictures")]
    lines = [text or str(result)]
    if shown:
        count = len(written.get("pictures", ()))
        rest = f"; {'the' if count == 1 else 'all'} {counted(count)} in {out}" if count else ""
        these = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
        lines.append(f"look at {these}{rest}")
    document = result.whole_document() | ({"files": written} if written else {})
    printed(document, as_json, "\n".join(lines))
