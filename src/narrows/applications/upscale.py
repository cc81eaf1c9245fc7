"""Upscale: small pictures made larger, by a model that was trained to undo being made small.

small ──bicubic──► large, blurred ──(tiles)──► model ──► x̂ ──back-projection──► reduced, x̂ is small

Upscaling is denoising where the corruption is "down by k and back".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.resizing import back_projected, enlarged, lanczos, reduced
from ..images.tiles import in_tiles
from .restored import Change, Restored

__all__ = ["Upscaled", "upscale"]


@dataclass(frozen=True)
class Upscaled:
    """N pictures of one size, enlarged.

    Attributes:
        restored: what was given is the bicubic enlargement; Lanczos stands beside.
        disagreement: how far the reduced output is from the small picture, per picture (N,), the
            largest difference of a value in [0, 1].
    """

    restored: Restored
    disagreement: Tensor


@torch.no_grad()
def upscale(
    through: Change,
    small: Tensor,
    factor: int,
    size: tuple[int, int],
    *,
    clean: Tensor | None = None,
    back_projection: int = 0,
    overlap: float = 0.25,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Upscaled:
    """Enlarge pictures of one size ``factor`` times.

    Args:
        through: (B, C, h, w) → (B, C, h, w), such as a model trained with ``downscale``.
        small: (N, C, H, W) in [0, 1].
        factor: k.
        size: (h, w), the only size that ``through`` takes.
        clean: (N, C, k·H, k·W), where it is known.
        back_projection: iterations that make the reduced output agree with ``small``; see
            ``back_projected`` for the tolerance.
        overlap, batch_size, progress: see ``in_tiles``.

    Raises:
        ValueError: a factor below 2, or fewer than 0 iterations.
    """
    if factor < 2 or back_projection < 0:
        raise ValueError(
            "upscaling takes a factor from 2 and 0 or more iterations of back-projection; "
            f"we got {factor} and {back_projection}"
        )
    height, width = small.shape[2:]
    large = (factor * height, factor * width)
    blurred = enlarged(small, large).clamp(0, 1)
    output = in_tiles(
        through, blurred, size, overlap=overlap, batch_size=batch_size, progress=progress
    ).clamp(0, 1)
    output = back_projected(output, small, back_projection)
    written = (output * 255).round() / 255  # what a file of it shows
    off = (reduced(written, (height, width)) - small).abs().flatten(1).amax(1)
    others = {"Lanczos": lanczos(small, large).clamp(0, 1)}
    return Upscaled(Restored(blurred, output, others, clean), off)
