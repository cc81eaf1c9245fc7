"""Noise out of pictures by the cosine transform of every small patch, without any training.

x ──every 8×8 patch──► coefficients ──those below 3 σ are noise──► patches ──mean where they overlap──► x̂
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["cosine_threshold"]

SIDE = 8  # of the patches
VALUES = 1 << 20  # values that are taken at once


def cosine_threshold(x: Tensor, sigma: float, *, step: int = 1, colours: bool = False) -> Tensor:
    """Every 8×8 patch without its cosine coefficients below 3 σ, averaged where patches overlap.

    Translation-invariant thresholding (Yaroslavsky 1996; Coifman & Donoho 1995 for wavelets): what
    BM3D's first step does without its search for similar patches. For pictures of less than 8 pixels
    the patches are smaller. Taken in bands, which changes nothing.

    Args:
        x: (N, C, H, W).
        sigma: standard deviation of the noise.
        step: only patches at so many pixels from one another, which takes step² times less.
        colours: transform along the channels too, which hold mostly the same picture.
    """
    n, c, h, w = x.shape
    if colours and c > 1:
        across = _basis(c, x)
        turned = torch.einsum("ij,njhw->nihw", across, x)
        return torch.einsum("ij,nihw->njhw", across, cosine_threshold(turned, sigma, step=step))
    side = min(SIDE, h, w)
    edge = side - 1
    basis = torch.einsum("iy,jx->ijyx", *[_basis(side, x)] * 2).reshape(side**2, side**2)
    flat = x.reshape(n * c, 1, h, w)
    flat = F.pad(flat, [edge] * 4, mode="reflect") if edge else flat
    out = torch.empty_like(flat[:, :, :h, :w])
    rows = side * max(1, VALUES // (side * (w + 2 * edge)))  # of a band: patches lie the same
    for first in range(0, h, rows):
        last = min(h, first + rows)
        band = flat[:, :, first : last + 2 * edge]
        if torch.compiler.is_compiling():  # an exported program takes any number at once
            out[:, :, first:last] = _thresholded(band, basis, sigma, side, step)
            continue
        for some in torch.split(torch.arange(n * c), max(1, rows // band.shape[2])):
            out[some, :, first:last] = _thresholded(band[some], basis, sigma, side, step)
    return out.reshape(x.shape)


def _thresholded(x: Tensor, basis: Tensor, sigma: float, side: int, step: int) -> Tensor:
    """(B, 1, H + 2e, W + 2e) → (B, 1, H, W), where e = side − 1: each sees all its patches.

    Patches that lie side by side are one product of matrices; there are as many such layers as
    there are places where the first may begin.
    """
    total = torch.zeros_like(x)
    begins = range(0, side, step)
    for top in begins:
        for left in begins:
            down, across = (
                (n - at) // side for n, at in zip(x.shape[2:], (top, left), strict=True)
            )
            area = (..., slice(top, top + down * side), slice(left, left + across * side))
            grid = x[area].reshape(-1, down, side, across, side).transpose(2, 3)
            found = grid.reshape(-1, side**2) @ basis.T
            small = found.abs() <= 3 * sigma
            small[:, 0] = False  # the mean of a patch is not noise
            kept = found.masked_fill_(small, 0) @ basis
            grid = kept.reshape(-1, down, across, side, side).transpose(2, 3)
            total[area] += grid.reshape(-1, 1, down * side, across * side)
    edge = side - 1
    return total[:, :, edge : x.shape[2] - edge, edge : x.shape[3] - edge] / len(begins) ** 2


def _basis(side: int, like: Tensor) -> Tensor:
    """The orthonormal cosines, (side, side): a row for each frequency."""
    at = torch.arange(side, dtype=torch.float64)
    basis = torch.cos(math.pi / side * (at + 0.5) * at[:, None]) * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis.to(like)
