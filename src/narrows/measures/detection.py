"""How well a score tells anomalies from normal pictures, where labels say which is which.

score (N,), anomaly (N,) ──► ROC: hits against false alarms      precision against recall

The share of anomalies is given with every number: it is the average precision of a coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Confusion", "Detection", "Localisation", "confusion", "detection", "localisation"]

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


@dataclass(frozen=True)
class Confusion:
    """What lies above a threshold and below it, where it is known what it is.

    Attributes:
        hits: anomalies above it.
        missed: anomalies that are not.
        false_alarms: normal pictures above it.
        passed: normal pictures that are not.
    """

    hits: int
    missed: int
    false_alarms: int
    passed: int

    @property
    def precision(self) -> float | None:
        """The share of anomalies among those above; None where none is."""
        above = self.hits + self.false_alarms
        return self.hits / above if above else None

    @property
    def recall(self) -> float | None:
        """The share of anomalies that lie above; None where there is none."""
        known = self.hits + self.missed
        return self.hits / known if known else None


def confusion(scores: Any, anomalies: Any, threshold: float) -> Confusion:
    """Known pictures by what they are, (N,) true for anomalies, and by whether they score above a threshold.

    Raises:
        ValueError: not a label for each score.
    """
    above, truth = np.asarray(scores).ravel() > threshold, np.asarray(anomalies).ravel() != 0
    if len(above) != len(truth):
        raise ValueError(
            f"a label for each score was wanted; we got {len(above)} scores and {len(truth)}"
        )
    counts = [(above & truth), (~above & truth), (above & ~truth), (~above & ~truth)]
    return Confusion(*(int(each.sum()) for each in counts))


@dataclass(frozen=True)
class Localisation:
    """How well a map says where the flaw of a picture is.

    Attributes:
        auroc: the probability that a pixel of the flaw has a larger value than one outside it.
        iou: intersection over union of the flaw and of what exceeds the level.
        flaw: the share of pixels that belong to the flaw; the IoU of a map that colours everything.
    """

    auroc: float
    iou: float
    flaw: float


def localisation(values: Any, mask: Any, level: float) -> Localisation:
    """Measure maps (…, H, W) by masks of the true flaws (…, H, W), true where they are.

    Several pictures are one set of pixels, as usual for AUROC of pixels (Bergmann et al. 2019).

    Raises:
        ValueError: other shapes, or a mask of nothing or of everything.
    """
    found, truth = np.asarray(values, np.float64), np.asarray(mask) != 0
    if found.shape != truth.shape:
        raise ValueError(
            f"a mask of the map's shape was wanted; we got {truth.shape} for {found.shape}"
        )
    if not 0 < truth.sum() < truth.size:
        raise ValueError("a mask holds some pixels of the picture, and not all of them")
    above = found > level
    either = int((above | truth).sum())
    return Localisation(
        detection(found, truth).auroc, int((above & truth).sum()) / either, float(truth.mean())
    )
