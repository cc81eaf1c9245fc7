"""How close a set of generated pictures is to a set of real ones, from features of both.

real pictures  ──features──► (N, F) ─┐
                                     ├─► distance, fidelity, diversity
drawn pictures ──features──► (M, F) ─┘

Features are what a network or a projection makes of a picture. All of these numbers depend on them
and on how many pictures there are: compare sets of one size, through one network. What real
pictures get against other real ones is the floor of a measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

__all__ = ["covered", "density_coverage", "frechet_distance", "nearest_rows", "precision_recall"]

Features = Any  # an array or a tensor (N, F)

# squared distances in float64 that lie in memory at a time: 64 MiB
VALUES = 1 << 23
# of the largest squared length, below which a squared distance is rounding
ROUNDING = 1e-13


def frechet_distance(real: Features, drawn: Features) -> float:
    """The squared Fréchet distance of two Gaussians fitted to features (N, F) and (M, F).

    |μ − μ'|² + tr(Σ + Σ' − 2 (Σ Σ')^½) of Heusel et al. 2017 (eq. 6), in float64. The trace of the
    last root is the sum of the singular values of Σ^½ Σ'^½, with both roots from symmetric
    eigenvalues: no root of a matrix that is not symmetric, and nothing to add to a singular one.

    It is the FID only with the features of Inception; with any others it is a distance of its own.
    A covariance from few rows is too narrow in most directions, which makes the distance too large:
    by about as much as for another set of real pictures of that size.

    Raises:
        ValueError: not two arrays of rows of one length, numbers that are not finite, or no more
            rows than features, from which no covariance can be estimated.
    """
    a, b = _pair(real, drawn)
    features = a.shape[1]
    for rows in (a, b):
        if len(rows) <= features:
            raise ValueError(
                f"the covariance of {features:,} features needs more than {features:,} rows; "
                f"we got {len(rows):,}: take more pictures"
            )
    root_a, root_b = _root(_covariance(a)), _root(_covariance(b))
    shared = torch.linalg.svdvals(root_a @ root_b).sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    distance = apart + root_a.square().sum() + root_b.square().sum() - 2 * shared
    return float(distance.clamp_min(0))


def precision_recall(real: Features, drawn: Features, k: int = 3) -> tuple[float, float]:
    """The share of drawn rows that look real, and of real rows that are drawn; both in [0, 1].

    A row is within a set if it lies in the ball around one of the set's rows that reaches to that
    row's ``k``-th neighbour in its own set (Kynkäänniemi et al. 2019, eqs. 1 and 2). One real row
    far out makes a large ball: ``density_coverage`` minds it less.

    Args:
        real, drawn: (N, F) and (M, F).
        k: the neighbour that a ball reaches to.

    Raises:
        ValueError: not two arrays of rows of one length, numbers that are not finite, or no more
            than ``k`` rows.
    """
    a, b = _pair(real, drawn, k)
    of_a, of_b = _radii(a, k), _radii(b, k)
    precise, recalled = torch.zeros(len(b), dtype=torch.bool), []
    for start, squared in _squared(a, b):
        precise |= (squared <= of_a[start : start + len(squared), None]).any(0)
        recalled.append((squared <= of_b).any(1))
    return float(precise.double().mean()), float(torch.cat(recalled).double().mean())


def density_coverage(real: Features, drawn: Features, k: int = 5) -> tuple[float, float]:
    """In how many real rows' balls a drawn row lies, and the share of balls that hold one.

    Only real rows have balls, each to its ``k``-th neighbour (Naeem et al. 2020, eqs. 4 and 5). The
    density is divided by ``k``: draws of the real distribution have 1 on average, draws from where
    real rows are dense more than 1. Their coverage is about 1 − 2⁻ᵏ where N = M, 0.97 for 5.

    Args:
        real, drawn: (N, F) and (M, F).
        k: the neighbour that a ball reaches to.

    Raises:
        ValueError: as ``precision_recall``.
    """
    inside, found = 0, []
    for within in _balls(real, drawn, k):
        inside += int(within.sum())
        found.append(within.any(1))
    return inside / (k * len(drawn)), float(torch.cat(found).double().mean())


def covered(real: Features, drawn: Features, k: int = 5) -> Tensor:
    """Which real rows have a drawn one in their ball, (N,) booleans: the mean is their coverage.

    Args and errors are those of ``density_coverage``.
    """
    return torch.cat([within.any(1) for within in _balls(real, drawn, k)])


def _balls(real: Features, drawn: Features, k: int) -> Iterator[Tensor]:
    """Which drawn rows lie in the balls of some real ones, (some, M), until all had their turn."""
    a, b = _pair(real, drawn, k)
    radii = _radii(a, k)
    for start, squared in _squared(a, b):
        yield squared <= radii[start : start + len(squared), None]


def nearest_rows(drawn: Features, real: Features) -> tuple[Tensor, Tensor]:
    """The real row nearest to each drawn one: the distance (M,), and its position among the N, (M,).

    A generated picture that is far from every real one resembles none; one at distance 0 is a copy. The
    label of the nearest real picture is the answer of a nearest-neighbour classifier.

    Args:
        drawn, real: (M, F) and (N, F).

    Raises:
        ValueError: not two arrays of rows of one length, or numbers that are not finite.
    """
    a, b = _pair(real, drawn)
    nearest = [squared.min(1) for _, squared in _squared(b, a)]
    return (
        torch.cat([each.values for each in nearest]).clamp_min(0).sqrt(),
        torch.cat([each.indices for each in nearest]),
    )


def _covariance(rows: Tensor) -> Tensor:
    """(N, F) → (F, F), unbiased."""
    centred = rows - rows.mean(0)
    return centred.T @ centred / (len(rows) - 1)


def _root(covariance: Tensor) -> Tensor:
    """The symmetric root of a covariance (F, F)."""
    values, vectors = torch.linalg.eigh(covariance)
    out: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return out


def _radii(rows: Tensor, k: int) -> Tensor:
    """Squared distance of each row (N, F) to its k-th neighbour among the others, (N,)."""
    # the nearest of all is the row itself
    radii = [
        squared.topk(k + 1, 1, largest=False).values[:, -1] for _, squared in _squared(rows, rows)
    ]
    return torch.cat(radii)


def _squared(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Squared distances of some rows of ``a`` to all of ``b``, (some, M), and where those begin."""
    of_a, of_b = a.square().sum(1), b.square().sum(1)
    least = ROUNDING * float(torch.maximum(of_a.max(), of_b.max()))
    some = max(1, VALUES // len(b))
    for start in range(0, len(a), some):
        rows = a[start : start + some]
        squared = torch.addmm(of_b, rows, b.T, alpha=-2).add_(of_a[start : start + some, None])
        yield start, torch.where(squared > least, squared, 0)


def _pair(real: Features, drawn: Features, k: int | None = None) -> tuple[Tensor, Tensor]:
    """Both as float64 on the processor, moved so that the real ones' mean is 0."""
    a, b = (torch.as_tensor(x).detach().cpu().double() for x in (real, drawn))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or 0 in (*a.shape, len(b)):
        raise ValueError(
            "features of real and of drawn pictures, (N, F) and (M, F), were wanted; "
            f"we got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("the features hold NaN or infinite numbers")
    if k is not None and not 1 <= k < min(len(a), len(b)):
        raise ValueError(
            f"k is at least 1, and there are more than k rows of each set; we got k={k} and "
            f"{len(a):,} and {len(b):,} rows"
        )
    centre = a.mean(0)
    return a - centre, b - centre
