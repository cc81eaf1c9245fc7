"""How far samples are from real pictures, by features that need no network from elsewhere.

real pictures ─┬─ every other one ──k-means patches, small pixels──z-scores──PCA──► 32 numbers each ─┐
               └─ the others: what real pictures get ────────────────────────────────────────────────┼─► Fréchet
samples ─────────────────────────────────────────────────────────────────────────────────────────────┘  distance
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..images import as_source
from .features import KMeansPatches, ZScores, pixels
from .generation import frechet_distance
from .two_sample import TwoSampleTest, two_sample_test

__all__ = ["SampleDistance"]

NUMBERS = 32  # of each picture, fewer where there are few pictures
CENTRES = 64  # of the patches
AT_ONCE = 256
FEWEST = 8  # real pictures


@dataclass(frozen=True)
class SampleDistance:
    """The Fréchet distance of pictures to some real ones, in the principal axes of their features.

    Features are soft assignments to k-means patches (Coates & Ng 2011) and means of 16 × 16 cells, z-scored,
    each kind with the same weight. It is no FID, which takes the features of Inception (Heusel et al. 2017):
    its numbers compare for the same real pictures only.

    Attributes:
        patches, scores: see :class:`KMeansPatches`, :class:`ZScores`.
        mean, axes: (F,) and (F, k), the principal axes; the first k principal components have a mean
            variance of 1, so that numbers do not hang on the scale of features.
        real: (N, k) of the reference.
        floor: what as many other real pictures get.
    """

    patches: KMeansPatches
    scores: ZScores
    mean: Tensor
    axes: Tensor
    real: Tensor
    floor: float

    @staticmethod
    def of(images: Any, seed: int = 0) -> SampleDistance:
        """Of a source of real pictures; compare as many samples as every other one of them is.

        Raises:
            ValueError: fewer than eight pictures.
        """
        source = as_source(images)
        n = len(source)
        if n < FEWEST:
            raise ValueError(f"samples are compared with at least {FEWEST} pictures; there are {n}")
        x = torch.cat([source.batch(rows).cpu() for rows in torch.split(torch.arange(n), AT_ONCE)])
        patches = KMeansPatches.fit(source, CENTRES, seed=seed)
        kinds = _kinds(patches, x)
        scores = ZScores.fit(kinds)
        rows = scores(kinds).double()
        mean = rows.mean(0)
        k = max(1, min(NUMBERS, n // 2 - 2, rows.shape[1]))
        _, values, axes = torch.linalg.svd(rows - mean, full_matrices=False)
        scale = (values[:k].square().mean() / n).sqrt().clamp_min(1e-12)
        axes = axes[:k].T / scale
        found = (rows - mean) @ axes
        floor = frechet_distance(found[0::2], found[1::2])
        return SampleDistance(patches, scores, mean, axes, found[0::2], floor)

    def __len__(self) -> int:
        return len(self.real)

    def __call__(self, samples: Tensor) -> float:
        """Of pictures (M, C, H, W) in [0, 1], best as many as there are in the reference.

        Raises:
            ValueError: fewer than a covariance takes.
        """
        return frechet_distance(self.real, self._rows(samples))

    def told(self, samples: Tensor, seed: int = 0) -> TwoSampleTest:
        """How well a classifier tells pictures (M, C, H, W) from the real ones, by the same features.

        Raises:
            ValueError: fewer than eight.
        """
        return two_sample_test(self.real, self._rows(samples), seed=seed)

    def _rows(self, samples: Tensor) -> Tensor:
        rows = self.scores(_kinds(self.patches, samples)).double()
        return (rows - self.mean) @ self.axes


def _kinds(patches: KMeansPatches, x: Tensor) -> list[Tensor]:
    parts = torch.split(x.float(), AT_ONCE)
    return [torch.cat([patches(part) for part in parts]), torch.cat([pixels(p) for p in parts])]
