"""The maps between the lowest activation and a code, flat or map-shaped.

flat   h (B, C, H, W) ──flatten, affine──► (B, D)      ──affine, unflatten──► (B, C, H, W)
map    h (B, C, H, W) ──1×1 convolution──► (B, D, H, W) ──1×1 convolution──► (B, C, H, W)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

__all__ = ["code_shape", "head", "tail"]

LAYOUTS = ("flat", "map")


def code_shape(shape: Sequence[int], size: int, layout: str) -> tuple[int, ...]:
    """The shape of a code of ``size`` units (flat) or channels (map) under h of ``shape``.

    Raises:
        ValueError: a size below 1, an unknown layout, or a map under a dense ladder.
    """
    if size < 1:
        raise ValueError(f"a code needs a size of at least 1; we got {size}")
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be {' or '.join(LAYOUTS)}; we got {layout!r}")
    if layout == "map" and len(shape) != 3:
        raise ValueError(
            f"a map-shaped code needs a ladder that ends in a map; this one ends in {tuple(shape)}, "
            "which layout='flat' fits"
        )
    return (size, *shape[1:]) if layout == "map" else (size,)


def head(shape: Sequence[int], size: int, layout: str) -> nn.Module:
    """h (B, *shape) → (B, size) or (B, size, H, W)."""
    if layout == "map":
        return nn.Conv2d(shape[0], size, 1)
    if len(shape) == 1:
        return nn.Linear(shape[0], size)
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), size))


def tail(shape: Sequence[int], size: int, layout: str) -> nn.Module:
    """The way back of ``head``."""
    if layout == "map":
        return nn.Conv2d(size, shape[0], 1)
    if len(shape) == 1:
        return nn.Linear(size, shape[0])
    return nn.Sequential(nn.Linear(size, math.prod(shape)), nn.Unflatten(1, tuple(shape)))
