"""How well a class was found for each pixel: confusion, intersection over union, and a baseline.

Masks are uint8 (N, H, W) with classes 0 to K - 1; any higher number is void and does not count.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["class_weights", "intersection_over_union", "pixel_confusion", "position_prior"]


def pixel_confusion(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """How often class i (row) was taken for class j (column), (K, K) int64."""
    labelled = truth < classes
    pairs = truth[labelled].long() * classes + predicted[labelled].long()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(confusion: Tensor) -> Tensor:
    """Of each class, pixels predicted rightly / pixels that are or were predicted to be of it, (K,).

    A class that is nowhere has 0.
    """
    right = confusion.diagonal().double()
    either = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return right / either.clamp_min(1)


def position_prior(masks: Tensor, classes: int) -> Tensor:
    """The most frequent class of each position, uint8 (H, W): a baseline that does not look at the picture."""
    counts = torch.stack([(masks == k).sum(0) for k in range(classes)])
    return counts.argmax(0).byte()


def class_weights(masks: Tensor, classes: int) -> Tensor:
    """Median frequency balancing (Eigen & Fergus 2015; Badrinarayanan et al. 2017, §3.1), (K,).

    A class's frequency is its share of the pixels of those masks that show it; its weight is the
    median of all frequencies over its own. A class that no mask shows has weight 1.
    """
    pixels = torch.stack([(masks == k).flatten(1).sum(1) for k in range(classes)])  # (K, N)
    shown = (masks < classes).flatten(1).sum(1)  # pixels that are not void, (N,)
    among = (shown * (pixels > 0)).sum(1)
    frequency = pixels.sum(1).double() / among.clamp_min(1)
    there = frequency > 0
    weights = torch.ones(classes, dtype=torch.float64)
    weights[there] = frequency[there].median() / frequency[there]
    return weights.float()
