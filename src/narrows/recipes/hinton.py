"""Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks" (Science 313)."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Literature: deep, and layer by layer"


@listed_under(GROUP)
def hinton_2006_deep(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 30,
    *,
    widths: Sequence[int] = (1000, 500, 250),
) -> Recipe:
    """The first deep autoencoder: 784-1000-500-250-30, logistic units and a linear code, on MNIST.

    Pre-trained layer by layer as restricted Boltzmann machines, by contrastive divergence, then unrolled and
    fine-tuned by the cross-entropy; the historic autoencoder of Lingrand 2021. Deviations: 10 passes for
    each machine (theirs 50), with momentum 0.9 throughout; Adam in place of conjugate gradients, and 100 passes
    (theirs 200); torch's initial weights.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    ladder = {"shape": tuple(shape), "widths": tuple(widths), "activation": "sigmoid"}
    machines = [Part("boltzmann", {"rung": i}) for i in range(len(widths) + 1)]
    # the rates are theirs: Gaussian units, whose numbers have no bound, bear a hundredth
    rates = [0.1] * len(widths) + [0.001]
    layers = [
        Phase(
            epochs=10,
            batch_size=100,
            optimizer="sgd",
            learning_rate=rate,
            learning_rate_schedule="constant",
            weight_decay=2e-4,
            scheme=scheme,
            keep="last",
        )
        for scheme, rate in zip(machines, rates, strict=True)
    ]
    return Recipe(
        "hinton-2006-deep",
        Part("dense", ladder),
        Part("point", {"size": code_size}),
        Part("bernoulli"),
        (*layers, Phase(begin=Part("unrolled"), epochs=100, batch_size=100)),
        source="Hinton & Salakhutdinov 2006, figures 1 and 2",
    )
