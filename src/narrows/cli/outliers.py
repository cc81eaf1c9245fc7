"""``narrows outliers``: pictures that do not belong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["outliers"]


InQuestion = Annotated[
    list[str] | None,
    typer.Argument(
        help="With a model: picture files, folders, arrays or named sets. A collection has its own."
    ),
]
Normal = Annotated[
    str | None,
    typer.Option(
        metavar="PICTURES",
        help="Normal pictures: best those of the training. Of a collection a filter, such as "
        "\"split = 'train'\".",
    ),
]
Score = Annotated[
    list[str] | None,
    typer.Option(
        help="reconstruction, features, sap, kl, elbo, likelihood, likelihood-ratio, "
        "likelihood-regret, llr, knn, lof, cosine-knn, mahalanobis, local-excess, nap or pca-residual; or "
        "all. Repeatable; of several the mean rank decides. Default: cosine-knn, local-excess, pca-residual."
    ),
]
FalseAlarms = Annotated[
    float | None,
    typer.Option(
        help="Call at most this share of normal pictures anomalous. Default: 0.01, or the least that "
        "so many normal pictures can promise."
    ),
]
Quantile = Annotated[
    float | None, typer.Option(help="The threshold is this quantile of normal scores.")
]
Median = Annotated[
    bool, typer.Option("--median", help="The threshold is the median of 10,000 normal scores.")
]
Fdr = Annotated[
    float | None,
    typer.Option(help="At most this share of the pictures called anomalous is normal."),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="A column that says which pictures are anomalies."),
]
Positive = Annotated[
    list[str] | None,
    typer.Option(metavar="VALUE", help="A value that anomalies have in that column. Repeatable."),
]
Anomalies = Annotated[
    str | None,
    typer.Option(metavar="PICTURES", help="Known anomalies to mix in; the others are normal."),
]
Background = Annotated[
    str,
    typer.Option(
        help="For likelihood-ratio: compression, or the folder of a model of pictures in general."
    ),
]
Neighbours = Annotated[
    int | None,
    typer.Option(help="k of knn, cosine-knn, local-excess and lof. Default: 5, 5, 10, 20."),
]
Samples = Annotated[
    int, typer.Option(help="Codes drawn for each score in nats, except kl.", show_default=True)
]


@app.command()
def outliers(
    model: options.ModelOrCollection,
    files: InQuestion = None,
    normal: Normal = None,
    where: options.Where = None,
    score: Score = None,
    false_alarms: FalseAlarms = None,
    quantile: Quantile = None,
    median: Median = False,
    fdr: Fdr = None,
    labels: Labels = None,
    positive: Positive = None,
    anomalies: Anomalies = None,
    background: Background = "compression",
    neighbours: Neighbours = None,
    samples: Samples = 16,
    split: options.Split = None,
    limit: options.Limit = None,
    out: options.Out = Path("outliers"),
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find the pictures that do not belong among normal ones.

    Normal pictures that the model was not trained on set the threshold and give each picture a
    p-value; distances among codes, and PCA, whose residual is the baseline, are fitted to the others. The score that is named decides, else the
    mean rank over all scores; labels have no say in it. Of a collection, --normal is a filter of its
    rows, and the scores are kept as columns, score_lof and so on.

    Example: [bold]narrows outliers runs/pca-vae-holiday new/ --normal holiday/ -o out/[/]
    """
    from ..applications.outliers import outliers as call

    if normal is None:
        raise ValueError(
            "say what is normal: --normal PICTURES, or of a collection a filter of its rows"
        )
    result = call(
        model, files or None, normal=normal, where=where, score=score, false_alarms=false_alarms,
        quantile=quantile, median=median, fdr=fdr, labels=labels, positive=positive or (),
        anomalies=anomalies, background=background, neighbours=neighbours, samples=samples,
        split=split, limit=limit, seed=seed, device=device,
    )  # fmt: skip
    answer(result, as_json, out, f"{result}\nall scores are in {out / 'outliers.json'}")
