"""Three feature spaces that no compared model made, and what of real pictures' edges draws have.

training pictures ──► PCA of 64 axes          ─┐
a seed            ──► random convolutions, 64  ├──► features (N, 64) ──► Fréchet distance
labels            ──► a classifier's last 64  ─┘
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import narrows as nw
from narrows.images import as_source
from narrows.measures import Pca, frechet_distance
from narrows.parts import Part
from narrows.training import Phase, Recipe

__all__ = [
    "FEATURES",
    "Judges",
    "accuracy",
    "classifier_recipe",
    "edges",
    "judged",
    "judges",
    "pixels_of",
    "random_convolutions",
]

FEATURES = 64
Judges = dict[str, Callable[[Tensor], Tensor]]


def pixels_of(pictures: Any) -> Tensor:
    """All pictures of a source, (N, C, H, W) float32."""
    source = as_source(pictures)
    return source.batch(torch.arange(len(source)))


def judges(train: Any, model: nw.Autoencoder) -> Judges:
    """Pictures (N, C, H, W) to features (N, 64), by the name of the space."""
    pca = Pca.fit(train, FEATURES)
    return {
        "PCA": pca.encode,
        "random convolutions": random_convolutions(train.shape[0]),
        "classifier": lambda x: model.encode(x).z,
    }


def random_convolutions(channels: int, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Two untrained layers, and the mean over all places of what each filter answers."""
    draw = torch.Generator().manual_seed(seed)
    first = torch.randn(FEATURES // 2, channels, 5, 5, generator=draw) / (25 * channels) ** 0.5
    second = (
        torch.randn(FEATURES // 2, FEATURES // 2, 3, 3, generator=draw) / (9 * FEATURES // 4) ** 0.5
    )

    def features(x: Tensor) -> Tensor:
        rows = []
        for part in torch.split(x, 256):
            one = F.relu(F.conv2d(2 * part - 1, first, stride=2))
            two = F.relu(F.conv2d(one, second, stride=2))
            rows.append(torch.cat([one.mean((2, 3)), two.mean((2, 3))], 1))
        return torch.cat(rows)

    return features


def classifier_recipe(train: Any) -> Recipe:
    """A small convolutional classifier of the pictures' main label, whose code is its features."""
    shape = tuple(train.shape)
    ladder = Part(
        "conv", {"shape": shape, "widths": (24, 48, 64, 96), "activation": "silu", "norm": "batch"}
    )
    phase = Phase(
        batch_size=64,
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=0.05,
        views=nw.recipes.pca_vae(shape).phases[0].views,
        scheme=Part("encoder"),
        bound=Part("softmax", {"classes": len(set(train.label))}),
    )
    return Recipe("classifier", ladder, Part("point", {"size": FEATURES}), Part("mse"), (phase,))


def accuracy(model: nw.Autoencoder, pictures: Any) -> float:
    """The share of pictures whose label the classifier names."""
    softmax: Any = model.auxiliary["softmax"]
    with torch.no_grad():
        chosen = softmax(model.encode(pictures).z).argmax(1).tolist()
    right = [softmax.labels[i] == str(y) for i, y in zip(chosen, pictures.label, strict=True)]
    return float(sum(right) / len(right))


def judged(by: Judges, real: Tensor, drawn: Tensor) -> dict[str, float]:
    """100 × Fréchet / total variance of the real features in every space; edges and variance as shares."""
    found = {}
    for name, features in by.items():
        a, b = features(real), features(drawn)
        found[name] = 100 * frechet_distance(a, b) / float(a.var(0).sum())
    found["edges"] = edges(drawn) / edges(real)
    found["variance"] = float(drawn.var(0).sum() / real.var(0).sum())
    return found


def edges(x: Tensor) -> float:
    """The mean squared difference of neighbouring pixels, in a row and in a column."""
    return float(x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean())
