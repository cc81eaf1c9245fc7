"""Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks" (Science 313)."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import rung_by_rung

GROUP = "Literature: deep, and layer by layer"


@listed_under(GROUP)
def hinton_2006_deep(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 30,
    *,
    widths: Sequence[int] = (1000, 500, 250),
) -> Recipe:
    """The first deep autoencoder: 784-1000-500-250-30, logistic units and a linear code, on MNIST.

    Fine-tuned by the cross-entropy after a pre-training layer by layer; the historic autoencoder of
    Lingrand 2021. Deviations: each pair of layers is pre-trained as an autoencoder of its own input
    instead of a restricted Boltzmann machine, the code together with the layer above it; Adam in
    place of contrastive divergence and of conjugate gradients. Epochs are ours: 10 for each layer
    (theirs 50), then 100 (theirs 200).

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    ladder = {"shape": tuple(shape), "widths": tuple(widths), "activation": "sigmoid"}
    layers = rung_by_rung(len(widths), epochs=10, batch_size=100)
    return Recipe(
        "hinton-2006-deep",
        Part("dense", ladder),
        Part("point", {"size": code_size}),
        Part("bernoulli"),
        (*layers, Phase(epochs=100, batch_size=100)),
        source="Hinton & Salakhutdinov 2006, figure 2",
    )
