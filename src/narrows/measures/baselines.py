"""What a model has to beat: PCA with as many numbers per picture, and the mean picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..images import Source, as_source
from ..randomness import generator, permutation

__all__ = ["Pca", "mean_picture"]

# up to this many values per picture the covariance is small and every picture counts
COVARIANCE_FEATURES = 1024
# beyond, the pictures lie in memory as float32: at most so many, and at most so many values (1 GiB)
LIMIT = 5_000
VALUES = 1 << 28


@dataclass(frozen=True)
class Pca:
    """Principal components of pictures.

    Attributes:
        mean: (P,), P = C·H·W.
        components: (k, P), orthonormal rows, largest variance first.
        shape: (C, H, W).
        fitted_on, of: how many pictures it was fitted on, and how many there were.
    """

    mean: Tensor
    components: Tensor
    shape: tuple[int, ...]
    fitted_on: int
    of: int

    @staticmethod
    def fit(images: Any, k: int, *, limit: int = LIMIT, seed: int = 0) -> Pca:
        """The first ``k`` components of a source or an array of pictures.

        Up to 1,024 values per picture it is exact and takes every picture, a batch at a time.
        Larger pictures go through a randomised SVD (Halko et al. 2011) of at most ``limit`` of
        them, drawn by the seed, and fewer if they would take more than 1 GiB.

        Raises:
            ValueError: k is below 1, or more than there are pictures or values.
        """
        source = as_source(images)
        n, features, used = len(source), math.prod(source.shape), _used(source, limit)
        most = Pca.most(source, limit=limit)
        if not 1 <= k <= most:
            raise ValueError(
                f"PCA of {used:,} pictures of {features:,} values has 1 to {most:,} components; "
                f"we got k={k}"
            )
        if features <= COVARIANCE_FEATURES:
            mean, components = _of_covariance(source, k)
        else:
            mean, components = _randomised(source, used, k, seed)
        return Pca(mean, components, tuple(source.shape), used, n)

    @staticmethod
    def most(images: Any, *, limit: int = LIMIT) -> int:
        """The largest ``k`` that ``fit`` takes."""
        source = as_source(images)
        return min(_used(source, limit), math.prod(source.shape))

    def __len__(self) -> int:
        return len(self.components)

    def encode(self, x: Any) -> Tensor:
        """x (N, C, H, W) → codes (N, k)."""
        return (torch.as_tensor(x).float().flatten(1) - self.mean) @ self.components.T

    def reconstruct(self, x: Any) -> Tensor:
        """x (N, C, H, W) → its projection (N, C, H, W); values may leave [0, 1]."""
        flat = torch.addmm(self.mean, self.encode(x), self.components)
        return flat.reshape(-1, *self.shape)


def mean_picture(images: Any) -> Tensor:
    """The mean of a source or an array of pictures, (C, H, W) float32."""
    source = as_source(images)
    total = torch.zeros(tuple(source.shape), dtype=torch.float64)
    for x in _batches(source):
        total += x.sum(0, dtype=torch.float64)
    return (total / len(source)).float()


def _used(source: Source, limit: int) -> int:
    """How many of the pictures PCA is fitted on."""
    n, features = len(source), math.prod(source.shape)
    return n if features <= COVARIANCE_FEATURES else max(1, min(n, limit, VALUES // features))


def _of_covariance(source: Source, k: int) -> tuple[Tensor, Tensor]:
    """Eigenvectors of the covariance, which is gathered in float64 around a first guess."""
    n, features = len(source), math.prod(source.shape)
    mean = mean_picture(source).flatten().double()
    covariance = torch.zeros(features, features, dtype=torch.float64)
    for x in _batches(source):
        centred = x.flatten(1).double() - mean
        covariance.addmm_(centred.T, centred, alpha=1 / n)
    _, vectors = torch.linalg.eigh(covariance)  # ascending
    return mean.float(), vectors[:, -k:].flip(1).T.float().contiguous()


def _randomised(source: Source, used: int, k: int, seed: int) -> tuple[Tensor, Tensor]:
    from sklearn.utils.extmath import randomized_svd

    chosen = permutation(seed, "pca", len(source))[:used].sort().values
    x = torch.empty(used, math.prod(source.shape))
    for rows in torch.split(torch.arange(used), 256):
        x[rows] = source.batch(chosen[rows]).cpu().flatten(1)
    mean = x.mean(0)
    x -= mean
    state = int(generator(seed, "pca-svd").initial_seed() % (1 << 32))
    _, _, rows_of_v = randomized_svd(x.numpy(), k, n_iter=4, random_state=state)
    return mean, torch.from_numpy(np.ascontiguousarray(rows_of_v, np.float32))


def _batches(source: Source) -> Iterator[Tensor]:
    """float32 (B, C, H, W) on the processor, some 4 million values at a time."""
    rows = max(1, min(4096, (1 << 22) // math.prod(source.shape)))
    for indices in torch.split(torch.arange(len(source)), rows):
        yield source.batch(indices).cpu()
