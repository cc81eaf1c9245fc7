"""The doubly reparameterised gradient (Tucker et al. 2019): the same on average, with less noise."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Gaussian
from narrows.networks import dense_ladder
from narrows.objectives import Bernoulli, Iwae, Objective
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 2, 3)
COPIES, BATCHES, K = 400, 60, 8
PLAIN, DOUBLY = Iwae(), Iwae(doubly_reparameterised=True)


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    torch.manual_seed(0)
    ladder = dense_ladder(SHAPE, (4,), activation="identity")
    return nw.Autoencoder(ladder, Gaussian((4,), 2), Bernoulli())


def step_of(model: nw.Autoencoder, number: int, copies: int = COPIES, samples: int = K):
    """Copies of one picture, each with draws of its own: their mean is that of many draws."""
    x = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]).reshape(1, *SHAPE).repeat(copies, 1, 1, 1)
    return EndToEnd()(model, Batch(x, x, samples, 0.0, number, Draws(0, number)))


def gradients(
    model: nw.Autoencoder, bound: Iwae, number: int, copies: int
) -> dict[str, torch.Tensor]:
    names, weights = zip(*model.named_parameters(), strict=True)
    total = bound.loss(step_of(model, number, copies)).total
    return dict(zip(names, torch.autograd.grad(total, weights), strict=True))


def encoders(name: str) -> bool:
    return "down" in name or "head" in name


def test_its_value_and_the_decoders_gradient_are_those_of_the_bound(model) -> None:
    step = step_of(model, 0)
    assert torch.equal(DOUBLY.loss(step).total, PLAIN.loss(step).total)
    one, other = (gradients(model, bound, 0, COPIES) for bound in (PLAIN, DOUBLY))
    for name, slope in one.items():
        same = torch.allclose(slope, other[name], rtol=1e-4, atol=1e-6)
        assert same != encoders(name), name
    with torch.no_grad():  # in validation there is nothing to move
        assert torch.equal(
            DOUBLY.loss(step_of(model, 0)).total, PLAIN.loss(step_of(model, 0)).total
        )


def test_the_encoders_gradient_is_the_same_on_average_and_less_noisy(model) -> None:
    found = {}
    for name, bound in (("plain", PLAIN), ("doubly", DOUBLY)):
        rows = [gradients(model, bound, n, COPIES) for n in range(BATCHES)]
        each = [torch.cat([g.flatten() for k, g in row.items() if encoders(k)]) for row in rows]
        found[name] = torch.stack(each).double()
    means = {name: rows.mean(0) for name, rows in found.items()}
    noise = {name: rows.var(0) / BATCHES for name, rows in found.items()}
    apart = (means["plain"] - means["doubly"]).abs()
    within = (noise["plain"] + noise["doubly"]).sqrt()
    assert float(means["plain"].abs().max()) > 8 * float(within.max())  # there is something to find
    assert float((apart / within.clamp_min(1e-12)).max()) < 4
    assert float(noise["doubly"].sum()) < 0.3 * float(noise["plain"].sum())


def test_with_one_sample_it_is_the_path_derivative(model) -> None:
    """w̃ = 1: the slope of log p(x, z) − log q(z), the parameters of q held still."""
    step = step_of(model, 3, 50, 1)
    names, weights = zip(*model.named_parameters(), strict=True)
    code, bottleneck = step.code, model.bottleneck
    still = type(code)(code.z, code.mean.detach(), code.log_variance.detach(), sampled=True)
    log_w = step.log_px + bottleneck.log_prior(code) - bottleneck.log_posterior(still)
    wanted = torch.autograd.grad(-log_w.mean(), weights, retain_graph=True)
    found = torch.autograd.grad(DOUBLY.loss(step).total, weights)
    for name, one, other in zip(names, wanted, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6), name


def test_a_penalty_beside_it_keeps_its_own_gradient(model) -> None:
    step = step_of(model, 4)
    weights = list(model.bottleneck.head.parameters())

    def spread(one) -> torch.Tensor:
        return one.code.z.square().mean()

    together = Objective(DOUBLY, [spread])(step).total
    both = torch.autograd.grad(together, weights, retain_graph=True)
    alone = torch.autograd.grad(DOUBLY.loss(step).total, weights, retain_graph=True)
    own = torch.autograd.grad(spread(step), weights)
    for whole, one, other in zip(both, alone, own, strict=True):
        assert torch.allclose(whole, one + other, rtol=1e-4, atol=1e-6)


def test_only_one_latent_has_it() -> None:
    ladder = nw.recipes.sonderby_2016_ladder_vae((1, 8, 8), 4, widths=(8, 8, 8, 8)).build()
    with pytest.raises(ValueError, match="this one is 'hierarchical': leave the option out"):
        DOUBLY.check(ladder)
