"""Search: the pictures of a collection that are nearest to a picture, or to a sum of codes.

(Σ likes − Σ minus) / (their numbers' difference) ──collection.search──► neighbours

One like is itself and several are their mean; two likes minus one go from the one to the other as
the third does (Kovenko 2020, the arithmetic of codes). The weights always add up to one, so that
the query stays where codes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..collection import Collection

__all__ = ["Hits", "combined", "search"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Hits:
    """What one query found.

    Attributes:
        ids: the nearest first.
        distances: Euclidean, of the codes.
        exact: whether every code was looked at.
        fewer: whether there were not as many as asked for.
    """

    ids: list[str]
    distances: list[float]
    exact: bool
    fewer: bool


def combined(likes: Array, minus: Array | None = None) -> Array:
    """One query (D,) of codes (P, D) to be near to and codes (M, D) to be taken away.

    Raises:
        ValueError: not more likes than are taken away: the weights could not add up to one.
    """
    likes = np.asarray(likes, np.float32)
    less = np.zeros((0, likes.shape[1]), np.float32) if minus is None else np.asarray(minus)
    if len(likes) <= len(less):
        raise ValueError(
            f"a search needs more pictures to be like than to take away; we got {len(likes)} and "
            f"{len(less)}: A is to B as C is to … is --like B --like C --minus A"
        )
    total = likes.sum(0, dtype=np.float64) - less.sum(0, dtype=np.float64)
    query: Array = (total / (len(likes) - len(less))).astype(np.float32)
    return query


def search(
    collection: Collection,
    query: Array,
    k: int = 12,
    *,
    where: str | None = None,
    exact: bool = False,
    without: Sequence[str] = (),
) -> Hits:
    """The k pictures nearest to a code.

    Args:
        query: (D,).
        where, exact: as :meth:`Collection.search` takes them.
        without: ids that are not to be found, such as those that were asked with.
    """
    found = collection.search(query[None], k + len(set(without)), where=where, exact=exact)
    pairs = [
        (str(id_), float(distance))
        for id_, distance in zip(found.ids[0], found.distances[0], strict=True)
        if id_ is not None and id_ not in set(without)
    ][:k]
    return Hits([a for a, _ in pairs], [b for _, b in pairs], found.exact, len(pairs) < k)
