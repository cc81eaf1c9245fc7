"""What all experiments of Ray & Hannon 2022 share: faces, trainings, the error that fits their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from narrows.images import split
from narrows.measures import Pca
from narrows.recipes import ray
from narrows.training import Recipe

from .lab import Lab, Trained, across

__all__ = [
    "PAPER_SET", "SMALL_SET", "TABLE", "Maker", "beside", "deviations", "error", "faces", "recipe_of", "trained",
]  # fmt: skip

SMALL_SET, PAPER_SET = "utkface", "lfw"
Maker = Callable[..., Recipe]
# table 1: how a model is made, and its error
TABLE: dict[str, tuple[Maker, int]] = {
    "stacked": (ray.ray_2022_stacked, 258),
    "recursive": (ray.ray_2022_recursive, 239),
    "stacked, batch norm": (ray.ray_2022_stacked_batch_norm, 467),
    "recursive, batch norm": (ray.ray_2022_recursive_batch_norm, 7831),
    "stacked, shared norm": (ray.ray_2022_stacked_shared_norm, 643),
    "recursive, shared norm": (ray.ray_2022_recursive_shared_norm, 455),
    "stacked, shared norm, ReLU": (ray.ray_2022_stacked_shared_norm_relu, 643),
    "recursive, shared norm, ReLU": (ray.ray_2022_recursive_shared_norm_relu, 2020),
}
JUDGED = 100  # pictures, as theirs
OTHER_FACES = (
    f"At the small scale the pictures are {SMALL_SET} at 64×64, six rungs and half of the filters, "
    "not LFW at 128×128; only ratios between models compare."
)
OPTIMISER = "Optimiser, epochs and the first number of filters are ours; the document names none."


def faces(lab: Lab) -> tuple[Any, Tensor]:
    """Training pictures, and 100 that are held out, (100, 3, H, W)."""
    name, size = lab.of(small=(SMALL_SET, 64), paper=(PAPER_SET, 128))
    images = lab.images(name, size=size, center_crop=lab.of(small=None, paper=128))
    parts = split(images, validation=0.1, seed=0)
    held = parts.validation or parts.train
    return parts.train, across(held, JUDGED)


def recipe_of(lab: Lab, make: Maker, train: Any) -> Recipe:
    """A recipe of theirs for these faces, at the scale's filters and epochs."""
    recipe = make(train.shape, filters=lab.of(small=8, paper=16))
    return recipe.with_(epochs=lab.of(small=10.0, paper=100.0))


def trained(lab: Lab, recipe: Recipe, train: Any, seed: int) -> Trained:
    """A model of it."""
    return lab.model(recipe, train, seed=seed)


def error(x: Tensor, back: Tensor) -> float:
    """Squared error summed over a picture, the mean over pictures: the scale that fits their numbers."""
    return float((back - x).square().flatten(1).sum(1).mean())


def beside(train: Any, x: Tensor, model: Any) -> dict[str, float]:
    """The error of PCA of as many numbers as a code of the model has, or as there can be."""
    size = min(math.prod(model.code_shape), Pca.most(train))
    return {f"PCA, {size} numbers": error(x, Pca.fit(train, size).reconstruct(x))}


def deviations(lab: Lab, *more: str) -> tuple[str, ...]:
    """Those of every experiment, then ``more``."""
    return (*lab.of(small=(OTHER_FACES, OPTIMISER), paper=(OPTIMISER,)), *more)
