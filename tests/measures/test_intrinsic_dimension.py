"""Intrinsic dimension: of surfaces whose dimension is known, within a tenth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from narrows.measures.intrinsic_dimension import (
    maximum_likelihood_dimension,
    nearest_distances,
    two_nn,
)

N = 3000


def flat(dimension: int, draws: Any) -> Any:
    """A cube of so many sides, turned into 60 dimensions."""
    turn = np.linalg.qr(draws.normal(size=(60, dimension)))[0]
    return draws.uniform(size=(N, dimension)) @ turn.T


def sphere(dimension: int, draws: Any) -> Any:
    """The surface of a ball of one more."""
    x = draws.normal(size=(N, dimension + 1))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def swiss_roll(dimension: int, draws: Any) -> Any:
    """A sheet that is rolled up."""
    assert dimension == 2
    t = np.sqrt(draws.uniform((1.5 * np.pi) ** 2, (4.5 * np.pi) ** 2, N))
    return np.stack([t * np.cos(t), 21 * draws.uniform(size=N), t * np.sin(t)], 1)


@pytest.mark.parametrize(
    ("made", "dimension"), [(flat, 1), (flat, 2), (flat, 5), (sphere, 2), (sphere, 6), (swiss_roll, 2)]
)  # fmt: skip
def test_known_surfaces(made: Any, dimension: int) -> None:
    near = nearest_distances(made(dimension, np.random.default_rng(dimension)), 10)
    assert two_nn(near) == pytest.approx(dimension, rel=0.1)
    assert maximum_likelihood_dimension(near) == pytest.approx(dimension, rel=0.1)


def test_copies_of_a_point_count_once_and_scale_does_not_matter() -> None:
    x = flat(3, np.random.default_rng(0))[:800]
    near = nearest_distances(np.concatenate([x, x[:300]]), 5)
    assert near.shape == (800, 5)
    assert (np.diff(near, axis=1) >= 0).all()
    again = nearest_distances(1e-3 * x + 7, 5)
    assert two_nn(again) == pytest.approx(two_nn(near), rel=1e-2)


def test_distances_are_those_of_the_nearest() -> None:
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    x = x[np.lexsort(x.T[::-1])]  # the order of the different points
    whole = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    np.fill_diagonal(whole, np.inf)
    assert nearest_distances(x, 3) == pytest.approx(np.sort(whole, 1)[:, :3], rel=1e-5)


def test_too_few_points() -> None:
    with pytest.raises(ValueError, match="at least 6 different points were wanted; we got 1"):
        nearest_distances(np.ones((40, 2)), 5)
