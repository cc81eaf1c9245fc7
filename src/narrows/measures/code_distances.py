"""How far a code lies from normal codes: scores that are fitted, higher for more anomalous codes.

normal codes (N, D) ──fit──► a distance      codes (M, D) ──score──► (M,)

A code here is any row of numbers: a model's, a principal component's, or raw pixels.
"""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch

__all__ = [
    "DISTANCES",
    "CodeDistance",
    "CosineKnn",
    "Knn",
    "LocalExcess",
    "LocalOutlierFactor",
    "Mahalanobis",
]

Array = np.ndarray[Any, Any]

_AT_ONCE = 1 << 22  # distances in memory at a time
_BLOCK = 64  # of them, of which the least is looked at first
_SPARE = 8  # candidates beyond k that the product may have put in the wrong order


@runtime_checkable
class CodeDistance(Protocol):
    """A distance from normal codes, fitted once."""

    def fit(self, codes: Any) -> Self:
        """Remember the normal codes (N, D); gives itself."""
        ...

    def score(self, codes: Any) -> Array:
        """Codes (M, D) that are none of the normal ones → (M,) float64."""
        ...

    def own_scores(self) -> Array:
        """The normal codes' own scores (N,), none of them among its own neighbours."""
        ...


class Knn:
    """The mean distance to the k nearest normal codes (Euclidean).

    Args:
        k: how many.

    Raises:
        ValueError: k is below 1.
    """

    def __init__(self, k: int = 5) -> None:
        self.k = _counted(k)

    def fit(self, codes: Any) -> Self:
        """Codes (N, D), N above k."""
        self.rows = _rows(codes, self.k)
        self.size = self.rows.shape[1]
        return self

    def score(self, codes: Any) -> Array:
        """(M, D) → (M,)."""
        means: Array = self.nearest(codes)[0].mean(1)
        return means

    def own_scores(self) -> Array:
        """(N,), each without itself."""
        means: Array = _nearest(self.rows, None, self.k)[0].mean(1)
        return means

    def nearest(self, codes: Any) -> tuple[Array, Array]:
        """The distances (M, k) of the nearest normal codes, and which they are (M, k)."""
        return _nearest(self.rows, _rows(codes, 0, self.size), self.k)


class CosineKnn:
    """The mean distance to the k nearest normal codes, each as a direction from an origin.

    Codes of one direction are the same to it, however far from the origin they lie: with the code of
    an empty picture as origin, a faint or thin picture is near another of the same form, where plain
    distances call everything faint normal, because it lies in the midst of all.

    Args:
        k: how many.
        origin: (D,); None is 0.

    Raises:
        ValueError: k is below 1.
    """

    def __init__(self, k: int = 5, origin: Any = None) -> None:
        self.near = Knn(k)
        self.origin = None if origin is None else _rows([origin], 0)

    def fit(self, codes: Any) -> Self:
        """Codes (N, D), N above k."""
        rows = _rows(codes, self.near.k, None if self.origin is None else self.origin.shape[1])
        self.size = rows.shape[1]
        self.near.fit(self._turned(rows))
        return self

    def score(self, codes: Any) -> Array:
        """(M, D) → (M,), from 0 to 2."""
        return self.near.score(self._turned(_rows(codes, 0, self.size)))

    def own_scores(self) -> Array:
        """(N,), each without itself."""
        return self.near.own_scores()

    def _turned(self, rows: Array) -> Array:
        seen = rows if self.origin is None else rows - self.origin
        directions: Array = seen / np.linalg.norm(seen, axis=1, keepdims=True).clip(1e-12)
        return directions


class LocalOutlierFactor:
    """How much sparser it is around a code than around its k neighbours; about 1 is normal.

    Breunig et al. 2000, definition 7, by scikit-learn.

    Args:
        k: neighbours that a density is taken from.

    Raises:
        ValueError: k is below 1.
    """

    def __init__(self, k: int = 20) -> None:
        self.k = _counted(k)

    def fit(self, codes: Any) -> Self:
        """Codes (N, D), N above k."""
        from sklearn.neighbors import LocalOutlierFactor as Fitted

        rows = _rows(codes, self.k)
        self.size = rows.shape[1]
        self.fitted: Any = Fitted(n_neighbors=self.k, algorithm="brute", novelty=True).fit(rows)
        return self

    def score(self, codes: Any) -> Array:
        """(M, D) → (M,)."""
        factors: Array = -self.fitted.score_samples(_rows(codes, 0, self.size)).astype(np.float64)
        return factors

    def own_scores(self) -> Array:
        """(N,), each without itself."""
        factors: Array = -self.fitted.negative_outlier_factor_.astype(np.float64)
        return factors


class Mahalanobis:
    """The squared distance from the normal codes' mean in units of their covariance.

    The covariance is shrunk towards a multiple of the identity by the share of Ledoit & Wolf 2004,
    so that it can be inverted whatever the number of codes.
    """

    def fit(self, codes: Any) -> Self:
        """Codes (N, D), N at least 2."""
        from sklearn.covariance import LedoitWolf

        rows = _rows(codes, 1).astype(np.float64)
        self.size = rows.shape[1]
        self.rows = rows
        self.fitted: Any = LedoitWolf().fit(rows)
        return self

    def score(self, codes: Any) -> Array:
        """(M, D) → (M,)."""
        return self._distance(_rows(codes, 0, self.size).astype(np.float64))

    def own_scores(self) -> Array:
        """(N,): one code hardly moves a covariance, so it stays in."""
        return self._distance(self.rows)

    def _distance(self, rows: Array) -> Array:
        centred = rows - self.fitted.location_
        squares: Array = np.einsum("nd,de,ne->n", centred, self.fitted.precision_, centred)
        return squares


