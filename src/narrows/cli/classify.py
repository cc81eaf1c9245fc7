"""``narrows classify``: which class a picture is of, or which groups there are, told from codes."""

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
    by: Annotated[
        str,
        typer.Option(
            help="knn, linear, svm, mlp on codes; fine-tuned: the encoder goes on learning under a "
            "softmax (minutes). Several with commas.",
        ),
    ] = "knn,linear,svm,mlp",
    predict: Annotated[
        str | None, typer.Option(help="More pictures, whose classes are told as well.")
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(help="Find so many groups without labels. Default: as many as classes."),
    ] = None,
    out: options.Out = Path("classified"),
    fit_size: Annotated[
        int, typer.Option(help="Learn from at most so many pictures, and test on as many.")
    ] = 5000,
    limit: options.Limit = None,
    where: options.Where = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Learn classes from codes, and say how well, compared with baselines.

    Tested on pictures that neither the model nor the classifier learnt from. Raw pixels, PCA with as
    many numbers as a code, and the same encoder untrained are the baselines. Pictures without a label,
    and those of --predict, get the classes of the classifier that was best on held-out pictures.
    Pictures of another size or of other channels are made what the model takes. With --by fine-tuned
    the tuned model is kept in OUT/fine-tuned; given as MODEL, it tells the classes of pictures without
    labels. Of a collection, the pictures that pass --where are learnt from and told.

    Example: [bold]narrows classify runs/pca-vae-holiday holiday/ --labels folder -o classified/[/]
    """
    from ..applications.classify import classify as call

    result = call(
        model, pictures, labels=labels, by=by, predict=predict, clusters=clusters, where=where,
        fit_size=fit_size, limit=limit, seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json, out)
