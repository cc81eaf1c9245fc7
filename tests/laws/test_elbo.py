"""The ELBO in nats per picture, and what it becomes at its limits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import distributions as dist
from torch import nn

import narrows as nw
from narrows.bottlenecks import Gaussian, Point
from narrows.networks import dense_ladder
from narrows.objectives import L1, Constant, Elbo, Objective, Step
from narrows.objectives import Gaussian as GaussianPixels
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 5, 3)


def pictures(n: int = 6) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))


def step_of(model: nw.Autoencoder, x: torch.Tensor, samples: int = 1, number: int = 0) -> Step:
    return EndToEnd()(model, Batch(x, x, samples, 0.0, number, Draws(0, number)))


def gradients(model: nw.Autoencoder, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {name: g for name, g in zip(named, found, strict=True) if g is not None}


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_the_elbo_is_that_of_torch_distributions(beta: float) -> None:
    """Sum over pixels and code, mean over draws and batch, from the layers by hand."""
    torch.manual_seed(0)
    ladder = dense_ladder(SHAPE, (8,), activation="tanh")
    model = nw.Autoencoder(ladder, Gaussian((8,), 2), GaussianPixels(0.1, "sigmoid"))
    x = pictures()
    step = step_of(model, x, samples=3)
    rung, box = ladder.rung(0), model.bottleneck

    h = torch.tanh(rung.linear_down(x.flatten(1)))
    mean, log_variance = box.head(h).chunk(2, 1)
    q = dist.Independent(dist.Normal(mean, (log_variance / 2).exp()), 1)
    p = dist.Independent(dist.Normal(torch.zeros(2), torch.ones(2)), 1)
    z = mean + Draws(0, 0).normal("posterior", (3, 6, 2)) * (log_variance / 2).exp()
    up = torch.sigmoid(rung.linear_up(torch.tanh(box.tail(z))))
    px = dist.Independent(dist.Normal(up, 0.1**0.5), 1)
    wanted = -px.log_prob(x.flatten(1)).mean() + beta * dist.kl_divergence(q, p).mean()

    assert float(Elbo(Constant(beta)).loss(step).total.detach()) == pytest.approx(
        float(wanted.detach()), rel=1e-5
    )


def test_the_loss_does_not_depend_on_the_size_of_the_batch() -> None:
    torch.manual_seed(0)
    model = nw.recipes.mlp_autoencoder(SHAPE, 2, widths=(8,)).build()
    x = pictures()
    each = [Elbo().loss(step_of(model, one)).total for one in x.split(1)]
    assert torch.allclose(Elbo().loss(step_of(model, x)).total, torch.stack(each).mean())


def test_without_kl_and_variance_it_is_the_plain_autoencoder() -> None:
    """β = 0 and σ² → 0: the same loss, and the same gradient in every shared parameter."""
    torch.manual_seed(0)
    likelihood = GaussianPixels(0.1)
    variational = nw.Autoencoder(dense_ladder(SHAPE, (8,)), Gaussian((8,), 2), likelihood)
    plain = nw.Autoencoder(dense_ladder(SHAPE, (8,)), Point((8,), 2), likelihood)
    head = variational.bottleneck.head
    with torch.no_grad():
        head.weight[2:].zero_()
        head.bias[2:].fill_(-100.0)  # log σ²
    weights = variational.state_dict()
    for name in ("weight", "bias"):
        weights[f"bottleneck.head.{name}"] = weights[f"bottleneck.head.{name}"][:2]
    plain.load_state_dict(weights)

    x = pictures()
    one = Elbo(Constant(0.0)).loss(step_of(variational, x)).total
    other = Elbo().loss(step_of(plain, x)).total
    assert torch.allclose(one, other, rtol=1e-6)
    mine, wanted = gradients(variational, one), gradients(plain, other)
    assert mine.keys() == wanted.keys()
    for name, gradient in wanted.items():
        got = mine[name][:2] if name.startswith("bottleneck.head") else mine[name]
        assert torch.allclose(got, gradient, rtol=1e-4, atol=1e-5), name


def test_a_weightless_penalty_leaves_the_objective_exactly_as_it_is() -> None:
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae(SHAPE, 2, widths=(8,)).build()
    step = step_of(model, pictures())
    bare, with_it = Objective(Elbo())(step), Objective(Elbo(), [L1(0.0)])(step)
    assert torch.equal(bare.total, with_it.total) and bare.terms.keys() == with_it.terms.keys()
    mine, other = gradients(model, with_it.total), gradients(model, bare.total)
    assert all(torch.equal(mine[name], other[name]) for name in other)


class Iwae(nw.objectives.Bound):
    """−log 1/S Σ p(x|z) p(z) / q(z|x), z ~ q (Burda et al. 2016, eq. 8): a bound of one's own."""

    def loss(self, step: Step) -> nw.objectives.Loss:
        weights = step.log_px + step.log_pz - step.log_qz
        bound = torch.logsumexp(weights, 0) - math.log(len(weights))
        return nw.objectives.Loss(-bound.mean(), {})


@pytest.fixture
def wide_vae() -> nw.Autoencoder:
    """A VAE whose draws differ much in what they explain."""
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae(SHAPE, 3, widths=(8,)).build()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.7)
    return model


def test_iwae_with_one_draw_is_the_elbo_of_that_draw(wide_vae: nw.Autoencoder) -> None:
    step = step_of(wide_vae, pictures())
    z, code = step.code.z, step.code
    q = dist.Normal(code.mean, (code.log_variance / 2).exp()).log_prob(z).sum(-1)
    p = dist.Normal(0.0, 1.0).log_prob(z).sum(-1)
    wanted = -(step.log_px - (q - p)).mean()
    assert torch.allclose(Objective(Iwae())(step).total, wanted, rtol=1e-5)


@torch.no_grad()
def test_iwae_with_one_draw_is_the_elbo_on_average(wide_vae: nw.Autoencoder) -> None:
    x = pictures()
    losses = torch.stack([Iwae().loss(step_of(wide_vae, x, 1, n)).total for n in range(1500)])
    closed = torch.stack([Elbo().loss(step_of(wide_vae, x, 1, n)).total for n in range(1500)])
    error = (losses - closed).std() / len(losses) ** 0.5
    assert abs(float((losses - closed).mean())) < 4 * float(error)


@torch.no_grad()
def test_iwae_grows_with_the_number_of_draws(wide_vae: nw.Autoencoder) -> None:
    x = pictures()
    means = [
        torch.stack([Iwae().loss(step_of(wide_vae, x, k, n)).total for n in range(200)]).mean()
        for k in (1, 5, 50)
    ]
    assert means[0] > means[1] + 0.1 > means[2] + 0.2


def test_a_bound_of_ones_own_trains(wide_vae: nw.Autoencoder) -> None:
    x = pictures()
    objective = Objective(Iwae())
    optimizer = torch.optim.Adam(wide_vae.parameters(), 1e-2)
    losses = []
    for number in range(60):
        loss = objective(step_of(wide_vae, x, 8, number)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
