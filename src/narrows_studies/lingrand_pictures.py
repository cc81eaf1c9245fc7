"""What all experiments of Lingrand 2021 share: clothes, digits, shorter trainings, her score."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor

from narrows.measures import Pca, squared_error
from narrows.training import Recipe

from .lab import Lab

__all__ = [
    "CLOTHES",
    "DIGITS",
    "deviations",
    "linear_score",
    "score",
    "shorter",
    "test",
    "train",
]

CLOTHES, DIGITS = "fashion_mnist", "mnist"

_SMALL = (
    "At the small scale 20,000 of the 60,000 training pictures, half of the epochs and 2,000 of "
    "the 10,000 test pictures."
)
_HELD = "She validates on the test pictures while she trains; here nothing is chosen by them."


def deviations(lab: Lab, *more: str) -> tuple[str, ...]:
    """Those of every experiment, then ``more``."""
    return (*lab.of(small=(_SMALL, _HELD), paper=(_HELD,)), *more)


def train(lab: Lab, name: str = CLOTHES) -> Any:
    """Pictures to train on."""
    return lab.images(name, "train", limit=lab.of(small=20_000, paper=None))


def test(lab: Lab, name: str = CLOTHES) -> Any:
    """Pictures to judge by."""
    return lab.images(name, "test", limit=lab.of(small=2000, paper=None))


def shorter(lab: Lab, recipe: Recipe, share: float = 0.5) -> Recipe:
    """A recipe with a share of its epochs at the small scale."""
    if lab.scale == "paper":
        return recipe
    phases = [dataclasses.replace(each, epochs=each.epochs * share) for each in recipe.phases]
    return recipe.with_(phases=tuple(phases))


def score(x: Tensor, back: Tensor) -> float:
    """Her score: the squared error, averaged over pixels and pictures."""
    return float(squared_error(x, back.clamp(0, 1)).mean())


def linear_score(images: Any, x: Tensor, numbers: int) -> float:
    """That of PCA with so many numbers."""
    return score(x, Pca.fit(images, min(numbers, Pca.most(images))).reconstruct(x))
