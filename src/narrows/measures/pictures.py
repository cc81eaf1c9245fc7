"""How close a picture is to another: each measure is taken per picture, and averaged later.

PSNR is a logarithm, so the mean of the pictures' PSNR is not the PSNR of their mean error. Here
it is always the former.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["edge_energy", "high_frequency_residual", "psnr", "sharpness", "squared_error", "ssim"]

Pictures = Any  # an array or a tensor (N, C, H, W): floats in [0, 1], or uint8

# below this error 8-bit pictures are the same; without it an exact copy would make a mean infinite
LEAST_ERROR = 1e-10
# Wang et al. 2004, section III-C, for a range of 1
C1, C2 = 0.01**2, 0.03**2
# SSIM takes pictures of so many values at a time, so that its ten or so copies stay in the cache
VALUES = 100_000


def squared_error(x: Pictures, x_hat: Pictures) -> Tensor:
    """The squared error of each picture, averaged over its values: (N, C, H, W) twice → (N,)."""
    x, x_hat = _pair(x, x_hat)
    errors: Tensor = (x - x_hat).square()
    return errors.flatten(1).mean(1)


def psnr(x: Pictures, x_hat: Pictures) -> Tensor:
    """Peak signal-to-noise ratio of each picture in dB, (N,): −10 log₁₀ of its squared error.

    The peak is 1. An exact copy has 100 dB, the most that is given.

    >>> psnr(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.1))
    tensor([20.])
    """
    return -10 * squared_error(x, x_hat).clamp_min(LEAST_ERROR).log10()


def ssim(x: Pictures, x_hat: Pictures) -> Tensor:
    """Structural similarity of each picture, (N,); 1 for a copy (Wang et al. 2004, eq. 13).

    The window is the paper's, Gaussian, 11×11, σ = 1.5, around every pixel; pictures are reflected
    at their borders and channels averaged, which are torchmetrics' conventions and numbers. In a
    picture with a side below 11 it is the largest odd window that fits, with σ in proportion (7×7
    and σ = 0.9 for 8×8); values for windows of two sizes are not comparable.

    Raises:
        ValueError: a side has fewer than 3 pixels.
    """
    x, x_hat = _pair(x, x_hat)
    window, sigma = _window(x.shape[2:])
    down, across = (_blur(size, window, sigma).to(x.device) for size in x.shape[2:])
    rows = max(1, VALUES // math.prod(x.shape[1:]))
    pieces = zip(torch.split(x, rows), torch.split(x_hat, rows), strict=True)
    return torch.cat([_similarity(a, b, down, across) for a, b in pieces])


def _similarity(x: Tensor, y: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Eq. 13 at every place of the window, averaged: two of (B, C, H, W) → (B,)."""
    moments = torch.stack([x, y, x * x, y * y, x * y])
    blurred = (moments @ across.T).transpose(3, 4).contiguous() @ down.T  # (5, B, C, W, H)
    mean_x, mean_y, xx, yy, xy = blurred
    variance_x, variance_y = xx - mean_x.square(), yy - mean_y.square()
    covariance = xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
    structure = (2 * covariance + C2) / (variance_x.clamp_min(0) + variance_y.clamp_min(0) + C2)
    each: Tensor = luminance * structure
    return each.flatten(1).mean(1)


def _blur(size: int, window: int, sigma: float) -> Tensor:
    """A Gaussian window around each of ``size`` pixels, folded back at the borders: (size, size).

    The window is separable, so blurring a picture is a product with one such matrix from either
    side, which takes less time than a convolution of 121 taps.
    """
    offsets = torch.arange(window) - window // 2
    taps = torch.exp(-0.5 * (offsets / sigma).square())
    at = (torch.arange(size)[:, None] + offsets).abs()  # −1 → 1
    at = torch.where(at >= size, 2 * (size - 1) - at, at)  # size → size − 2
    return torch.zeros(size, size).scatter_add_(1, at, (taps / taps.sum()).expand(size, window))


def _window(size: torch.Size) -> tuple[int, float]:
    """Side and σ of SSIM's window for pictures of (H, W)."""
    side = min(11, *size)
    side -= 1 - side % 2
    if side < 3:
        raise ValueError(
            f"ssim needs pictures of at least 3×3; we got {size[0]}×{size[1]}: use psnr"
        )
    return side, 0.3 * (side // 2)


def sharpness(x: Pictures, x_hat: Pictures) -> Tensor:
    """The energy of each reconstruction's Laplacian relative to its original's, (N,).

    1 is as sharp as the original, less is blurred, more is sharper or noisier. NaN for an original
    without any edge.

    Raises:
        ValueError: a side has fewer than 3 pixels.
    """
    of_original, shared, own = _laplacians(x, x_hat)
    edgeless = of_original <= 1e-8
    return torch.where(edgeless, torch.nan, own / of_original.clamp_min(1e-8))


def edge_energy(x: Pictures) -> Tensor:
    """The energy of each picture's Laplacian, averaged over its inner values, (N,).

    For pictures without an original, such as draws: their mean over that of real ones says how
    sharp they are. With an original it is ``sharpness``, which is the ratio of the two.

    Raises:
        ValueError: a side has fewer than 3 pixels.
    """
    of_picture, _, _ = _laplacians(x, x)
    count = x.shape[1] * (x.shape[2] - 2) * (x.shape[3] - 2)
    each: Tensor = of_picture / count
    return each


def high_frequency_residual(x: Pictures, x_hat: Pictures) -> Tensor:
    """How much of each reconstruction's sharpness is not the original's: grain, (N,).

    With the Laplacians L of the original and M of the reconstruction, M = a L + r with a such that
    r is orthogonal to L: ``sharpness`` is a² (detail that is given back) plus this, |r|² / |L|².
    0 for a copy and for one of less contrast. NaN for an original without any edge.

    Raises:
        ValueError: a side has fewer than 3 pixels.
    """
    of_original, shared, own = _laplacians(x, x_hat)
    edgeless, floor = of_original <= 1e-8, of_original.clamp_min(1e-8)
    rest = (own - shared.square() / floor).clamp_min(0)
    return torch.where(edgeless, torch.nan, rest / floor)


def _laplacians(x: Pictures, x_hat: Pictures) -> tuple[Tensor, Tensor, Tensor]:
    """Σ (∇²x)², Σ ∇²x ∇²x̂ and Σ (∇²x̂)² over the inner pixels, (N,) each."""
    x, x_hat = _pair(x, x_hat)
    if min(x.shape[2:]) < 3:
        raise ValueError(
            f"sharpness needs pictures of at least 3×3; we got {x.shape[2]}×{x.shape[3]}"
        )
    kernel = x.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    one, other = (
        F.conv2d(p.flatten(0, 1)[:, None], kernel).reshape(len(p), -1) for p in (x, x_hat)
    )
    return one.square().sum(1), (one * other).sum(1), other.square().sum(1)


def _pair(x: Pictures, x_hat: Pictures) -> tuple[Tensor, Tensor]:
    a, b = _floats(x), _floats(x_hat)
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(
            "two sets of pictures of one shape (N, C, H, W) were wanted; "
            f"we got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    return a, b.to(a.device)


def _floats(x: Pictures) -> Tensor:
    tensor = torch.as_tensor(x).detach()
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()
