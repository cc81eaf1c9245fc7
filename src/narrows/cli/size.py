"""``narrows size``: which code size pictures ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["size"]

Folder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for curves and numbers; default: none.")
]


@app.command()
def size(
    pictures: options.Pictures,
    size: options.Size = None,
    gray: options.Gray = False,
    fit: options.Fit = "crop",
    out: Folder = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Propose a code size: from PCA's error on held-out pictures and from their intrinsic dimension.

    No model is trained. [bold]narrows train PICTURES --code-size auto[/] goes by the error of PCA alone.

    Example: [bold]narrows size holiday/ --size 64[/]
    """
    from ..applications.size import size as call

    result = call(
        pictures,
        size=options.parsed_size(size),
        mode="gray" if gray else None,
        fit=fit,
        seed=seed,
    )
    answer(result, as_json, out)
