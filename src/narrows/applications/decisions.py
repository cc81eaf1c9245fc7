"""From raw anomaly scores, beside those of normal pictures, to a verdict.

scores of held-out normals (M,) each ─┐
scores of the pictures (N,) each ─────┴──decide──► p-values, a threshold, which are outliers
                                       └─ mean rank: among the normals, where there are several scores

Where the scores come from is the caller's: ``measures.anomaly_scores`` of a model, a distance of
``measures.code_distances``, or anything that is higher for more anomalous pictures. They are kept as
they came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..measures.calibration import (
    discoveries,
    least_normals,
    median_threshold,
    p_values,
    quantile_threshold,
)
from ..measures.detection import Detection, detection
from ..tables import counted

__all__ = [
    "MEAN_RANK",
    "Decision",
    "FalseAlarms",
    "FalseDiscoveryRate",
    "Median",
    "Quantile",
    "Rule",
    "attainable",
    "decide",
    "detections",
    "mean_rank",
    "rule_of",
]

Array = np.ndarray[Any, Any]

MEAN_RANK = "mean-rank"


class Rule(Protocol):
    """How a threshold is set: from the scores of normals (M,), on those of pictures (N,)."""

    def threshold(self, normal: Array, scores: Array) -> float:
        """The value above which a picture is anomalous; infinite where none is."""
        ...

    def __str__(self) -> str:
        """The rule in words."""
        ...


@dataclass(frozen=True)
class FalseAlarms:
    """Conformal: a normal picture is called anomalous with a probability of at most ``rate``.

    Raises:
        ValueError: a rate outside (0, 1).
    """

    rate: float = 0.01

    def __post_init__(self) -> None:
        least_normals(self.rate)

    def threshold(self, normal: Array, scores: Array) -> float:
        """Above it, the p-value is at most ``rate``.

        Raises:
            ValueError: too few normals for a p-value so small.
        """
        _enough(len(normal), self.rate, "a false-alarm rate")
        allowed = math.floor(self.rate * (len(normal) + 1) + 1e-9)  # 1 + normals as anomalous
        return float(np.sort(normal)[len(normal) - allowed])

    def __str__(self) -> str:
        return f"a false-alarm rate of {self.rate:.3g}"


@dataclass(frozen=True)
class Quantile:
    """The value that a share of the normals does not exceed.

    Raises:
        ValueError: a share outside [0, 1].
    """

    share: float = 0.95

    def __post_init__(self) -> None:
        quantile_threshold([0.0], self.share)

    def threshold(self, normal: Array, scores: Array) -> float:
        """The quantile of the normals."""
        return quantile_threshold(normal, self.share)

    def __str__(self) -> str:
        return f"the quantile {self.share:g} of the normal pictures"


@dataclass(frozen=True)
class Median:
    """The median of at most 10,000 normals (Kovenko & Bogach 2020, §4.2): half of them are above."""

    seed: int = 0

    def threshold(self, normal: Array, scores: Array) -> float:
        """The median of the normals."""
        return median_threshold(normal, self.seed)

    def __str__(self) -> str:
        return "the median of the normal pictures, above which half of them lie"


@dataclass(frozen=True)
class FalseDiscoveryRate:
    """Of the pictures called anomalous, a share of at most ``rate`` is normal, on average.

    Raises:
        ValueError: a rate outside (0, 1).
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        least_normals(self.rate)

    def threshold(self, normal: Array, scores: Array) -> float:
        """Just below the least score that Benjamini & Hochberg's procedure picks.

        Raises:
            ValueError: too few normals for a single anomalous picture to be found.
        """
        _enough(len(normal), self.rate, "a false-discovery rate")
        found = discoveries(p_values(normal, scores), self.rate)
        least = scores[found].min(initial=math.inf)
        return float(np.nextafter(least, -math.inf)) if found.any() else math.inf

    def __str__(self) -> str:
        return f"a false-discovery rate of {self.rate:g} over these pictures"


def rule_of(
    false_alarms: float | None = None,
    quantile: float | None = None,
    median: bool = False,
    fdr: float | None = None,
) -> Rule:
    """The rule of one number; a false-alarm rate of 0.01 without any.

    Raises:
        ValueError: two of them.
    """
    if sum([false_alarms is not None, quantile is not None, fdr is not None, median]) > 1:
        raise ValueError("a threshold is one of --false-alarms, --quantile, --median and --fdr")
    if quantile is not None:
        return Quantile(quantile)
    if fdr is not None:
        return FalseDiscoveryRate(fdr)
    return Median() if median else FalseAlarms(0.01 if false_alarms is None else false_alarms)


def attainable(rule: Rule, normals: int, known: str) -> tuple[Rule, str]:
    """A rule that so many normal pictures can follow, and what to say where it is another one.

    Where they are too few to promise a rate of false alarms, it is the least that they can: 1 / (M + 1).

    Args:
        known: what is known of them, such as ``held-out``.
    """
    if not isinstance(rule, FalseAlarms) or normals >= least_normals(rule.rate):
        return rule, ""
    least = 1 / (normals + 1)
    return FalseAlarms(least), (
        f"{counted(normals, 'normal picture')} ({known}) can promise a false-alarm rate of {least:.3g} "
        f"at best, which is taken; {rule.rate:g} needs {least_normals(rule.rate)}"
    )


