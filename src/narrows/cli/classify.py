"""``narrows classify``: the classes of pictures, or groups without labels, from their codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["classify"]


@app.command()
def classify(
    model: options.ModelOrCollection,
    pictures: options.OfModel = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to learn: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN or "
            "FILE.npy. Default: the main label."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="classes or numbers: whether a label of numbers names classes, or is read off by "
            "regression. Default: numbers where there are many different ones, such as ages."
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="knn, linear, svm, mlp on codes; fine-tuned: the encoder goes on learning under a "
            "softmax (minutes). Several with commas.",
        ),
    ] = "knn,linear,svm,mlp",
    predict: Annotated[str | None, typer.Option(help="More pictures to classify.")] = None,
    clusters: Annotated[
        int | None,
        typer.Option(
            help="Find this many groups without labels, and write the group of each picture to "
            "clusters.csv; of a collection also as the column cluster. Default: as many as classes."
        ),
    ] = None,
    features: options.Features = None,
    out: options.Out = Path("classified"),
    fit_size: Annotated[
        int, typer.Option(help="Learn from at most this many pictures, and test on as many.")
    ] = 5000,
    limit: options.Limit = None,
    where: options.Where = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Learn classes from codes, and say how well, compared with baselines.

    The test is on pictures that neither the model nor the classifier learnt from. The baselines are
    raw pixels, PCA with as many numbers as a code, the same encoder untrained, 16x16 pixels, colour
    histograms and k-means patches. Where one of these is better, a note says so, and --features
    learns from it.

    A label of many numbers, such as an age, is read off by ridge regression instead.

    Pictures without a label, and those of --predict, get the class that the best classifier says:
    the one that did best on a fifth of the pictures that it learnt from.

    With --by fine-tuned the tuned model is kept in OUT/fine-tuned. Given as MODEL, it classifies
    pictures without labels.

    Example: [bold]narrows classify runs/pca-vae-holiday holiday/ --labels folder -o classified/[/]
    """
    from ..applications.classify import classify as call

    result = call(
        model, pictures, labels=labels, kind=kind, by=by, predict=predict, clusters=clusters,
        features=features, where=where, fit_size=fit_size, limit=limit, seed=seed,
        device=device,
    )  # fmt: skip
    answer(result, as_json, out)
