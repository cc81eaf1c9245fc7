"""``narrows recipes``: the models that can be trained."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from .app import app, printed

__all__ = ["recipes"]


@app.command()
def recipes(
    size: Annotated[
        str, typer.Option(help="Size of the pictures that the weights are counted for.")
    ] = "64",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the recipes with their size and source.

    Example: [bold]narrows recipes[/]
    """
    import torch

    from ..recipes import listed
    from .options import parsed_size

    shape = (3, *(parsed_size(size) or (64, 64)))
    rows = []
    for name, make in listed().items():
        made = make(shape)
        with torch.device("meta"):
            weights = sum(p.numel() for p in made.build().parameters())
        about = (inspect.getdoc(make) or "").splitlines()[0]
        rows.append({"name": name, "weights": weights, "about": about, "source": made.source})
    text = "\n\n".join(
        f"{row['name']}  ({row['weights']:,} weights at {shape[1]}×{shape[2]})\n  {row['about']}"
        + (f"\n  {row['source']}" if row["source"] else "")
        for row in rows
    )
    printed(rows, as_json, text)
