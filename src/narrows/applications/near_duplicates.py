"""NearDuplicates: duplicates told by their pictures, where codes and coarse looks say whom to compare.

    codes ────► the nearest few ──┐
                                  ├──► pairs ──register──► differences ──threshold──► groups
    looks ──► 8×8, even contrast ─┘           │
                                    at half the size first, which rules most out

A crop of 5 % moves a code as far as another picture lies, and a map's code further: codes alone find
resized and recompressed copies, not cropped ones. So the pictures of a pair, small, are brought onto
each other and what is left decides. Pairs are as many as pictures, times a few; never N × N.

A copy that is mirrored or turned by a quarter has the same values at places that a square's symmetries
bring onto each other. Sorted within each such orbit, a coarse look is the same for all eight of them and
no further from another than the nearest two of theirs: it says whom else to compare, and how turned.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

from ..images.read import fit_pixels, wanted
from ..measures.registration import AT_ONCE, ROUNDS, Looks
from .close_codes import (
    APART,
    AUGMENTATIONS,
    Group,
    Threshold,
    augmented,
    first_equal,
    grouped,
    nearest_pairs,
)
from .indexing import ahead

__all__ = [
    "NEAREST", "SIDE", "TURNS", "NearDuplicates", "best_threshold", "near_duplicates", "signatures", "turned",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

SIDE = 24  # of a look
BLUR = 0.7  # pixels of it
NEAREST = 8  # pictures that each is compared with
WITHIN = 0.35  # of coarse looks: made copies are at most 0.39 and mostly 0.2 apart, see the tests
NEARLY_ALL = 0.98  # of made copies
FAR = 2 * WITHIN  # whom codes propose and coarse looks rule out
ROUGH_ROUNDS = 2  # at half the size
BEYOND = 1.2  # the nearest that do not count are compared as well, for people to see
SAMPLE = 500  # pictures all of whose pairs are compared at full size, for how near others are
TURNS = (
    "", "mirrored", "turned by 90°", "turned by 180°", "turned by 270°", "mirrored and turned by 90°",
    "mirrored upside down", "mirrored and turned by 270°",
)  # fmt: skip
_AT_ONCE = 4096
_LOOKS_AT_ONCE = 256


@dataclass(frozen=True)
class NearDuplicates:
    """Pictures that show the same.

    Attributes:
        groups: as of :func:`narrows.applications.close_codes.close_groups`, with differences as distances.
        threshold: the largest difference that counts, and what speaks for it.
        pairs: (P, 2) rows that were compared at full size: all of some pictures, and those of others that
            differ by up to about twice the threshold.
        differences: (P,) of them.
        turns: of each group how its others are turned against the keeper, by the words of TURNS.
    """

    groups: list[Group]
    threshold: Threshold
    pairs: Array
    differences: Array
    turns: list[list[str]]


def signatures(pictures: Iterable[Array]) -> Array:
    """Pictures, uint8 (C, H, W) of any sizes with C of 1 or 3, as small ones: uint8 (N, 3, 24, 24)."""
    how = wanted(SIDE, "rgb", "stretch", None)
    made = [np.zeros((0, 3, SIDE, SIDE), np.uint8)]
    rest = iter(pictures)
    while some := list(itertools.islice(rest, _LOOKS_AT_ONCE)):
        small = torch.empty((len(some), 3, SIDE, SIDE), dtype=torch.uint8)
        for shape in {each.shape for each in some}:
            rows = [row for row, each in enumerate(some) if each.shape == shape]
            small[rows] = fit_pixels(torch.from_numpy(np.stack([some[row] for row in rows])), how)
        made.append(_blurred(small.float()).round().clamp(0, 255).byte().numpy())
    return np.concatenate(made)


def _blurred(x: Tensor) -> Tensor:
    """Pictures (B, C, S, S) blurred, each alike whichever others are beside it."""
    reach = np.arange(-2, 3)
    weights = np.exp(-0.5 * (reach / BLUR) ** 2)
    x = pad(x, (2, 2, 2, 2), mode="replicate")
    for dim in (3, 2):
        parts = [x.narrow(dim, at, SIDE) for at in range(len(reach))]
        terms = [
            part * float(weight)
            for part, weight in zip(parts, weights / weights.sum(), strict=True)
        ]
        x = sum(terms[1:], terms[0])
    return x


def near_duplicates(
    signatures: Array,
    near: Array | None = None,
    *,
    threshold: float | None = None,
    examples: Sequence[Array] = (),
    order: Array | None = None,
    turns: bool = True,
    progress: Progress | None = None,
) -> NearDuplicates:
    """Groups of pictures that show the same, whether resized, recompressed, cropped or brightened.

    Each picture is compared with those nearest to it by coarse looks and with those that ``near``
    names; equal looks are duplicates without. A group's pictures all differ from its keeper by at
    most the threshold.

    Args:
        signatures: (N, 3, S, S) uint8, by :func:`signatures`.
        near: (N, K) rows nearest by code, −1 where there is none.
        threshold: the largest difference of duplicates; None takes the one of
            :func:`best_threshold`.
        examples: some of the pictures, uint8 (C, H, W), which copies are made of for that.
        order: the rows (N,) from the best to keep to the worst; by default as they are.
        turns: look for mirrored copies and such as are turned by quarters, too.
        progress: called with (done, total): copies that examples are made of, and pairs.

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
    copies = len(examples) * len(AUGMENTATIONS)
    most = len(a) + copies

    def step(done: int) -> None:
        if progress is not None:
            progress(done, most)

    made, between = _made(examples, step)
    marks = np.concatenate([*made.values(), between])
    # best_threshold looks at twice what nearly all copies reach
    reach = max(2 * _usual(marks), marks.max()) if threshold is None else BEYOND * threshold
    some = _sampled(best, everyone=threshold is None and _tiny(examples))
    pairs = _Pairs(ordered)
    differences = pairs.compared(
        a, b, reach, some[a] | some[b], lambda done, _: step(copies + done)
    )
    if threshold is None:
        equal = np.zeros(n - len(np.unique(best)))
        threshold = best_threshold(marks, np.concatenate([equal, differences]))
        if _tiny(examples) and len(a):
            threshold = min(threshold, APART * float(np.median(_least(a, b, differences))))
    reach = BEYOND * threshold
    which = np.zeros(len(a), np.int64)
    if turns:
        c, d = _symmetric_pairs(coarse, best, a, b, differences <= threshold)
        known = (a, b, differences)
        away, how = _nearest_turn(pairs, coarse, c, d, reach, some[c] | some[d], known)
        a, b, which = np.concatenate([a, c]), np.concatenate([b, d]), np.concatenate([which, how])
        differences = np.concatenate([differences, away])
    c, d = _within_components(n, a, b, differences <= threshold)
    if turns:
        away, how = _nearest_turn(pairs, coarse, c, d, reach)
    else:
        away, how = pairs.compared(c, d, reach), np.zeros(len(c), np.int64)
    a, b, which = np.concatenate([a, c]), np.concatenate([b, d]), np.concatenate([which, how])
    differences = np.concatenate([differences, away])
    there = np.isfinite(differences)
    a, b, which, differences = a[there], b[there], which[there], differences[there]
    counts = differences <= threshold
    groups = grouped(best, order, a[counts], b[counts], differences[counts])
    apart = _least(a[~counts], b[~counts], differences[~counts], some)
    advice = Threshold(float(threshold), made, float(np.median(apart)) if len(apart) else np.inf)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    found = counts & (which > 0)
    words = {
        (int(x), int(y)): TURNS[k] for x, y, k in zip(a[found], b[found], which[found], strict=True)
    }
    said = [
        [words.get((place[each.keeper], int(best[place[row]])), "") for row in each.others]
        for each in groups
    ]
    return NearDuplicates(groups, advice, order[np.stack([a, b], 1)], differences, said)


