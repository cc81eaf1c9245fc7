"""A hierarchy of Gaussians against its formulas, Monte Carlo, and the flat Gaussian."""

from __future__ import annotations

import pytest
import torch
from torch import distributions as dist
from torch import nn

import narrows as nw
from narrows.bottlenecks import Gaussian, Hierarchical
from narrows.bottlenecks.hierarchical import merged
from narrows.measures import elbo, importance_log_likelihood
from narrows.measures.likelihoods import importance_of_batch
from narrows.networks import dense_ladder
from narrows.objectives import Elbo
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 5, 3)
INFINITE = torch.tensor(float("inf"))


def pictures(n: int = 6) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> nw.Autoencoder:
    """Latents at levels 3 (the base), 2 and 1, with posteriors and priors that differ much."""
    torch.manual_seed(0)
    ladder = dense_ladder(SHAPE, (8, 7, 6), activation="tanh")
    box = Hierarchical((6,), 3, levels=(2, 1), sizes=(2, 4), shapes=ladder.shapes)
    for module in box.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.4)
    return nw.Autoencoder(ladder, box, nw.objectives.Gaussian(0.1)).eval()


def test_a_flat_prior_leaves_the_evidence_as_it_is() -> None:
    mean, log_variance, other = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    found = merged(mean, log_variance, other, INFINITE.expand(5))
    assert torch.equal(found[0], mean) and torch.equal(found[1], log_variance)
    found = merged(other, INFINITE.expand(5), mean, log_variance)
    assert torch.equal(found[0], mean) and torch.equal(found[1], log_variance)


def test_equal_ones_meet_in_the_middle_with_half_the_variance() -> None:
    mean, other, log_variance = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    found = merged(mean, log_variance, other, log_variance)
    assert torch.allclose(found[0], (mean + other) / 2)
    assert torch.allclose(found[1].exp(), log_variance.exp() / 2)


def test_merging_is_a_product_of_densities() -> None:
    """log N₁ + log N₂ − log N is the same number everywhere; no order of the two matters."""
    mean, log_variance, other, its = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    found = merged(mean, log_variance, other, its)
    swapped = merged(other, its, mean, log_variance)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, swapped, strict=True))

    def log_density(z: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor):
        return dist.Normal(mean, (log_variance / 2).exp()).log_prob(z)

    z = torch.linspace(-3, 3, 9)[:, None]
    rest = log_density(z, mean, log_variance) + log_density(z, other, its) - log_density(z, *found)
    assert torch.allclose(rest, rest[:1].expand(9, 5), atol=1e-4)


@torch.no_grad()
def test_the_densities_are_those_of_torch_distributions(model: nw.Autoencoder) -> None:
    """All levels by hand: priors from g_i, posteriors from g_i and h_i, draws past the boundary."""
    x, ladder, box = pictures(), model.ladder, model.bottleneck
    draws, (h1, h2, h3) = Draws(3, 4), model.ladder.descend(pictures()).levels[1:]
    mean, log_variance = box.base.head(h3).chunk(2, 1)
    z = mean + draws.normal("posterior", (2, 6, 3)) * (log_variance / 2).exp()
    log_q = dist.Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(-1)
    log_p = dist.Normal(0, 1).log_prob(z).sum(-1)
    g = torch.tanh(box.base.tail(z))
    for stage, h, rung in zip(box.stages, (h2, h1), (2, 1), strict=True):
        g = torch.tanh(ladder.rung(rung).linear_up(g))
        prior_mean, prior_variance = (
            stage.prior(g).chunk(2, -1)[0],
            stage.prior(g).chunk(2, -1)[1].exp(),
        )
        its_mean, its_variance = (
            stage.evidence(h).chunk(2, 1)[0],
            stage.evidence(h).chunk(2, 1)[1].exp(),
        )
        variance = 1 / (1 / its_variance + 1 / prior_variance)  # eq. 18
        mean = (its_mean / its_variance + prior_mean / prior_variance) * variance  # eq. 17
        z = mean + draws.normal(f"posterior/{rung}", mean.shape) * variance.sqrt()
        log_q = log_q + dist.Normal(mean, variance.sqrt()).log_prob(z).sum(-1)
        log_p = log_p + dist.Normal(prior_mean, prior_variance.sqrt()).log_prob(z).sum(-1)
        g = torch.tanh(stage.tail(z))
    code = model.posterior(x, 2, draws)
    assert torch.allclose(box.log_posterior(code), log_q, atol=1e-4)
    assert torch.allclose(box.log_prior(code), log_p, atol=1e-4)
    raw = ladder.rung(0).linear_up(g).reshape(2, 6, *SHAPE)
    assert torch.allclose(model.raw(code), raw, atol=1e-5)


@torch.no_grad()
def test_the_kl_is_that_of_monte_carlo(model: nw.Autoencoder) -> None:
    """E[log q − log p] over draws of all levels, and the closed forms given the latents below."""
    box, x = model.bottleneck, pictures()
    code = model.posterior(x, 20_000, Draws())
    sampled = box.log_posterior(code) - box.log_prior(code)
    error = sampled.std(0) / len(sampled) ** 0.5
    assert bool(((sampled.mean(0) - box.kl(code)).abs() < 5 * error).all())
    by_level = sum(code.metrics[f"kl_level_{i}"] for i in (1, 2, 3))
    assert torch.allclose(by_level, box.kl(code).mean(), rtol=1e-4)
    assert all(float(note) > 0 for note in code.metrics.values())


