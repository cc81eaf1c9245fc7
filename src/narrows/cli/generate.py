"""``narrows generate``: samples out of a prior, of a text, or of single units of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["generate"]

Number = Annotated[int, typer.Option("-n", "--number", help="How many pictures.")]
Prior = Annotated[
    str | None,
    typer.Option(
        help="normal, or one that [bold]narrows prior[/] fitted. Default: normal for a variational "
        "model, else the one that is there."
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
        help="The PNG to write; with --files, a folder. Default: generated.png, or generated/.",
    ),
]
Units = Annotated[
    list[int] | None,
    typer.Option(help="A unit to traverse; default: those that change most. Repeatable."),
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
        typer.Option("--traverse", help="Instead: single units over mean ± --reach deviations."),
    ] = False,
    unit: Units = None,
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

    if sum(map(bool, (manifold, traverse, files or text is not None))) > 1:
        raise ValueError(
            "--manifold, --traverse and samples (--text, --files) are three outputs; choose one"
        )
    if not traverse and (unit or reach is not None):
        raise ValueError(f"{'--unit' if unit else '--reach'} is of --traverse; add it")
    out = options.sheet_or_folder(out, files, "generated")
    if manifold:
        answer(plane_of(model, prior=prior, seed=seed, device=device), as_json, out)
    elif traverse:
        reach = 3.0 if reach is None else reach
        found = traversals(
            model, units=unit or None, reach=reach, prior=prior, seed=seed, device=device
        )
        answer(found, as_json, out)
    else:
        answer(call(model, n, prior=prior, text=text, seed=seed, device=device), as_json, out)