def _axes(turn: int) -> Tensor:
    """Where a turned picture's places down and across come from: (2, 2), a column of each."""
    at = torch.arange(-1.0, 2)
    places = turned(torch.stack(torch.meshgrid(at, at, indexing="ij")), turn)
    return torch.stack([places[:, 2, 1], places[:, 1, 2]], 1)


def turned(pictures: Tensor, turn: int) -> Tensor:
    """Pictures (…, S, S) as TURNS has it: mirrored first, and turned clockwise."""
    mirrored = pictures.flip(-1) if TURNS[turn].startswith("mirrored") else pictures
    quarters = (0, 0, 1, 2, 3, 1, 2, 3)[turn]
    return torch.rot90(mirrored, -quarters, (-2, -1))


_AXES = torch.stack([_axes(turn) for turn in range(len(TURNS))])


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
    m = _usual(marks)
    near, close, far = (int((found <= each * m).sum()) for each in (1.0, 1.5, 2.0))
    powers = np.linspace(2, 30, 281)
    growth = (2**powers - 1) / (1.5**powers - 1)
    power = powers[np.abs(growth - (far - near) / max(close - near, 1)).argmin()]
    others = (far - near) / (2**power - 1) * (marks / m) ** power if m else 0 * marks
    many = max(1.0, near - (far - near) / (2**power - 1))
    gain = many * share / (many + many * share + others)
    return float(marks[len(marks) - 1 - int(gain[::-1].argmax())])


