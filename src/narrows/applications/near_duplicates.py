"""NearDuplicates: duplicates told by their pictures, where codes and coarse looks say whom to compare.

    codes ────► the nearest few ──┐
                                  ├──► pairs ──register──► differences ──threshold──► groups
    looks ──► 8×8, even contrast ─┘

A crop of 5 % moves a code as far as another picture lies, and a map's code further: codes alone find
resized and recompressed copies, not cropped ones. So the pictures of a pair, small, are brought onto
each other and what is left decides. Pairs are as many as pictures, times a few; never N × N.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, conv2d, pad

from ..images.read import fit_pixels, wanted
from ..measures.registration import registered_distance
from .close_codes import (
    AUGMENTATIONS,
    Group,
    Threshold,
    augmented,
    first_equal,
    grouped,
    nearest_pairs,
)

__all__ = ["NEAREST", "SIDE", "NearDuplicates", "best_threshold", "near_duplicates", "signatures"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

SIDE = 24  # of a look
BLUR = 0.7  # pixels of it
NEAREST = 8  # pictures that each is compared with
WITHIN = 0.35  # of coarse looks: made copies are at most 0.39 and mostly 0.2 apart, see the tests
NEARLY_ALL = 0.98  # of made copies
FAR = 2 * WITHIN  # whom codes propose and coarse looks rule out
_AT_ONCE = 4096


@dataclass(frozen=True)
class NearDuplicates:
    """Pictures that show the same.

    Attributes:
        groups: as of :func:`narrows.applications.close_codes.close_groups`, with differences as distances.
        threshold: the largest difference that counts, and what speaks for it.
        pairs: (P, 2) rows that were compared.
        differences: (P,) of them.
    """

    groups: list[Group]
    threshold: Threshold
    pairs: Array
    differences: Array


def signatures(pictures: Iterable[Array]) -> Array:
    """Pictures, uint8 (C, H, W) of any sizes with C of 1 or 3, as small ones: uint8 (N, 3, 24, 24)."""
    how = wanted(SIDE, "rgb", "stretch", None)
    reach = np.arange(-2, 3)
    weights = torch.from_numpy(np.exp(-0.5 * (reach / BLUR) ** 2)).float()
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    made = [np.zeros((0, 3, SIDE, SIDE), np.uint8)]
    for picture in pictures:
        small = fit_pixels(torch.from_numpy(np.array(picture))[None], how)
        x = pad(small.float(), (2, 2, 2, 2), mode="replicate")
        x = conv2d(conv2d(x, weights, groups=3), weights.mT, groups=3)
        made.append(x.round().clamp(0, 255).byte().numpy())
    return np.concatenate(made)


def near_duplicates(
    signatures: Array,
    near: Array | None = None,
    *,
    threshold: float | None = None,
    examples: Sequence[Array] = (),
    order: Array | None = None,
    progress: Progress | None = None,
) -> NearDuplicates:
    """Groups of pictures that show the same, whether resized, recompressed, cropped or brightened.

    Each picture is compared with those nearest to it by coarse looks and with those that ``near``
    names; equal looks are duplicates without. A group's pictures all differ from its keeper by at
    most the threshold.

    Args:
        looks: (N, 3, S, S) uint8, by :func:`looks`.
        near: (N, K) rows nearest by code, −1 where there is none.
        threshold: the largest difference of duplicates; None takes the one of
            :func:`best_threshold`.
        examples: some of the pictures, uint8 (C, H, W), which copies are made of for that.
        order: the rows (N,) from the best to keep to the worst; by default as they are.
        progress: called with (done, total) pairs.

    Raises:
        ValueError: a threshold below 0, or neither threshold nor examples.
    """
    if threshold is None and not len(examples):
        raise ValueError("a threshold, or pictures to make examples of, was wanted; we got neither")
    if threshold is not None and not 0 <= threshold < np.inf:
        raise ValueError(f"the threshold is a difference of at least 0; we got {threshold}")
    n = len(signatures)
    order = np.arange(n) if order is None else np.asarray(order)
    ordered = signatures[order]
    best = first_equal(ordered) if n else np.zeros(0, np.int64)
    coarse = _coarse(ordered)
    a, b = _pairs(coarse, best, None if near is None else _places(near, order))
    differences = _compared(ordered, a, b, progress)
    made, between = _made(examples)
    if threshold is None:
        equal = np.zeros(n - len(np.unique(best)))
        threshold = best_threshold(
            np.concatenate([*made.values(), between]), np.concatenate([equal, differences])
        )
    more = _within_components(n, a, b, differences <= threshold)
    a, b = np.concatenate([a, more[0]]), np.concatenate([b, more[1]])
    differences = np.concatenate([differences, _compared(ordered, *more, None)])
    counts = differences <= threshold
    groups = grouped(best, order, a[counts], b[counts], differences[counts])
    apart = _least(a[~counts], b[~counts], differences[~counts])
    advice = Threshold(float(threshold), made, float(np.median(apart)) if len(apart) else np.inf)
    return NearDuplicates(groups, advice, order[np.stack([a, b], 1)], differences)


def best_threshold(made: Array, found: Array) -> float:
    """The difference up to which pairs are best called duplicates, without knowing which are.

    Just beyond m, which nearly all made copies reach, lie other pictures only. They thin out as a
    power of the difference (of as many dimensions as pictures vary in), so that those beyond m up to
    1.5 m and to 2 m tell how many, N(t), are mixed among the duplicates; what is left at m are the
    duplicates, D, of which a threshold t finds the share F(t) that it finds of made copies. The t is
    taken whose F measure is then the highest, 2 D F(t) / (D + D F(t) + N(t)).

    Args:
        made: differences (M,) of copies to what they were made of, and to each other.
        found: differences (P,) of the pairs that were compared.
    """
    marks = np.sort(np.asarray(made, np.float64))
    share = np.arange(1, len(marks) + 1) / len(marks)
    m = float(np.quantile(marks, NEARLY_ALL))
    near, close, far = (int((found <= each * m).sum()) for each in (1.0, 1.5, 2.0))
    powers = np.linspace(2, 30, 281)
    growth = (2**powers - 1) / (1.5**powers - 1)
    power = powers[np.abs(growth - (far - near) / max(close - near, 1)).argmin()]
    others = (far - near) / (2**power - 1) * (marks / m) ** power if m else 0 * marks
    many = max(1.0, near - (far - near) / (2**power - 1))
    gain = many * share / (many + many * share + others)
    return float(marks[len(marks) - 1 - int(gain[::-1].argmax())])


def _made(examples: Sequence[Array]) -> tuple[Mapping[str, Array], Array]:
    """Alteration → the differences of altered pictures to their originals; and to each other."""
    if not len(examples):
        return {}, np.zeros(0)
    several = np.arange(len(examples))
    all_looks = [signatures(examples)]
    all_looks += [signatures(augmented(each, name) for each in examples) for name in AUGMENTATIONS]

    def between(one: int, other: int) -> Array:
        pair = np.concatenate([all_looks[one], all_looks[other]])
        return _compared(pair, several, several + len(several), None)

    places = range(1, len(all_looks))
    made = {AUGMENTATIONS[place - 1]: between(0, place) for place in places}
    return made, np.concatenate([between(a, b) for a in places for b in places if a < b])


def _coarse(signatures: Array) -> Array:
    """(N, 64): gray, 8×8, of even brightness and contrast."""
    found = [np.zeros((0, 64), np.float32)]
    for low in range(0, len(signatures), _AT_ONCE):
        x = torch.from_numpy(signatures[low : low + _AT_ONCE]).float().mean(1, keepdim=True) / 255
        x = adaptive_avg_pool2d(x, 8).flatten(1)
        x = x - x.mean(1, keepdim=True)
        found.append((x / (x.norm(dim=1, keepdim=True) + 0.05)).numpy())
    return np.concatenate(found)


def _places(near: Array, order: Array) -> Array:
    """Rows (N, K) named by rows, as places named by places."""
    place = np.empty(len(order) + 1, np.int64)
    place[order], place[-1] = np.arange(len(order)), -1
    return np.asarray(place[np.asarray(near, np.int64)[order]])


def _pairs(coarse: Array, best: Array, near: Array | None) -> tuple[Array, Array]:
    """Whom to compare: places a < b, (P,) each, of pictures that are the first of their equals."""
    kept = np.unique(best)
    a, b, _ = nearest_pairs(coarse[kept], NEAREST, WITHIN)
    a, b = kept[a], kept[b]
    if near is not None:
        whose, other = np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()
        whose, other = best[whose[other >= 0]], best[other[other >= 0]]
        away = np.linalg.norm(coarse[whose] - coarse[other], axis=1)
        fine = (whose != other) & (away <= FAR)
        a, b = np.concatenate([a, whose[fine]]), np.concatenate([b, other[fine]])
    pairs = np.unique(np.minimum(a, b) * len(best) + np.maximum(a, b))
    return pairs // max(len(best), 1), pairs % max(len(best), 1)


def _compared(signatures: Array, a: Array, b: Array, progress: Progress | None) -> Array:
    """The differences (P,) of pairs of looks."""
    found = [np.zeros(0)]
    for low in range(0, len(a), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        x, y = (torch.from_numpy(signatures[rows[part]]).float() / 255 for rows in (a, b))
        found.append(registered_distance(x, y).double().numpy())
        if progress is not None:
            progress(min(low + _AT_ONCE, len(a)), len(a))
    return np.concatenate(found)


def _within_components(n: int, a: Array, b: Array, counts: Array) -> tuple[Array, Array]:
    """Pairs yet to compare: what hangs together by pairs that count, each with the best of it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = coo_matrix((np.ones(int(counts.sum())), (a[counts], b[counts])), (n, n))
    which = connected_components(edges, directed=False)[1]
    _, first, inverse = np.unique(which, return_index=True, return_inverse=True)
    head = first[inverse.ravel()]
    rest = np.flatnonzero(head != np.arange(n))
    known = np.unique(a * n + b)
    new = rest[~np.isin(head[rest] * n + rest, known)]
    return head[new], new


def _least(a: Array, b: Array, differences: Array) -> Array:
    """Of each place in some pair its least difference."""
    whose, away = np.concatenate([a, b]), np.concatenate([differences, differences])
    sort = np.lexsort((away, whose))
    _, first = np.unique(whose[sort], return_index=True)
    return np.asarray(away[sort][first])
