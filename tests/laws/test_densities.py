"""Every density equals that of ``torch.distributions``, in nats, summed over pixels or code."""

from __future__ import annotations

import pytest
import torch
from torch import distributions as dist

from narrows.bottlenecks import kl_to_standard_normal, log_normal
from narrows.objectives import Bernoulli, Gaussian, Laplace
from narrows.objectives.likelihoods import mean_absolute, mean_squared


def posterior() -> tuple[torch.Tensor, torch.Tensor]:
    """μ and log σ² of four codes of six units."""
    source = torch.Generator().manual_seed(0)
    return torch.randn(4, 6, generator=source), 0.7 * torch.randn(4, 6, generator=source)


def test_the_gaussian_kl_is_that_of_torch() -> None:
    mean, log_variance = posterior()
    q = dist.Normal(mean, (0.5 * log_variance).exp())
    wanted = dist.kl_divergence(q, dist.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_to_standard_normal(mean, log_variance), wanted, rtol=1e-5)


def test_the_gaussian_kl_is_its_monte_carlo_estimate() -> None:
    mean, log_variance = posterior()
    noise = torch.randn(200_000, 4, 6, generator=torch.Generator().manual_seed(1))
    z = mean + noise * (0.5 * log_variance).exp()
    ratios = log_normal(z, mean, log_variance) - log_normal(z)
    error = ratios.std(0) / ratios.shape[0] ** 0.5
    difference = ratios.mean(0) - kl_to_standard_normal(mean, log_variance)
    assert bool((difference.abs() < 4 * error).all())


def test_the_kl_of_the_prior_is_nothing() -> None:
    assert torch.equal(kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2))


def test_the_kl_of_a_map_sums_over_the_whole_map() -> None:
    mean, log_variance = posterior()
    as_map = kl_to_standard_normal(mean.reshape(4, 1, 2, 3), log_variance.reshape(4, 1, 2, 3))
    assert torch.allclose(as_map, kl_to_standard_normal(mean, log_variance))


def test_the_normal_density_is_that_of_torch() -> None:
    mean, log_variance = posterior()
    z = torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(2))
    wanted = dist.Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(-1)
    assert torch.allclose(log_normal(z, mean, log_variance), wanted, rtol=1e-5)
    assert torch.allclose(log_normal(z), dist.Normal(0.0, 1.0).log_prob(z).sum(-1), rtol=1e-5)


LINKS = {"sigmoid": torch.sigmoid, "tanh": lambda r: (r.tanh() + 1) / 2, "identity": lambda r: r}


@pytest.mark.parametrize("output", LINKS)
@pytest.mark.parametrize(
    "make, law",
    [
        (lambda output: Gaussian(0.3, output), lambda m: dist.Normal(m, 0.3**0.5)),
        (mean_squared, lambda m: dist.Normal(m, 0.5**0.5)),
        (lambda output: Laplace(0.3, output), lambda m: dist.Laplace(m, 0.3)),
        (mean_absolute, lambda m: dist.Laplace(m, 1.0)),
    ],
    ids=["gaussian", "mse", "laplace", "mae"],
)
def test_pixel_densities_are_those_of_torch(make, law, output: str) -> None:
    source = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 3, 1, 7, 5, generator=source)
    x = torch.rand(3, 1, 7, 5, generator=source)
    wanted = law(LINKS[output](raw)).log_prob(x).sum((-3, -2, -1))
    assert torch.allclose(make(output).log_prob(raw, x), wanted, rtol=1e-5, atol=1e-4)


def test_bernoulli_pixels_are_those_of_torch() -> None:
    source = torch.Generator().manual_seed(0)
    raw = 5 * torch.randn(2, 3, 1, 7, 5, generator=source)
    x = torch.rand(3, 1, 7, 5, generator=source).round()
    wanted = dist.Bernoulli(logits=raw).log_prob(x.expand_as(raw)).sum((-3, -2, -1))
    assert torch.allclose(Bernoulli().log_prob(raw, x), wanted, rtol=1e-5)


def test_bernoulli_pixels_stay_finite_at_any_logit() -> None:
    raw = torch.tensor([-1e4, 1e4]).reshape(2, 1, 1, 1, 1)
    assert Bernoulli().log_prob(raw, torch.ones(1, 1, 1, 1)).flatten().tolist() == [-1e4, 0.0]
