"""Kernels and feature maps: what the first layer looks for, and what each level finds in a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["feature_maps", "first_kernels", "high_frequency_energy"]


def first_kernels(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """The weights of a first layer as pictures (K, C, h, w) in [0, 1] (Canziani, figs. 22-23).

    A weight of 0 is 0.5, and the largest of each kernel, by its size, 0 or 1. The kernel with the
    largest norm comes first.

    Args:
        weight: (K, C·H·W) of a dense layer or (K, C, h, w) of a convolution.
        shape: (C, H, W) of the pictures that it takes.

    Raises:
        ValueError: weights that do not act on such pictures.
    """
    if weight.ndim == 2 and weight.shape[1] == math.prod(shape):
        weight = weight.reshape(-1, *shape)
    if weight.ndim != 4 or weight.shape[1] != shape[0]:
        raise ValueError(
            f"kernels for pictures of {tuple(shape)} are (K, {math.prod(shape)}) or "
            f"(K, {shape[0]}, h, w); we got {tuple(weight.shape)}"
        )
    weight = weight.detach().float().cpu()
    weight = weight[weight.flatten(1).norm(dim=1).argsort(descending=True)]
    largest = weight.abs().flatten(1).amax(1).clamp_min(1e-12)
    return 0.5 + 0.5 * weight / largest[:, None, None, None]


def high_frequency_energy(kernels: Tensor, inside: Tensor) -> Tensor:
    """How much kernels vary where nothing ever is, beside how much where something is, (K,).

    Standard deviation over the pixels outside by that over the pixels inside: near 0 for a kernel
    that is constant outside, 1 for one that is noise everywhere (Canziani, figs. 22-23).

    Args:
        kernels: (K, C, h, w), such as ``first_kernels`` gives.
        inside: (h, w) booleans.

    Raises:
        ValueError: fewer than two pixels inside or outside.
    """
    if min(int(inside.sum()), int((~inside).sum())) < 2:
        raise ValueError("kernels are compared over two pixels or more inside and as many outside")
    within, without = (kernels[:, :, where].flatten(1).std(1) for where in (inside, ~inside))
    return without / within.clamp_min(1e-12)


@torch.no_grad()
def feature_maps(
    levels: Callable[[Tensor], Sequence[Tensor]], x: Tensor, level: int
) -> list[Tensor]:
    """What a level finds in each picture: N of (K, 1, h, w) in [0, 1] (Kovenko, fig. 7).

    Each map has a scale of its own, from its lowest value (0) to its highest (1). The units of a dense
    level (D,) stand row by row in one map about as high as wide.

    Args:
        levels: (B, C, H, W) → every level's activation, h_0 = x first, such as a ladder's descent.
        x: (N, C, H, W).
        level: i of h_i; 0 is the picture itself.

    Raises:
        ValueError: there is no such level.
    """
    found = levels(x)
    if not 0 <= level < len(found):
        raise ValueError(f"this model has the levels 0 to {len(found) - 1}; we got {level}")
    maps = found[level].detach().float().cpu()
    if maps.ndim == 2:
        size = maps.shape[1]
        wide = math.ceil(math.sqrt(size))
        high = math.ceil(size / wide)
        low = maps.amin(1, keepdim=True).expand(-1, high * wide - size)
        maps = torch.cat([maps, low], 1).reshape(-1, 1, high, wide)
    lowest, highest = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    even = (maps - lowest) / (highest - lowest).clamp_min(1e-12)
    return list(even[:, :, None])
