"""Rippel et al. 2014: one code for every length, its numbers in the order of what they tell."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from narrows.applications import reconstruct
from narrows.figures import lines
from narrows.measures import Pca, squared_error
from narrows.recipes import mlp_autoencoder, ordered_autoencoder
from narrows.training import Recipe

from .experiment import Document, Finding, Row, by_name, experiment
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT"]

SET = "mnist"
LENGTHS = (8, 16, 32)
WORSE = 1.05  # times the error of a model trained for that length
PASSES = 20.0
ORDERED, TWICE = "ordered", "ordered, twice the passes"


def judge_order(rows: Sequence[Row]) -> Verdict:
    """At every length the shortened code errs at most a twentieth more, of as many passes and of twice."""
    row = by_name(rows)
    return verdict_of(
        *(
            row[f"{name}: {k} numbers"].mean <= WORSE * row[f"trained for it: {k} numbers"].mean
            for name in (ORDERED, TWICE)
            for k in LENGTHS
        )
    )


@experiment(
    "nested dropout",
    title="One model for every length of the code",
    claim="With nested dropout the numbers of a code are in the order of what they tell, so that one model serves "
    "every length.",
    data=(SET,),
    judge=judge_order,
)
def nested_dropout(lab: Lab) -> Finding:
    """The squared error of test digits by the numbers kept, beside models of each length and PCA."""
    train = lab.images(SET, "train", limit=lab.of(small=4_000, paper=None))
    test = lab.images(SET, "test")

    def error(recipe: Recipe, passes: float, seed: int, k: int) -> float:
        model = lab.model(recipe.with_(epochs=passes), train, seed=seed).model
        cut = None if model.code_shape == (k,) else k
        found = reconstruct(model, test, numbers=cut, progress=False)
        return float(found.mse.double().mean())

    errors: dict[str, list[float]] = {}
    for seed in lab.seeds:
        for k in LENGTHS:
            own = error(mlp_autoencoder(train.shape, k), PASSES, seed, k)
            errors.setdefault(f"trained for it: {k} numbers", []).append(own)
            for name, passes in ((ORDERED, PASSES), (TWICE, 2 * PASSES)):
                cut = error(ordered_autoencoder(train.shape, max(LENGTHS)), passes, seed, k)
                errors.setdefault(f"{name}: {k} numbers", []).append(cut)
    linear = {k: _pca(train, test, k) for k in LENGTHS}
    rows = [
        Row(name, values, "", {"PCA": linear[int(name.split()[-2])]}, "", "lower")
        for name, values in errors.items()
    ]
    mean = {name: statistics.fmean(values) for name, values in errors.items()}
    words = " ".join(
        f"{name[:1].upper()}{name[1:]}: "
        + ", ".join(
            f"{mean[f'{name}: {k} numbers'] / mean[f'trained for it: {k} numbers']:.2f} times the error of a "
            f"model trained for {k}"
            for k in LENGTHS
        )
        + "."
        for name in (ORDERED, TWICE)
    )
    curves: dict[str, Any] = {"PCA": (list(linear), list(linear.values()))}
    for name in ("trained for it", ORDERED, TWICE):
        curves[name] = (list(LENGTHS), [mean[f"{name}: {k} numbers"] for k in LENGTHS])
    small = "At the small scale 4,000 training pictures, of digits; theirs are CIFAR-10 and 80 million tiny images."
    return Finding(
        judge_order(rows),
        words,
        {"Error by the numbers kept": lines({"squared error": curves}, "numbers of a code")},
        rows,
        (
            lab.of(small=small, paper="Digits; theirs are CIFAR-10 and 80 million tiny images."),
            "To serve is read as: at most 5 % worse than a model trained for that length.",
        ),
    )


def _pca(train: Any, test: Any, k: int) -> float:
    x = few(test)
    pca = Pca.fit(train, min(k, Pca.most(train)))
    return float(squared_error(x, pca.reconstruct(x).clamp(0, 1)).double().mean())


DOCUMENT = Document(
    "rippel-2014",
    "Learning Ordered Representations with Nested Dropout",
    "Oren Rippel, Michael A. Gelbart and Ryan P. Adams, 2014",
    "International Conference on Machine Learning",
    (nested_dropout,),
)
