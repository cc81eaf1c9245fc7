"""The directions of a linear code: the angles between its vectors, and how much pictures vary there.

PCA                    right angles, and variances that fall as fast as they can
a linear autoencoder   the same space (Baldi & Hornik 1989) by any vectors: nothing asks for more
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..images import as_source

__all__ = ["Directions", "directions", "participation_ratio"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Directions:
    """D vectors, and the pictures along them.

    Attributes:
        angles: (D(D − 1)/2,), between the lines of every two vectors, 0 to 90 degrees.
        variances: (D,), of the pictures along each, the largest first.
    """

    angles: Array
    variances: Array

    def document(self) -> dict[str, float]:
        """The mean and the least angle, and how even the variances are, from 1/D to 1."""
        return {
            "mean_angle": float(self.angles.mean()),
            "least_angle": float(self.angles.min()),
            "participation_ratio": participation_ratio(self.variances),
            "largest_to_least": float(self.variances[0] / max(self.variances[-1], 1e-300)),
        }


def directions(vectors: Any, images: Any) -> Directions:
    """Compare an encoder's rows, or a decoder's columns, with what PCA's would be.

    PCA writes the covariance as E Λ Eᵀ with orthonormal E; "autoencoder: vectors not forced to be
    orthogonal, variances tend to be equal" (Lingrand 2021, "The simplest autoencoder"). Vectors count
    by their direction alone, since the way up undoes any length of the way down: the variance is that
    of the pictures along e_i / ‖e_i‖, which for PCA is λ_i. Vectors drawn at random in D dimensions
    are about arccos √(2 / πD) apart, 82 degrees for 32: that is what angles are to be compared with.

    Args:
        vectors: (D, P) or (D, C, H, W), P = C·H·W, two or more.
        images: a source or an array of pictures (N, C, H, W).

    Raises:
        ValueError: fewer than two vectors, one of length 0 or not finite, or vectors of other pictures.
    """
    source = as_source(images)
    size = math.prod(source.shape)
    rows = torch.as_tensor(vectors).detach().cpu().double().flatten(1)
    if len(rows) < 2 or rows.shape[1] != size:
        raise ValueError(
            f"two vectors or more of {size:,} numbers were wanted; we got {tuple(rows.shape)}"
        )
    length = rows.norm(dim=1, keepdim=True)
    if not bool(torch.isfinite(length).all()) or bool((length == 0).any()):
        raise ValueError("vectors of length 0, or that are not finite, have no direction")
    rows = rows / length
    one, other = torch.triu_indices(len(rows), len(rows), 1)
    cosines = (rows @ rows.T)[one, other].abs().clamp_max(1)
    total = torch.zeros(len(rows), dtype=torch.float64)
    squares = torch.zeros_like(total)
    origin = None
    for part in torch.split(torch.arange(len(source)), 1024):
        along = source.batch(part).cpu().flatten(1).double() @ rows.T
        origin = along[0] if origin is None else origin  # so that the squares do not cancel
        total += (along - origin).sum(0)
        squares += (along - origin).square().sum(0)
    variances = (squares / len(source) - (total / len(source)).square()).clamp_min(0)
    return Directions(
        torch.rad2deg(torch.arccos(cosines)).numpy(),
        variances.sort(descending=True).values.numpy(),
    )


def participation_ratio(variances: Any) -> float:
    """How equal D variances are: (Σλ)² / (D Σλ²), 1 if all are the same and 1/D if one has all.

    Of codes (N, D) the variances are ``codes.var(0)``; they change with the scale of each unit.

    Raises:
        ValueError: no variance, one below 0, or none above it.
    """
    values = np.asarray(variances, np.float64).ravel()
    if not len(values) or not (values >= 0).all() or not values.sum() > 0:
        raise ValueError("variances from 0, one of them above it, were wanted; we got others")
    shares = values / values.max()
    return float(shares.sum() ** 2 / (len(shares) * np.square(shares).sum()))
