"""``narrows evaluate``: our number beside PCA's and the mean picture's."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["evaluate"]


@app.command()
def evaluate(
    model: options.Model,
    pictures: options.Pictures,
    split: Annotated[
        str | None,
        typer.Option(
            help="Evaluate on train (those that the model was trained on), validation, test (new "
            "ones) or all. Default: new ones, else validation."
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Importance samples per picture for log p(x); 0 leaves it out.")
    ] = 0,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            help="Draw so many pictures from the prior and compare them with real ones: Fréchet "
            "distance, and how often a classifier tells them; 0 leaves it out.",
        ),
    ] = 0,
    searched: Annotated[
        int,
        typer.Option(
            min=0,
            help="Search the codes of so many pictures by gradients and say what the encoder's one "
            "pass loses beside them (of a VAE the amortisation gap); 0 leaves it out.",
        ),
    ] = 0,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Measure reconstruction (MSE per pixel, PSNR, SSIM) and, for a VAE, ELBO and log-likelihood.

    The model knows which pictures it was trained on: the others are evaluated, new ones first, else
    those kept for validation. The baselines, PCA with as many numbers as the code and the mean
    picture, are fitted to the training pictures. Where the factors of the pictures are known
    (sprites), disentanglement is measured too, compared with PCA and the untrained encoder.

    Example: [bold]narrows evaluate runs/pca-vae-holiday holiday/[/]
    """
    from ..applications.evaluate import evaluate as call

    result = call(
        model, pictures, split=split, samples=samples, draws=draws, searched=searched, limit=limit,
        seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json)
