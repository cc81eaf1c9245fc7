"""Reconstruction along the projection pathway (RaPP): what every level of an encoder sees of x and of x̂.

x ──encoder──► h_0 = x, h_1 … h_L, code ┐
│                                       ├─ d = h − ĥ, (B, P): all levels side by side
└─model─► x̂ ──encoder──► ĥ_0 … code ────┘
          SAP = ‖d‖²            NAP = ‖Σ⁻¹ Vᵀ (d − μ)‖², of d = U Σ Vᵀ of normal pictures
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images import as_source
from ..images.views import Subset
from ..randomness import Draws, permutation
from .anomaly_scores import in_blocks, pathway

__all__ = ["Nap", "pathway_differences"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

# normal pictures that the directions are of, and values of all their differences: 256 MiB as float32
MOST, VALUES = 20_000, 1 << 26
WIDEST = (
    2_048  # differences up to this many go through their covariance, more through their products
)
ROUNDED = 1e-5  # directions less wide than this share of the widest are float32's rounding


def pathway_differences(
    model: Autoencoder, images: Any, progress: Progress | None = None
) -> Tensor:
    """h − ĥ of a source or an array of pictures, (N, P) float32, each independent of the others."""

    def differences(x: Tensor) -> dict[str, Tensor]:
        descent = model.ladder.descend(x)
        code = model.bottleneck.encode(descent, model.ladder, None, Draws())
        seen = pathway(model, descent, code, model.likelihood.mean(model.raw(code)))
        return {"d": torch.cat([(a - b).flatten(1).float() for a, b in seen.values()], 1)}

    return in_blocks(model, images, differences, progress=progress)["d"]


class Nap:
    """Normalised aggregation along the pathway (Kim et al. 2020): SAP in units of what normal pictures do.

    A squared Mahalanobis distance of d = h − ĥ with the mean and covariance of normal pictures: no
    invertible linear map of the levels changes it. The source leaves out the factor N.

    Deviations: fitted to 20,000 pictures at most; directions whose width is rounding are left out, and
    there are at most half as many as pictures, so that these are not known by heart.
    """

    def fit(
        self, model: Autoencoder, normal: Any, *, seed: int = 0, progress: Progress | None = None
    ) -> Self:
        """To a source or an array of normal pictures, best those of the training; gives itself.

        Raises:
            ValueError: fewer than two pictures.
        """
        source = as_source(normal)
        if len(source) < 2:
            raise ValueError(f"nap is fitted to two normal pictures or more; we got {len(source)}")
        size = sum(math.prod(shape) for shape in (*model.ladder.shapes, model.code_shape))
        most = max(2, min(len(source), MOST, VALUES // size))
        if size > WIDEST:
            most = min(most, WIDEST)
        rows = permutation(seed, "nap", len(source))[:most].sort().values
        some = source if most == len(source) else Subset(source, rows.numpy())
        self.model = model
        found = pathway_differences(model, some, progress)
        self.mean = found.mean(0, dtype=torch.float64)
        axes, variances = _directions(found.double() - self.mean)
        wide = variances > variances[0] * ROUNDED**2
        wide[max(1, len(found) // 2) :] = False
        self.whiten = axes[:, wide] / variances[wide].sqrt()
        return self

    @property
    def directions(self) -> int:
        """How many directions it measures along: NAP of normal pictures is so much on average."""
        return self.whiten.shape[1]

    def score(self, images: Any, progress: Progress | None = None) -> Array:
        """NAP of each picture, (N,) float64."""
        source = as_source(images)
        rows = torch.split(torch.arange(len(source)), max(1, VALUES // 4 // len(self.mean)))
        scores = [np.zeros(0)]
        for part in rows:
            found = pathway_differences(self.model, Subset(source, part.numpy()))
            far = (found.double() - self.mean) @ self.whiten
            scores.append(far.square().sum(1).numpy())
            if progress is not None:
                progress(int(part[-1]) + 1, len(source))
        return np.concatenate(scores)


def _directions(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (N, P) of mean 0 → their axes (P, k) and the variances along them (k,), widest first."""
    n, size = centred.shape
    if size <= max(n, WIDEST):
        variances, axes = torch.linalg.eigh(centred.T @ centred / n)
        return axes.flip(1), variances.flip(0).clamp_min(0)
    variances, sides = torch.linalg.eigh(centred @ centred.T / n)
    variances, sides = variances.flip(0).clamp_min(0), sides.flip(1)
    axes = centred.T @ sides / (n * variances).sqrt().clamp_min(torch.finfo(torch.float64).tiny)
    return axes, variances
