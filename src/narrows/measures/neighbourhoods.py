"""How far a map of codes can be trusted: are neighbours on it neighbours among the codes?

codes (N, D), points (N, 2) ──► the k nearest on the map ──► their ranks among the codes

Exact for the pictures that are sampled, against all N; a few at a time, never N × N in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..randomness import permutation

__all__ = ["Neighbourhoods", "neighbourhoods"]

ROOM = 1 << 24  # distances in memory at a time


@dataclass(frozen=True)
class Neighbourhoods:
    """How well the neighbours on a map stand for those among the codes.

    Attributes:
        trustworthiness: 1 where no other code is among the k nearest on the map; about 0.5 by chance
            (Venna & Kaski 2001, eq. 1).
        kept: the share of the k nearest codes that are among the k nearest on the map.
        same_label: the share of the k nearest on the map with the picture's own label, where there
            are labels.
        same_label_of_codes: the same of the k nearest codes.
        k: neighbours.
        asked, of: the pictures whose neighbours were looked at, and all N.
    """

    trustworthiness: float
    kept: float
    same_label: float | None
    same_label_of_codes: float | None
    k: int
    asked: int
    of: int


def neighbourhoods(
    codes: Any, points: Any, labels: Any = None, *, k: int = 12, queries: int = 1000, seed: int = 0
) -> Neighbourhoods:
    """Compare neighbours on a map with neighbours among the codes.

    Args:
        codes: (N, D).
        points: (N, 2) or of any other width.
        labels: (N,) of anything that compares, such as names.
        k: neighbours; at most (N − 1) / 2, fewer are taken of fewer pictures.
        queries: at most so many pictures are sampled, by the seed.

    Raises:
        ValueError: fewer than three codes, or not a point for each.
    """
    high, low = (torch.as_tensor(np.asarray(rows, np.float64)) for rows in (codes, points))
    n = len(high)
    if n < 3 or len(low) != n or high.ndim != 2 or low.ndim != 2:
        raise ValueError(
            f"three codes (N, D) or more and a point for each were wanted; we got "
            f"{tuple(high.shape)} and {tuple(low.shape)}"
        )
    k = max(1, min(k, (n - 1) // 2))
    names = None
    if labels is not None:
        names = torch.from_numpy(np.unique(np.asarray(labels), return_inverse=True)[1].ravel())
    chosen = permutation(seed, "neighbourhoods", n)[:queries]
    high, low = high - high.mean(0), low - low.mean(0)
    beyond = kept = same = same_of_codes = 0.0
    for rows in torch.split(chosen, max(1, ROOM // n)):
        far = _distances(high, rows)
        order, nearest_codes = far.sort(1)
        nearest = _distances(low, rows).topk(k, 1, largest=False).indices
        # how many codes are nearer, and itself: the first neighbour has rank 1
        ranks = torch.searchsorted(order, far.gather(1, nearest)) + 1
        beyond += float((ranks - k).clamp_min(0).sum())
        kept += float((ranks <= k).sum())
        if names is not None:
            own = names[rows][:, None]
            same += float((names[nearest] == own).sum())
            same_of_codes += float((names[nearest_codes[:, :k]] == own).sum())
    pairs = len(chosen) * k
    trust = 1 - 2 * beyond / (pairs * (2 * n - 3 * k - 1))
    same_label, of_codes = (None, None) if names is None else (same / pairs, same_of_codes / pairs)
    return Neighbourhoods(trust, kept / pairs, same_label, of_codes, k, len(chosen), n)


def _distances(x: Tensor, rows: Tensor) -> Tensor:
    """Squared distances (Q, N) of some rows to all; to themselves infinite."""
    squares = x.square().sum(1)
    out = torch.addmm(squares[None] + squares[rows][:, None], x[rows], x.T, alpha=-2)
    out[torch.arange(len(rows)), rows] = torch.inf
    return out
