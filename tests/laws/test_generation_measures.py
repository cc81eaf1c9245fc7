"""Measures of generated pictures on features whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from narrows.measures import density_coverage, frechet_distance, precision_recall


def normal(n: int, size: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed)).double()


def exactly(mean: Tensor, factor: Tensor, n: int, seed: int) -> Tensor:
    """Rows with exactly this mean and the covariance L Lᵀ."""
    rows = normal(n, len(mean), seed)
    rows = rows - rows.mean(0)
    own = torch.linalg.cholesky(rows.T.cov())
    return torch.linalg.solve_triangular(own, rows.T, upper=False).T @ factor.T + mean


def modes(n: int, which: int, seed: int) -> Tensor:
    """Rows around the first ``which`` of five places far from each other."""
    place = torch.arange(n) % which
    return normal(n, 2, seed) + 100 * torch.stack([place, place.square()], 1)


def test_the_distance_of_gaussians_with_known_mean_and_deviations() -> None:
    zero, three = torch.zeros(3).double(), torch.tensor([3.0, 0.0, -1.0]).double()
    narrow, wide = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([2.0, 2.0, 3.0]).double()
    a, b = exactly(zero, narrow.diag(), 50, 0), exactly(three, wide.diag(), 70, 1)
    wanted = 10 + 1 + 0 + 2.5**2  # |μ − μ'|² + Σ (σ − σ')²
    assert frechet_distance(a, b) == pytest.approx(wanted, abs=1e-9)
    assert frechet_distance(b, a) == pytest.approx(wanted, abs=1e-9)
    turn = torch.linalg.qr(normal(3, 3, 2)).Q
    assert frechet_distance(a @ turn + 7, b @ turn + 7) == pytest.approx(wanted, abs=1e-9)


def test_the_distance_of_gaussians_whose_covariances_do_not_commute() -> None:
    import numpy as np
    from scipy.linalg import sqrtm

    factors = [normal(4, 4, seed).tril() for seed in (1, 2)]
    one, two = (f @ f.T for f in factors)
    zero = torch.zeros(4).double()
    a, b = (exactly(zero, f, 40, seed) for seed, f in enumerate(factors))
    root = np.real(sqrtm((one @ two).numpy()))
    wanted = float(one.trace() + two.trace()) - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(wanted, abs=1e-8)


def test_the_distance_of_a_set_to_itself_is_0_even_where_a_feature_never_moves() -> None:
    rows = 5 + normal(200, 6)
    rows[:, 2] = 3.0
    rows[:, 4] = rows[:, 0] - rows[:, 1]
    assert frechet_distance(rows, rows) < 1e-9
    moved = rows.clone()
    moved[:, 2] = 5.0
    assert frechet_distance(rows, moved) == pytest.approx(4, abs=1e-8)


def test_fewer_rows_are_farther_from_their_own_distribution() -> None:
    many = normal(5000, 10)
    few, more = (frechet_distance(many, normal(n, 10, 1)) for n in (50, 2000))
    assert few > 10 * more > 0


def test_identical_sets_are_true_and_complete() -> None:
    rows = normal(300, 5)
    assert precision_recall(rows, rows) == (1.0, 1.0)
    density, coverage = density_coverage(rows, rows)
    assert coverage == 1.0 and 1.0 <= density <= 1.2 + 1e-12  # itself and at most 5 neighbours
    doubled = rows[:100].repeat(8, 1)  # balls without any size hold their copies
    assert precision_recall(doubled, doubled) == (1.0, 1.0)
    assert density_coverage(doubled, doubled)[1] == 1.0


def test_disjoint_sets_share_nothing() -> None:
    a, b = normal(300), normal(300, seed=1) + 1000
    assert precision_recall(a, b) == (0.0, 0.0)
    assert density_coverage(a, b) == (0.0, 0.0)


def test_draws_of_the_real_distribution_have_density_1_and_the_expected_coverage() -> None:
    found = [density_coverage(normal(500, 8, s), normal(500, 8, 99 + s)) for s in range(5)]
    density, coverage = (sum(each) / len(found) for each in zip(*found, strict=True))
    assert density == pytest.approx(1, abs=0.03)
    missed = 1.0  # Naeem et al. 2020, lemma 2: all 5 neighbours are real ones
    for i in range(1, 6):
        missed *= (500 - i) / (1000 - i)
    assert coverage == pytest.approx(1 - missed, abs=0.01)


def test_dropped_modes_cost_recall_and_coverage_and_not_precision() -> None:
    real, drawn = modes(1000, 5, 0), modes(1000, 2, 1)
    precision, recall = precision_recall(real, drawn)
    assert precision > 0.95 and recall == pytest.approx(0.4, abs=0.02)
    density, coverage = density_coverage(real, drawn)
    assert density > 0.95 and coverage == pytest.approx(0.4, abs=0.02)
    # and what is invented costs precision and not recall
    precision, recall = precision_recall(drawn, real)
    assert precision == pytest.approx(0.4, abs=0.02) and recall > 0.95


def test_one_real_outlier_makes_draws_precise_but_hardly_dense() -> None:
    real, drawn = normal(500), normal(500, seed=1) + torch.tensor([30.0, 0.0])
    outlier = torch.tensor([[60.0, 0.0]]).double()
    assert precision_recall(real, drawn)[0] == 0
    with_one = torch.cat([real, outlier])
    assert precision_recall(with_one, drawn)[0] > 0.95
    density, coverage = density_coverage(with_one, drawn)
    assert density <= 0.2 and coverage < 0.01
