"""How well a score tells anomalies from normal pictures, where labels say which is which.

score (N,), anomaly (N,) ──► ROC: hits against false alarms      precision against recall

The share of anomalies is given with every number: it is the average precision of a coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Detection", "detection"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Detection:
    """How well one score detects.

    Attributes:
        auroc: the probability that an anomaly scores higher than a normal picture, ties by half.
        average_precision: Σ (R_n − R_(n−1)) P_n over the thresholds.
        prevalence: the share of anomalies.
        n: pictures.
        false_alarms, hits: the ROC curve, (T,) each, from (0, 0) to (1, 1).
        recall, precision: the other curve, (U,) each, from recall 1 to 0.
    """

    auroc: float
    average_precision: float
    prevalence: float
    n: int
    false_alarms: Array
    hits: Array
    recall: Array
    precision: Array

    def document(self) -> dict[str, Any]:
        """The numbers without the curves."""
        names = ("auroc", "average_precision", "prevalence", "n")
        return {name: getattr(self, name) for name in names}


def detection(scores: Any, anomalies: Any) -> Detection:
    """Measure a score (N,) by labels (N,), true for anomalies; by scikit-learn.

    Raises:
        ValueError: not a label for each score, labels of one kind only, or scores that are not
            finite.
    """
    from sklearn.metrics import (
        average_precision_score,
        precision_recall_curve,
        roc_auc_score,
        roc_curve,
    )

    values, truth = np.asarray(scores, np.float64).ravel(), np.asarray(anomalies).ravel() != 0
    if len(values) != len(truth):
        raise ValueError(
            f"a label for each score was wanted; we got {len(values)} scores and {len(truth)}"
        )
    if not 0 < truth.sum() < len(truth):
        raise ValueError(
            f"detection is measured on anomalies and normal pictures; we got {int(truth.sum())} "
            f"anomalies among {len(truth)}"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite; some are NaN or infinite")
    false_alarms, hits, _ = roc_curve(truth, values)
    precision, recall, _ = precision_recall_curve(truth, values)
    return Detection(
        float(roc_auc_score(truth, values)),
        float(average_precision_score(truth, values)),
        float(truth.mean()),
        len(truth),
        false_alarms,
        hits,
        recall,
        precision,
    )