@dataclass(frozen=True)
class Decision:
    """N pictures, how anomalous each is, and which are anomalous.

    Attributes:
        scores: raw, (N,) each, higher for more anomalous; ``mean-rank`` where there are several.
        normal: the same of held-out normals, (M,) each.
        by: the score that decides.
        rule: how the threshold was set, in words.
        threshold: of that score; infinite where nothing is anomalous.
        p_values: of that score, (N,).
        is_outlier: (N,) booleans.
    """

    scores: Mapping[str, Array]
    normal: Mapping[str, Array]
    by: str
    rule: str
    threshold: float
    p_values: Array
    is_outlier: Array

    @property
    def order(self) -> Array:
        """Positions from the most anomalous picture on, (N,); of equal ones, by the first score."""
        first = next(iter(self.scores.values()))
        return np.lexsort((-first, -self.scores[self.by]))

    @property
    def whole(self) -> list[str]:
        """The scores that are no pieces of another (a/b is a piece of a), the deciding one first."""
        return [self.by, *(name for name in self.scores if "/" not in name and name != self.by)]

    @property
    def false_positive_rate(self) -> float:
        """The share of the held-out normals above the threshold: the price of the verdict."""
        return float((self.normal[self.by] > self.threshold).mean())


def decide(
    normal: Mapping[str, Any],
    scores: Mapping[str, Any],
    rule: Rule | None = None,
    by: str | None = None,
) -> Decision:
    """Decide which pictures are anomalous.

    Which score decides is settled without labels and without a look at the pictures in question:
    the one that is named, else the only one, else the mean rank over all of them.

    Args:
        normal: name → (M,), of normal pictures that neither the model nor a score was fitted to.
        scores: the same names → (N,), of the pictures.
        rule: how the threshold is set; a false-alarm rate of 0.01 by default.
        by: the score that decides.

    Raises:
        ValueError: other names, none at all, a score that is not there or not finite, or too few
            normals for the rule.
    """
    if not scores or set(normal) != set(scores):
        raise ValueError(
            "the same scores of normal pictures and of the others were wanted; we got "
            f"{', '.join(normal) or 'none'} and {', '.join(scores) or 'none'}"
        )
    known = {name: _finite(name, normal[name]) for name in scores}
    asked = {name: _finite(name, scores[name]) for name in scores}
    whole = [name for name in asked if "/" not in name]  # a/b is a piece of a
    if len(whole) > 1:
        pieces = {name: known[name] for name in whole}
        known[MEAN_RANK] = mean_rank(pieces)
        asked[MEAN_RANK] = mean_rank(pieces, {name: asked[name] for name in whole})
    chosen = by or (MEAN_RANK if len(whole) > 1 else next(iter(whole or asked)))
    if chosen not in asked:
        raise ValueError(f"there is no score {chosen!r}, only {', '.join(asked)}")
    rule = rule or FalseAlarms()
    limit = rule.threshold(known[chosen], asked[chosen])
    return Decision(
        asked,
        known,
        chosen,
        str(rule),
        limit,
        p_values(known[chosen], asked[chosen]),
        asked[chosen] > limit,
    )


def mean_rank(normal: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> Array:
    """The mean over the scores of each picture's rank among the normals, (N,) in (0, 1).

    A rank is the share of normals below, ties counted by half. Without ``scores``, those of the
    normals themselves (M,). It needs no scale, and no other picture in question has a say in it.
    A normal's rank is taken among normals only, which is 1 / (1 + M) at most from what its p-value
    would ask for.
    """
    ranks = []
    for name, values in normal.items():
        known = np.sort(np.asarray(values, np.float64))
        asked = np.asarray(values if scores is None else scores[name], np.float64)
        below = np.searchsorted(known, asked, side="left")
        tied = np.searchsorted(known, asked, side="right") - below
        # a normal is tied with itself; a new picture counts as if it were
        ranks.append((below + 0.5 * (tied + (scores is not None))) / (len(known) + 1))
    found: Array = np.mean(ranks, axis=0)
    return found


def detections(scores: Mapping[str, Any], anomalies: Any) -> dict[str, Detection]:
    """How well each score (N,) tells anomalies (N,) from the others, where labels say who they are.

    Raises:
        ValueError: labels of one kind only.
    """
    return {name: detection(values, anomalies) for name, values in scores.items()}


def _finite(name: str, values: Any) -> Array:
    array = np.asarray(values, np.float64).ravel()
    if not len(array) or not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"the score {name!r} needs finite numbers; we got {bad} that are not among {len(array)}"
        )
    return array


def _enough(normals: int, rate: float, what: str) -> None:
    least = least_normals(rate)
    if normals < least:
        raise ValueError(
            f"{what} of {rate:g} needs at least {least:,} held-out normal pictures; there are "
            f"{normals:,}: give more of them, or allow a higher rate"
        )
