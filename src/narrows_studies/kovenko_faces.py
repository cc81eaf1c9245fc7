"""The faces of Kovenko & Bogach 2020, and their models at each scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows.applications import class_names, decode_samples, decoder
from narrows.autoencoder import Autoencoder
from narrows.images import split
from narrows.measures import Pca, squared_error
from narrows.priors import sample_codes
from narrows.recipes import kovenko_2020_autoencoder
from narrows.training import Recipe

from .lab import Lab, Trained

__all__ = [
    "CODE",
    "COLOURS",
    "EPOCHS",
    "SET",
    "WARM_UP",
    "Faces",
    "coarse",
    "deviations",
    "drawn",
    "error_curves",
    "faces",
    "labels_of",
    "mse_of",
    "trained",
    "warm_up_of",
]

SET = "anime_faces"
THEIRS = 63_632  # pictures of the document
CODE = 64  # D; the document names none
NARROW = (16, 32, 64, 128)
PARTS = (0.75, 0.15, 0.1)
WARM_UP = 40.0
EPOCHS = {
    "autoencoder": 22.0,
    "vae": 28.0,
    "warm-up": 8.0,
    "classifier": 20.0,
}  # of the small scale
COLOURS = {"hair": "hair colour", "eyes": "eye colour"}
Maker = Callable[..., Recipe]


@dataclass(frozen=True)
class Faces:
    """Faces in three parts, and the test faces as a tensor (N, C, H, W)."""

    train: Any
    validation: Any
    test: Any
    x: Tensor

    def pca(self, k: int = CODE) -> Pca:
        """The first components of the training faces, as many as there can be up to ``k``."""
        return Pca.fit(self.train, min(k, Pca.most(self.train)))


def labels_of(images: Any, name: str) -> Any:
    """The colours of pictures, as names (N,)."""
    return class_names(images.labels[name])


def coarse(x: Tensor) -> Tensor:
    """Pixels at 16×16, the mean of what each covers: (B, C, H, W) → (B, C·256)."""
    return F.adaptive_avg_pool2d(x, 16).flatten(1)


def mse_of(model: Autoencoder, images: Any) -> float:
    """The squared error of a model on a part of the faces, averaged over values and pictures."""
    x = images.batch(torch.arange(len(images)))
    return float(squared_error(x, model.reconstruct(images)).mean())


def error_curves(of: Faces, model: Trained) -> dict[str, list[float]]:
    """The squared error of training and of validation faces after each epoch, out of the losses.

    That of training is averaged over the epoch, as the weights move.
    """
    size = math.prod(of.train.shape)
    constant = 0.5 * size * math.log(math.pi)  # of a Gaussian of variance ½
    return {
        name: [(line[key] - constant) / size for line in model.records]
        for name, key in (("training", "loss"), ("validation", "validation_loss"))
    }


def faces(lab: Lab) -> Faces:
    """75 % to train and 15 % to validate, as theirs; on the rest, which they leave out, we judge."""
    images = lab.images(SET, size=lab.of(small=64, paper=128))
    parts = split(images, PARTS, seed=0)
    return Faces(*parts, parts.test.batch(torch.arange(len(parts.test))))


def trained(
    lab: Lab,
    of: Faces,
    make: Maker = kovenko_2020_autoencoder,
    *,
    seed: int,
    code_size: int = CODE,
    changed: Callable[[Recipe], Recipe] = lambda recipe: recipe,
    stretched: float = 1.0,
    **arguments: Any,
) -> Trained:
    """A model of theirs on these faces; ``changed`` makes another recipe of it, ``stretched`` lengthens it."""
    if lab.scale != "paper":
        arguments["widths"] = NARROW
    recipe = changed(make(of.train.shape, code_size, **arguments))
    if lab.scale != "paper":
        warm_up = arguments.get("warm_up", 0.0)
        kind = "vae" if recipe.bottleneck.name == "gaussian" else "autoencoder"
        recipe = recipe.with_(epochs=EPOCHS[kind] + warm_up, batch_size=32)
    if stretched != 1:
        recipe = recipe.with_(epochs=stretched * recipe.phases[0].epochs)
    return lab.model(recipe, of.train, validation=of.validation, seed=seed)


def warm_up_of(lab: Lab) -> float:
    """Epochs of the warm-up at this scale."""
    return lab.of(small=EPOCHS["warm-up"], paper=WARM_UP)


def drawn(lab: Lab, of: Faces, model: Trained, n: int, seed: int) -> Tensor:
    """n faces (n, C, H, W) decoded from draws of the standard normal prior."""
    prior = lab.prior(model, of.train, "normal")
    return decode_samples(
        decoder(model.model), partial(sample_codes, model.model, prior), n, seed=seed
    ).pictures


def deviations(lab: Lab, of: Faces, *more: str, vae: bool = False) -> Sequence[str]:
    """What differs from the document at this scale."""
    epochs, theirs = (EPOCHS["vae"], 200) if vae else (EPOCHS["autoencoder"], 10)
    steps, their_steps = epochs * len(of.train) / 32, theirs * 0.75 * THEIRS / 128
    number = f"{sum(len(part) for part in (of.train, of.validation, of.test)):,}"
    size = "×".join(str(side) for side in of.train.shape[1:])
    small = (
        f"At the small scale the pictures are the {number} of {SET} at {size}, another and smaller "
        f"set than their {THEIRS:,} at 128×128; {epochs:.0f} epochs of batches of 32 are about "
        f"{round(steps, -2):,.0f} steps, where their {theirs} epochs of batches of 128 are about "
        f"{round(their_steps, -2):,.0f}.",
        f"Filters ({'-'.join(map(str, NARROW))}) and the code of {CODE} numbers are ours; the "
        "document names none.",
    )
    paper = (
        f"The pictures are the {number} of {SET}, enlarged from 96×96 to {size}, not their "
        f"{THEIRS:,}.",
        f"The filters and the code of {CODE} numbers are ours; the document names none.",
    )
    judged = (
        "Their 75 % to train and 15 % to validate leave a tenth out: on that tenth we judge, the "
        "validation part chooses the best epoch."
    )
    return (*lab.of(small=small, paper=paper), judged, *more)