def _usual(marks: Array) -> float:
    """The difference that nearly all made copies reach."""
    return float(np.quantile(marks, NEARLY_ALL))


def _made(
    examples: Sequence[Array], progress: Callable[[int], None] = lambda done: None
) -> tuple[Mapping[str, Array], Array]:
    """Alteration → the differences of altered pictures to their originals; and to each other.

    Where most pictures are smaller than looks, a smaller copy has lost what tells one from another, and
    none is made: digits of 8×8 would be duplicates by the hundred.
    """
    if not len(examples):
        return {}, np.zeros(0)
    tiny = _tiny(examples)
    alterations = [name for name in AUGMENTATIONS if not (tiny and name == "resized")]
    several = np.arange(len(examples))
    all_looks = [signatures(examples)]
    for name in alterations:
        all_looks.append(signatures(augmented(each, name) for each in examples))
        progress(len(examples) * (len(all_looks) - 1))

    def between(one: int, other: int) -> Array:
        pair = _Pairs(np.concatenate([all_looks[one], all_looks[other]]))
        return pair.compared(several, several + len(several))

    places = range(1, len(all_looks))
    made = {alterations[place - 1]: between(0, place) for place in places}
    return made, np.concatenate([between(a, b) for a in places for b in places if a < b])


def _tiny(pictures: Sequence[Array]) -> bool:
    """Whether most pictures are smaller than what they are compared by."""
    return bool(2 * sum(min(each.shape[1:]) < SIDE for each in pictures) > len(pictures))


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


def _symmetric_pairs(
    coarse: Array, best: Array, a: Array, b: Array, counts: Array
) -> tuple[Array, Array]:
    """Whom else to compare, whichever way they are turned: places c < d, (P,) each."""
    kept = np.unique(best)
    c, d, _ = nearest_pairs(_symmetric(coarse[kept]), NEAREST, WITHIN)
    c, d = kept[c], kept[d]
    new = ~np.isin(c * len(best) + d, a[counts] * len(best) + b[counts])
    return c[new], d[new]


def _sampled(best: Array, everyone: bool) -> Array:
    """Of which places (N,) all pairs are compared at full size."""
    kept = np.unique(best)
    few = np.linspace(0, len(kept) - 1, min(len(kept), SAMPLE)).astype(np.int64)
    some = np.full(len(best), everyone)
    some[kept[few]] = True
    return some


def _nearest_turn(
    pairs: _Pairs,
    coarse: Array,
    a: Array,
    b: Array,
    reach: float,
    exactly: Array | None = None,
    known: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array]:
    """The differences (P,) of pairs as they are, or with a turned as its coarse look is nearest to b's,
    whichever is less, as of :meth:`_Pairs.compared`; and the turns (P,).

    Args:
        known: pairs in order whose differences as they are were found before; of others, only those are
            compared as they are whose coarse looks are within FAR.
    """
    plain, how = np.full(len(a), np.nan), np.zeros(len(a), np.int64)
    if known is not None and len(known[0]):
        before, wanted = known[0] * len(coarse) + known[1], a * len(coarse) + b
        at = np.searchsorted(before, wanted).clip(max=len(before) - 1)
        plain[before[at] == wanted] = known[2][at[before[at] == wanted]]
    new = np.isnan(plain)
    if known is not None:
        for low in range(0, len(a), _AT_ONCE):
            part = slice(low, low + _AT_ONCE)
            new[part] &= np.linalg.norm(coarse[a[part]] - coarse[b[part]], axis=1) <= FAR
        plain[np.isnan(plain)] = np.inf
    exactly = np.zeros(len(a), bool) if exactly is None else exactly
    plain[new] = pairs.compared(a[new], b[new], reach, exactly[new])
    least = np.full(len(a), np.inf)
    for which in range(1, len(TURNS)):
        for low in range(0, len(a), _AT_ONCE):
            part = slice(low, low + _AT_ONCE)
            away = np.linalg.norm(coarse[a[part]][:, _places_of(which)] - coarse[b[part]], axis=1)
            better = away < least[part]
            least[part][better], how[part][better] = away[better], which
    near = least <= WITHIN
    turned_away = np.full(len(a), np.inf)
    turned_away[near] = pairs.compared(a[near], b[near], reach, exactly[near], turns=how[near])
    how[plain <= turned_away] = 0
    return np.minimum(plain, turned_away), how


