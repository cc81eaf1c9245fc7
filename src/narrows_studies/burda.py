"""Burda et al. 2016: the log-likelihood of binarised digits under a variational autoencoder."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch

from narrows.figures import picture_rows
from narrows.images.corruptions import Binarise
from narrows.measures import importance_log_likelihood
from narrows.randomness import Draws
from narrows.recipes import burda_2016_vae

from .experiment import Document, Finding, Row, experiment
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT"]

SET = "mnist"
PUBLISHED = -86.76  # table 1: VAE, one stochastic layer, k = 1
CLOSE = 0.5  # nats
EPOCHS, SEEN, JUDGED, SAMPLES = 8.0, 20_000, 1_000, 500  # of the small scale


def judge_likelihood(rows: Sequence[Row]) -> Verdict:
    """Within half a nat of the published value, or above it."""
    return verdict_of(rows[0].mean > PUBLISHED - CLOSE)


@experiment(
    "table 1",
    title="Log-likelihood of binarised digits",
    claim="A variational autoencoder with one stochastic layer of 50 units gives test digits "
    f"{PUBLISHED:.2f} nats.",
    data=(SET,),
    judge=judge_likelihood,
)
def table_1(lab: Lab) -> Finding:
    """Importance-sampled on test pictures binarised by one seed, beside pixels each on its own."""
    train = lab.images(SET, "train", limit=lab.of(small=SEEN, paper=None))
    test = lab.images(SET, "test", limit=lab.of(small=JUDGED, paper=None))
    samples = 2 if lab.tiny else lab.of(small=SAMPLES, paper=5_000)
    recipe = burda_2016_vae()
    if lab.scale != "paper":
        recipe = recipe.with_(epochs=EPOCHS)
    found = []
    shown: list[Any] = [("test digits", few(test, 10))]
    for seed in lab.seeds:
        model = lab.model(recipe, train, seed=seed).model
        likelihood = importance_log_likelihood(
            model, test, samples=samples, seed=1, augmentation=Binarise()
        )
        found.append(float(likelihood.mean()))
        if seed == lab.seeds[0]:
            shown.append(("their means", model.reconstruct(few(test, 10))))
    rows = [
        Row(
            "log p(x) of a test digit",
            found,
            f"{PUBLISHED:.2f}",
            {"each pixel on its own": alone(train, test)},
            "nats",
            "higher",
        )
    ]
    words = (
        f"Test digits have {statistics.fmean(found):.2f} nats (theirs {PUBLISHED:.2f}), by {samples:,} draws a "
        f"picture; with each pixel on its own they have {rows[0].baselines['each pixel on its own']:.1f}."
    )
    small = (
        f"At the small scale {EPOCHS:g} passes over {SEEN:,} pictures, {JUDGED:,} test pictures and {SAMPLES} "
        "draws of each."
    )
    paper = "1,400 passes in batches of 200 where theirs are 3,280 in batches of 20."
    return Finding(
        judge_likelihood(rows),
        words,
        {"Test digits and what the model makes of them": picture_rows(shown)},
        rows,
        (lab.of(small=small, paper=paper),),
    )


def alone(train: Any, test: Any) -> float:
    """The log-likelihood of binarised test pictures in nats, each pixel by its own mean of the training."""
    share = few(train).mean(0).clamp(1e-4, 1 - 1e-4)
    x = few(test)
    binary = Binarise()(x, Draws(1, 0))
    return float(torch.where(binary > 0.5, share.log(), (1 - share).log()).flatten(1).sum(1).mean())


DOCUMENT = Document(
    "burda-2016",
    "Importance Weighted Autoencoders",
    "Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, 2016",
    "International Conference on Learning Representations",
    (table_1,),
)
