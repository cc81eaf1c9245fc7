"""``narrows export``: a model as one file that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["export"]


@app.command()
def export(
    model: options.Model,
    to: Annotated[str, typer.Option(help="onnx, onnx-int8, pt2 or html.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="PATH", help="The file. Default: named after the model."
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="encode, decode, whole or score. Default: whole; a page (html) has the decoder."
        ),
    ] = None,
    pictures: Annotated[
        str | None,
        typer.Option(
            metavar="PICTURES",
            help="What int8 is scaled by, a score calls normal, or a page morphs between. Default: the "
            "pictures of the training; a page has none.",
        ),
    ] = None,
    score: Annotated[
        str, typer.Option(help="With --part score: cosine-knn, knn or reconstruction.")
    ] = "cosine-knn",
    limit: options.Limit = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Write a model as one file that runs without Narrows: it takes bytes of any size and gives bytes.

    It is checked in another process, without torch, before it is written.

    Example: [bold]narrows export runs/pca-vae-holiday --to onnx -o holiday.onnx[/]
    """
    from ..applications.export import export as call

    result = call(model, to, out, part=part, pictures=pictures, score=score, limit=limit, seed=seed)
    answer(result, as_json)
