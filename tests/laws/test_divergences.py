"""Divergences between distributions of codes, against their known values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch import distributions as dist

from narrows.objectives import mmd2, total_correlation
from narrows.objectives.penalties.discrepancy import SCALES
from narrows.objectives.penalties.sparsity import kl_to_rate


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


KERNELS = {
    "imq": lambda square, size: sum(2 * size * s / (2 * size * s + square) for s in SCALES),
    "rbf": lambda square, size: math.exp(-square / (2 * size)),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_of_two_pairs_of_points(kernel: str) -> None:
    """x = 0, 3 and y = 1, 5 by hand: k(0,3) + k(1,5) − ½ Σ k(x, y)."""
    x, y = torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0], [5.0]])

    def k(distance: float) -> float:
        return KERNELS[kernel](distance**2, 1)

    wanted = k(3) + k(4) - (k(1) + k(5) + k(2) + k(2)) / 2
    assert float(mmd2(x, y, kernel)) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_of_equals_is_nothing_on_average(kernel: str) -> None:
    found = mmd2(normal(400, 12, 3), normal(400, 9, 3, seed=1), kernel)
    assert found.shape == (400,)
    assert abs(float(found.mean())) < 4 * float(found.std()) / 400**0.5
    assert bool((found < 0).any())  # unbiased, so not a square


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_grows_with_a_shift_and_with_a_scale(kernel: str) -> None:
    x, y = normal(300, 4), normal(300, 4, seed=1)
    shifted = [float(mmd2(x + by, y, kernel)) for by in (0.0, 0.3, 0.6, 1.2)]
    assert shifted == sorted(shifted) and shifted[1] > shifted[0] + 1e-3
    assert float(mmd2(0.5 * x, y, kernel)) > float(mmd2(0.8 * x, y, kernel)) > shifted[0]


def test_the_gaussian_discrepancy_is_its_closed_form() -> None:
    """Of N(μ, I) and N(0, I): 2 (s / (s + 2))^{D/2} (1 − exp(−‖μ‖² / 2(s + 2))), s = σ² = D."""
    size, shift = 3, 0.8
    found = mmd2(normal(300, 40, size) + shift, normal(300, 40, size, seed=1), "rbf")
    overlap = (size / (size + 2)) ** (size / 2)
    wanted = 2 * overlap * (1 - math.exp(-size * shift**2 / (2 * (size + 2))))
    assert abs(float(found.mean()) - wanted) < 4 * float(found.std()) / 300**0.5


def posteriors(correlation: float, variance: float, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draws z (1, n, 2), means and log-variances whose aggregate is N(0, [[1, ρ], [ρ, 1]])."""
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    covariance -= variance * torch.eye(2)
    mean = normal(n, 2) @ torch.linalg.cholesky(covariance).T
    z = mean + variance**0.5 * normal(1, n, 2, seed=1)
    return z, mean, torch.full_like(mean, math.log(variance))


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.7])
def test_the_total_correlation_of_a_gaussian_pair(correlation: float) -> None:
    """−½ log(1 − ρ²); the batch's own mixture of 1,500 adds less than 0.02 nats."""
    found = total_correlation(*posteriors(correlation, 0.25, 1500))
    assert found.shape == (1, 1500)
    wanted = -0.5 * math.log(1 - correlation**2)
    error = float(found.std()) / 1500**0.5
    assert -3 * error < float(found.mean()) - wanted < 3 * error + 0.02


def test_independent_units_have_none() -> None:
    """A grid of means is a product of mixtures, so every term is 0, not the mean alone."""
    axis = torch.tensor([-1.0, 0.2, 3.0], dtype=torch.float64)
    mean = torch.cartesian_prod(axis, axis)
    found = total_correlation(normal(5, 9, 2), mean, torch.zeros_like(mean))
    assert torch.allclose(found, torch.zeros_like(found), atol=1e-12)


def test_it_is_unbiased_for_the_mixture_and_not_negative() -> None:
    """Draws from one picture's posteriors each, S times: the mean is the mixture's own value."""
    for seed in range(5):
        mean, log_variance = normal(6, 3, seed=seed), normal(6, 3, seed=seed + 10)
        z = mean + (0.5 * log_variance).exp() * normal(3000, 6, 3, seed=seed + 20)
        found = total_correlation(z, mean, log_variance).mean(1)
        each = dist.Normal(mean, (0.5 * log_variance).exp()).log_prob(z[:, :, None])
        joint = each.sum(-1).logsumexp(2) - math.log(6)
        marginals = (each.logsumexp(2) - math.log(6)).sum(-1)
        assert torch.allclose(found, (joint - marginals).mean(1))
        assert float(found.mean()) > -3 * float(found.std()) / 3000**0.5


def test_narrow_posteriors_reach_the_stated_bias() -> None:
    """(D − 1) log B: every unit alone names the picture."""
    mean = 100 * normal(8, 3)
    found = total_correlation(mean[None], mean, torch.full_like(mean, -8.0))
    assert torch.allclose(found, torch.full_like(found, 2 * math.log(8)))


def test_the_size_of_the_set_is_a_constant_on_top() -> None:
    z, mean, log_variance = posteriors(0.5, 0.25, 20)
    mean.requires_grad_()
    own = total_correlation(z, mean, log_variance)
    printed = total_correlation(z, mean, log_variance, pictures=60_000)
    assert torch.allclose(printed, own + math.log(60_000))
    slopes = [torch.autograd.grad(value.mean(), mean)[0] for value in (own, printed)]
    assert torch.allclose(*slopes)


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5, 0.9])
def test_the_kl_of_rates_is_that_of_bernoullis(rho: float) -> None:
    rate = torch.linspace(rho / 50, 1 - (1 - rho) / 50, 101, dtype=torch.float64)
    wanted = dist.kl_divergence(
        dist.Bernoulli(torch.tensor(rho, dtype=torch.float64)), dist.Bernoulli(rate)
    )
    assert torch.allclose(kl_to_rate(rho, rate), wanted, atol=1e-12)
    assert float(kl_to_rate(rho, torch.tensor(rho, dtype=torch.float64))) == pytest.approx(0)


@pytest.mark.parametrize("rho", [0.001, 0.05, 0.5, 0.999])
def test_the_kl_of_rates_is_convex_and_leads_back_from_anywhere(rho: float) -> None:
    rate = torch.linspace(-3, 4, 7001, dtype=torch.float64, requires_grad=True)
    value = kl_to_rate(rho, rate)
    (slope,) = torch.autograd.grad(value.sum(), rate)
    rate, value = rate.detach(), value.detach()
    assert bool(torch.isfinite(value).all()) and float(value.min()) > -1e-12
    assert bool((slope.diff() >= -1e-9).all())
    assert bool((slope[rate < rho - 1e-3] < 0).all() and (slope[rate > rho + 1e-3] > 0).all())
