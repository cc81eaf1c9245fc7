"""How well a score tells anomalies from normal pictures."""

from __future__ import annotations

import numpy as np
import pytest

from narrows.measures.detection import confusion, detection, localisation


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


def test_confusion_counts_each_known_picture_once() -> None:
    found = confusion([5, 1, 4, 2, 3], [1, 1, 0, 0, 0], 2.5)
    assert (found.hits, found.missed, found.false_alarms, found.passed) == (1, 1, 2, 1)
    assert found.precision == pytest.approx(1 / 3) and found.recall == 0.5
    nothing = confusion([], [], 0)
    assert nothing.precision is None and nothing.recall is None
    with pytest.raises(ValueError, match="a label for each score"):
        confusion([1.0], [1, 0], 0)


def test_a_map_that_is_the_mask_is_perfect_and_one_that_says_nothing_is_chance() -> None:
    mask = np.zeros((8, 8))
    mask[2:4, 2:6] = 1
    perfect = localisation(mask, mask, 0.5)
    assert (perfect.auroc, perfect.iou, perfect.flaw) == (1, 1, 8 / 64)
    flat = localisation(np.ones((8, 8)), mask, 0.5)
    assert (flat.auroc, flat.iou) == (0.5, 8 / 64)
    half = np.zeros((8, 8))
    half[2:4, 4:8] = 1  # four pixels of eight, and four beside
    assert localisation(half, mask, 0.5).iou == pytest.approx(4 / 12)
    for odd in (np.zeros((8, 8)), np.ones((8, 8))):
        with pytest.raises(ValueError, match="some pixels"):
            localisation(mask, odd, 0.5)
    with pytest.raises(ValueError, match="shape"):
        localisation(mask[:4], mask, 0.5)
