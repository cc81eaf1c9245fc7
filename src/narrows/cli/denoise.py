"""``narrows denoise``: noise out of pictures of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["denoise"]


@app.command()
def denoise(
    model: options.Model,
    files: options.Files,
    out: options.Out = Path("denoised"),
    noise: Annotated[
        str | None,
        typer.Option(
            help="The files are clean: corrupt them first and score what comes back. gaussian 0.3, "
            "dropout 0.3, salt-and-pepper 0.1, blur 1.5, jpeg 20."
        ),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="The noise's standard deviation, for the filters. Default: that of --noise, else "
            "estimated."
        ),
    ] = None,
    resize: options.Resize = None,
    fit_on: options.FitOn = None,
    baselines: options.Baselines = True,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Take the noise out of pictures; compared with filters.

    Train a model for it with [bold]narrows train PICTURES --for denoise[/], and --patches for pictures of
    any size, which then go through in overlapping tiles.

    Writes each picture, a sheet of all methods, and how much each picture changed.

    Example: [bold]narrows denoise runs/digits-denoising digits --noise "gaussian 0.3" -o out/[/]
    """
    from ..applications.denoise import denoise as call

    options.apart(out, files)
    result = call(
        model, files, noise=noise, sigma=sigma, resize=resize, fit_on=fit_on, baselines=baselines,
        limit=limit, seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
