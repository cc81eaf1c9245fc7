"""The nearest codes, exactly: blocks of codes against all queries, never N × Q in memory.

block (n, D) ──matrix product──► candidates ──differences──► distances ──merge──► the k best so far
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["nearest"]

Array = np.ndarray[Any, Any]

_AT_ONCE = 1 << 23  # distances in memory at a time
_SPARE = 16  # candidates beyond k that the matrix product may have put in the wrong order


def nearest(blocks: Iterable[Array], queries: Array, k: int) -> tuple[Array, Array]:
    """The k codes nearest to each query by Euclidean distance.

    A matrix product in float32 finds the candidates, counted from the mean of the first block so
    that little is cancelled; their distances are then the differences themselves in float64, so
    that a code's distance to itself is 0. Of equal distances the earlier code comes first.

    Args:
        blocks: codes (n, D) after codes (n, D).
        queries: (Q, D).
        k: how many; of fewer codes all.

    Returns:
        Positions (Q, k') counted over all blocks, int64, and distances (Q, k'), float64.
    """
    if k < 1:
        raise ValueError(f"the number of neighbours is at least 1; we got {k}")
    queries = np.ascontiguousarray(queries, np.float32)
    best = np.zeros((len(queries), 0), np.int64)
    distances = np.zeros((len(queries), 0))
    centre: Array | None = None
    start = 0
    for block in blocks:
        if not len(block):
            continue
        if centre is None:
            centre = block.mean(0, dtype=np.float64).astype(np.float32)
        places, block_distances = _of_block(block, queries, centre, k)
        best = np.concatenate([best, places + start], 1)
        distances = np.concatenate([distances, block_distances], 1)
        best, distances = _first(best, distances, k)
        start += len(block)
    return best, np.sqrt(distances)


def _of_block(block: Array, queries: Array, centre: Array, k: int) -> tuple[Array, Array]:
    """The k best of one block for each query: places (Q, k') and squared distances (Q, k')."""
    x = block - centre
    squares = np.einsum("nd,nd->n", x, x)
    keep = min(len(block), k + _SPARE)
    rows = max(1, _AT_ONCE // len(block))
    places, distances = [], []
    for low in range(0, len(queries), rows):
        q = queries[low : low + rows]
        near = squares - 2 * ((q - centre) @ x.T)  # (rows, n), but for |q|²
        if keep < len(block):
            candidates = np.argpartition(near, keep - 1, 1)[:, :keep]
        else:
            candidates = np.broadcast_to(np.arange(keep), near.shape)
        exact = np.empty(candidates.shape)
        step = max(1, _AT_ONCE // (keep * block.shape[1]))
        for a in range(0, len(q), step):
            away = block[candidates[a : a + step]].astype(np.float64) - q[a : a + step, None]
            exact[a : a + step] = np.einsum("qkd,qkd->qk", away, away)
        first, least = _first(candidates, exact, k)
        places.append(first)
        distances.append(least)
    return np.concatenate(places), np.concatenate(distances)


def _first(places: Array, distances: Array, k: int) -> tuple[Array, Array]:
    """The k least of each row, in order; of equals the one that comes earlier."""
    order = np.lexsort((places, distances), axis=1)[:, :k]
    return np.take_along_axis(places, order, 1), np.take_along_axis(distances, order, 1)