@torch.no_grad()
def test_a_base_alone_is_decoded_by_the_means_of_the_others(model: nw.Autoencoder) -> None:
    z, ladder, box = torch.randn(4, 3), model.ladder, model.bottleneck
    g = torch.tanh(box.base.tail(z))
    for stage, rung in zip(box.stages, (2, 1), strict=True):
        prior_mean, _ = stage.prior(torch.tanh(ladder.rung(rung).linear_up(g))).chunk(2, 1)
        g = torch.tanh(stage.tail(prior_mean))
    assert torch.allclose(model.raw(z), ladder.rung(0).linear_up(g).reshape(4, *SHAPE), atol=1e-6)
    assert torch.equal(model.raw(z), model.raw(z))


@torch.no_grad()
def test_draws_sample_what_the_base_leaves_open(model: nw.Autoencoder) -> None:
    z = torch.zeros(3, 3)
    one, same, other = (model.decode(z, Draws(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    stage = model.bottleneck.stages[0]
    stage.prior.weight.zero_()
    stage.prior.bias.copy_(torch.tensor([0.3, -0.7, 0.0, 0.0]))  # the prior of level 2: N(·, I)
    seen = []
    stage.tail.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model.decode(torch.zeros(20_000, 3), Draws())
    assert torch.allclose(seen[0].mean(0), torch.tensor([0.3, -0.7]), atol=0.04)
    assert torch.allclose(seen[0].std(0), torch.ones(2), atol=0.03)


@pytest.mark.parametrize("samples", [None, 1, 4])
def test_without_a_level_inside_it_is_the_gaussian(samples: int | None) -> None:
    torch.manual_seed(0)
    ladder = dense_ladder(SHAPE, (8,), activation="tanh")
    flat = nw.Autoencoder(ladder, Gaussian((8,), 2), nw.objectives.Gaussian(0.1))
    box = Hierarchical((8,), 2, shapes=ladder.shapes)
    assert box.levels == ()
    box.base.load_state_dict(flat.bottleneck.state_dict())
    deep = nw.Autoencoder(ladder, box, nw.objectives.Gaussian(0.1))
    x = pictures()
    one, other = (model.posterior(x, samples, Draws(5)) for model in (flat, deep))
    assert torch.equal(one.z, other.z)
    assert torch.equal(flat.raw(one), deep.raw(other))
    for name in ("kl", "log_posterior", "log_prior"):
        wanted, found = (getattr(m.bottleneck, name)(c) for m, c in ((flat, one), (deep, other)))
        assert torch.equal(wanted, found)


@pytest.fixture
def wide(model: nw.Autoencoder) -> nw.Autoencoder:
    """With broad posteriors, which weigh no draw much more than the others."""
    box = model.bottleneck
    with torch.no_grad():
        for head in (box.base.head, *(stage.evidence for stage in box.stages)):
            head.bias[len(head.bias) // 2 :] += 1.5
    model.likelihood = nw.objectives.Gaussian(0.5)
    return model


@torch.no_grad()
def test_the_likelihood_is_above_the_bound(wide: nw.Autoencoder) -> None:
    model, x = wide, pictures()
    bound = torch.stack([elbo(model, x, 1, Draws(0, n)) for n in range(200)])
    error = bound.std(0) / 200**0.5
    assert bool((importance_of_batch(model, x, 2000, Draws()) > bound.mean(0) + 5 * error).all())
    few = torch.stack([importance_of_batch(model, x, 5, Draws(1, n)) for n in range(200)])
    assert bool((few.mean(0) > bound.mean(0) + 5 * error).all())
    assert bool((few.mean(0) < importance_of_batch(model, x, 2000, Draws())).all())


@torch.no_grad()
def test_the_likelihood_is_that_of_the_priors_samples(wide: nw.Autoencoder) -> None:
    """log E p(x|z), z drawn from the priors alone, is what importance sampling estimates."""
    model = wide
    images = nw.images.Images((pictures(3) * 255).round().byte())
    found = importance_log_likelihood(model, images, 60_000)
    z = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(1))
    out = model.raw(z, Draws(2))
    x = images.batch(torch.arange(3))
    each = torch.stack([model.likelihood.log_prob(out[:, None], one[None])[:, 0] for one in x], 1)
    wanted = each.double().logsumexp(0) - torch.tensor(200_000.0).log()
    assert torch.allclose(found, wanted, atol=0.03)


def test_every_weight_learns_and_the_bound_rises(model: nw.Autoencoder) -> None:
    model.train()
    x = pictures()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for number in range(80):
        step = EndToEnd()(model, Batch(x, x, 2, 0.0, number, Draws(0, number)))
        loss = Elbo().loss(step)
        optimizer.zero_grad()
        loss.total.backward()
        assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.total.detach()))
    assert {"kl", "kl_level_1", "kl_level_2", "kl_level_3"} < loss.terms.keys()
    assert sum(losses[-10:]) < sum(losses[:10]) - 10
