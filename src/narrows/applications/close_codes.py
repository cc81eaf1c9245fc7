"""Close codes: pictures whose codes are nearer than a threshold, as groups with one to keep.

    codes (N, D) ──halved again and again──► boxes of 512 ──► pairs ──best first──► groups

Never N × N in memory: codes of two boxes are as far from each other as the boxes are, so those of a box meet
only the boxes that are near enough. The pairs are exact. Where there are the
pictures too, :mod:`narrows.applications.near_duplicates` tells duplicates from what is merely alike.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .indexing import ahead

__all__ = [
    "AUGMENTATIONS", "Group", "Threshold", "augmented", "close_groups", "close_pairs", "first_equal",
    "grouped", "nearest_pairs", "threshold_of",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]
_Pairs = tuple[Array, Array, Array]  # two rows, and their distance

AUGMENTATIONS = ("recompressed", "resized", "cropped", "brightened")
MOST_PAIRS = 20_000_000
FOUND = 0.9  # of the made duplicates, that a threshold is to find
APART = 0.5  # of the usual distance to the nearest other picture, that it must not exceed
_LEAF, _LEAVES_AT_ONCE = 512, 4  # codes of a box; boxes that another one meets in one product
_PAIRS_AT_ONCE = 1 << 16
_MANY = 4_000_000  # pairs, of which only the nearest are kept
_ROUNDING = 1e-5  # of the squares: more than a float32 product is wrong by


@dataclass(frozen=True)
class Group:
    """Pictures that show the same, by their rows.

    Attributes:
        keeper: the one to keep.
        others: the rows that are near to it, the nearest first.
        distances: of each of them to the keeper, Euclidean.
    """

    keeper: int
    others: list[int] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


def close_groups(
    codes: Array,
    threshold: float,
    *,
    order: Array | None = None,
    progress: Progress | None = None,
) -> list[Group]:
    """Groups of codes, each code within the threshold of its group's keeper.

    The best picture that is left becomes a keeper and takes what is near to it; so no two keepers
    are near to each other, nothing is in a group only by a chain of others, and a second search
    among the keepers finds nothing.

    Args:
        codes: (N, D).
        threshold: the largest Euclidean distance of duplicates.
        order: the rows (N,) from the best to keep to the worst; by default as they are.
        progress: called with (done, total) rows.

    Returns:
        The groups of two and more, the largest first.

    Raises:
        ValueError: a threshold below 0, or one within which there are more than
            20 million pairs.
    """
    codes = np.ascontiguousarray(codes, np.float32)
    order = np.arange(len(codes)) if order is None else np.asarray(order)
    if not len(codes):
        return []
    codes = codes[order] + np.float32(0)  # the sum makes -0 a 0
    best = first_equal(codes)
    kept = np.unique(best)
    a, b, distances = close_pairs(codes[kept], threshold, progress=progress)
    return grouped(best, order, kept[a], kept[b], distances)


def first_equal(rows: Array) -> Array:
    """Of each row (N, …) the first one that is equal to it, byte for byte: (N,)."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    _, first, twin = np.unique(
        flat.view([("", np.void, flat.shape[1] * flat.itemsize)]).ravel(),
        return_index=True,
        return_inverse=True,
    )
    return np.asarray(first[twin.ravel()])


def grouped(best: Array, order: Array, a: Array, b: Array, distances: Array) -> list[Group]:
    """Groups of near pairs: the best that is left becomes a keeper and takes what is near to it.

    Args:
        best: of each place (N,), from the best to keep to the worst, the first of its equals.
        order: which row stands at which place, (N,).
        a, b, distances: pairs (P,) of places of such firsts that are near to each other.
    """
    whose = np.concatenate([a, b])
    near = np.concatenate([b, a])
    away = np.concatenate([distances, distances])
    by_row = np.argsort(whose, kind="stable")
    near, away = near[by_row], away[by_row]
    starts = np.searchsorted(whose[by_row], np.arange(len(best) + 1))
    equals: dict[int, list[int]] = {}
    for row in np.flatnonzero(best != np.arange(len(best))):
        equals.setdefault(int(best[row]), []).append(int(row))
    taken = np.zeros(len(best), bool)
    groups = []
    for row in np.unique(np.concatenate([whose, list(equals)]).astype(np.int64)):
        if taken[row]:
            continue
        span = slice(starts[row], starts[row + 1])
        found = [(0.0, other) for other in equals.get(int(row), [])]
        for other, distance in zip(near[span].tolist(), away[span].tolist(), strict=True):
            if not taken[other]:
                taken[other] = True
                found += [(distance, each) for each in (other, *equals.get(other, []))]
        taken[row] = True
        if found:
            found.sort()
            rows = [int(order[other]) for _, other in found]
            groups.append(Group(int(order[row]), rows, [distance for distance, _ in found]))
    return sorted(groups, key=lambda group: (-len(group.others), group.distances[-1]))


