"""``narrows kernels``: a model's first kernels, and the feature maps of any level, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["kernels"]


@app.command()
def kernels(
    model: options.Model,
    out: options.Out = Path("kernels"),
    activations: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Also the feature maps of this picture. Repeatable."),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(help="Level of the feature maps; 1 is the first rung's. Default: all."),
    ] = None,
    limit: options.Limit = 4,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw the kernels of the first layer and, for a picture, the feature maps of each level.

    Example: [bold]narrows kernels runs/conv-vae-holiday --activations a.png --level 2 -o out/[/]
    """
    from ..applications.kernels import kernels as call

    answer(call(model, activations or None, level=level, limit=limit, device=device), as_json, out)
