"""The importance-weighted bound: what it is at one sample, and how it grows with many."""

from __future__ import annotations

import math

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Gaussian, Hierarchical
from narrows.measures import importance_log_likelihood
from narrows.networks import dense_ladder
from narrows.objectives import Bernoulli, Elbo, Iwae
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 6, 5)


def model_of(kind: str) -> nw.Autoencoder:
    torch.manual_seed(3)
    ladder = dense_ladder(SHAPE, (12, 8), activation="tanh")
    if kind == "gaussian":
        bottleneck = Gaussian((8,), 4)
    else:
        bottleneck = Hierarchical((8,), 4, levels=(1,), shapes=ladder.shapes)
    return nw.Autoencoder(ladder, bottleneck, Bernoulli())


def step_of(model: nw.Autoencoder, samples: int, number: int = 0):
    x = (torch.rand(7, *SHAPE, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    return EndToEnd()(model, Batch(x, x, samples, 0.0, number, Draws(0, number)))


@pytest.mark.parametrize("kind", ["gaussian", "hierarchical"])
def test_with_one_sample_it_is_the_elbo_with_the_sampled_kl(kind: str) -> None:
    """The same draws; ELBO(sampled) = −E log p(x|z) + log q(z|x) − log p(z)."""
    step = step_of(model_of(kind), 1)
    sampled = (step.log_qz - step.log_pz).mean() - step.log_px.mean()
    assert torch.allclose(Iwae().loss(step).total, sampled, rtol=1e-6)
    assert torch.allclose(Iwae().loss(step).terms["kl"], (step.log_qz - step.log_pz).mean())


def test_its_gradient_with_one_sample_is_that_of_the_sampled_elbo() -> None:
    model = model_of("gaussian")
    step = step_of(model, 1)
    sampled = (step.log_qz - step.log_pz).mean() - step.log_px.mean()
    parameters = list(model.parameters())
    one = torch.autograd.grad(Iwae().loss(step).total, parameters, retain_graph=True)
    other = torch.autograd.grad(sampled, parameters)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


def test_the_sampled_kl_is_the_closed_one_on_average() -> None:
    step = step_of(model_of("gaussian"), 4000)
    error = float((step.log_qz - step.log_pz).detach().std() / math.sqrt(4000))
    assert float(Iwae().loss(step).terms["kl"].detach()) == pytest.approx(
        float(Elbo().loss(step).terms["kl"].detach()), abs=5 * error
    )


@pytest.mark.parametrize("kind", ["gaussian", "hierarchical"])
def test_it_grows_with_k_towards_the_likelihood(kind: str) -> None:
    """Averaged over many draws, for weights far from the posterior."""
    model = model_of(kind)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2.5)
        bounds = [
            -sum(float(Iwae().loss(step_of(model, k, n)).total) for n in range(2000 // k))
            / (2000 // k)
            for k in (1, 5, 50)
        ]
        x = step_of(model, 1).target
    model.eval()
    likelihood = float(importance_log_likelihood(model, (x * 255).byte().numpy(), 5000).mean())
    assert bounds[0] < bounds[1] < bounds[2] < likelihood + 0.05
    assert bounds[2] - bounds[0] > 0.3


def test_all_samples_pass_through_the_decoder_at_once() -> None:
    model = model_of("gaussian")
    seen = []
    model.ladder.rungs[0].linear_up.register_forward_hook(
        lambda module, given, out: seen.append(len(out))
    )
    step_of(model, 50)
    assert seen == [50 * 7]
