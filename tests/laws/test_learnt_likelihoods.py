"""Learnt widths: the best one is that of the error, and a discretised logistic sums to 1."""

from __future__ import annotations

import math

import pytest
import torch
from torch import distributions as dist

from narrows.objectives import Gaussian, GaussianLearnt, GaussianOptimal, Logistic

LINKS = {"sigmoid": torch.sigmoid, "tanh": lambda r: (r.tanh() + 1) / 2, "identity": lambda r: r}
LEVELS = torch.arange(256).reshape(256, 1, 1, 1) / 255


def pictures(requires_grad: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Raw outputs (2, 3, 1, 7, 5) and pictures (3, 1, 7, 5)."""
    source = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 3, 1, 7, 5, generator=source)
    return raw.requires_grad_(requires_grad), torch.rand(3, 1, 7, 5, generator=source)


@pytest.mark.parametrize("output", LINKS)
def test_a_learnt_gaussian_is_that_of_torch(output: str) -> None:
    raw, x = pictures()
    wanted = dist.Normal(LINKS[output](raw), 0.3**0.5).log_prob(x).sum((-3, -2, -1))
    found = GaussianLearnt(0.3, output).log_prob(raw, x)
    assert torch.allclose(found, wanted, rtol=1e-5)
    assert torch.allclose(found, Gaussian(0.3, output).log_prob(raw, x), rtol=1e-5)


@pytest.mark.parametrize("output", LINKS)
def test_the_optimal_variance_is_the_mean_squared_error(output: str) -> None:
    """No other fixed variance makes the batch likelier, and the value is −N/2 (log 2π MSE + 1)."""
    raw, x = pictures()
    mse = float((LINKS[output](raw) - x).square().mean())
    found = float(GaussianOptimal(output).train().log_prob(raw, x).mean())
    assert found == pytest.approx(-35 / 2 * (math.log(2 * math.pi * mse) + 1), rel=1e-5)
    at = {
        share: float(Gaussian(share * mse, output).log_prob(raw, x).mean())
        for share in (0.9, 1, 1.1)
    }
    assert found == pytest.approx(at[1], rel=1e-5)
    assert at[1] > at[0.9] and at[1] > at[1.1]


def test_the_gradient_is_that_of_half_n_log_mse() -> None:
    raw, x = pictures(requires_grad=True)
    (found,) = torch.autograd.grad(-GaussianOptimal().train().log_prob(raw, x).mean(), raw)
    mse = (torch.sigmoid(raw) - x).square().mean()
    (wanted,) = torch.autograd.grad(35 / 2 * mse.log(), raw)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_learnt_variance_rests_at_the_mean_squared_error() -> None:
    raw, x = pictures()
    mse = float((torch.sigmoid(raw) - x).square().mean())
    likelihood = GaussianLearnt(0.5)
    mover = torch.optim.LBFGS(likelihood.parameters(), max_iter=50)

    def loss() -> torch.Tensor:
        mover.zero_grad()
        value = -likelihood.log_prob(raw, x).mean()
        value.backward()
        return value

    mover.step(loss)
    assert float(likelihood.log_variance.exp().detach()) == pytest.approx(mse, rel=1e-3)


@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.003, 0.5, 1.0, 1.7])
@pytest.mark.parametrize("scale", [1e-4, 0.001, 0.01, 0.1, 1.0, 100.0])
def test_the_masses_of_a_discretised_logistic_sum_to_one(mean: float, scale: float) -> None:
    likelihood = Logistic(scale, "identity")
    raw = torch.full((256, 1, 1, 1), mean)
    masses = likelihood.log_prob(raw, LEVELS).detach().double()
    assert bool(torch.isfinite(masses).all()) and float(masses.max()) <= 0
    assert float(masses.logsumexp(0)) == pytest.approx(0.0, abs=2e-4)


@pytest.mark.parametrize("mean, scale", [(0.3, 0.05), (0.0, 0.2), (0.98, 0.01)])
def test_a_mass_is_the_difference_of_two_sigmoids(mean: float, scale: float) -> None:
    ends = (torch.arange(257).double() - 0.5) / 255
    reached = torch.sigmoid((ends - mean) / scale)
    reached[0], reached[-1] = 0.0, 1.0
    raw = torch.full((256, 1, 1, 1), mean)
    found = Logistic(scale, "identity").log_prob(raw, LEVELS).detach().double()
    assert torch.allclose(found.exp(), reached.diff(), atol=1e-6)


def test_masses_sum_over_the_pixels_of_a_picture() -> None:
    raw, x = pictures()
    likelihood = Logistic(0.05)
    each = likelihood.log_prob(
        raw.reshape(-1, 1, 1, 1), x.expand_as(raw).reshape(-1, 1, 1, 1)
    ).reshape(2, 3, 35)
    assert torch.allclose(likelihood.log_prob(raw, x), each.sum(-1), rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e6])
def test_a_logistic_and_its_gradients_stay_finite(scale: float) -> None:
    likelihood = Logistic(scale, "identity")
    raw = torch.tensor([-50.0, 0.0, 0.5, 1.0, 50.0]).reshape(5, 1, 1, 1, 1).requires_grad_()
    found = likelihood.log_prob(raw, LEVELS[::51])
    assert bool(torch.isfinite(found).all())
    for gradient in torch.autograd.grad(found.sum(), [raw, likelihood.log_scale]):
        assert bool(torch.isfinite(gradient).all())
