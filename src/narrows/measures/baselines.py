"""Baselines of a model: PCA with as many numbers per picture, and the mean picture.

With the variances of its components PCA is a normal distribution of pictures (Tipping & Bishop
1999), x ~ N(mean, V Λ Vᵀ + rest · (I − V Vᵀ)); ``wiener`` and ``conditional_mean`` are its posterior
means: the best that a linear method can do against noise and holes.
"""

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

__all__ = ["Pca", "Ridge", "conditional_mean", "mean_picture", "wiener"]

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
        variances: (k,), of the pictures along each component.
        rest: their mean variance along each of the P − k directions left out.
        shape: (C, H, W).
        fitted_on, of: how many pictures it was fitted on, and how many there were.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor
    rest: float
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
            mean, components, variances, total = _of_covariance(source, k)
        else:
            mean, components, variances, total = _randomised(source, used, k, seed)
        left = max(0.0, total - float(variances.sum())) / max(1, features - k)
        return Pca(mean, components, variances, left, tuple(source.shape), used, n)

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

    def decode(self, z: Tensor) -> Tensor:
        """Codes z (N, k) → pictures (N, C, H, W); values may leave [0, 1]."""
        return torch.addmm(self.mean, z, self.components).reshape(-1, *self.shape)

    def reconstruct(self, x: Any) -> Tensor:
        """x (N, C, H, W) → its projection (N, C, H, W); values may leave [0, 1]."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: int) -> Tensor:
        """n pictures (n, C, H, W) of the normal distribution, without what the components leave out."""
        z = torch.randn(n, len(self), generator=generator(seed, "pca")) * self.variances.sqrt()
        return self.decode(z)


@dataclass(frozen=True)
class Ridge:
    """Pictures predicted from other pictures by a linear map, shrunk towards their mean.

    Attributes:
        known, mean: the mean of its input (P,), and of its output (Q,).
        weight: (P, Q).
        shape: (C, H, W) of its output.
    """

    known: Tensor
    mean: Tensor
    weight: Tensor
    shape: tuple[int, ...]

    @staticmethod
    def fit(x: Any, y: Any, strength: float) -> Ridge:
        """The W that minimises ‖Y − X W‖² / N + strength · ‖W‖², X and Y without their means.

        Args:
            x: (N, C, h, w) floats in [0, 1], such as small pictures: costs P³.
            y: (N, C, H, W), such as the large ones.
            strength: in squared units of [0, 1] pixels, above 0.

        Raises:
            ValueError: not as many pictures on both sides, or a strength of 0 or less.
        """
        x, y = torch.as_tensor(x), torch.as_tensor(y)
        if len(x) != len(y) or len(x) < 1 or not strength > 0:
            raise ValueError(
                "ridge regression takes as many pictures on either side and a strength above 0; "
                f"we got {len(x)}, {len(y)} and {strength}"
            )
        flat, target = x.flatten(1).double(), y.flatten(1).double()
        input_mean, mean = flat.mean(0), target.mean(0)
        flat = flat - input_mean
        square = flat.T @ flat / len(flat)
        square.diagonal().add_(strength)
        weight = torch.linalg.solve(square, flat.T @ (target - mean) / len(flat))
        return Ridge(input_mean.float(), mean.float(), weight.float(), tuple(y.shape[1:]))

    def __call__(self, x: Tensor) -> Tensor:
        """x (N, C, h, w) → (N, C, H, W); values may leave [0, 1]."""
        flat = x.flatten(1) - self.known.to(x)
        return (flat @ self.weight.to(x) + self.mean.to(x)).reshape(-1, *self.shape)


def wiener(pca: Pca, noisy: Tensor, sigma: float) -> Tensor:
    """E[x | x + σ·noise] of normal pictures, (N, C, H, W): each coefficient times λ / (λ + σ²)."""
    flat = noisy.flatten(1) - pca.mean.to(noisy)
    components, variances = pca.components.to(noisy), pca.variances.to(noisy)
    kept = variances / (variances + sigma**2) if sigma else torch.ones_like(variances)
    left = pca.rest / (pca.rest + sigma**2) if sigma else 1.0
    out = pca.mean.to(noisy) + left * flat + (flat @ components.T * (kept - left)) @ components
    return out.reshape(noisy.shape)


def conditional_mean(pca: Pca, x: Tensor, known: Tensor) -> Tensor:
    """E[x | the known pixels] of normal pictures, (N, C, H, W); known values stay as they are.

    Solved for the k coefficients, so that it costs k³ for each different mask and not P³.

    Args:
        pca: of pictures of this shape.
        x: (N, C, H, W); what is not known has no influence.
        known: (N or 1, 1 or C, H, W), booleans.
    """
    masks = known.expand(len(known), *x.shape[1:]).flatten(1)
    masks, which = torch.unique(masks.expand(len(x), -1), dim=0, return_inverse=True)
    mean, components = pca.mean.to(x.device).double(), pca.components.to(x.device).double()
    rest = max(pca.rest, 1e-9)
    scale = (pca.variances.to(x.device).double() - rest).clamp_min(0).sqrt()[:, None] * components
    flat = x.flatten(1).double() - mean
    out = torch.zeros_like(flat)
    identity = torch.eye(len(scale), dtype=torch.float64, device=x.device)
    for number, mask in enumerate(masks):
        rows = which == number
        seen = scale[:, mask]  # (k, known)
        inverse = torch.cholesky_solve(
            seen @ flat[rows][:, mask].T, torch.linalg.cholesky(seen @ seen.T + rest * identity)
        )
        out[rows] = inverse.T @ scale
    filled = (out + mean).to(x.dtype).reshape(x.shape)
    return torch.where(known.expand_as(x), x, filled)


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


def _of_covariance(source: Source, k: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """Mean, eigenvectors and eigenvalues of the covariance, gathered in float64, and its trace."""
    n, features = len(source), math.prod(source.shape)
    mean = mean_picture(source).flatten().double()
    covariance = torch.zeros(features, features, dtype=torch.float64)
    for x in _batches(source):
        centred = x.flatten(1).double() - mean
        covariance.addmm_(centred.T, centred, alpha=1 / n)
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    first = vectors[:, -k:].flip(1).T.float().contiguous()
    variances = values[-k:].flip(0).clamp_min(0).float()
    return mean.float(), first, variances, float(covariance.trace())


def _randomised(
    source: Source, used: int, k: int, seed: int
) -> tuple[Tensor, Tensor, Tensor, float]:
    from sklearn.utils.extmath import randomized_svd

    chosen = permutation(seed, "pca", len(source))[:used].sort().values
    x = torch.empty(used, math.prod(source.shape))
    for rows in torch.split(torch.arange(used), 256):
        x[rows] = source.batch(chosen[rows]).cpu().flatten(1)
    mean = x.mean(0)
    x -= mean
    state = int(generator(seed, "pca-svd").initial_seed() % (1 << 32))
    _, values, rows_of_v = randomized_svd(x.numpy(), k, n_iter=4, random_state=state)
    components = torch.from_numpy(np.ascontiguousarray(rows_of_v, np.float32))
    variances = torch.from_numpy(np.asarray(values, np.float32)) ** 2 / used
    return mean, components, variances, float(x.square().sum(dtype=torch.float64)) / used


def _batches(source: Source) -> Iterator[Tensor]:
    """float32 (B, C, H, W) on the processor, some 4 million values at a time."""
    rows = max(1, min(4096, (1 << 22) // math.prod(source.shape)))
    for indices in torch.split(torch.arange(len(source)), rows):
        yield source.batch(indices).cpu()
