"""``narrows upscale``: small pictures made larger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["upscale"]


@app.command()
def upscale(
    model: options.Model,
    files: options.Files,
    out: options.Out = Path("upscaled"),
    factor: Annotated[int, typer.Option(help="How many times larger, such as 4 or 8.")] = 4,
    by: Annotated[
        str, typer.Option(help="model, or lanczos where that does better: no model is asked.")
    ] = "model",
    back_projection: Annotated[
        int,
        typer.Option(
            help="At most this many iterations, until the reduced output agrees with the input to "
            "half a gray level; 0: none."
        ),
    ] = 20,
    score: Annotated[
        bool,
        typer.Option(
            "--score", help="The files are large: reduce them first, then compare with them."
        ),
    ] = False,
    limit: options.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Enlarge pictures with a model that was trained to undo downscaling; compared with Lanczos.

    Train one with [bold]narrows train PICTURES --for upscale[/], and --patches for pictures of any size.

    Example: [bold]narrows upscale runs/digits-larger small.png --factor 4 -o out/[/]
    """
    from ..applications.upscale import upscale as call

    options.apart(out, files)
    result = call(
        model, files, factor=factor, by=by, back_projection=back_projection, score=score, limit=limit,
        device=device,
    )  # fmt: skip
    answer(result, as_json, out)
