"""Cluster: groups of codes without labels, and how they agree with labels where there are some.

codes (N, D) ──k-means or a mixture of Gaussians──► a group for each, the most typical first
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..randomness import generator
from .embedding import code_rows

__all__ = ["CLUSTERINGS", "Agreement", "Clusters", "agreement", "cluster"]

Array = np.ndarray[Any, Any]

CLUSTERINGS = ("k-means", "mixture")
FULL = 10  # codes for each number of a covariance, from which whole covariances are fitted


@dataclass(frozen=True)
class Agreement:
    """How groups agree with labels; none of the three depends on what the groups are called.

    Attributes:
        accuracy: the share of right ones under the best matching of groups to classes.
        adjusted_rand: 0 by chance, 1 where they are the same (Hubert & Arabie 1985).
        mutual_information: normalised by the mean of both entropies, from 0 to 1.
    """

    accuracy: float
    adjusted_rand: float
    mutual_information: float


@dataclass(frozen=True)
class Clusters:
    """N codes in K groups, the largest first.

    Attributes:
        kind: ``k-means`` or ``mixture``.
        which: (N,) the group of each code.
        away: (N,) its Euclidean distance to the group's mean: the least is the most typical.
        sizes: (K,), how many are in each.
    """

    kind: str
    which: Array
    away: Array
    sizes: Array

    def nearest(self, codes: Any, known: Any) -> Array:
        """(M,) the group whose mean is nearest to each of other codes (M, *code).

        Args:
            known: the codes (N, *code) that were grouped.
        """
        rows, own = code_rows(codes), code_rows(known)
        means = np.stack([own[self.which == k].mean(0) for k in range(len(self.sizes))])
        far = np.square(rows).sum(1)[:, None] - 2 * rows @ means.T + np.square(means).sum(1)
        return np.asarray(far.argmin(1))

    def typical(self, group: int, most: int) -> Array:
        """Positions of the codes nearest to a group's mean, at most so many."""
        mine = np.flatnonzero(self.which == group)
        return np.asarray(mine[np.argsort(self.away[mine], kind="stable")[:most]])


def cluster(codes: Any, groups: int, kind: str = "k-means", *, seed: int = 0) -> Clusters:
    """Put codes into groups.

    Args:
        codes: (N, *code).
        groups: K; a group may stay empty, and then there are fewer.
        kind: ``k-means``, the best of five; or ``mixture``, Gaussians begun there, with whole
            covariances where there are codes enough and variances else.

    Raises:
        ValueError: no such kind, fewer codes than groups, codes that are not finite.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rows = code_rows(codes)
    if kind not in CLUSTERINGS:
        raise ValueError(f"a clustering is one of {', '.join(CLUSTERINGS)}; we got {kind!r}")
    if not 1 <= groups <= len(rows):
        raise ValueError(f"{len(rows):,} codes make 1 to {len(rows):,} groups; we got {groups}")
    state = int(generator(seed, "cluster").initial_seed() % (1 << 32))
    scale = float(rows.std(0).mean()) or 1.0
    even = (rows - rows.mean(0)).astype(np.float64) / scale
    with warnings.catch_warnings():  # fewer distinct codes than groups make fewer groups
        warnings.simplefilter("ignore", ConvergenceWarning)
        which = KMeans(groups, n_init=5, random_state=state).fit_predict(even)
        if kind == "mixture":
            whole = len(rows) >= FULL * groups * rows.shape[1]
            begun = np.stack([_mean(even, which == k) for k in range(groups)])
            mixture = GaussianMixture(
                groups, covariance_type="full" if whole else "diag", reg_covar=1e-3,
                means_init=begun, random_state=state, max_iter=100,
            )  # fmt: skip
            which = mixture.fit_predict(even)
    _, which, sizes = np.unique(which, return_inverse=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    which = np.argsort(order)[which.ravel()]
    middles = np.stack([rows[which == k].mean(0) for k in range(len(sizes))])
    away = np.linalg.norm(rows - middles[which], axis=1)
    return Clusters(kind, which, away, sizes[order])


def _mean(rows: Array, mine: Array) -> Array:
    return np.asarray(rows[mine].mean(0) if mine.any() else rows.mean(0))


def agreement(which: Any, labels: Any) -> Agreement:
    """Groups (N,) beside labels (N,).

    Raises:
        ValueError: not a label for each.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    groups, names = np.asarray(which), np.asarray(labels)
    if len(groups) != len(names) or not len(groups):
        raise ValueError(f"a label for each code was wanted; we got {len(groups)} and {len(names)}")
    group = np.unique(groups, return_inverse=True)[1].ravel()
    name = np.unique(names, return_inverse=True)[1].ravel()
    table = np.zeros((group.max() + 1, name.max() + 1), np.int64)
    np.add.at(table, (group, name), 1)
    matched = table[linear_sum_assignment(-table)].sum()
    with warnings.catch_warnings():  # as many labels as pictures are no mistake here
        warnings.simplefilter("ignore", UserWarning)
        rand = float(adjusted_rand_score(name, group))
        mutual = float(normalized_mutual_info_score(name, group))
    return Agreement(float(matched / len(groups)), rand, mutual)
