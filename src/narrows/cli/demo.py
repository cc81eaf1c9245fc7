"""``narrows demo``: all of it in about a minute, offline, and one page that shows what came out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import app, printed

__all__ = ["demo"]


@app.command()
def demo(
    pictures: Annotated[
        str | None,
        typer.Argument(help="A folder of your own, or a named set. Default: digits."),
    ] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the demo.")] = Path(
        "narrows-demo"
    ),
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the pictures. Default: what fits a minute.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Train a small model, try it, and write one page that shows what came out.

    Example: [bold]narrows demo[/]  or  [bold]narrows demo holiday/[/]
    """
    from ..applications.demo import demo as call
    from ..applications.demo import fresh

    chosen = pictures or "digits"
    folder, mine = shlex.quote(str(fresh(to / "model"))), shlex.quote(chosen)
    following = [
        f"narrows info {folder}",
        f"narrows reconstruct {folder} {mine} --limit 12 -o out/",
        "narrows train YOUR-PICTURES/ --size 64",
    ]
    result = call(chosen, to, epochs=epochs, next_commands=following, seed=seed)
    lines = [f"open {result.page.resolve()} in a browser", "", "three commands to try next:"]
    text = "\n".join(["", *lines, *(f"  {command}" for command in following)])
    printed(result.document() | {"next": following}, as_json, text)
