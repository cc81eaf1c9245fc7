"""Which anomaly score to take, where some pictures are known to be anomalies.

known anomalies ─┬─ folds ─► found above the threshold ───────────┐
known normals ───┴─ folds ─► threshold from the others, alarms ◄──┴─► each score, the best first
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..measures.detection import detection
from ..randomness import permutation
from ..tables import Table, spread
from .decisions import FalseAlarms, attainable

__all__ = ["FEWEST", "FoldsOfScore", "ScoreChoice", "cross_validated_scores"]

Array = np.ndarray[Any, Any]

FOLDS = 5
FEWEST = 5  # known anomalies and normal pictures: one of both in each fold


@dataclass(frozen=True)
class FoldsOfScore:
    """What one score finds of pictures that its threshold does not know.

    Attributes:
        name: of the score.
        found: the share of each fold's anomalies above the threshold of the other folds, (K,).
        false_alarms: the share of each fold's normal pictures above it, (K,).
        auroc: of all known pictures; no threshold has a say in it.
    """

    name: str
    found: Array
    false_alarms: Array
    auroc: float


@dataclass(frozen=True)
class ScoreChoice:
    """Scores by what they are expected to find, the best first.

    Attributes:
        rows: one of each score.
        rate: the false-alarm rate that thresholds were set for.
        anomalies, normal: how many known ones there are.
        selected: the share that is found in each fold by the score that is best in the other ones, (K,):
            what choosing like this is worth, without the luck of the one that came out first.
        notes: sentences.
    """

    rows: Sequence[FoldsOfScore]
    rate: float
    anomalies: int
    normal: int
    selected: Array
    notes: Sequence[str] = ()

    @property
    def best(self) -> str:
        """The name of the first."""
        return self.rows[0].name

    def document(self) -> dict[str, Any]:
        """Means and standard deviations over the folds."""
        return {
            "rate": self.rate,
            "anomalies": self.anomalies,
            "normal": self.normal,
            "folds": len(self.selected),
            "selected": [float(self.selected.mean()), float(self.selected.std())],
            "rows": [
                {
                    "name": one.name,
                    "found": [float(one.found.mean()), float(one.found.std())],
                    "false_alarms": [float(one.false_alarms.mean()), float(one.false_alarms.std())],
                    "auroc": one.auroc,
                }
                for one in self.rows
            ],
            "notes": list(self.notes),
        }

    def table(self) -> Table:
        """Mean ± standard deviation over the folds."""
        return Table(
            {
                "score": [one.name for one in self.rows],
                "found": [spread(one.found.mean(), one.found.std(), 2) for one in self.rows],
                "false alarms": [
                    spread(one.false_alarms.mean(), one.false_alarms.std(), 3) for one in self.rows
                ],
                "AUROC": [one.auroc for one in self.rows],
            },
            notes=list(self.notes),
        )

    def __str__(self) -> str:
        return str(self.table())


def cross_validated_scores(
    normal: Mapping[str, Any],
    scores: Mapping[str, Any],
    anomalies: Any,
    *,
    rate: float = 0.01,
    folds: int = FOLDS,
    seed: int = 0,
) -> ScoreChoice:
    """What each score is expected to find at a false-alarm rate, by cross-validation.

    In each fold the threshold is the conformal one of the normal pictures of the other folds (see
    ``FalseAlarms``); what lies above it is counted among anomalies and normal pictures of this fold.
    Scores that were themselves fitted to the known pictures must not be compared so.

    Args:
        normal: scores of normal pictures that are not in question, (M,) each.
        scores: of the pictures that are known, (N,) each, of the same names.
        anomalies: which of these are anomalies, (N,) booleans; the others are normal ones.
        rate: the false-alarm rate; where the normal pictures are too few for it, the least that they can
            promise is taken.
        folds: K, at most as many as there are anomalies.
        seed: of how pictures are divided.

    Returns:
        The scores, those first that find most; of those that find as much, the one with the larger AUROC.

    Raises:
        ValueError: fewer than five anomalies or normal pictures, or scores that do not go together.
    """
    truth = np.asarray(anomalies, bool).ravel()
    if not scores or set(scores) - set(normal):
        raise ValueError(
            "scores of known pictures and of normal ones, of the same names, were wanted; we got "
            f"{', '.join(scores) or 'none'} and {', '.join(normal) or 'none'}"
        )
    known = {
        name: np.concatenate([np.asarray(normal[name], float), np.asarray(values, float)])
        for name, values in scores.items()
    }
    others = len(next(iter(known.values()))) - len(truth)
    is_anomaly = np.r_[np.zeros(others, bool), truth]
    count, usual = int(is_anomaly.sum()), int((~is_anomaly).sum())
    if min(count, usual) < FEWEST:
        raise ValueError(
            f"a score is chosen by at least {FEWEST} known anomalies and {FEWEST} normal pictures; there "
            f"are {count:,} and {usual:,}"
        )
    folds = max(2, min(folds, count, usual))
    of = np.zeros(len(is_anomaly), int)
    for kind, name in ((is_anomaly, "anomalies"), (~is_anomaly, "normal")):
        places = np.flatnonzero(kind)
        of[places[permutation(seed, f"folds/{name}", len(places)).numpy()]] = (
            np.arange(len(places)) % folds
        )
    rule, said = attainable(
        FalseAlarms(rate), usual - int(np.bincount(of[~is_anomaly]).max()), "in the other folds"
    )
    rows = [_folds_of(name, values, is_anomaly, of, rule) for name, values in known.items()]
    found = np.stack([one.found for one in rows])
    elsewhere = (found.sum(1, keepdims=True) - found) / (folds - 1)
    picked = [
        max(range(len(rows)), key=lambda i, k=k: (elsewhere[i, k], rows[i].auroc))  # type: ignore[misc]
        for k in range(folds)
    ]
    rows.sort(key=lambda one: (one.found.mean(), one.auroc), reverse=True)
    assert isinstance(rule, FalseAlarms)
    return ScoreChoice(
        rows, rule.rate, count, usual, found[picked, np.arange(folds)], [said] if said else []
    )


def _folds_of(name: str, values: Array, is_anomaly: Array, of: Array, rule: Any) -> FoldsOfScore:
    """One score in every fold.

    Raises:
        ValueError: it is not finite.
    """
    found, alarms = [], []
    auroc = detection(values, is_anomaly).auroc
    for k in range(of.max() + 1):
        limit = rule.threshold(values[(of != k) & ~is_anomaly], values)
        found.append((values[(of == k) & is_anomaly] > limit).mean())
        alarms.append((values[(of == k) & ~is_anomaly] > limit).mean())
    return FoldsOfScore(name, np.array(found), np.array(alarms), auroc)
