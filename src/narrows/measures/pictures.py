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

__all__ = ["psnr", "sharpness", "squared_error", "ssim"]

Pictures = Any  # an array or a tensor (N, C, H, W): floats in [0, 1], or uint8

# below this error 8-bit pictures are the same; without it an exact copy would make a mean infinite
LEAST_ERROR = 1e-10
# values of a batch that SSIM holds at a time; it needs some ten times as many
VALUES = 2_000_000


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

    The window is the paper's: Gaussian, 11×11, σ = 1.5, only where it lies wholly inside. In a
    picture with a side below 11 it is the largest odd window that fits, with σ in proportion
    (7×7 and σ = 0.9 for 8×8); values for windows of two sizes are not comparable.

    Raises:
        ValueError: a side has fewer than 3 pixels.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as similarity

    x, x_hat = _pair(x, x_hat)
    window, sigma = _window(x.shape[2:])
    rows = max(1, VALUES // math.prod(x.shape[1:]))
    found = [
        similarity(
            b, a, sigma=sigma, kernel_size=window, reduction="none", data_range=1.0
        ).reshape(-1)  # type: ignore[union-attr]
        for a, b in zip(torch.split(x, rows), torch.split(x_hat, rows), strict=True)
    ]
    return torch.cat(found)


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
    x, x_hat = _pair(x, x_hat)
    if min(x.shape[2:]) < 3:
        raise ValueError(
            f"sharpness needs pictures of at least 3×3; we got {x.shape[2]}×{x.shape[3]}"
        )
    energy, of_original = _laplacian_energy(x_hat), _laplacian_energy(x)
    edgeless = of_original <= 1e-8
    return torch.where(edgeless, torch.nan, energy / of_original.clamp_min(1e-8))


def _laplacian_energy(x: Tensor) -> Tensor:
    """Σ (∇²x)² over the inner pixels, (N,)."""
    kernel = x.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    edges = F.conv2d(x.flatten(0, 1)[:, None], kernel).square()
    return edges.reshape(len(x), -1).sum(1)


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
