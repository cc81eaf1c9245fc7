"""``narrows demo``: all of it in about a minute, offline, and one page that shows what came out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEMO
from . import options
from .app import app, printed

__all__ = ["demo"]


@app.command()
def demo(
    pictures: Annotated[
        str | None,
        typer.Argument(help="A folder of your own, or a named set. Default: clothes."),
    ] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the demo.")] = Path(DEMO),
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

    folder = shlex.quote(str(fresh(to / "model")))
    if pictures is None:
        page = ["narrows demo YOUR-FOLDER/"]
        following = [
            "narrows demo YOUR-FOLDER/",
            "narrows duplicates YOUR-FOLDER/",
            "narrows train YOUR-FOLDER/ --minutes 5",
        ]
    else:
        mine = shlex.quote(pictures)
        page = following = [
            f"narrows duplicates {mine}",
            f"narrows map {folder} {mine} -o map/",
            f"narrows train {mine} --minutes 5",
        ]
    result = call(pictures or "clothes", to, epochs=epochs, next_commands=page, seed=seed)
    live = (
        [] if result.live is None else [f"     {result.live.resolve()}: its decoder, under sliders"]
    )
    lines = [f"open {result.page.resolve()} in a browser", *live, "", "three commands to try next:"]
    studio = "narrows studio" if to == Path(DEMO) else f"narrows studio {folder}"
    text = "\n".join(
        [
            "",
            *lines,
            *(f"  {command}" for command in following),
            "",
            "all of it in a browser:",
            f"  {studio}",
        ]
    )
    printed(result.document() | {"next": [*following, studio]}, as_json, text)
