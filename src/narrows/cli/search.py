"""``narrows search``: the pictures of a collection that are like one, or like a sum of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["search"]


@app.command()
def search(
    collection: options.Collection,
    like: Annotated[
        list[str] | None,
        typer.Option(help="A picture file to search for. Several: the mean of their codes."),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="A picture of the collection to search for. Repeatable."),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(help="A picture file, or an id, whose code is subtracted. Repeatable."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many pictures.")] = 12,
    where: options.Where = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every code, even if there is an index.")
    ] = False,
    out: options.Sheet = Path("search"),
    model: options.Moved = None,
    version: options.Version = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find the pictures whose codes are nearest, and draw them on a contact sheet.

    Codes can be added and subtracted: --like smiling.jpg --like plain2.jpg --minus plain.jpg asks
    for what is to plain2 as smiling is to plain.

    Example: [bold]narrows search holiday-codes --like beach.jpg --where "width > 500"[/]
    """
    from ..applications.search import search as call

    result = call(
        collection, like or (), ids=ids or (), minus=minus or (), k=k, where=where, exact=exact,
        model=model, version=version, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
