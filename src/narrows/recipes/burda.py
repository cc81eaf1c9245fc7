"""Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders" (arXiv:1509.00519)."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe

__all__ = ["burda_2016_vae"]


def burda_2016_vae(shape: Sequence[int] = (1, 28, 28), code_size: int = 50) -> Recipe:
    """The one-layer VAE of §5: 784-200-200-50, tanh, on MNIST binarised anew at every step.

    Published: −86.76 nats (table 1, k = 1) after 3,280 passes of batch 20 with Adam, ε = 10⁻⁴.
    Deviations: batches of 200, 1,400 passes and a one-cycle learning rate, which need a fraction
    of the time; torch's initial weights instead of Glorot's; no bias from the pixels' means.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
    """
    return Recipe(
        "burda-2016-vae",
        Part("dense", {"shape": tuple(shape), "widths": (200, 200), "activation": "tanh"}),
        Part("gaussian", {"size": code_size}),
        Part("bernoulli"),
        (
            Phase(
                epochs=1400,
                batch_size=200,
                learning_rate=3e-3,
                epsilon=1e-4,
                augmentation=Part("binarise"),
                precision="float32",
            ),
        ),
        source="Burda et al. 2016, section 5 and table 1 (VAE, one layer, k = 1)",
    )