def _places_of(turn: int) -> Array:
    """Where each of the 64 values of a coarse look comes from when it is turned."""
    places = turned(torch.arange(64).reshape(8, 8), turn).flatten()
    return np.asarray(places)


def _symmetric(coarse: Array) -> Array:
    """Coarse looks (N, 64), sorted within each orbit of places: the same for all turns of a picture."""
    places = np.stack([_places_of(turn) for turn in range(len(TURNS))])
    first = places.min(0)  # of each place, the first of its orbit
    found = coarse.copy()
    for each in np.unique(first):
        orbit = np.flatnonzero(first == each)
        found[:, orbit] = np.sort(coarse[:, orbit], 1)
    return found


class _Pairs:
    """Pairs of looks (N, C, S, S) uint8, compared at half the size first."""

    def __init__(self, signatures: Array) -> None:
        self._looks = Looks.of(torch.from_numpy(signatures))
        self._halves = self._looks.halved()

    def compared(
        self,
        a: Array,
        b: Array,
        reach: float = np.inf,
        exactly: Array | None = None,
        progress: Progress | None = None,
        turns: Array | None = None,
    ) -> Array:
        """The differences (P,) of pairs, the first of each turned; inf of those that are out of reach.

        Args:
            reach: the largest difference that is asked for.
            exactly: of which pairs (P,) it is asked for anyhow.
        """

        def one(low: int) -> Array:
            part = slice(low, low + _AT_ONCE)
            turn = None if turns is None else turns[part]
            mine, other = (torch.from_numpy(rows[part]) for rows in (a, b))
            worth = torch.ones(len(mine), dtype=torch.bool)
            if reach < np.inf:
                rough = _distances(self._halves, mine, other, turn, ROUGH_ROUNDS)
                worth = rough <= _rough_reach(reach)
                if exactly is not None:
                    worth |= torch.from_numpy(exactly[part])
            away = torch.full((len(mine),), torch.inf, dtype=torch.float64)
            turn = None if turn is None else turn[worth.numpy()]
            near = _distances(self._looks, mine[worth], other[worth], turn)
            away[worth] = near.double()
            found: Array = away.numpy()
            return found

        found = [np.zeros(0)]
        for away in ahead(one, range(0, len(a), _AT_ONCE), None):
            found.append(away)
            if progress is not None:
                progress(min((len(found) - 1) * _AT_ONCE, len(a)), len(a))
        return np.concatenate(found)


def _turned(looks: Looks, turns: Array) -> Looks:
    """Each of some looks (P,) turned by its own turn (P,)."""
    pictures = looks.pictures.clone()
    for which in np.unique(turns).tolist():
        some = torch.from_numpy(turns == which)
        pictures[some] = turned(pictures[some], which)
    return looks.turned(pictures, _AXES[turns])


def _rough_reach(reach: float) -> float:
    """Up to which difference at half the size pairs are compared at full size.

    A difference at half the size is more than at full size: small ones by up to 0.1, larger ones by hardly a fifth,
    of pairs of digits, clothes, faces and made pictures.
    """
    return max(1.25 * reach, min(reach + 0.1, 0.2))


def _distances(
    looks: Looks, a: Tensor, b: Tensor, turns: Array | None, rounds: int = ROUNDS
) -> Tensor:
    """Of pairs (P,), the first of each turned."""
    found = [torch.zeros(0)]
    for low in range(0, len(a), AT_ONCE):
        part = slice(low, low + AT_ONCE)
        mine = looks[a[part]]
        if turns is not None:
            mine = _turned(mine, turns[part])
        found.append(mine.distance(looks[b[part]], rounds))
    return torch.cat(found)


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


def _least(a: Array, b: Array, differences: Array, some: Array | None = None) -> Array:
    """Of each place in some pair, or of some places (N,), its least difference."""
    whose, away = np.concatenate([a, b]), np.concatenate([differences, differences])
    if some is not None:
        whose, away = whose[some[whose]], away[some[whose]]
    sort = np.lexsort((away, whose))
    _, first = np.unique(whose[sort], return_index=True)
    return np.asarray(away[sort][first])
