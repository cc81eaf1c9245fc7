"""A verdict is a function of its rows: of those that are published, and of rows made up for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from narrows.papers import PAPERS, Experiment, Row

RESULTS = Path(__file__).parents[2] / "docs" / "papers" / "results"
JUDGED = {
    f"{paper.key}, {one.labels[0]}": (paper.key, one)
    for paper in PAPERS.values()
    for one in paper.experiments
    if one.judge is not None
}


def published(key: str, one: Experiment) -> dict[str, Any]:
    """What docs/papers shows of an experiment."""
    document = json.loads((RESULTS / f"{key}.json").read_text(encoding="utf-8"))
    (found,) = (e for e in document["experiments"] if e["experiment"] == list(one.labels))
    return dict(found)


def rows_of(document: Mapping[str, Any]) -> list[Row]:
    return [
        Row(row["what"], row["ours"], row["published"], row["baseline"], row["unit"])
        for row in document["rows"]
    ]


@pytest.mark.parametrize("name", JUDGED)
def test_the_published_verdict_is_that_of_the_published_rows(name: str) -> None:
    key, one = JUDGED[name]
    document = published(key, one)
    assert one.judge is not None
    assert one.judge(rows_of(document)) == document["verdict"]


# of rows that are published, some means changed → the verdict
CHANGED: dict[str, list[tuple[dict[str, float], str]]] = {
    "kovenko-2020, §1 PCA": [
        ({"8 numbers: mean squared error": 0.0, "64 numbers: mean squared error": 0.0}, "holds"),
        ({"8 numbers: mean squared error": 0.0}, "holds in part"),
    ],
    "kovenko-2020, §3.1 MSE or MAE": [
        ({"trained on absolute error: squared error": 1.0}, "holds in part"),
        ({"trained on squared error: squared error": 1.0}, "holds in part"),
        (
            {
                "trained on squared error: squared error": 1.0,
                "trained on squared error: absolute error": 1.0,
            },
            "does not hold",
        ),
    ],
    "kovenko-2020, figure 4": [
        ({"validation ÷ training": 1.2}, "holds in part"),
        (
            {"validation ÷ training": 1.2, "last validation loss ÷ its least": 1.03},
            "does not hold",
        ),
    ],
    "kovenko-2020, figure 5": [
        (
            {
                "hair colour told from reconstructions": 0.59,
                "eye colour told from reconstructions": 0.38,
            },
            "holds",
        ),
        ({"sharpness (1 is the original's)": 0.9}, "does not hold"),
    ],
    "kovenko-2020, figure 6": [
        ({"edges half-way ÷ those of the ends": 0.4}, "holds in part"),
        ({"distance of the half-way picture from the even mixture's place": 0.2}, "holds in part"),
    ],
    "kovenko-2020, figure 7": [({"level 4: eye colour": 0.5}, "holds")],
    "kovenko-2020, figure 8": [
        ({"neighbours of the same eye colour": 0.2}, "holds"),
        ({"neighbours of the same hair colour": 0.1}, "does not hold"),
    ],
    "kovenko-2020, §3.2 transfer": [
        ({"hair colour from codes": 0.6, "eye colour from last maps": 0.5}, "holds"),
    ],
    "kovenko-2020, figure 9": [
        ({"validation ÷ training error": 1.2}, "holds in part"),
        (
            {"validation ÷ training error": 1.2, "autoencoder trained for it": 9.0},
            "does not hold",
        ),
    ],
    "kovenko-2020, figure 10": [
        ({"autoencoder not trained for it": 20.0}, "holds in part"),
        ({"autoencoder trained for it": 5.0}, "does not hold"),
    ],
    "kovenko-2020, §3.2 rotation": [({"autoencoder trained for it": 18.0}, "holds")],
    "kovenko-2020, figure 12": [
        (
            {
                "Fréchet distance, variance 0.01": 100.0,
                "variance ÷ that of real faces, variance 0.1": 0.1,
            },
            "holds",
        ),
        ({"Fréchet distance, variance 0.01": 100.0}, "holds in part"),
    ],
    "kovenko-2020, figure 13": [
        ({"validation KL, last": 200.0}, "holds in part"),
        ({"validation KL, greatest": 230.0}, "holds in part"),
        ({"validation KL, last": 200.0, "validation KL, greatest": 230.0}, "does not hold"),
    ],
    "kovenko-2020, figure 14": [
        ({"classic: rise of the KL": 1.0}, "holds"),
        (
            {
                "warm-up and batch norm: rise of the KL": -1.0,
                "warm-up and batch norm: last reconstruction loss, training": 0.0,
                "warm-up and batch norm: last reconstruction loss, validation": 0.0,
            },
            "does not hold",
        ),
    ],
    "kovenko-2020, figure 15": [
        ({"warm-up and batch norm: density": 0.1}, "holds in part"),
        (
            {
                "warm-up and batch norm: density": 0.1,
                "warm-up and batch norm: sharpness ÷ that of real faces": 0.01,
            },
            "does not hold",
        ),
    ],
    "kovenko-2020, figure 16": [
        ({"area under the ROC, kl": 0.9, "faces above the median threshold": 0.05}, "holds"),
        ({"area under the ROC, kl": 0.9}, "holds in part"),
        ({"faces above the median threshold": 0.05}, "holds in part"),
    ],
    "canziani-2020, PCA by tied weights": [
        ({"linear, tied: largest angle to PCA's space": 5.0}, "holds"),
        ({"linear, tied: mean squared error": 1.0}, "does not hold"),
    ],
    "canziani-2020, figure 14": [
        (
            {
                "d = 4 n: lost of shuffled digits": 0.02,
                "d = n / 4: lost of digits": 0.01,
            },
            "holds",
        ),
        ({"d = 4 n: lost of shuffled digits": 0.02}, "holds in part"),
    ],
    "canziani-2020, one number per point": [
        ({"PSNR of the digits of the training": 18.0}, "holds in part"),
        ({"PSNR of new digits": 13.0}, "holds in part"),
        (
            {
                "PSNR of the digits of the training": 18.0,
                "new digits that come back nearer to one of the training than to themselves": 0.4,
            },
            "does not hold",
        ),
    ],
    "canziani-2020, figure 20": [({"PSNR of test digits": 15.0}, "does not hold")],
    "canziani-2020, figure 21": [({"PSNR of test digits": 12.0}, "does not hold")],
    "canziani-2020, figure 22": [
        ({"denoising: deviation outside ÷ inside": 0.6}, "holds in part"),
        ({"denoising: deviation outside ÷ inside": 2.0}, "holds in part"),
        (
            {
                "denoising: deviation outside ÷ inside": 0.6,
                "standard: deviation outside ÷ inside": 0.1,
            },
            "does not hold",
        ),
    ],
    "canziani-2020, figure 24": [
        ({"PSNR of the dropped pixels": 15.5}, "holds in part"),
        (
            {
                "PSNR of the dropped pixels": 15.0,
                "PSNR of whole digits, half of the pixels dropped": 18.0,
            },
            "does not hold",
        ),
    ],
    "theivaprakasham-2021, §2.1": [
        (
            {
                "VAE: log-likelihood": -480.0,
                "IWAE, 5 samples: log-likelihood": -479.0,
                "ControlVAE, 8 nats: KL of the codes": 8.1,
                "ControlVAE, 8 nats: squared error of a reconstruction, summed": 20.0,
                "β-VAE, β = 4: squared error of a reconstruction, summed": 40.0,
                "DR-A (adversarial): accuracy of neighbours in the code": 0.95,
                "VAE: accuracy of neighbours in the code": 0.8,
                "introspective: Fréchet distance of drawings, in PCA's features": 5.0,
                "VAE: Fréchet distance of drawings, in PCA's features": 12.0,
            },
            "holds",
        ),
        (
            {
                "VAE: log-likelihood": -480.0,
                "IWAE, 5 samples: log-likelihood": -481.0,
                "ControlVAE, 8 nats: KL of the codes": 12.0,
                "DR-A (adversarial): accuracy of neighbours in the code": 0.5,
                "introspective: Fréchet distance of drawings, in PCA's features": 40.0,
            },
            "does not hold",
        ),
        (
            {
                "VAE: log-likelihood": -480.0,
                "IWAE, 5 samples: log-likelihood": -479.0,
                "ControlVAE, 8 nats: KL of the codes": 12.0,
                "DR-A (adversarial): accuracy of neighbours in the code": 0.5,
            },
            "holds in part",
        ),
    ],
    "kovenko-2020, §5 feature-wise": [
        (
            {
                "feature-wise: Fréchet distance of draws, random convolutions": 0.0,
                "feature-wise: Fréchet distance of draws, PCA of the faces": 0.0,
                "feature-wise: sharpness of draws ÷ that of real faces": 1.0,
                "element-wise: sharpness of draws ÷ that of real faces": 0.2,
            },
            "holds",
        ),
        (
            {
                "feature-wise: Fréchet distance of draws, random convolutions": 1e6,
                "feature-wise: Fréchet distance of draws, PCA of the faces": 1e6,
                "feature-wise: sharpness of draws ÷ that of real faces": 1.0,
                "element-wise: sharpness of draws ÷ that of real faces": 0.2,
            },
            "holds in part",
        ),
        (
            {
                "feature-wise: Fréchet distance of draws, random convolutions": 1e6,
                "feature-wise: Fréchet distance of draws, PCA of the faces": 1e6,
                "feature-wise: sharpness of draws ÷ that of real faces": 3.0,
                "element-wise: sharpness of draws ÷ that of real faces": 0.2,
            },
            "does not hold",
        ),
    ],
}


def test_every_judge_has_its_table() -> None:
    assert CHANGED.keys() == JUDGED.keys()


@pytest.mark.parametrize(
    ("name", "means", "verdict"),
    [(name, means, verdict) for name, table in CHANGED.items() for means, verdict in table],
)
def test_a_verdict_follows_its_numbers(name: str, means: dict[str, float], verdict: str) -> None:
    key, one = JUDGED[name]
    rows = rows_of(published(key, one))
    assert means.keys() <= {row.what for row in rows}
    changed = [replace(row, ours=[means[row.what]]) if row.what in means else row for row in rows]
    assert one.judge is not None and one.judge(changed) == verdict