def close_pairs(codes: Array, threshold: float, *, progress: Progress | None = None) -> _Pairs:
    """All pairs of codes (N, D) whose Euclidean distance is at most the threshold.

    Returns:
        Rows a (P,) and b (P,) with a < b, sorted, and the distances (P,) float64.

    Raises:
        ValueError: as :func:`close_groups`.
    """
    found: list[_Pairs] = []
    count = 0
    for pairs in _near(codes, threshold, progress):
        count += len(pairs[0])
        if count > MOST_PAIRS:
            raise ValueError(
                f"more than {MOST_PAIRS:,} pairs of pictures are nearer than {threshold:.4g}: "
                "that is likeness, not a duplicate; choose a smaller threshold"
            )
        found.append(pairs)
    return _sorted(_joined(found))


def nearest_pairs(
    codes: Array, k: int, threshold: float, *, progress: Progress | None = None
) -> _Pairs:
    """As :func:`close_pairs`, but of each code (N, D) only those with its k nearest."""
    found: list[_Pairs] = []
    limits, count = _Limits(len(codes), k, threshold), 0
    for pairs in _near(codes, threshold, progress, limits):
        limits.lower(*pairs)
        found.append(limits.of(*pairs))
        count += len(found[-1][0])
        if count > max(_MANY, 4 * k * len(codes)):
            found = [_nearest(limits.of(*_joined(found)), k)]
            count = len(found[0][0])
    return _sorted(_nearest(limits.of(*_joined(found)), k))


class _Limits:
    """How far the k nearest of each code may be, by the pairs that were found; squares, (N,)."""

    def __init__(self, n: int, k: int, threshold: float) -> None:
        self.squares = np.full(n, float(threshold) ** 2)
        self.k = k
        self._nearest = np.full((n, k), np.inf)  # of each, in order

    def lower(self, a: Array, b: Array, distances: Array) -> None:
        """Take note of pairs (P,)."""
        whose, away = np.concatenate([a, b]), np.concatenate([distances, distances]) ** 2
        useful = away < self._nearest[whose, -1]
        whose, away = whose[useful], away[useful]
        sort = np.lexsort((away, whose))
        whose, away = whose[sort], away[sort]
        ranks = np.arange(len(whose)) - np.searchsorted(whose, whose)
        k = self._nearest.shape[1]
        whose, away, ranks = whose[ranks < k], away[ranks < k], ranks[ranks < k]
        codes, places = np.unique(whose, return_inverse=True)
        new = np.full((len(codes), k), np.inf)
        new[places.ravel(), ranks] = away
        both = np.sort(np.concatenate([self._nearest[codes], new], 1), 1)[:, :k]
        self._nearest[codes] = both
        self.squares[codes] = np.minimum(self.squares[codes], both[:, -1] * (1 + 1e-6))

    def of(self, a: Array, b: Array, distances: Array) -> _Pairs:
        """The pairs within the limit of either end."""
        fine = distances**2 <= np.maximum(self.squares[a], self.squares[b])
        return a[fine], b[fine], distances[fine]


