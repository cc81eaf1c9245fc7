"""Which score to take: on scores whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from narrows.applications import cross_validated_scores

NORMAL = np.linspace(0, 1, 200)
KNOWN = np.r_[np.full(12, 5.0), np.linspace(0, 1, 20)]  # twelve anomalies far above, normal ones
TRUTH = np.r_[np.ones(12, bool), np.zeros(20, bool)]


def test_the_score_that_tells_them_apart_is_first_and_finds_all() -> None:
    draws = np.random.default_rng(0)
    blind = {"normal": draws.random(200), "known": draws.random(32)}
    found = cross_validated_scores(
        {"blind": blind["normal"], "sees": NORMAL, "backwards": NORMAL},
        {"blind": blind["known"], "sees": KNOWN, "backwards": -KNOWN},
        TRUTH,
        rate=0.05,
    )
    assert [one.name for one in found.rows] == ["sees", "blind", "backwards"]
    best = found.rows[0]
    assert found.best == "sees" and best.found.tolist() == [1.0] * 5 and best.auroc == 1
    assert found.selected.tolist() == [1.0] * 5  # the best of the other folds is the same in each
    assert (found.anomalies, found.normal, found.rate) == (12, 220, 0.05)
    assert found.rows[2].found.max() == 0 and found.rows[2].auroc == 0
    assert found.rows[1].found.mean() < 0.3
    document = found.document()
    assert document["rows"][0]["found"] == [1.0, 0.0] and document["folds"] == 5
    assert "sees" in str(found)


def test_false_alarms_keep_to_the_rate_on_average() -> None:
    """Of normal pictures that no threshold knows, the share above it is what was promised."""
    draws = np.random.default_rng(1)
    for rate in (0.05, 0.2):
        normal = {"score": draws.normal(size=2000)}
        known = {"score": np.r_[draws.normal(2, size=10), draws.normal(size=1000)]}
        truth = np.r_[np.ones(10, bool), np.zeros(1000, bool)]
        found = cross_validated_scores(normal, known, truth, rate=rate).rows[0]
        assert abs(found.false_alarms.mean() - rate) < 0.01


def test_what_is_found_is_that_of_a_normal_curve() -> None:
    """Anomalies two deviations away lie above the 95 % point of the others in 63.9 of 100 cases."""
    curve = norm.ppf((np.arange(2000) + 0.5) / 2000)
    known = {"score": np.r_[curve + 2, np.zeros(5)]}
    truth = np.r_[np.ones(2000, bool), np.zeros(5, bool)]
    found = cross_validated_scores({"score": curve}, known, truth, rate=0.05).rows[0]
    assert abs(found.found.mean() - 0.639) < 0.01 and found.found.std() < 0.05


def test_too_few_normal_pictures_for_a_rate_take_the_least_they_can_promise() -> None:
    found = cross_validated_scores({"a": NORMAL[:30]}, {"a": KNOWN[:12]}, TRUTH[:12], rate=0.01)
    assert found.rate == pytest.approx(1 / 25)  # 30 in five folds: 24 set each threshold
    assert "24 normal pictures" in found.notes[0] and "0.01 needs 99" in found.notes[0]


@pytest.mark.parametrize(
    ("anomalies", "normal", "said"), [(4, 50, "there are 4 and 50"), (9, 3, "there are 9 and 3")]
)
def test_how_many_it_takes_is_said(anomalies: int, normal: int, said: str) -> None:
    truth = np.ones(anomalies, bool)
    with pytest.raises(ValueError, match="at least 5 known anomalies and 5 normal") as error:
        cross_validated_scores({"a": np.arange(normal)}, {"a": np.arange(anomalies) + 100.0}, truth)
    assert said in str(error.value)


def test_names_go_together() -> None:
    with pytest.raises(ValueError, match="of the same names"):
        cross_validated_scores({"a": NORMAL}, {"b": KNOWN}, TRUTH)
