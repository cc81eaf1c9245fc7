"""Where a picture differs from normal ones, patch by patch, at its own size and without a network.

normal pictures ──scaled, local contrast──► patches ──PCA, whitened──► codes ──some of them──► bank
picture ────────────────the same──────────────────────────────────────► codes ──nearest──► map (H, W)

A memory bank of patch features as in PatchCore (Roth et al. 2022, §3), whose features are those of a
pretrained network; here they are whitened principal components of the patches themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..randomness import permutation

__all__ = ["PatchBank", "Patches", "picture_score", "spread"]

DARKEST = 1 / 255  # added before the logarithm, so that black has one
FLOOR = 1e-6  # of a component's variance
DRAWN = 40_000  # patches that components are fitted to
KEPT = 3_000  # of them in the bank
BLOCK = 4_096  # patches compared at once


@dataclass(frozen=True)
class Patches:
    """How a picture becomes patches.

    Attributes:
        scale: pixels of the patches' picture for one of the picture.
        side: of a patch, in pixels after scaling.
        window: side of the neighbourhood whose mean and contrast are taken out; 0: of the picture.
        size: components kept.
        step: pixels from one patch to the next.
        contrast: added to the standard deviation that is divided by, so that noise stays small.

    Raises:
        ValueError: an even window, or a number below 1.
    """

    scale: float = 0.25
    side: int = 12
    window: int = 25
    size: int = 48
    step: int = 2
    contrast: float = 0.2

    def __post_init__(self) -> None:
        if self.window and self.window % 2 == 0:
            raise ValueError(f"a window has a middle pixel, so it is odd; we got {self.window}")
        if min(self.side, self.size, self.step) < 1 or not 0 < self.scale <= 1:
            raise ValueError(f"a side, a size, a step of at least 1 and a scale in (0, 1]: {self}")

    def __str__(self) -> str:
        where = f"{self.window}-pixel neighbourhoods" if self.window else "the whole picture"
        return (
            f"{self.side}x{self.side} patches at {self.scale:.2g} of the size, contrast of {where}"
        )

    def scaled(self, picture: Tensor) -> Tensor:
        """(C, H, W) uint8 or in [0, 1] → (C, h, w): smaller, of logarithmic brightness, contrast 1."""
        x = picture.float() / (255 if picture.dtype == torch.uint8 else 1)
        size = [max(self.side, round(length * self.scale)) for length in x.shape[1:]]
        if size != list(x.shape[1:]):
            x = F.interpolate(x[None], size, mode="bilinear", antialias=True)[0]
        x = (x.clamp_min(0) + DARKEST).log()
        if not self.window:
            deviation = x.std((1, 2), correction=0, keepdim=True)
            return (x - x.mean((1, 2), keepdim=True)) / (deviation + self.contrast)
        mean = self._around(x)
        deviation = (self._around(x * x) - mean * mean).clamp_min(0).sqrt()
        return (x - mean) / (deviation + self.contrast)

    def _around(self, x: Tensor) -> Tensor:
        """The mean of each pixel's neighbourhood, of those pixels of it that the picture has."""
        half = self.window // 2
        return F.avg_pool2d(x[None], self.window, 1, half, count_include_pad=False)[0]

    def cut(self, picture: Tensor, step: int | None = None) -> tuple[Tensor, tuple[int, int]]:
        """(C, H, W) → all patches (P, C·side²), and how many stand below and beside one another."""
        x, step = self.scaled(picture), step or self.step
        rows = F.unfold(x[None], self.side, stride=step)[0].T
        return rows, tuple((n - self.side) // step + 1 for n in x.shape[1:])  # type: ignore[return-value]

    def drawn(self, pictures: Sequence[Tensor], count: int, seed: int) -> Tensor:
        """About ``count`` patches of all positions, as many of each picture, (N, C·side²).

        Raises:
            ValueError: no picture.
        """
        if not pictures:
            raise ValueError("patches are drawn from at least one normal picture")
        each = math.ceil(count / len(pictures))
        found = []
        for number, picture in enumerate(pictures):
            rows, _ = self.cut(picture, 1)
            found.append(rows[permutation(seed, f"patches/{number}", len(rows))[:each]])
        return torch.cat(found)


@dataclass(frozen=True)
class PatchBank:
    """Codes of normal patches.

    Attributes:
        patches: how they were cut.
        mean: of the patches, (C·side²,).
        projection: to whitened components, (C·side², size).
        codes: the bank, (N, size).
    """

    patches: Patches
    mean: Tensor
    projection: Tensor
    codes: Tensor

    @staticmethod
    def fit(pictures: Sequence[Tensor], patches: Patches | None = None, seed: int = 0) -> PatchBank:
        """The bank of normal pictures, uint8 (C, H, W) each, of any sizes.

        Raises:
            ValueError: no picture.
        """
        patches = patches or Patches()
        return PatchBank.of(patches.drawn(pictures, DRAWN, seed), patches, seed)

    @staticmethod
    def of(drawn: Tensor, patches: Patches, seed: int = 0) -> PatchBank:
        """The bank of patches (N, C·side²) that were drawn."""
        mean = drawn.mean(0)
        x = drawn - mean
        values, vectors = torch.linalg.eigh((x.T @ x / len(x)).double())
        largest = slice(max(0, len(values) - patches.size), None)
        whitening = (values[largest].clamp_min(0) + FLOOR).rsqrt()
        projection = (vectors[:, largest] * whitening).float()
        kept = permutation(seed, "bank", len(x))[:KEPT]
        return PatchBank(patches, mean, projection, x[kept] @ projection)

    def distances(self, picture: Tensor) -> Tensor:
        """(C, H, W) → the distance of each patch to the nearest of the bank, (rows, columns)."""
        rows, grid = self.patches.cut(picture)
        found = [
            torch.cdist((some - self.mean) @ self.projection, self.codes).amin(1)
            for some in torch.split(rows, BLOCK)
        ]
        return torch.cat(found).view(grid)

    def map(self, picture: Tensor) -> Tensor:
        """(C, H, W) → how far each pixel is from what is normal, (H, W)."""
        return spread(self.distances(picture), self.patches, picture.shape[1:])


def spread(distances: Tensor, patches: Patches, size: Any) -> Tensor:
    """A value of each patch → of each pixel: the mean of the patches over it, (H, W)."""
    height, width = (max(patches.side, round(length * patches.scale)) for length in size)
    scaled = (height, width)
    each = distances.reshape(1, 1, -1).expand(-1, patches.side**2, -1)
    how: dict[str, Any] = {"kernel_size": patches.side, "stride": patches.step}
    total, over = F.fold(each, scaled, **how), F.fold(torch.ones_like(each), scaled, **how)
    # the last rows and columns may hold no whole patch: they take their neighbour's value
    inner = total / over.clamp_min(1)
    ends = [(n - 1) * patches.step + patches.side for n in (distances.shape[0], distances.shape[1])]
    inner = inner[:, :, : ends[0], : ends[1]]
    inner = F.pad(inner, (0, scaled[1] - ends[1], 0, scaled[0] - ends[0]), mode="replicate")
    return F.interpolate(inner, tuple(size), mode="bilinear")[0, 0]


def picture_score(distances: Tensor, share: float) -> float:
    """The mean distance of the most anomalous ``share`` of a picture's patches."""
    flat = distances.flatten()
    return float(flat.topk(max(1, int(share * len(flat)))).values.mean())
