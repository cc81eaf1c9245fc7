"""Train, validation and test: the official split if there is one, else by group, else by content.

Each group (a person), or each content, is put on its side by a hash of itself, so that the same
picture always stands on the same side, however many others come or go, and two identical ones never
stand on different sides.

The hashes of a part lie where that part was cut, so by them it could not be divided again: sizes that
chance would not give are taken for that, and the next hash divides.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import NoImages
from .contents import Keys, content_keys, key_of
from .source import SPLITS, Images, Source
from .views import Subset

__all__ = ["Splits", "evaluation_split", "split"]

ROUNDS = 16  # parts of parts of parts, each divided by the next hash
UNLIKELY = (
    1e-5  # the chance below which a side has too few for a set that this hash has not divided
)


class Splits(NamedTuple):
    """The three parts; a part that nothing fell into is None."""

    train: Any
    validation: Any = None
    test: Any = None


def split(
    source: Source,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    *,
    validation: float | None = None,
    seed: int = 0,
) -> Splits:
    """Divide a source into train, validation and test.

    Args:
        source: Images give Images, any other source gives Subsets.
        fractions: of train, validation and test; they add up to 1.
        validation: only divide train and validation: 0.1 means (0.9, 0.1, 0).
        seed: another seed, another division.

    With an official split its test is taken as it is, and its validation too; where it has none,
    validation is cut out of train in the proportion of ``fractions``. A picture of which it says no
    part is in none. Pictures that are all of one part, and not of train, are divided like others.

    Sizes are near the fractions, not exactly them: each group or content falls by its own hash. In
    a small set every part asked for still gets one group or content while there are enough, train
    first. A part is divided again by another hash than the one that made it, so that
    ``split(split(images).train, validation=0.1)`` holds a tenth of the train part out.

    Raises:
        ValueError: fractions that cannot be.
        NoImages: the official split has no train part.
    """
    if validation is not None:
        fractions = (1 - validation, validation, 0.0)
    parts = tuple(float(f) for f in fractions)
    if len(parts) != 3 or min(parts) < 0 or not math.isclose(sum(parts), 1, abs_tol=1e-6):
        raise ValueError(
            f"fractions must be three numbers from 0 that add up to 1, got {fractions}"
        )
    if parts[0] <= 0:
        raise ValueError(f"train must have a share above 0, got {fractions}")
    official = getattr(source, "split", None)
    if official is not None and not callable(official):
        names = np.asarray(official)
        if "train" in names:
            return _official(source, names, parts, seed)
        if len(set(names.tolist())) > 1 or "" in names:
            said = ", ".join(
                f"{name or 'none'} {n:,}" for name, n in zip(*_counted(names), strict=True)
            )
            raise NoImages(
                f"the official split of these pictures has no train part ({said}), and a split is "
                "never divided anew; say in its table which pictures are train"
            )
    side = _sides(_words(source), parts, seed)
    return Splits(*(_part(source, np.flatnonzero(side == i)) for i in range(3)))


def _counted(names: np.ndarray[Any, Any]) -> tuple[list[str], list[int]]:
    found, counts = np.unique(names, return_counts=True)
    return found.tolist(), counts.tolist()


def _part(source: Source, rows: np.ndarray[Any, Any]) -> Source | None:
    if not len(rows):
        return None
    return source.select(rows) if isinstance(source, Images) else Subset(source, rows)


def _official(
    source: Source, names: np.ndarray[Any, Any], parts: tuple[float, ...], seed: int
) -> Splits:
    rows = {name: np.flatnonzero(names == name) for name in SPLITS}
    if not len(rows["validation"]) and parts[1] > 0:
        train = _part(source, rows["train"])
        assert train is not None
        whole = parts[0] + parts[1]
        side = _sides(_words(train), (parts[0] / whole, parts[1] / whole, 0.0), seed)
        rows["train"], rows["validation"] = rows["train"][side == 0], rows["train"][side == 1]
    return Splits(*(_part(source, rows[name]) for name in SPLITS))


def _sides(words: Keys, parts: tuple[float, ...], seed: int) -> np.ndarray[Any, Any]:
    """0, 1 or 2 for each item (N,): where its hash lies in [0, 1) decides."""
    ends = np.cumsum(parts)[:2]
    for round_ in range(ROUNDS):
        distinct, which = np.unique(_mixed(words, seed, round_), return_inverse=True)
        n = len(distinct)
        first, second = (int(k) for k in np.searchsorted(distinct / 2.0**64, ends))
        if not _divided_before(np.diff([0, first, second, n]), parts):
            break
    second = second if parts[2] > 0 else n
    wants_validation, wants_test = parts[1] > 0, parts[2] > 0
    if not wants_validation:
        first = second
    # a small set: give every part something, train first, then validation
    keep_test = 1 if wants_test and n >= 2 + wants_validation else 0
    keep_validation = 1 if wants_validation and n >= 2 else 0
    first = min(max(first, 1), n - keep_validation - keep_test)
    second = min(max(second, first + keep_validation), n - keep_test)
    if not wants_validation:
        second = first
    side = np.zeros(n, np.int8)
    side[first:second] = 1
    side[second:] = 2
    return side[which.ravel()]


def _divided_before(counts: np.ndarray[Any, Any], parts: tuple[float, ...]) -> bool:
    """Whether chance would not put so few on a side: these are a part that this hash made.

    Chernoff's bound: of n, at most k fall on a side of share p with a chance of exp(−n·KL(k/n ‖ p)).
    """
    n = counts.sum()
    for k, p in zip(counts.tolist(), parts, strict=True):
        if k < n * p:
            few = k * math.log(k / (n * p)) if k else 0.0
            many = (n - k) * math.log((n - k) / (n * (1 - p))) if p < 1 else math.inf
            if few + many > -math.log(UNLIKELY):
                return True
    return False


def _words(source: Source) -> Keys:
    """uint64 (N,): equal for the same group, the same content, or (without pixels) the same index."""
    groups = getattr(source, "groups", None)
    if groups is not None:
        names, which = np.unique(np.asarray(groups).astype(str), return_inverse=True)
        words = np.array([key_of(str(name).encode()) for name in names], np.uint64)[which.ravel()]
    elif isinstance(source, Images):
        words = content_keys(source)
    else:
        words = np.arange(len(source), dtype=np.uint64)
        if isinstance(source, Subset):
            words = source.indices.numpy().astype(np.uint64)
    return words


def _mixed(words: Keys, seed: int, round_: int) -> Keys:
    """Spread 64 bits evenly, by seed and round: the finaliser of SplitMix64 (Steele et al., 2014)."""
    name = f"split {seed}" if round_ == 0 else f"split {seed}, round {round_}"
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    with np.errstate(over="ignore"):
        z = (words ^ np.uint64(key)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: Keys = z ^ (z >> np.uint64(31))
    return mixed


def evaluation_split(parts: Splits, wanted: str | None = None) -> tuple[str, Source | None]:
    """The part that a model is judged on and its name: ``wanted``, else test, else validation.

    'all' has no part of its own: (``all``, None).

    Raises:
        ValueError: no such part, or nothing is in it.
    """
    if wanted is not None and wanted not in (*SPLITS, "all"):
        raise ValueError(f"a part is train, validation, test or all; we got {wanted!r}")
    for name in (wanted,) if wanted else ("test", "validation"):
        if name != "all" and getattr(parts, name) is not None:
            return name, getattr(parts, name)
    if wanted and wanted != "all":
        raise ValueError(f"these pictures have no {wanted} part; take all of them with 'all'")
    return "all", None
