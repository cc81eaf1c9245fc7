"""Smaller and larger pictures: the one way down and the one way up that upscaling is about.

large ──reduced──► small ──enlarged──► large, blurred ──back_projected──► agrees with small again
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["back_projected", "enlarged", "lanczos", "reduced"]


def reduced(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x (B, C, H, W) at a smaller (height, width): bicubic, antialiased, as Pillow does it."""
    return interpolate(x, size=size, mode="bicubic", antialias=True)


def enlarged(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x (B, C, H, W) at a larger (height, width): bicubic (a = −0.75); values may leave [0, 1]."""
    return interpolate(x, size=size, mode="bicubic", align_corners=False)


def lanczos(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x (B, C, H, W) at a larger (height, width) by a Lanczos window of 3 lobes, as Pillow's.

    Separable: a product with one matrix from either side. Values may leave [0, 1].
    """
    down, across = (_lanczos_matrix(n, to).to(x) for n, to in zip(x.shape[2:], size, strict=True))
    return down @ x @ across.T


def _lanczos_matrix(length: int, to: int) -> Tensor:
    """(to, length): row i holds what each pixel gives to the new pixel i; rows sum to 1."""
    if to < length:
        raise ValueError(f"this Lanczos filter enlarges; we got {length} pixels to become {to}")
    middle = (torch.arange(to, dtype=torch.float64) + 0.5) * (length / to)
    far = middle[:, None] - (torch.arange(length, dtype=torch.float64) + 0.5)
    weights = torch.where(far.abs() < 3, torch.sinc(far) * torch.sinc(far / 3), 0.0)
    return (weights / weights.sum(1, keepdim=True)).float()


def back_projected(
    x: Tensor, small: Tensor, iterations: int, tolerance: float = 0.5 / 255
) -> Tensor:
    """Large pictures changed as little as it takes for their reduction to be ``small`` again.

    What the reduction lacks is enlarged and added, over and over (Irani & Peleg 1991), within
    [0, 1]; it ends when no value is further off than ``tolerance``, by default half a gray level.
    Ten iterations mostly do for photographs; where large areas are black or white it takes longer.
    Each adds 1.5 times what lacks, which is stable, because reducing never makes anything larger,
    and takes half as many.

    Args:
        x: (B, C, H, W), the large pictures.
        small: (B, C, h, w), what their reduction ought to be.
        iterations: at most so many; 0 gives ``x``.
    """
    size = (small.shape[2], small.shape[3])
    for _ in range(iterations):
        lacking = small - reduced(x, size)
        if lacking.abs().max() <= tolerance:
            break
        x = (x + 1.5 * enlarged(lacking, (x.shape[2], x.shape[3]))).clamp(0, 1)
    return x
