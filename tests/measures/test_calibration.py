"""Thresholds and p-values on scores that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.measures.calibration import (
    discoveries,
    least_normals,
    median_threshold,
    p_values,
    quantile_threshold,
)

NORMAL = np.arange(1.0, 10.0)  # 1 … 9


def test_p_values_count_the_normals_that_are_as_strange() -> None:
    found = p_values(NORMAL, [0, 1, 5, 5.5, 9, 10])
    assert found.tolist() == [1, 1, 0.6, 0.5, 0.2, 0.1]


def test_ties_are_counted_against_strangeness() -> None:
    assert p_values([3.0, 3.0, 3.0], torch.tensor([3.0])).tolist() == [1]


def test_a_quantile_is_a_score_that_was_seen() -> None:
    assert quantile_threshold(NORMAL, 0.5) == 5
    assert quantile_threshold(NORMAL, 0.51) == 6
    assert quantile_threshold(torch.tensor(NORMAL), 1) == 9


def test_the_median_is_of_ten_thousand_at_most() -> None:
    assert median_threshold(NORMAL) == 5
    many = np.random.default_rng(0).normal(size=50_000)
    assert median_threshold(many) == median_threshold(many)
    assert median_threshold(many) != median_threshold(many, seed=1)
    assert abs(median_threshold(many)) < 0.05


@pytest.mark.parametrize(("rate", "least"), [(0.5, 1), (0.1, 9), (0.01, 99), (0.05, 19), (0.9, 1)])
def test_how_many_normals_a_rate_needs(rate: float, least: int) -> None:
    assert least_normals(rate) == least
    assert p_values(np.zeros(least), [1.0])[0] <= rate + 1e-12


def test_benjamini_and_hochbergs_own_example() -> None:
    # Benjamini & Hochberg 1995, §3.2: fifteen p-values, four rejected at 0.05
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert discoveries(p, 0.05).tolist() == [True] * 4 + [False] * 11
    assert discoveries(p[::-1], 0.05).tolist() == [False] * 11 + [True] * 4
    assert not discoveries([0.9, 0.8], 0.1).any()
    assert discoveries([], 0.1).shape == (0,)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: quantile_threshold([], 0.5), "at least one normal score is needed; we got none"),
        (lambda: quantile_threshold([1.0], 1.5), "a share from 0 to 1; we got 1.5"),
        (lambda: p_values([1.0, np.nan], [1.0]), "1 of 2 normal scores are NaN or infinite"),
        (lambda: p_values([1.0], [np.inf]), "1 of 1 new scores are NaN or infinite"),
        (lambda: least_normals(0), "between 0 and 1; we got 0"),
        (lambda: discoveries([1.2], 0.1), r"p-values lie in \[0, 1\]"),
        (lambda: discoveries([0.2], 1), "between 0 and 1; we got 1"),
    ],
)
def test_what_cannot_be_asked(asked, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asked()
