"""The likelihood of a picture's mask: a class for each pixel, in channels of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..parts import Part, part
from .likelihoods import Likelihood

__all__ = ["Categorical"]


@part("likelihood", "categorical")
class Categorical(Likelihood):
    """The last K channels are a class for each pixel, one channel each; those before do not count.

    log p = Σ over pixels of w_k · log softmax(raw)_k of their class k. A pixel whose K channels are all
    0 has no class and adds nothing (SegNet's void, Badrinarayanan et al. 2017, §3.1). With weights it
    is no longer a normalised density.

    Args:
        classes: K.
        weights: w_k of each class; by default 1.

    Raises:
        ValueError: fewer than 2 classes, or weights that are not K numbers above 0.
    """

    part: Part
    weight: Tensor

    def __init__(self, classes: int = 2, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"a mask has at least 2 classes; we got {classes}")
        values = [1.0] * classes if weights is None else [float(w) for w in weights]
        if len(values) != classes or not all(0 < w < math.inf for w in values):
            raise ValueError(f"{classes} classes have as many weights above 0; we got {values}")
        self.classes = classes
        self.register_buffer("weight", torch.tensor(values)[:, None, None], persistent=False)

    def mean(self, raw: Tensor) -> Tensor:
        """raw (…, C + K, H, W) → the picture's channels cut to [0, 1], and probabilities of classes."""
        picture, scores = self._parts(raw.float())
        return torch.cat([picture.clamp(0, 1), scores.softmax(-3)], -3)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(mask | z) in nats per picture: raw (…, B, C + K, H, W), x (B, C + K, H, W) → (…, B)."""
        _, scores = self._parts(raw.float())
        _, there = self._parts(x)
        return (there * self.weight * scores.log_softmax(-3)).sum((-3, -2, -1))

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        before = x.shape[-3] - self.classes
        if before < 0:
            raise ValueError(
                f"a mask of {self.classes} classes has as many channels; we got {x.shape[-3]}"
            )
        return x[..., :before, :, :], x[..., before:, :, :]