def _near(
    codes: Array, threshold: float, progress: Progress | None, limits: _Limits | None = None
) -> Iterator[_Pairs]:
    """All pairs with a < b that are near, and their distances, some at a time.

    With limits, which may fall meanwhile, only those within the limit of either.
    """
    if not threshold >= 0 or math.isinf(threshold):
        raise ValueError(f"the threshold is a distance of at least 0; we got {threshold}")
    codes = np.ascontiguousarray(codes, np.float32)
    if not len(codes):
        return
    x = _along_axes(codes - codes.mean(0, dtype=np.float64).astype(np.float32))
    leaves = _leaves(x)
    rows = np.concatenate(leaves)
    x, starts = x[rows], np.cumsum([0, *map(len, leaves)])
    low = np.minimum.reduceat(x, starts[:-1])
    high = np.maximum.reduceat(x, starts[:-1])
    squares = np.einsum("nd,nd->n", x, x)
    slack = _ROUNDING * 2 * float(squares.max())
    ours = np.concatenate([-2 * x, squares[:, None], np.ones((len(x), 1), np.float32)], 1)
    theirs = np.concatenate([x, np.ones((len(x), 1), np.float32), squares[:, None]], 1)
    within = np.full(1, threshold**2)  # of every place
    places = [slice(*pair) for pair in itertools.pairwise(starts.tolist())]
    every = np.arange(len(x))
    reach = threshold * (1 + 1e-5) + 1e-4 * float(np.abs(x).max())  # what float32 leaves of a place

    def of(row: slice, columns: Array) -> _Pairs:
        """The pairs of some places with others, each once."""
        away = torch.from_numpy(ours[row]) @ torch.from_numpy(theirs[columns]).T
        itself = columns[0] == row.start
        mine = within if limits is None else limits.squares[rows[row]]
        if limits is not None and itself and len(columns) > limits.k:
            away.fill_diagonal_(math.inf)
            least = away.kthvalue(limits.k, 1).values.double().numpy()
            mine = np.minimum(mine, np.maximum(least, 0) * (1 + 1e-6) + 2 * slack)
        fine = away <= torch.from_numpy((mine + slack).astype(np.float32))[:, None]
        if limits is not None:
            other = mine if itself else limits.squares[rows[columns]]
            fine |= away <= torch.from_numpy((other + slack).astype(np.float32))
        a, b = (each.numpy() for each in torch.nonzero(fine, as_tuple=True))
        a, b = a + row.start, columns[b]
        once = a < b
        a, b = rows[a[once]], rows[b[once]]
        found = [(a[:0], b[:0], np.zeros(0))]
        for start in range(0, len(a), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            difference = codes[a[part]].astype(np.float64) - codes[b[part]]
            distances = np.sqrt(np.einsum("pd,pd->p", difference, difference))
            near = distances <= threshold
            one, another = a[part][near], b[part][near]
            found.append((np.minimum(one, another), np.maximum(one, another), distances[near]))
        return _joined(found)

    def beyond(number: int) -> _Pairs:
        """The pairs of a box with those after it that are near enough."""
        row, rest = places[number], slice(number + 1, None)
        apart = np.maximum(low[rest] - high[number], low[number] - high[rest]).clip(min=0)
        gaps = np.einsum("ld,ld->l", apart, apart, dtype=np.float64)
        allowed = np.full(len(gaps), reach)
        if limits is not None:
            most = np.sqrt(np.maximum.reduceat(limits.squares[rows], starts[:-1]))
            allowed = np.maximum(most[number], most[rest]) * (1 + 1e-5) + reach - threshold
        chosen = np.flatnonzero(gaps <= allowed**2) + number + 1
        found = [(rows[:0], rows[:0], np.zeros(0))]
        for first in range(0, len(chosen), _LEAVES_AT_ONCE):
            several = chosen[first : first + _LEAVES_AT_ONCE]
            found.append(of(row, np.concatenate([every[places[each]] for each in several])))
        return _joined(found)

    yield from ahead(lambda row: of(row, every[row]), places, None)
    for number, pairs in enumerate(ahead(beyond, range(len(places)), None)):
        yield pairs
        if progress is not None:
            progress(places[number].stop, len(codes))


def _along_axes(centred: Array) -> Array:
    """Codes (N, D) turned so that they differ most along the first axis; distances stay as they are."""
    some = centred[:: max(1, len(centred) // 4096)].astype(np.float64)
    _, vectors = np.linalg.eigh(some.T @ some)
    turned: Array = centred @ vectors[:, ::-1].astype(np.float32)
    return turned


def _leaves(x: Array) -> list[Array]:
    """The rows of codes (N, D) in parts of at most ``_LEAF``: halved again and again, across the axis along
    which those of a part differ most."""
    parts, leaves = [np.arange(len(x))], []
    while parts:
        rows = parts.pop()
        if len(rows) <= _LEAF:
            leaves.append(rows)
            continue
        axis = int(x[rows].var(0).argmax())
        middle = len(rows) // 2
        order = np.argpartition(x[rows, axis], middle)
        parts += [rows[order[middle:]], rows[order[:middle]]]
    return leaves


def _joined(found: list[_Pairs]) -> _Pairs:
    none = np.zeros(0)
    a, b, distances = (np.concatenate([none, *(each[i] for each in found)]) for i in range(3))
    return a.astype(np.int64), b.astype(np.int64), distances


def _sorted(pairs: tuple[Array, Array, Array]) -> _Pairs:
    a, b, distances = pairs
    sort = np.lexsort((b, a))
    return a[sort], b[sort], distances[sort]


def _nearest(pairs: tuple[Array, Array, Array], k: int) -> _Pairs:
    """The pairs that are among the k nearest of either end."""
    a, b, distances = pairs
    whose = np.concatenate([a, b])
    sort = np.lexsort((np.concatenate([distances, distances]), whose))
    ranks = np.arange(len(sort)) - np.searchsorted(whose[sort], whose[sort])
    kept = np.unique(sort[ranks < k] % max(len(a), 1))
    return a[kept], b[kept], distances[kept]


# ---- a threshold ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Threshold:
    """A distance up to which pictures count as duplicates, and what speaks for it.

    Attributes:
        distance: Euclidean, of codes.
        made: alteration → distances (P,) of altered pictures to what they were made of.
        apart: the median distance from a picture to the nearest other one of the collection.
    """

    distance: float
    made: Mapping[str, Array]
    apart: float

    def found(self, name: str, distance: float | None = None) -> float:
        """The share of an alteration's pictures that the distance finds."""
        reach = self.distance if distance is None else distance
        return float((self.made[name] <= reach).mean())


def threshold_of(
    pictures: Sequence[Array], encode: Callable[[Sequence[Array]], Array], apart: float
) -> Threshold:
    """The distance that finds nine of ten duplicates that are made of some pictures.

    Each is recompressed, resized, cropped and brightened (:func:`augmented`). The distance is never
    more than half of ``apart``: where the alterations move codes as far as other pictures are away,
    as in tiny pictures, the threshold rather misses duplicates than calls likeness one.

    Args:
        pictures: P of them, uint8 (C, H, W) of any sizes.
        encode: pictures → codes (P, D).
        apart: the median distance from a picture to the nearest other one.
    """
    if not pictures:
        raise ValueError("a threshold is found by means of at least one picture; we got none")
    codes = np.asarray(encode(pictures), np.float64)
    made = {
        name: np.linalg.norm(encode([augmented(each, name) for each in pictures]) - codes, axis=1)
        for name in AUGMENTATIONS
    }
    wanted = float(np.quantile(np.concatenate(list(made.values())), FOUND))
    return Threshold(min(wanted, APART * apart) if apart > 0 else wanted, made, apart)


def augmented(picture: Array, how: str) -> Array:
    """A duplicate of a picture uint8 (C, H, W), C of 1 or 3, as people make them.

    - ``recompressed``: a JPEG of quality 50;
    - ``resized``: to 70 % of its sides;
    - ``cropped``: 5 % of its sides cut off, half of it at either end;
    - ``brightened``: by 15 %.
    """
    from PIL import Image

    channels, height, width = picture.shape
    image = Image.fromarray(picture[0] if channels == 1 else picture.transpose(1, 2, 0))
    if how == "recompressed":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=50)
        with Image.open(buffer) as opened:
            image = opened.copy()
    elif how == "resized":
        size = max(1, round(width * 0.7)), max(1, round(height * 0.7))
        image = image.resize(size, Image.Resampling.LANCZOS)
    elif how == "cropped":
        x, y = width * 0.025, height * 0.025
        image = image.resize(
            (width, height), Image.Resampling.BICUBIC, (x, y, width - x, height - y)
        )
    elif how == "brightened":
        image = image.point(lambda value: value * 1.15)
    else:
        raise ValueError(f"a picture is altered by {', '.join(AUGMENTATIONS)}; we got {how!r}")
    array = np.asarray(image)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
