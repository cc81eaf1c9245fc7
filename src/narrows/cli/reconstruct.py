"""``narrows reconstruct``: pictures through a model and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["reconstruct"]

Numbers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Of an ordered code (ordered-autoencoder) only the first so many numbers."
    ),
]


@app.command()
def reconstruct(
    model: options.Model,
    files: options.Files,
    out: options.Out = Path("reconstructed"),
    limit: options.Limit = None,
    numbers: Numbers = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Write each picture's reconstruction, and one sheet with original, reconstruction and error.

    Pictures are read as those of the training were.

    Example: [bold]narrows reconstruct runs/pca-vae-holiday a.jpg b.png -o out/[/]
    """
    from ..applications.reconstruct import reconstruct as call

    options.apart(out, files)
    result = call(model, files, limit=limit, numbers=numbers, device=device)
    answer(result, as_json, out)
