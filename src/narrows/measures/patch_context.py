"""How badly the middle of a patch is told by what is around it, and without a network.

normal pictures ──patches──► ring ──linear regression──► middle
picture ──patches──► middle − regression, whitened by how far normal ones are off ──► error of each patch

The reconstruction of masked patches (He et al. 2022 mask them for a transformer) by the best linear
predictor: the conditional Gaussian of a patch's middle given its ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .patch_bank import DRAWN, Patches

__all__ = ["PatchContext"]

MIDDLE = 1 / 3  # of a patch's side
SHRINKAGE = 1e-3  # of the mean variance, added to all variances


@dataclass(frozen=True)
class PatchContext:
    """The regression of a patch's middle on its ring.

    Attributes:
        patches: how they were cut.
        mean: of the patches, (P,) with P = C·side².
        residual: from a patch without its mean to the whitened error of its middle, (P, M).
    """

    patches: Patches
    mean: Tensor
    residual: Tensor

    @staticmethod
    def fit(pictures: Sequence[Tensor], patches: Patches, seed: int = 0) -> PatchContext:
        """The regression of normal pictures, uint8 (C, H, W) each, of any sizes.

        Raises:
            ValueError: no picture.
        """
        return PatchContext.of(patches.drawn(pictures, DRAWN, seed), patches)

    @staticmethod
    def of(drawn: Tensor, patches: Patches) -> PatchContext:
        """The regression within patches (N, C·side²) that were drawn."""
        x = drawn.double()
        mean = x.mean(0)
        x = x - mean
        covariance = x.T @ x / len(x)
        covariance += (
            SHRINKAGE * covariance.diagonal().mean().clamp_min(1e-12) * torch.eye(len(mean))
        )
        middle = _middle(patches, len(mean))
        ring = ~middle
        across = covariance[ring][:, middle]
        weights = torch.linalg.solve(covariance[ring][:, ring], across)
        left = covariance[middle][:, middle] - across.T @ weights
        whitening = torch.linalg.cholesky(torch.linalg.inv((left + left.T) / 2))
        residual = torch.zeros(len(mean), int(middle.sum()), dtype=torch.float64)
        residual[middle] = whitening
        residual[ring] = -weights @ whitening
        return PatchContext(patches, mean.float(), residual.float())

    def distances(self, picture: Tensor) -> Tensor:
        """(C, H, W) → the root of the mean squared whitened error of each patch, (rows, columns)."""
        rows, grid = self.patches.cut(picture)
        return ((rows - self.mean) @ self.residual).square().mean(1).sqrt().view(grid)


def _middle(patches: Patches, values: int) -> Tensor:
    """Which of a patch's values (P,) are of its middle, of all channels."""
    inner = max(1, round(MIDDLE * patches.side))
    start = math.ceil((patches.side - inner) / 2)
    within = torch.zeros(patches.side, dtype=torch.bool)
    within[start : start + inner] = True
    one = (within[:, None] & within).flatten()
    return one.repeat(values // len(one))
