"""What a level of an encoder keeps when a picture is turned or moved, and how many units of a code are used.

x ──transform──► Tx        h_i(x), h_i(Tx): how far apart, of how far different pictures lie apart
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images.transforms import Transform
from ..randomness import Draws
from .anomaly_scores import in_blocks, pathway

__all__ = ["active_units", "level_invariance"]

ACTIVE = 0.01


def level_invariance(
    model: Autoencoder, images: Any, transform: Transform, amount: float
) -> dict[str, float]:
    """How little each level moves when pictures are changed: 1 not at all, 0 as much as to another picture.

    1 − E ‖h(Tx) − h(x)‖² / E ‖h(x) − h(x')‖², x' another picture, of the pictures themselves (``0``),
    every level of the way down (``1`` …) and the ``code``. Kovenko & Bogach 2020, §3.1, say that pooling
    makes a model more robust to rotations: compare ladders that pool with those that do not.

    Args:
        model: in any mode; it stays where it is.
        images: a source or an array of two pictures or more.
        transform: of ``narrows.images.transforms``, such as ``Rotation()``.
        amount: in its units.

    Raises:
        ValueError: fewer than two pictures.
    """
    if len(images) < 2:
        raise ValueError(
            f"invariance is beside that of another picture, so it takes two; we got {len(images)}"
        )

    def seen(x: Tensor) -> dict[str, Tensor]:
        moved = transform(x, torch.full((len(x),), float(amount), device=x.device))
        descent = model.ladder.descend(x)
        code = model.bottleneck.encode(descent, model.ladder, None, Draws())
        found: dict[str, Tensor] = {}
        for name, (a, b) in pathway(model, descent, code, moved).items():
            a, b = a.flatten(1).double(), b.flatten(1).double()
            found[f"{name} moved"] = (a - b).square().sum(1)
            found[f"{name} values"] = a
        return found

    found = in_blocks(model, images, seen)
    result = {}
    for key in [name.removesuffix(" moved") for name in found if name.endswith(" moved")]:
        values = found[f"{key} values"]
        # E ‖h(x) − h(x')‖² over all pairs of different pictures is twice the variance
        apart = 2 * values.var(0).sum()
        result[key] = float(1 - found[f"{key} moved"].mean() / apart.clamp_min(1e-12))
    return result


def active_units(model: Autoencoder, images: Any, threshold: float = ACTIVE) -> Tensor:
    """Which units of a variational code tell pictures apart, (D,) booleans.

    A unit is active if the variance over pictures of its posterior mean is above ``threshold``, 0.01 in
    Burda et al. 2016 (§2.3). The others have given in to the prior, which a warm-up of the KL is to
    prevent (Sønderby et al. 2016; Kovenko & Bogach 2020, §4.2).

    Raises:
        ValueError: a code without a posterior.
    """
    if not model.bottleneck.generative:
        raise ValueError(
            "active units are of a code with a posterior; this model's codes are points: train a "
            "variational recipe, such as conv-vae"
        )
    means = in_blocks(model, images, lambda x: {"z": model.posterior(x).z.flatten(1).double()})["z"]
    return means.var(0) > threshold