class LocalExcess:
    """By how much a picture's error exceeds those of the normals with the nearest codes.

    log error − the mean log error of the k normals whose codes are nearest: what is bright or rough is
    reconstructed worse than what is smooth, normal or not, and only what is reconstructed worse than
    its like is anomalous. A local outlier factor of errors instead of densities.

    Args:
        k: how many.

    Raises:
        ValueError: k is below 1.
    """

    def __init__(self, k: int = 10) -> None:
        self.near = Knn(k)

    def fit(self, codes: Any, errors: Any) -> Self:
        """Codes (N, D) and errors (N,) of normal pictures, N above k."""
        self.near.fit(codes)
        self.logs = _logs(errors)
        return self

    def score(self, codes: Any, errors: Any) -> Array:
        """(M, D) and (M,) → (M,)."""
        _, nearest = self.near.nearest(codes)
        excess: Array = _logs(errors) - self.logs[nearest].mean(1)
        return excess


def _logs(errors: Any) -> Array:
    """Of errors, which may be 0 where a picture is flat."""
    logs: Array = np.log(np.asarray(errors, np.float64) + 1e-12)
    return logs


DISTANCES = {
    "knn": Knn,
    "lof": LocalOutlierFactor,
    "cosine-knn": CosineKnn,
    "mahalanobis": Mahalanobis,
}


def _nearest(rows: Array, queries: Array | None, k: int) -> tuple[Array, Array]:
    """The k of some rows (N, D) that are nearest to each query (M, D); of no queries, to each of them among
    the others.

    A product in float32, counted from the mean, says which may be: the k least of many values lie in those k of
    their blocks whose least is least. The distances are then the differences themselves.

    Returns:
        Distances (M, k) float64 in order, and places (M, k).
    """
    centre = rows.mean(0, dtype=np.float64).astype(np.float32)
    short = -len(rows) % _BLOCK
    x = torch.from_numpy(
        np.concatenate([rows - centre, np.zeros((short, len(centre)), np.float32)])
    )
    squares = x.square().sum(1)
    squares[len(rows) :] = torch.inf
    asked = rows if queries is None else queries
    keep = min(k + _SPARE, len(rows) - (queries is None))
    inside = torch.arange(_BLOCK)
    # what stays is there before what goes: small pieces kept between large ones that are freed leave
    # holes that nothing large fits into again, and memory grows with every round
    distances, places = np.empty((len(asked), k)), np.empty((len(asked), k), np.int64)
    at_once = max(1, _AT_ONCE // len(x))
    room = torch.empty(min(at_once, len(asked)), len(x))
    for low in range(0, len(asked), at_once):
        some = asked[low : low + at_once]
        away = room[: len(some)]
        torch.addmm(squares, torch.from_numpy(some - centre), x.T, alpha=-2, out=away)
        if queries is None:
            own = torch.arange(len(some))
            away[own, low + own] = torch.inf
        blocks = away.view(len(some), -1, _BLOCK)
        least = blocks.amin(2)
        which = least.topk(min(keep, least.shape[1]), largest=False).indices
        among = blocks.gather(1, which[:, :, None].expand(-1, -1, _BLOCK)).flatten(1)
        found = (which[:, :, None] * _BLOCK + inside).flatten(1)
        near = found.gather(1, among.topk(keep, largest=False).indices).numpy()
        apart = rows[near].astype(np.float64) - some[:, None]
        exact = np.sqrt(np.einsum("mkd,mkd->mk", apart, apart))
        first = np.lexsort((near, exact), axis=1)[:, :k]
        distances[low : low + at_once] = np.take_along_axis(exact, first, 1)
        places[low : low + at_once] = np.take_along_axis(near, first, 1)
    return distances, places


def _counted(k: int) -> int:
    if k < 1:
        raise ValueError(f"neighbours are at least 1; we got {k}")
    return int(k)


def _rows(codes: Any, neighbours: int, size: int | None = None) -> Array:
    """float32 (N, D), more than ``neighbours`` of them."""
    if hasattr(codes, "detach"):
        codes = codes.detach().cpu()
    array = np.asarray(codes)
    rows = np.ascontiguousarray(array.reshape(len(array), -1), np.float32)
    if size is not None and rows.shape[1] != size:
        raise ValueError(
            f"codes of {size} numbers were wanted, as those that it was fitted to; we got "
            f"{rows.shape[1]}"
        )
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows).all(1)).sum())
        raise ValueError(
            f"{bad} of {len(rows)} codes hold NaN or infinite numbers; encode the pictures again "
            "with a model that has not diverged"
        )
    if len(rows) <= neighbours:
        raise ValueError(
            f"a distance to {neighbours} neighbours needs more than {neighbours} normal codes; "
            f"we got {len(rows)}: give more normal pictures, or ask for fewer neighbours"
        )
    return rows
