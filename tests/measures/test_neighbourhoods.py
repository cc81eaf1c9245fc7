"""Neighbours on a map beside neighbours among the codes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from narrows.measures import neighbourhoods


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(150, 6))


@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_is_that_of_scikit_learn(codes: np.ndarray, k: int) -> None:
    points = codes[:, :2] ** 3
    found = neighbourhoods(codes, points, k=k)
    assert found.asked == found.of == 150 and found.k == k
    expected = trustworthiness(codes, points, n_neighbors=k)
    assert found.trustworthiness == pytest.approx(expected, abs=1e-12)


def test_a_map_that_keeps_everything(codes: np.ndarray) -> None:
    found = neighbourhoods(codes, 3 * codes + 7, np.arange(150) % 3)
    assert found.trustworthiness == 1 and found.kept == 1
    assert found.same_label == found.same_label_of_codes


def test_a_map_of_nothing(codes: np.ndarray) -> None:
    points = np.random.default_rng(1).normal(size=(150, 2))
    found = neighbourhoods(codes, points)
    assert found.trustworthiness == pytest.approx(0.5, abs=0.05)
    assert found.kept == pytest.approx(12 / 149, abs=0.03)
    assert found.same_label is None


def test_labels_of_neighbours() -> None:
    points = np.concatenate([np.zeros((20, 2)), np.full((20, 2), 9.0)])
    points += np.random.default_rng(0).normal(size=points.shape) / 10
    names = np.array(["a"] * 20 + ["b"] * 20)
    assert neighbourhoods(points, points, names).same_label == 1
    mixed = neighbourhoods(points, points, names[np.random.default_rng(0).permutation(40)])
    assert 0.3 < mixed.same_label < 0.7


def test_some_are_asked_and_few_there(codes: np.ndarray) -> None:
    whole = neighbourhoods(codes, codes[:, :2])
    some = neighbourhoods(codes, codes[:, :2], queries=60)
    assert some.asked == 60 and some.of == 150
    assert some.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.03)
    assert neighbourhoods(codes[:4], codes[:4, :2]).k == 1


@pytest.mark.parametrize("n, m", [(2, 2), (5, 4)])
def test_what_is_refused(codes: np.ndarray, n: int, m: int) -> None:
    with pytest.raises(ValueError, match="a point for each"):
        neighbourhoods(codes[:n], codes[:m, :2])
