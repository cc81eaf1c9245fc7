"""Vincent et al. 2010: a classifier of digits after no, plain stacked and stacked denoising pre-training."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from sklearn.neighbors import KNeighborsClassifier

from narrows.figures import picture_rows
from narrows.measures import Pca
from narrows.recipes.vincent import (
    vincent_2010_classifier,
    vincent_2010_stacked,
    vincent_2010_stacked_denoising,
)

from .experiment import Document, Finding, Row, by_name, experiment
from .judges import accuracy
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT"]

SET = "mnist"
KINDS = {
    "none": vincent_2010_classifier,
    "stacked": vincent_2010_stacked,
    "stacked denoising": vincent_2010_stacked_denoising,
}
PUBLISHED = {"stacked": "1.40", "stacked denoising": "1.28"}  # table 3: SAE-3, SdA-3
SEEN = 50_000  # the paper's split of the 60,000
SMALL, EPOCHS = 10_000, 3.0  # pictures, and passes of each phase, of the small scale
COMPONENTS, NEIGHBOURS = 64, 5


def judge_pre_training(rows: Sequence[Row]) -> Verdict:
    """Denoising pre-training errs less than none, and less than plain pre-training."""
    row = by_name(rows)
    denoising = row["stacked denoising"].mean
    return verdict_of(denoising < row["none"].mean, denoising < row["stacked"].mean)


@experiment(
    "table 3",
    title="Digits classified after stacked denoising pre-training",
    claim="Three layers pre-trained as denoising autoencoders err on 1.28 % of the digits, as plain "
    "autoencoders on 1.40 %.",
    data=(SET,),
    judge=judge_pre_training,
)
def table_3(lab: Lab) -> Finding:
    """Test error of the fine-tuned classifier in per cent, beside neighbours in PCA's space."""
    train = lab.images(SET, "train", limit=lab.of(small=SMALL, paper=SEEN))
    test = lab.images(SET, "test")
    errors: dict[str, list[float]] = {}
    for seed in lab.seeds:
        for kind, make in KINDS.items():
            recipe = make()
            if lab.scale != "paper":
                recipe = recipe.with_(epochs=EPOCHS)
            model = lab.model(recipe, train, seed=seed).model
            errors.setdefault(kind, []).append(100 * (1 - accuracy(model, test)))
    linear = neighbours(train, test)
    rows = [
        Row(kind, values, PUBLISHED.get(kind, ""), linear, "%", "lower")
        for kind, values in errors.items()
    ]
    said = ", ".join(f"{kind} {statistics.fmean(values):.2f} %" for kind, values in errors.items())
    (name, base), *_ = linear.items()
    words = f"Test error by pre-training: {said}; {name} {base:.2f} %."
    small = f"At the small scale {SMALL:,} training pictures and {EPOCHS:g} passes of each phase."
    return Finding(
        judge_pre_training(rows),
        words,
        {"Test digits": picture_rows([("", few(test, 10))])},
        rows,
        lab.of(small=(small,), paper=()),
    )


def neighbours(train: Any, test: Any) -> dict[str, float]:
    """The test error in per cent of the nearest neighbours in PCA's space: no network."""
    pca = Pca.fit(train, min(COMPONENTS, Pca.most(train)))
    known, asked = (pca.encode(few(part)).numpy() for part in (train, test))
    near = KNeighborsClassifier(NEIGHBOURS).fit(known, train.label)
    right = float((near.predict(asked) == test.label).mean())
    return {f"{NEIGHBOURS} neighbours, PCA of {len(pca)}": 100 * (1 - right)}


DOCUMENT = Document(
    "vincent-2010",
    "Stacked Denoising Autoencoders",
    "Pascal Vincent, Hugo Larochelle, Isabelle Lajoie, Yoshua Bengio and Pierre-Antoine Manzagol, 2010",
    "Journal of Machine Learning Research 11",
    (table_3,),
)
