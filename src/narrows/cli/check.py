"""``narrows check``: whether the files of a model, a run or a collection are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["check"]


@app.command()
def check(
    path: Annotated[
        Path,
        typer.Argument(
            help="The folder that [bold]narrows train[/] wrote, or a file in it; or a collection."
        ),
    ],
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Of a collection: go back to what is whole, and remove the rows that are damaged.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Say file by file what is whole and what is not; exit with 1 where something is not.

    Example: [bold]narrows check runs/pca-vae-holiday[/]
    """
    from ..applications.check import check as call

    result = call(path, repair=repair)
    answer(result, as_json)
    if not result.whole:
        raise typer.Exit(1)
