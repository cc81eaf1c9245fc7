"""Made flaws on normal pictures: spots, cracks, stains and broken edges, to choose a method by.

They stand in for the real flaws that nobody has labelled yet: what finds painted flaws on held-out
normal pictures is chosen, and real ones stay unseen until they are asked about.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["painted"]

Array = np.ndarray[Any, Any]


def painted(picture: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """A flaw on a picture uint8 (C, H, W) of any size: the picture, and where the flaw is (H, W)."""
    draws = np.random.default_rng(seed)
    h, w = int(picture.shape[1]), int(picture.shape[2])
    mask, factor = _flaw(draws, h, w)
    while not mask.any():
        mask, factor = _flaw(draws, h, w)
    where = torch.from_numpy(mask)
    changed = (picture.float() * torch.where(where, factor, 1.0)).clamp(0, 255)
    return changed.round().to(torch.uint8), where


def _flaw(draws: np.random.Generator, h: int, w: int) -> tuple[Array, float]:
    """Where it is (H, W), and what it multiplies brightness by; lengths in shorter sides."""
    short = min(h, w)
    y, x = np.mgrid[:h, :w] / short
    high, wide = h / short, w / short
    down, across = draws.uniform(0.1, 0.9) * high, draws.uniform(0.1, 0.9) * wide
    dark = float(draws.uniform(0.3, 0.75))
    kind = int(draws.integers(4))
    if kind == 0:  # a spot
        (a, b), turn = draws.uniform(0.012, 0.05, 2), draws.uniform(0, np.pi)
        u = (x - across) * np.cos(turn) + (y - down) * np.sin(turn)
        v = (y - down) * np.cos(turn) - (x - across) * np.sin(turn)
        return (u / a) ** 2 + (v / b) ** 2 < 1, dark
    if kind == 1:  # a crack
        at, turn = np.array([down, across]), draws.uniform(0, 2 * np.pi)
        thick = draws.uniform(0.004, 0.01)
        mask = np.zeros((h, w), bool)
        for _ in range(int(draws.integers(60, 200))):
            turn += draws.normal() * 0.3
            at = at + 0.005 * np.array([np.sin(turn), np.cos(turn)])
            mask |= (y - at[0]) ** 2 + (x - at[1]) ** 2 < thick**2
        return mask, dark
    if kind == 2:  # a stain, darker or brighter
        a, b = draws.uniform(0.15, 0.5, 2)
        bright = draws.uniform(1.3, 1.8)
        inside = ((x - across) / a) ** 2 + ((y - down) / b) ** 2 < 1
        return inside, float(draws.uniform(0.5, 0.75) if draws.random() < 0.5 else bright)
    coarse = torch.from_numpy(draws.normal(size=(1, 1, 6, 6))).float()
    rough = torch.nn.functional.interpolate(coarse, (h, w), mode="bicubic")[0, 0].numpy() > 0.3
    side = x if draws.random() < 0.5 else y
    depth = np.minimum(side, side.max() - side)
    return (depth < 0.12) & rough, float(draws.uniform(0.2, 0.6))
