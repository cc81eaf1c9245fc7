"""Whether a code tells pictures apart at all.

The information that a code holds about its picture is at most the mean KL from the prior to the
posterior: I(x; z) ≤ E[KL(q(z|x) ‖ p(z))] (Hoffman & Johnson 2016, "ELBO surgery"). Below one bit it
cannot even halve the pictures. Codes that are points hold nothing where all are the same.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ..autoencoder import Autoencoder
from ..randomness import Draws
from .likelihoods import elbo_terms

__all__ = ["collapse_note", "kl_of"]

BIT = math.log(2)
SAME = 1e-3  # of a code's own size: points that differ less are one
PICTURES = 256


def collapse_note(model: Autoencoder, images: Any, kl: float | None = None, seed: int = 0) -> str:
    """A sentence where codes do not tell pictures apart, else nothing.

    Args:
        images: pictures, a Source; at most 256 are looked at.
        kl: mean KL in nats per picture, where it is known.
    """
    if len(images) < 2:
        return ""
    x = images.batch(torch.arange(min(PICTURES, len(images)))).to(model.device)
    with model.evaluating():
        if model.bottleneck.generative:
            kl = kl_of(model, x, seed) if kl is None else kl
            if kl >= BIT:
                return ""
            why = (
                f"the posterior has collapsed onto the prior (KL {kl:.2f} nats, less than one bit)"
            )
        else:
            codes = model.encode(x).z.float().flatten(1)
            if float(codes.std(0).max()) > SAME * float(codes.abs().max()):
                return ""
            why = "the codes have collapsed: they are the same for all pictures"
    return (
        f"{why}, so this model says nothing of a picture: search, map, outliers by codes, morph and "
        "generate cannot work on it; train with a smaller weight of the KL or of penalties, or longer"
    )


def kl_of(model: Autoencoder, x: torch.Tensor, seed: int = 0) -> float:
    """The mean KL of pictures (B, C, H, W), in nats."""
    return float(elbo_terms(model, x, 1, Draws(seed, 0))[1].mean())
