"""How well a score tells anomalies from normal pictures."""

from __future__ import annotations

import numpy as np
import pytest

from narrows.measures.detection import detection


def test_perfect_inverted_and_no_information() -> None:
    anomalies = np.arange(10) >= 8
    perfect = detection(np.arange(10), anomalies)
    assert (perfect.auroc, perfect.average_precision, perfect.prevalence) == (1, 1, 0.2)
    assert detection(-np.arange(10), anomalies).auroc == 0
    flat = detection(np.ones(10), anomalies)
    assert flat.auroc == 0.5 and flat.average_precision == pytest.approx(0.2)


def test_the_curves_go_from_corner_to_corner() -> None:
    found = detection([3, 1, 2, 0], [1, 1, 0, 0])
    assert found.auroc == 0.75
    assert (found.false_alarms[0], found.hits[0]) == (0, 0)
    assert (found.false_alarms[-1], found.hits[-1]) == (1, 1)
    assert found.recall[0] == 1 and found.recall[-1] == 0
    assert found.document() == {
        "auroc": 0.75,
        "average_precision": pytest.approx(0.5 + 0.5 * 2 / 3),
        "prevalence": 0.5,
        "n": 4,
    }


@pytest.mark.parametrize(
    ("scores", "anomalies", "words"),
    [
        ([1, 2], [1], "we got 2 scores and 1"),
        ([1, 2], [1, 1], "we got 2 anomalies among 2"),
        ([1, 2], [0, 0], "we got 0 anomalies among 2"),
        ([1, np.nan], [0, 1], "some are NaN"),
    ],
)
def test_what_cannot_be_measured(scores, anomalies, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        detection(scores, anomalies)
