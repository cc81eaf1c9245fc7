"""``narrows edit``: paint on a picture, and its code follows the stroke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["edit"]

Painted = Annotated[
    str,
    typer.Option(
        help="The picture painted on, of the same size; of several a folder, in the same order."
    ),
]
Variance = Annotated[
    float | None,
    typer.Option(
        help="Squared error that the stroke may be followed with, per value; less follows it closer. "
        "Default: measured on --fit-on, else 0.01."
    ),
]


@app.command()
def edit(
    model: options.Model,
    files: options.Files,
    painted: Painted,
    out: options.Out = Path("edited"),
    variance: Variance = None,
    evaluations: Annotated[
        int, typer.Option(help="Evaluations of the energy that goes down.")
    ] = 60,
    fit_on: Annotated[
        str | None,
        typer.Option(
            metavar="PICTURES",
            help="Pictures to learn from where codes lie; a variational model knows.",
        ),
    ] = None,
    limit: options.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Change a picture by painting on it: its code follows the stroke. Says what else moved.

    Example: [bold]narrows edit runs/pca-vae-holiday a.png --painted a-painted.png -o out/[/]
    """
    from ..applications.edit import edit as call

    options.apart(out, [*files, painted])
    result = call(
        model, files, painted, variance=variance, evaluations=evaluations, fit_on=fit_on,
        limit=limit, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
