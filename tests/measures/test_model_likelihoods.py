"""Likelihoods of a linear Gaussian model, whose marginal is known in closed form."""

from __future__ import annotations

import pytest
import torch

from narrows.autoencoder import Autoencoder
from narrows.measures import elbo, importance_log_likelihood
from narrows.measures.likelihoods import importance_of_batch
from narrows.parts import Part
from narrows.randomness import Draws

VARIANCE = 0.3
SHAPE = (1, 2, 3)


def model(bottleneck: str = "gaussian") -> Autoencoder:
    """x = A z + b + noise, A of 6×2."""
    torch.manual_seed(0)
    made = Autoencoder(
        Part("dense", {"shape": SHAPE, "widths": (5,), "activation": "identity"}),
        Part(bottleneck, {"size": 2}),
        Part("gaussian", {"variance": VARIANCE, "output": "identity"}),
    )
    return made.eval()


def exact(made: Autoencoder, x: torch.Tensor) -> torch.Tensor:
    """log N(x; b, A Aᵀ + σ² I), (N,)."""
    with torch.no_grad():
        b = made.decode(torch.zeros(1, 2)).flatten(1)
        a = made.decode(torch.eye(2)).flatten(1) - b  # (2, 6)
    covariance = a.T @ a + VARIANCE * torch.eye(6)
    return torch.distributions.MultivariateNormal(b[0], covariance).log_prob(x.flatten(1))


X = (torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(3)) * 255).round() / 255


def test_many_samples_find_the_exact_marginal():
    made = model()
    found = importance_log_likelihood(made, X, 20_000)
    assert found.shape == (6,) and found.dtype == torch.float64
    assert torch.allclose(found.float(), exact(made, X), atol=0.05)


def test_the_elbo_is_below_and_the_bound_grows_with_samples():
    made = model()
    with torch.no_grad():
        lower = elbo(made, X, 2000).mean()
    means = [
        torch.stack([importance_log_likelihood(made, X, s, seed) for seed in range(40)]).mean()
        for s in (1, 8, 64)
    ]
    truth = exact(made, X).mean()
    assert lower < means[1] < means[2] < truth + 0.05
    # one sample is an estimate of the ELBO itself
    assert means[0] == pytest.approx(lower.item(), abs=0.5)


def test_the_elbo_misses_by_the_kl_to_the_true_posterior():
    made = model()
    with torch.no_grad():
        b = made.decode(torch.zeros(1, 2)).flatten(1)
        a = (made.decode(torch.eye(2)).flatten(1) - b).double()
        code = made.posterior(X)
        lower = elbo(made, X, 4000)
    precision = torch.eye(2).double() + a @ a.T / VARIANCE
    covariance = torch.linalg.inv(precision)
    mean = (X.flatten(1) - b).double() @ a.T / VARIANCE @ covariance
    true = torch.distributions.MultivariateNormal(mean, covariance.expand(6, 2, 2))
    found = torch.distributions.MultivariateNormal(
        code.mean.double(), torch.diag_embed(code.log_variance.double().exp())
    )
    gap = torch.distributions.kl_divergence(found, true)
    assert torch.allclose(exact(made, X) - lower, gap.float(), rtol=0.05, atol=0.1)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    made = model()
    first = importance_log_likelihood(made, X, 50, seed=4)
    assert torch.equal(first, importance_log_likelihood(made, X, 50, seed=4))
    assert not torch.equal(first, importance_log_likelihood(made, X, 50, seed=5))


@pytest.mark.parametrize("chunk", [7, 100, 100_000])
def test_any_chunk_agrees(chunk):
    made = model()
    with torch.no_grad():
        found = importance_of_batch(made, X, 4000, Draws(), chunk)
    assert torch.allclose(found.float(), exact(made, X), atol=0.1)


def test_an_augmentation_is_applied_with_fixed_draws_and_progress_is_told():
    made, told, seen = model(), [], []

    def half(x, draws):
        seen.append(draws)
        return x / 2

    def progress(done, total):
        told.append((done, total))

    found = importance_log_likelihood(made, X, 30, augmentation=half, progress=progress)
    with torch.no_grad():
        wanted = importance_of_batch(made, X / 2, 30, Draws(0, 0))
    assert torch.allclose(found, wanted)
    assert told == [(6, 6)] and seen == [Draws(0, 0)]


def test_a_model_without_a_prior_is_refused():
    with pytest.raises(ValueError, match="needs a model with a prior; .*'point'.*conv-vae"):
        importance_log_likelihood(model("point"), X)
    with pytest.raises(ValueError, match="the ELBO needs a model with a prior"):
        elbo(model("point"), X)
    with pytest.raises(ValueError, match="samples must be at least 1; we got 0"):
        importance_log_likelihood(model(), X, 0)
