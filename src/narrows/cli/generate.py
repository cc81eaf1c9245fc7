"""``narrows generate``: samples out of a prior, of a text, or of single units of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["generate"]

FILM = 31  # frames of an animation

Number = Annotated[int, typer.Option("-n", "--number", help="How many pictures.")]
Prior = Annotated[
    str | None,
    typer.Option(
        help="normal, or one that was fitted. Default: the mixture that [bold]narrows train[/] ends "
        "with, else the one that is there, else normal for a variational model."
    ),
]
Text = Annotated[
    str | None,
    typer.Option(
        help="What the pictures should show, in words of the captions that "
        "[bold]narrows prior --kind caption-flow[/] was fitted to."
    ),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The PNG to write; with --files, a folder; with --traverse also an animation (.webp, "
        ".gif). Default: generated.png, or generated/.",
    ),
]
Units = Annotated[
    list[int] | None,
    typer.Option(
        help="Traverse this single unit of the code; default: the principal axes of all codes. "
        "Repeatable."
    ),
]


@app.command()
def generate(
    model: options.Model,
    n: Number = 64,
    prior: Prior = None,
    text: Text = None,
    out: To = None,
    files: Annotated[
        bool, typer.Option("--files", help="Each picture as a PNG of its own, in the folder -o.")
    ] = False,
    manifold: Annotated[
        bool, typer.Option("--manifold", help="Instead: the plane of a code of two numbers.")
    ] = False,
    traverse: Annotated[
        bool,
        typer.Option(
            "--traverse",
            help="Instead: a picture's code moved along the axes of the codes, ± --reach deviations.",
        ),
    ] = False,
    unit: Units = None,
    picture: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Of a traversal: begin at it. Default: a typical one of the training.",
        ),
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(help="Of a traversal: standard deviations to either side. Default: 3."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw new pictures from a prior over the codes, and write them as one sheet.

    Example: [bold]narrows generate runs/pca-vae-holiday -n 64 -o generated.png[/]

    Text-to-image: [bold]narrows generate runs/sprites --text "a small heart at the top left"[/]
    """
    from ..applications import generate as call
    from ..applications import plane_of, traversals
    from ..figures import ANIMATED

    if sum(map(bool, (manifold, traverse, files or text is not None))) > 1:
        raise ValueError(
            "--manifold, --traverse and samples (--text, --files) are three outputs; choose one"
        )
    if not traverse and (unit or picture is not None or reach is not None):
        given = "--unit" if unit else "--reach" if reach is not None else "--picture"
        raise ValueError(f"{given} is of --traverse; add it")
    film = traverse and out is not None and out.suffix.lower() in ANIMATED
    if not film:
        out = options.sheet_or_folder(out, files, "generated")
    if manifold:
        answer(plane_of(model, prior=prior, seed=seed, device=device), as_json, out)
    elif traverse:
        reach = 3.0 if reach is None else reach
        found = traversals(
            model, picture=picture, units=unit or None, reach=reach, steps=FILM if film else 7,
            prior=prior, seed=seed, device=device,
        )  # fmt: skip
        answer(found, as_json, out)
    else:
        answer(call(model, n, prior=prior, text=text, seed=seed, device=device), as_json, out)
