"""``narrows map``: pictures where their codes lie, as a PNG and as a page to move about in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["map_"]


@app.command("map")
def map_(
    subject: options.ModelOrCollection,
    pictures: options.OfModel = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to colour by: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN or "
            "FILE.npy. Default: the main label, where there is one; none: no colours."
        ),
    ] = None,
    out: options.Sheet = Path("map"),
    project: Annotated[
        str | None, typer.Option(help="More pictures, placed on the finished map as rings.")
    ] = None,
    features: options.Features = None,
    limit: options.Limit = None,
    fit_size: Annotated[
        int,
        typer.Option(
            help="t-SNE is fitted to this many pictures; the others are placed on its map."
        ),
    ] = 10_000,
    perplexity: Annotated[
        float, typer.Option(help="Of t-SNE: about how many neighbours of a picture count.")
    ] = 30.0,
    where: options.Where = None,
    split: options.Split = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw the codes of pictures as a map, by t-SNE and by PCA.

    The page is one file: drag to move, scroll to zoom, and the picture under the pointer is shown.
    The table says how many of a picture's nearest codes are also its nearest on either map. Of a
    collection the stored codes are drawn, all of them or those that pass --where.

    Example: [bold]narrows map runs/pca-vae-holiday holiday/ -o map/[/]
    """
    from ..applications.map import map as call

    result = call(
        subject, pictures, labels=labels, project=project, features=features, where=where, split=split, limit=limit,
        fit_size=fit_size, perplexity=perplexity, seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
