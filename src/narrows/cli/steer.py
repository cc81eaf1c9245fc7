"""``narrows steer``: change one thing about a picture by moving its code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["steer"]


@app.command()
def steer(
    model: options.Model,
    files: options.Files,
    by: Annotated[
        str,
        typer.Option(
            help="brightness, rotation, shift-x, shift-y, zoom; or a label of --fit-on: a number "
            "(age) or a class (hair=blonde)."
        ),
    ],
    amount: Annotated[
        float | None,
        typer.Option(help="The strip goes from −amount to +amount. Default: one that suits --by."),
    ] = None,
    fit_on: Annotated[
        str | None,
        typer.Option(
            metavar="PICTURES", help="Pictures to learn it from. Default: those of the training."
        ),
    ] = None,
    straight: Annotated[
        bool,
        typer.Option(
            "--straight", help="Move every code by the same step, instead of by a linear map."
        ),
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG to write.")] = Path(
        "steered.png"
    ),
    fit_size: options.FitSize = 2000,
    limit: options.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Move pictures' codes along a direction learnt from other pictures, and measure what changes.

    For a transform the direction is learnt from pictures and the same pictures transformed; for a
    label from what the codes of pictures with and without it differ in.

    Example: [bold]narrows steer runs/pca-vae-holiday a.jpg --by brightness -o steered.png[/]
    """
    from ..applications.steer import steer as call

    if out.suffix.lower() != ".png":
        raise ValueError(f"-o names a PNG; we got {str(out)!r}")
    result = call(
        model, files, by=by, amount=amount, fit_on=fit_on, straight=straight, fit_size=fit_size,
        limit=limit, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
