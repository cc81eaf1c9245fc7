"""Reconstruct: pictures to codes and back, with what was lost on the way.

x ──reconstruct──► x̂,  the error of each picture, PSNR
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..images import Source, as_source
from ..measures import psnr, squared_error

__all__ = ["Reconstructions", "reconstruct"]


@dataclass(frozen=True)
class Reconstructions:
    """N pictures through a model and back.

    Attributes:
        pictures: what went in, (N, C, H, W) in [0, 1].
        reconstructions: what came out, (N, C, H, W) in [0, 1].
        mse: mean squared error per pixel value, (N,).
        psnr: in dB per picture, (N,).
    """

    pictures: Tensor
    reconstructions: Tensor
    mse: Tensor
    psnr: Tensor


def reconstruct(
    through: Callable[..., Tensor], images: Source | Any, **options: Any
) -> Reconstructions:
    """Reconstruct pictures and measure each.

    Args:
        through: pictures to reconstructions, such as ``model.reconstruct``; gets ``options``.
        images: a source or an array of pictures.
    """
    source = as_source(images)
    out = through(source, **options).clamp(0, 1)
    x = source.batch(torch.arange(len(source))).cpu()
    return Reconstructions(x, out, squared_error(x, out), psnr(x, out))
