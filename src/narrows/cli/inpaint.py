"""``narrows inpaint``: holes in pictures filled by what a model knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["inpaint"]

Mask = Annotated[
    Path | None, typer.Option(help="A picture of the same size: white is filled, black stays.")
]
Rectangle = Annotated[
    str | None, typer.Option(help="What is filled: x,y,w,h in pixels from the top left.")
]
Colour = Annotated[
    str | None,
    typer.Option(
        "--colour",
        "--color",
        help="Pixels of this colour are filled, such as #ff00ff; in a JPEG also "
        "those around, which it has mixed with their neighbours.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        help="model: once through one that was trained on pictures with holes. projection: the "
        "closest picture on the manifold. Default: as the model was trained."
    ),
]
Score = Annotated[
    bool,
    typer.Option(
        "--score", help="The pictures have no holes: compare the filling with what it replaced."
    ),
]
Tiles = Annotated[
    bool | None,
    typer.Option(
        "--tiles/--whole",
        help="Take pictures of another size in tiles of the model's, or as a whole. Default: as the "
        "model was trained.",
    ),
]
Variance = Annotated[
    float | None,
    typer.Option(
        help="Squared error of a good reconstruction, per value. Default: measured on --fit-on, "
        "else 0.01."
    ),
]


@app.command()
def inpaint(
    model: options.Model,
    files: options.Files,
    out: options.Out = Path("inpainted"),
    mask: Mask = None,
    rectangle: Rectangle = None,
    colour: Colour = None,
    by: By = None,
    score: Score = False,
    tiles: Tiles = None,
    starts: Annotated[int, typer.Option(help="Starts of the projection for each picture.")] = 4,
    evaluations: Annotated[
        int, typer.Option(help="Evaluations of the energy for each start.")
    ] = 60,
    variance: Variance = None,
    fit_on: options.FitOn = None,
    baselines: options.Baselines = True,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Fill holes in pictures; every pixel outside them stays as it is. Compared with OpenCV's methods.

    Example: [bold]narrows inpaint runs/pca-vae-holiday a.png --rectangle 16,16,32,32 -o out/[/]
    """
    from ..applications.inpaint import inpaint as call

    options.apart(out, files)
    result = call(
        model, files, mask=mask, rectangle=rectangle, colour=colour, by=by, score=score,
        tiles=tiles, starts=starts, evaluations=evaluations, variance=variance, fit_on=fit_on,
        baselines=baselines, limit=limit, seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
