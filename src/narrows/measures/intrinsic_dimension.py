"""How many numbers a set of points really has: its intrinsic dimension, by two estimators.

Both look at near neighbours only, among which a curved surface is flat. Neither needs a model. Noise has
a dimension of its own, and few points see less of it: the estimate is of the scale at which the points
lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["maximum_likelihood_dimension", "nearest_distances", "two_nn"]

Array = np.ndarray[Any, Any]

KEPT = 0.9  # of the ratios: the largest ones bend the line (Facco et al. 2017, methods)
BLOCK = 512  # points compared at once


def nearest_distances(points: Any, neighbours: int) -> Array:
    """Euclidean distances of each different point to its nearest others, (N, neighbours), ascending.

    Of points that are the same one counts, as a distance of 0 says nothing of a dimension.

    Args:
        points: (N, D).
        neighbours: how many, at least 1.

    Raises:
        ValueError: fewer different points than neighbours and one.
    """
    x = torch.unique(torch.as_tensor(np.asarray(points, np.float32)), dim=0)
    if len(x) <= neighbours:
        raise ValueError(f"at least {neighbours + 1} different points were wanted; we got {len(x)}")
    x = x - x.mean(0)
    found = [_nearest(x, start, neighbours) for start in range(0, len(x), BLOCK)]
    return torch.cat(found).double().numpy()


def _nearest(x: Tensor, start: int, neighbours: int) -> Tensor:
    some = x[start : start + BLOCK]
    far = torch.cdist(some, x)
    far[torch.arange(len(some)), torch.arange(start, start + len(some))] = torch.inf
    near = far.topk(neighbours, largest=False).indices
    # again by differences: the fast way to compare all loses the digits of what is close
    exact = torch.stack([(x[near[:, i]] - some).norm(dim=1) for i in range(neighbours)], 1)
    return exact.sort(1).values.clamp_min(torch.finfo(torch.float32).tiny)


def two_nn(distances: Array) -> float:
    """The dimension by the ratio of the second neighbour's distance to the first's.

    Where density hardly changes up to the second neighbour, that ratio μ has P(μ ≤ t) = 1 − t⁻ᵈ in d
    dimensions; d is the slope of −log(1 − F) against log μ through the origin, the largest tenth of
    ratios left out (Facco et al. 2017, eq. 5 and methods).

    Args:
        distances: of :func:`nearest_distances`, (N, ≥ 2).
    """
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    count = max(1, int(KEPT * len(ratios)))
    x = ratios[:count]
    y = -np.log1p(-np.arange(1, count + 1) / (len(ratios) + 1))
    return float((x @ y) / max(float(x @ x), 1e-300))


def maximum_likelihood_dimension(distances: Array) -> float:
    """The dimension by maximum likelihood of the distances to k neighbours, as if they were even there.

    The inverse of each point's estimate is averaged, as in MacKay & Ghahramani's comment on
    Levina & Bickel (2004, eq. 8), whose own average is biased where k is small.

    Args:
        distances: of :func:`nearest_distances`, (N, k), k ≥ 2.
    """
    inner = np.log(distances[:, -1:] / distances[:, :-1])
    return float(1 / max(float(inner.mean()), 1e-300))
