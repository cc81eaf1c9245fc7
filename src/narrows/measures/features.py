"""Features of pictures without a network: what codes are compared with, and can be replaced by.

pixels   ──means of 16 × 16 cells───────────────────────────────────────────────► C · 256 numbers
colours  ──4 × 4 cells──► a histogram of each, its square root ─────────────────► 16 · 64
patches  ──every patch, whitened──► how near to each of K centres ──2 × 2 means─► 4 · K
pca      ──principal components of the pictures─────────────────────────────────► as many as a code
joined   ──codes, pixels, colours and patches, each number z-scored, each kind with the same weight

Pictures are (B, C, H, W) floats in [0, 1], of any size and number of channels; rows come out (B, F).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import Source, as_source
from ..randomness import permutation

__all__ = ["KMeansPatches", "ZScores", "colours", "pixels"]

CELLS = 16  # of a side, whose means are the pixels
COLOUR_CELLS = 4  # of a side, with a histogram each
BINS = {1: 16, 3: 4}  # of each channel; three channels are counted together
OTHER_BINS = 8  # of each of another number of channels, counted apart

CENTRES = 200  # K
PATCH = 6  # pixels of a side
SEEN = 64  # pixels of a side, to which larger pictures are reduced before patches are cut
COARSE = 32  # pixels of a side beyond which every other patch is looked at
DRAWN = 40_000  # patches that centres are fitted to
FROM = 2_000  # pictures that they are cut from
ROUNDS = 15  # of k-means
CONTRAST = 10 / 255**2  # added to a patch's variance, and
WHITENING = 0.1  # to that of a component (Coates & Ng 2011, section 3.1)
PATCHES_AT_ONCE = 1 << 16


def pixels(x: Tensor, cells: int = CELLS) -> Tensor:
    """The means of at most ``cells`` × ``cells`` cells: (B, C, H, W) → (B, C·cells²)."""
    return F.adaptive_avg_pool2d(x, _at_most(x, cells)).flatten(1)


def colours(x: Tensor) -> Tensor:
    """Histograms of the colours in 4 × 4 cells: (B, C, H, W) → (B, F), square roots of shares.

    Three channels are counted together, in 4 × 4 × 4 bins; a gray picture's brightness in 16. Roots
    of shares make the Euclidean distance Hellinger's, in which frequent colours count less.
    """
    channels = x.shape[1]
    bins = BINS.get(channels, OTHER_BINS)
    levels = (x * bins).long().clamp(0, bins - 1)
    if channels == 3:
        which = [(levels[:, 0] * bins + levels[:, 1]) * bins + levels[:, 2]]
        size = bins**3
    else:
        which, size = list(levels.unbind(1)), bins
    cells = _at_most(x, COLOUR_CELLS)
    counted = []
    for each in which:
        ones = F.one_hot(each, size).movedim(3, 1).float()
        counted.append(F.adaptive_avg_pool2d(ones, cells).flatten(1))
    return torch.cat(counted, 1).sqrt()


@dataclass(frozen=True)
class KMeansPatches:
    """How much nearer each part of a picture is to each of K typical patches than to the others.

    The single-layer network of Coates & Ng 2011 ("An analysis of single-layer networks in unsupervised
    feature learning"): patches of normalised contrast, whitened; K centres of k-means; the soft
    assignment max(0, mean distance − distance) (their eq. 2), averaged over quarters of the picture.

    Attributes:
        mean, whitening: of the patches, (C·side²,) and (C·side², C·side²).
        centres: (K, C·side²).
        side: of a patch, in pixels.
    """

    mean: Tensor
    whitening: Tensor
    centres: Tensor
    side: int

    @staticmethod
    def fit(images: Source | Any, centres: int = CENTRES, *, seed: int = 0) -> KMeansPatches:
        """Of a source or an array of pictures; fewer centres where there are fewer patches."""
        source = as_source(images)
        side = min(PATCH, *source.shape[1:])
        chosen = permutation(seed, "patches/pictures", len(source))[:FROM]
        each = math.ceil(DRAWN / len(chosen))
        drawn = []
        for number, row in enumerate(chosen):
            rows = _cut(_reduced(source.batch(row[None]).cpu()), side, 1)[0]
            drawn.append(rows[permutation(seed, "patches/places", len(rows), number)[:each]])
        x = _even(torch.cat(drawn))
        mean = x.mean(0)
        covariance = ((x - mean).T @ (x - mean) / len(x)).double()
        values, vectors = torch.linalg.eigh(covariance)
        scaled = vectors * (values.clamp_min(0) + WHITENING).rsqrt()
        whitening = (scaled @ vectors.T).float()
        found = _k_means((x - mean) @ whitening, centres, seed)
        return KMeansPatches(mean, whitening, found, side)

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, 4·K)."""
        x = _reduced(x.float())
        step = 2 if min(x.shape[2:]) > COARSE else 1
        grid = [(length - self.side) // step + 1 for length in x.shape[2:]]
        at_once = max(1, PATCHES_AT_ONCE // math.prod(grid))
        return torch.cat([self._of(part, step, grid) for part in torch.split(x, at_once)])

    def _of(self, x: Tensor, step: int, grid: list[int]) -> Tensor:
        rows = _even(_cut(x, self.side, step))
        away = torch.cdist((rows - self.mean) @ self.whitening, self.centres[None])
        near = (away.mean(2, keepdim=True) - away).clamp_min(0)
        places = near.transpose(1, 2).reshape(len(x), len(self.centres), *grid)
        return F.adaptive_avg_pool2d(places, _at_most(places, 2)).flatten(1)


@dataclass(frozen=True)
class ZScores:
    """Several kinds of rows as one: each number z-scored, each kind with the same weight in distances.

    Attributes:
        mean, scale: (F,); what is joined is (rows − mean) / scale.
    """

    mean: Tensor
    scale: Tensor

    @staticmethod
    def fit(kinds: list[Tensor]) -> ZScores:
        """Of rows (N, F_i) of each kind.

        A number that hardly varies is divided by a tenth of what its kind varies on average, so that
        a bin which one picture in a thousand fills does not outweigh all others.
        """
        means, scales = [], []
        for rows in kinds:
            deviation = rows.std(0, correction=0)
            usual = deviation.square().mean().sqrt().clamp_min(1e-12)
            means.append(rows.mean(0))
            scales.append(deviation.clamp_min(0.1 * usual) * math.sqrt(rows.shape[1]))
        return ZScores(torch.cat(means), torch.cat(scales))

    def __call__(self, kinds: list[Tensor]) -> Tensor:
        """Rows (B, F_i) of each kind → (B, F)."""
        return (torch.cat(kinds, 1) - self.mean) / self.scale


def _reduced(x: Tensor) -> Tensor:
    """Pictures of at most SEEN pixels a side."""
    size = _at_most(x, SEEN)
    return x if size == tuple(x.shape[2:]) else F.adaptive_avg_pool2d(x, size)


def _at_most(x: Tensor, cells: int) -> tuple[int, int]:
    """Rows and columns of (B, C, H, W), at most so many."""
    return min(cells, x.shape[2]), min(cells, x.shape[3])


def _cut(x: Tensor, side: int, step: int) -> Tensor:
    """(B, C, H, W) → its patches (B, P, C·side²)."""
    return F.unfold(x, side, stride=step).transpose(1, 2)


def _even(rows: Tensor) -> Tensor:
    """Patches (…, F) of mean 0 and about the same contrast."""
    rows = rows - rows.mean(-1, keepdim=True)
    return rows * (rows.square().mean(-1, keepdim=True) + CONTRAST).rsqrt()


def _k_means(x: Tensor, k: int, seed: int) -> Tensor:
    """Centres (K, F) of rows (N, F), begun at rows that the seed draws; one that nothing is near stays."""
    centres = x[permutation(seed, "patches/centres", len(x))[:k]].clone()
    for _ in range(ROUNDS):
        which = torch.cat([torch.cdist(part, centres).argmin(1) for part in torch.split(x, 4096)])
        counts = torch.bincount(which, minlength=len(centres))
        sums = torch.zeros_like(centres).index_add_(0, which, x)
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
    return centres
