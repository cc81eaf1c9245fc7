"""Baselines of a model: PCA with as many numbers per picture, and the mean picture.

With the variances of its components PCA is a normal distribution of pictures (Tipping & Bishop
1999), x ~ N(mean, V Λ Vᵀ + rest · (I − V Vᵀ)); ``wiener`` and ``conditional_mean`` are its posterior
means: the best that a linear method can do against noise and holes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..images import Source, as_source
from ..images.views import Mirrored, Viewed
from ..randomness import Draws, generator, permutation

__all__ = [
    "CodedPca",
    "Pca",
    "Ridge",
    "conditional_mean",
    "mean_picture",
    "to_fit_pca",
    "wiener",
]

# up to this many values per picture the covariance is small and every picture counts
COVARIANCE_FEATURES = 1024
# beyond, the pictures lie in memory as float32: at most so many, and at most so many values (1 GiB)
LIMIT = 5_000
VALUES = 1 << 28
# views of pictures: so many of each, and of all as many as a covariance takes in some seconds
VIEWS, MOST_VIEWS = 4, 20_000
# of a coded PCA: components, bits of one of them, rounds of Lloyd's, and pictures that it learns from
CODED, MOST_BITS, ROUNDS, CODED_FIT_SIZE = 256, 10, 50, 4_096


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

    def log_density(self, x: Any) -> Tensor:
        """log p(x) of the normal distribution of probabilistic PCA (Tipping & Bishop 1999), (N,) in nats.

        Variance ``variances`` along the components, ``rest`` along every other direction.
        """
        rest = max(self.rest, 1e-12)
        centred = (torch.as_tensor(x).float().flatten(1) - self.mean).double()
        z = centred @ self.components.double().T
        left = (centred.square().sum(1) - z.square().sum(1)).clamp_min(0)
        own = self.variances.double().clamp_min(rest)
        others = centred.shape[1] - len(self)
        spread = (
            own.log().sum() + others * math.log(rest) + centred.shape[1] * math.log(2 * math.pi)
        )
        return -0.5 * ((z.square() / own).sum(1) + left / rest + spread)

    def sample(self, n: int, seed: int) -> Tensor:
        """n pictures (n, C, H, W) of the normal distribution, without what the components leave out."""
        z = torch.randn(n, len(self), generator=generator(seed, "pca")) * self.variances.sqrt()
        return self.decode(z)


@dataclass(frozen=True)
class CodedPca:
    """PCA whose coefficients are rounded, so that a picture takes no more than a number of bits.

    Each bit goes to the component whose error is the largest by then, λ · 4^-bits of a variance λ
    (Gersho & Gray 1992, section 8.3); the values that a component is rounded to are those of Lloyd's
    algorithm on the pictures that it learns from.

    Attributes:
        pca: its components.
        levels: of each component that has any bits, the values (2^bits,), ascending.
    """

    pca: Pca
    levels: Sequence[Tensor]

    @staticmethod
    def fit(images: Any, bits: int, *, seed: int = 0) -> CodedPca:
        """Of a source or an array of pictures; PCA has at most 256 components, and each 10 bits.

        Raises:
            ValueError: less than 0 bits.
        """
        if bits < 0:
            raise ValueError(f"a code has 0 bits or more; we got {bits}")
        source = as_source(images)
        pca = Pca.fit(source, min(max(1, bits), CODED, Pca.most(source)), seed=seed)
        given = _allotted(pca.variances, bits)
        some = permutation(seed, "coded-pca", len(source))[:CODED_FIT_SIZE]
        z = torch.cat([pca.encode(source.batch(rows).cpu()) for rows in torch.split(some, 256)])
        return CodedPca(pca, [_lloyd(z[:, i], 2**n) for i, n in enumerate(given) if n])

    def reconstruct(self, x: Any) -> Tensor:
        """x (N, C, H, W) → what its rounded coefficients say (N, C, H, W)."""
        z = torch.zeros(len(x), len(self.pca))
        found = self.pca.encode(x)
        for i, levels in enumerate(self.levels):
            z[:, i] = levels[_nearest(found[:, i], levels)]
        return self.pca.decode(z)


def _allotted(variances: Tensor, bits: int) -> list[int]:
    """How many bits each component has, largest variance first."""
    left, given = variances.double().clone(), [0] * len(variances)
    for _ in range(bits):
        best = int(left.argmax())
        if not left[best] > 0:
            break
        given[best] += 1
        left[best] = left[best] / 4 if given[best] < MOST_BITS else 0.0
    return given


def _lloyd(values: Tensor, count: int) -> Tensor:
    """The ``count`` numbers that ``values`` (N,) are rounded to with the least squared error, ascending.

    They begin where they lie best of many normal numbers: in the density's third root (Panter & Dite
    1951), which is a normal one √3 as wide.
    """
    middle, quantiles = values.mean(), (torch.arange(count) + 0.5) / count
    levels = middle + math.sqrt(3) * (torch.quantile(values, quantiles) - middle)
    for _ in range(ROUNDS):
        nearest = _nearest(values, levels)
        sums = torch.zeros(count).index_add_(0, nearest, values)
        used = torch.zeros(count).index_add_(0, nearest, torch.ones_like(values))
        levels = torch.where(used > 0, sums / used.clamp_min(1), levels).sort().values
    return levels


def _nearest(values: Tensor, levels: Tensor) -> Tensor:
    return torch.bucketize(values.contiguous(), (levels[1:] + levels[:-1]) / 2)


def to_fit_pca(
    images: Any, views: Callable[[Tensor, Draws], Tensor] | None = None, seed: int = 0
) -> Mapping[str, Source]:
    """What PCA is fitted on as a baseline, by its name: the pictures, their mirror images too, and views.

    Of few pictures PCA learns more where each stands there several times, as it might have been. Up to
    four views of each, and at most 20,000 in all, or as many as PCA of such large pictures takes.

    Args:
        views: makes views of pictures; None leaves them out.
    """
    source = as_source(images)
    found: dict[str, Source] = {"PCA": source, "PCA of mirrored pictures": Mirrored(source)}
    if views is not None:
        small = math.prod(source.shape) <= COVARIANCE_FEATURES
        most = MOST_VIEWS if small else max(1, min(LIMIT, VALUES // math.prod(source.shape)))
        found["PCA of views"] = Viewed(source, views, min(VIEWS * len(source), most), seed)
    return found


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
