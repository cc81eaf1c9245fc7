"""Verdicts that are taken from scores, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from narrows.applications import (
    FalseAlarms,
    FalseDiscoveryRate,
    Median,
    Quantile,
    decide,
    detections,
    mean_rank,
)

NORMAL = np.arange(1.0, 100.0)  # 1 … 99


def test_a_single_score_decides_by_itself() -> None:
    found = decide({"error": NORMAL}, {"error": [50, 99.5, 99, 200]})
    assert found.by == "error" and list(found.scores) == ["error"]
    assert found.is_outlier.tolist() == [False, True, False, True]
    assert found.p_values.tolist() == [0.51, 0.01, 0.02, 0.01]
    assert found.order.tolist() == [3, 1, 2, 0]
    assert found.threshold == 99 and found.false_positive_rate == 0
    assert found.rule == "a false-alarm rate of 0.01"


def test_several_scores_decide_by_their_mean_rank() -> None:
    found = decide(
        {"a": NORMAL, "b": 1000 * NORMAL}, {"a": [120, 1.5, 50], "b": [99_999.0, 99_999, 50_000]}
    )
    assert found.by == "mean-rank" and list(found.scores) == ["a", "b", "mean-rank"]
    assert found.scores["a"].tolist() == [120, 1.5, 50]  # raw scores stay as they are
    assert found.order.tolist() == [0, 1, 2]
    assert found.is_outlier.tolist() == [True, False, False]
    named = decide(
        {"a": NORMAL, "b": NORMAL}, {"a": [120.0, 0], "b": [0.0, 120]}, Quantile(0.9), by="b"
    )
    assert named.is_outlier.tolist() == [False, True]


def test_equal_mixtures_are_ordered_by_the_first_score() -> None:
    found = decide({"a": NORMAL, "b": NORMAL}, {"a": [200, 300], "b": [500, 400]})
    assert found.scores["mean-rank"][0] == found.scores["mean-rank"][1]
    assert found.order.tolist() == [1, 0]


def test_pieces_of_a_score_do_not_decide() -> None:
    known = {"features": NORMAL, "features/1": NORMAL}
    found = decide(known, {"features": [5.0], "features/1": [500.0]})
    assert found.by == "features" and not found.is_outlier.any()


def test_ranks_lie_inside_and_grow() -> None:
    ranks = mean_rank({"s": NORMAL}, {"s": np.array([-1, 0.5, 50, 1000])})
    assert (0 < ranks).all() and (ranks < 1).all() and (np.diff(ranks) >= 0).all()
    assert mean_rank({"s": NORMAL}).mean() == pytest.approx(0.495)
    assert ranks[2] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rule", "threshold", "words"),
    [
        (FalseAlarms(0.05), 95, "false-alarm rate of 0.05"),
        (Quantile(0.9), 90, "quantile 0.9 of the normal"),
        (Median(), 50, "half of them"),
    ],
)
def test_rules(rule, threshold: float, words: str) -> None:
    found = decide({"s": NORMAL}, {"s": [threshold, threshold + 0.5]}, rule)
    assert found.threshold == threshold and words in found.rule
    assert found.is_outlier.tolist() == [False, True]


def test_false_discoveries_over_a_batch() -> None:
    found = decide(
        {"s": NORMAL}, {"s": np.r_[np.full(10, 500.0), NORMAL[::5]]}, FalseDiscoveryRate(0.1)
    )
    assert found.is_outlier[:10].all() and not found.is_outlier[10:].any()
    none = decide({"s": NORMAL}, {"s": NORMAL}, FalseDiscoveryRate(0.02))
    assert none.threshold == math.inf and not none.is_outlier.any()


def test_detections_of_every_score() -> None:
    found = detections({"a": [1, 2, 3], "b": [3, 2, 1]}, [False, False, True])
    assert (found["a"].auroc, found["b"].auroc) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: decide({}, {}), "we got none and none"),
        (lambda: decide({"a": NORMAL}, {"b": NORMAL}), "we got a and b"),
        (lambda: decide({"a": NORMAL}, {"a": [1, np.nan]}), "'a' needs finite numbers; we got 1"),
        (lambda: decide({"a": NORMAL}, {"a": [1]}, by="b"), "there is no score 'b', only a"),
        (
            lambda: decide({"a": NORMAL[:50]}, {"a": [1]}),
            "0.01 needs at least 99 held-out normal pictures; there are 50",
        ),
        (
            lambda: decide({"a": NORMAL[:5]}, {"a": [1]}, FalseDiscoveryRate(0.1)),
            "false-discovery rate of 0.1 needs at least 9",
        ),
        (lambda: FalseAlarms(0), "between 0 and 1; we got 0"),
        (lambda: Quantile(2), "from 0 to 1; we got 2"),
        (lambda: FalseDiscoveryRate(1), "between 0 and 1; we got 1"),
    ],
)
def test_what_is_refused(asked, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asked()
