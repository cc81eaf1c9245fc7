"""A few pictures of many that differ: what a sheet shows, instead of the first by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

__all__ = ["varied"]

LOOKED_AT = 2048  # pictures at most, evenly spread
SIDE = 8  # pixels of what is compared


def varied(pictures: Any, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of ``count`` pictures that are far from one another, in their order.

    The first is the one nearest to the mean, each further one the one that is farthest from all that
    are chosen (Gonzalez 1985), seen at 8×8 pixels. No draw: the same pictures give the same choice.

    Args:
        pictures: a Source, or (N, C, H, W) in [0, 1].
    """
    total = len(pictures)
    if count >= total:
        return np.arange(total)
    rows = np.unique(np.linspace(0, total - 1, min(total, LOOKED_AT)).round().astype(np.int64))
    small = torch.cat([_small(pictures, part) for part in torch.split(torch.from_numpy(rows), 256)])
    away = (small - small.mean(0)).square().sum(1)
    chosen = [int(away.argmin())]
    nearest = torch.full((len(small),), float("inf"))
    while len(chosen) < min(count, len(rows)):
        nearest = torch.minimum(nearest, (small - small[chosen[-1]]).square().sum(1))
        chosen.append(int(nearest.argmax()))
    return np.sort(rows[chosen])


def _small(pictures: Any, rows: torch.Tensor) -> torch.Tensor:
    x = pictures[rows] if isinstance(pictures, torch.Tensor) else pictures.batch(rows)
    return adaptive_avg_pool2d(x.float().cpu(), SIDE).flatten(1)
