"""From scores to verdicts: thresholds that are chosen after scoring, and p-values.

scores of held-out normals ──quantile, median──► threshold
                           └─conformal──► p-value of each new score ──at most α──► anomalous
                                                                    └─Benjamini-Hochberg──► anomalous

A threshold never enters a model: the raw scores are kept, and another one can be taken tomorrow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["discoveries", "least_normals", "median_threshold", "p_values", "quantile_threshold"]

Array = np.ndarray[Any, Any]

MEDIAN_OF = 10_000  # Kovenko & Bogach 2020, §4.2


def quantile_threshold(normal: Any, quantile: float) -> float:
    """The value that a share ``quantile`` of normal scores (N,) does not exceed.

    Raises:
        ValueError: no scores, some that are not finite, or a share outside [0, 1].
    """
    scores = _scores(normal)
    if not 0 <= quantile <= 1:
        raise ValueError(f"a quantile is a share from 0 to 1; we got {quantile}")
    return float(np.quantile(scores, quantile, method="higher"))


def median_threshold(normal: Any, seed: int = 0) -> float:
    """The median of min(10,000, N) of the scores, drawn by the seed (Kovenko & Bogach 2020, §4.2).

    By definition half of what it is taken from lies above it.

    Raises:
        ValueError: no scores, or some that are not finite.
    """
    scores = _scores(normal)
    if len(scores) > MEDIAN_OF:
        scores = np.random.default_rng(seed).choice(scores, MEDIAN_OF, replace=False)
    return float(np.median(scores))


def p_values(normal: Any, scores: Any) -> Array:
    """How often a normal picture is at least as anomalous, (M,) in (0, 1]: conformal p-values.

    p = (1 + #{normal ≥ score}) / (1 + N) (Vovk et al. 2005; Bates et al. 2023, eq. 3). Where a new
    picture is as normal as the N, P(p ≤ α) ≤ α for every α, whatever the score: that holds for
    normals which neither the model nor the score was fitted to.

    Raises:
        ValueError: no scores, or some that are not finite.
    """
    normals, values = np.sort(_scores(normal)), _scores(scores, "new")
    at_least = len(normals) - np.searchsorted(normals, values, side="left")
    p: Array = (1 + at_least) / (1 + len(normals))
    return p


def least_normals(rate: float) -> int:
    """How many held-out normals it takes before a p-value can be as small as ``rate``.

    Raises:
        ValueError: a rate outside (0, 1).
    """
    if not 0 < rate < 1:
        raise ValueError(f"a rate lies between 0 and 1; we got {rate}")
    return max(1, math.ceil(1 / rate - 1 - 1e-9))


def discoveries(p: Any, rate: float) -> Array:
    """Which of a batch are anomalous, (M,) booleans, such that at most a share ``rate`` is so wrongly.

    Benjamini & Hochberg 1995: the largest k with p_(k) ≤ rate · k / M. Conformal p-values of one
    calibration set depend on one another in the way that leaves this valid (Bates et al. 2023,
    theorem 1).

    Raises:
        ValueError: p-values outside [0, 1], or a rate outside (0, 1).
    """
    values = np.asarray(p, np.float64).ravel()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie in [0, 1]; we got others")
    if not 0 < rate < 1:
        raise ValueError(f"a false-discovery rate lies between 0 and 1; we got {rate}")
    if not len(values):
        return np.zeros(0, bool)
    order = np.sort(values)
    passed = np.flatnonzero(order <= rate * np.arange(1, len(order) + 1) / len(order))
    if not len(passed):
        return np.zeros(len(values), bool)
    rejected: Array = values <= order[passed[-1]]
    return rejected


def _scores(scores: Any, what: str = "normal") -> Array:
    if hasattr(scores, "detach"):
        scores = scores.detach().cpu()
    array = np.asarray(scores, np.float64).ravel()
    if not len(array):
        raise ValueError(f"at least one {what} score is needed; we got none")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"{bad} of {len(array)} {what} scores are NaN or infinite; the model has diverged on "
            "them"
        )
    return array
