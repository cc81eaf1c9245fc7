"""Segment: a class for each pixel, by a model that finds the hidden mask of a picture.

    x (N, C, H, W) ──K empty channels behind──► model ──► K probabilities ──argmax──► (N, H, W)

The model is an autoencoder of pictures with their masks, trained with the masks hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.resizing import enlarged, reduced

__all__ = ["Segments", "segment"]


@dataclass(frozen=True)
class Segments:
    """What each pixel shows.

    Attributes:
        classes: uint8 (N, H, W).
        certainty: (N, H, W), the probability of that class.
    """

    classes: Tensor
    certainty: Tensor


def segment(
    through: Callable[[Tensor], Tensor],
    x: Tensor,
    classes: int,
    size: tuple[int, int],
    *,
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Segments:
    """Find the class of every pixel of pictures of one size.

    Args:
        through: (B, C + K, h, w) with empty masks → the same with probabilities for them.
        x: (N, C, H, W).
        classes: K.
        size: (h, w) that ``through`` takes. Pictures of another size are brought to it, and the
            probabilities back.
        batch_size: pictures at once.
        progress: called with (done, total).
    """
    own = (x.shape[2], x.shape[3])
    found, certain = [], []
    for batch in torch.split(x, batch_size):
        small = batch if own == size else _resized(batch, size).clamp(0, 1)
        empty = small.new_zeros(len(small), classes, *size)
        with torch.no_grad():
            likely = through(torch.cat([small, empty], 1))[:, -classes:].float()
        if own != size:
            likely = _resized(likely, own)
        most, which = likely.max(1)
        found.append(which.byte().cpu())
        certain.append(most.clamp(0, 1).cpu())
        if progress is not None:
            progress(sum(map(len, found)), len(x))
    return Segments(torch.cat(found), torch.cat(certain))


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    smaller = size[0] <= x.shape[2] and size[1] <= x.shape[3]
    return reduced(x, size) if smaller else enlarged(x, size)
