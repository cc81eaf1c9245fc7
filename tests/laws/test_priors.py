"""Priors on distributions that are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from narrows.priors import AggregateGaussian, Autoregressive, Flow, Mixture, Normal, Prior

MEANS = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
DEVIATIONS = torch.tensor([1.0, 0.3])


def three_modes(n: int = 3000, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    which = torch.randint(3, (n,), generator=source)
    return MEANS[which] + torch.randn(n, 2, generator=source) * DEVIATIONS


def two_moons(n: int = 3000) -> Tensor:
    from sklearn.datasets import make_moons

    return torch.from_numpy(make_moons(n, noise=0.05, random_state=0)[0]).float()


def correlated(n: int = 2000) -> Tensor:
    mix = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.2, 0.1]])
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1)) @ mix.T + 3


def test_a_mixture_with_one_component_is_the_aggregate_gaussian() -> None:
    codes = correlated()
    one, gaussian = Mixture(3, components=1).fit(codes), AggregateGaussian(3).fit(codes)
    assert torch.allclose(one.log_prob(codes), gaussian.log_prob(codes), atol=1e-9)
    assert torch.allclose(one.sample(50, seed=4), gaussian.sample(50, seed=4), atol=1e-5)
    for a, b in zip(one.spread, gaussian.spread, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_aggregate_is_the_gaussian_of_highest_likelihood() -> None:
    codes = correlated().double()
    known = torch.distributions.MultivariateNormal(codes.mean(0), codes.T.cov(correction=0))
    assert torch.allclose(
        AggregateGaussian(3).fit(codes).log_prob(codes), known.log_prob(codes), atol=1e-2
    )


def test_the_normal_is_the_standard_normal() -> None:
    z = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    wanted = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1).double()
    assert torch.allclose(Normal(5).log_prob(z), wanted, atol=1e-5)


@pytest.mark.parametrize(
    "prior", [AggregateGaussian(2), Mixture(2, components=3)], ids=["one", "three"]
)
def test_a_density_integrates_to_one(prior: Prior) -> None:
    prior.fit(three_modes())
    across = torch.linspace(-12, 18, 601)
    grid = torch.cartesian_prod(across, across)
    total = prior.log_prob(grid).exp().sum() * (across[1] - across[0]) ** 2
    assert math.isclose(float(total), 1, abs_tol=2e-3)


def test_a_mixture_finds_the_modes_and_how_many_there_are() -> None:
    codes = three_modes()
    found = Mixture(2, components=3).fit(codes)
    means = found.scale.back(found.means).float()
    assert float(torch.cdist(MEANS, means).min(1).values.max()) < 0.15
    assert len(Mixture(2).fit(codes).weights) >= 3
    gaussian = torch.randn(2000, 2, generator=torch.Generator().manual_seed(3))
    assert len(Mixture(2).fit(gaussian).weights) <= 2


def test_a_flow_recovers_moments_and_modes() -> None:
    codes = three_modes()
    drawn = Flow(2, width=64, depth=2, steps=1200).fit(codes).sample(2000)
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.3)
    assert torch.allclose(drawn.T.cov(), codes.T.cov(), atol=1.0)
    nearest = torch.cdist(drawn, MEANS).min(1)
    shares = nearest.indices.bincount(minlength=3) / len(drawn)
    assert torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.06)
    assert float((nearest.values < 3.5).float().mean()) > 0.97


@pytest.mark.slow
def test_a_flow_follows_two_moons_where_a_gaussian_cannot() -> None:
    codes = two_moons()

    def away(prior: Prior) -> float:
        drawn = prior.fit(codes).sample(1000)
        return float(torch.cdist(drawn, codes).min(1).values.mean())

    assert away(Flow(2, width=64, depth=2, steps=1200)) < 0.35 * away(AggregateGaussian(2))


def test_entries_one_after_the_other_find_what_ties_them() -> None:
    source = torch.Generator().manual_seed(0)
    codes = torch.randint(8, (2000, 3), generator=source)
    codes[:, 2] = codes[:, 0]
    prior = Autoregressive(3, width=32, steps=600).fit(codes)
    drawn = prior.sample(500)
    assert float((drawn[:, 2] == drawn[:, 0]).float().mean()) > 0.9
    held = torch.randint(8, (500, 3), generator=source)
    held[:, 2] = held[:, 0]
    assert float(prior.log_prob(held).mean()) == pytest.approx(-2 * math.log(8), abs=0.3)
    every = torch.cartesian_prod(*[torch.arange(8)] * 3)
    assert float(prior.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-5)
