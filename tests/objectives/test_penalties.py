"""Penalties: their numbers on a small step, what they leave alone, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Code, Gaussian
from narrows.networks import conv_ladder
from narrows.objectives import (
    L1,
    Contractive,
    Elbo,
    Hutchinson,
    KlSparsity,
    Mmd,
    Objective,
    Step,
    TotalCorrelation,
    mmd2,
    total_correlation,
)
from narrows.objectives import Gaussian as GaussianPixels
from narrows.objectives.penalties.sparsity import kl_to_rate
from narrows.parts import Part, build
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 4, 3)
PENALTIES = [L1(), KlSparsity(), Mmd(), TotalCorrelation(), Contractive(), Hutchinson()]


def of(model: nw.Autoencoder, samples: int = 3, pictures: int = 5) -> Step:
    x = torch.rand(pictures, *SHAPE, generator=torch.Generator().manual_seed(0))
    return EndToEnd()(model, Batch(x, x, samples, 0.0, 7, Draws(0, 7)))


def a_step(samples: int = 3, pictures: int = 5) -> Step:
    torch.manual_seed(0)
    return of(nw.recipes.mlp_vae(SHAPE, 2, widths=(6,)).build(), samples, pictures)


def a_map() -> Step:
    torch.manual_seed(0)
    ladder = conv_ladder(SHAPE, (3,), activation="silu", norm="batch")
    return of(nw.Autoencoder(ladder, Gaussian(ladder.narrowest, 2, "map"), GaussianPixels()))


def a_point() -> Step:
    torch.manual_seed(0)
    return of(nw.recipes.mlp_autoencoder(SHAPE, 2, widths=(6,)).build())


def name_of(penalty: object) -> str:
    return type(penalty).__name__


@pytest.mark.parametrize("make", [a_step, a_map])
@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_a_penalty_is_a_finite_scalar_that_moves_the_encoder(penalty, make) -> None:
    step = make()
    value = penalty.penalty(step)
    assert value.shape == () and bool(torch.isfinite(value))
    weights = list(step.model.ladder.rung(0).parameters())
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    assert any(g is not None and bool((g != 0).any()) for g in gradients)
    assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_a_penalty_changes_nothing_and_gives_the_same_again(penalty) -> None:
    step = a_map()
    before = {name: tensor.clone() for name, tensor in step.model.state_dict().items()}
    state = torch.get_rng_state()
    assert torch.equal(penalty.penalty(step), penalty.penalty(step))
    after = step.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_a_last_batch_of_one_picture_is_finite(penalty) -> None:
    with torch.no_grad():
        assert bool(torch.isfinite(penalty.penalty(a_step(pictures=1))))


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_fifty_steps_on_a_penalty_lower_it(penalty) -> None:
    model = a_step().model
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    before = float(penalty.penalty(of(model)).detach())
    for _ in range(50):
        optimizer.zero_grad()
        penalty.penalty(of(model)).backward()
        optimizer.step()
    assert float(penalty.penalty(of(model)).detach()) < before


def test_an_objective_adds_each_with_its_weight() -> None:
    step = a_step()
    total = Objective(Elbo(), PENALTIES)(step).total
    wanted = Elbo().loss(step).total + sum(p.weight * p.penalty(step) for p in PENALTIES)
    assert torch.allclose(total, wanted)


def test_hutchinson_draws_anew_in_every_step() -> None:
    step = a_step()
    other = replace(step, draws=Draws(0, 8))
    assert not torch.equal(Hutchinson().penalty(step), Hutchinson().penalty(other))


def test_a_contraction_is_of_the_input() -> None:
    """Corrupted where the phase corrupts, whatever the target is."""
    step = a_step()
    elsewhere = replace(step, target=torch.zeros_like(step.target))
    assert torch.equal(Contractive().penalty(step), Contractive().penalty(elsewhere))
    moved = replace(step, input=step.input + 1)
    assert not torch.equal(Contractive().penalty(step), Contractive().penalty(moved))


@pytest.mark.parametrize("penalty", [Contractive(), Hutchinson()], ids=name_of)
def test_a_contraction_is_of_the_whole_encoder(penalty) -> None:
    with pytest.raises(ValueError, match=f"'{penalty.part_name}' is of the whole encoder, but"):
        penalty.penalty(replace(a_step(), narrowed=False))


def test_kl_sparsity_is_the_sum_over_units() -> None:
    """Of the mean over samples and batch, so not that of each picture."""
    z = torch.tensor([[[0.1, 0.5], [0.3, 0.7]]])
    step = replace(a_point(), code=Code(z, sampled=True))
    wanted = kl_to_rate(0.05, torch.tensor([0.2, 0.6])).sum()
    assert torch.allclose(KlSparsity().penalty(step), wanted)
    one = 0.05 * math.log(0.05 / 0.2) + 0.95 * math.log(0.95 / 0.8)
    two = 0.05 * math.log(0.05 / 0.6) + 0.95 * math.log(0.95 / 0.4)
    assert float(wanted) == pytest.approx(one + two, rel=1e-5)


@pytest.mark.parametrize("value", [-1e6, -1.0, 0.0, 1.0, 1e6])
def test_kl_sparsity_takes_codes_of_any_range(value: float) -> None:
    z = torch.full((2, 3, 4), value, requires_grad=True)
    (slope,) = torch.autograd.grad(KlSparsity().penalty(replace(a_point(), code=Code(z))), z)
    assert bool(torch.isfinite(slope).all())
    assert bool((slope.sign() == (1.0 if value >= 1 else -1.0)).all())


def test_a_discrepancy_is_that_of_each_sample_and_the_prior() -> None:
    step = a_step()
    z, prior = step.code.z, step.draws.normal("discrepancy", step.code.z.shape)
    wanted = torch.stack([mmd2(z[s], prior[s], "rbf") for s in range(3)]).mean()
    assert torch.allclose(Mmd(kernel="rbf").penalty(step), wanted, rtol=1e-4)


def test_a_discrepancy_needs_no_density() -> None:
    assert bool(torch.isfinite(Mmd().penalty(a_point())))


def test_a_total_correlation_is_the_mean_of_its_function() -> None:
    step = a_step()
    code = step.code
    wanted = total_correlation(code.z, code.mean, code.log_variance, 60)
    assert wanted.shape == (3, 5)
    assert torch.equal(TotalCorrelation(pictures=60).penalty(step), wanted.mean())


def test_a_total_correlation_needs_a_gaussian() -> None:
    with pytest.raises(ValueError) as caught:
        TotalCorrelation().penalty(a_point())
    assert str(caught.value) == (
        "the penalty 'total-correlation' needs a Gaussian code; the bottleneck Point has none: "
        "use 'gaussian', or the penalty 'mmd'"
    )


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("contractive-hutchinson", {"probes": 0}, "an estimate needs at least 1 probe; we got 0"),
        ("kl-sparsity", {"rho": 1.0}, "rho is a share between 0 and 1; we got 1.0"),
        ("kl-sparsity", {"rho": 0.0}, "rho is a share between 0 and 1; we got 0.0"),
        ("mmd", {"kernel": "box"}, "kernel must be one of imq, rbf; we got 'box'"),
        ("total-correlation", {"pictures": 0}, "a training set has at least 1 picture; we got 0"),
    ],
)
def test_what_cannot_work_is_refused_when_built(name: str, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        build("penalty", Part(name, arguments))
    assert str(caught.value) == message


def test_a_discrepancy_of_single_points_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 of each sample; we got 1 and 3"):
        mmd2(torch.zeros(1, 2), torch.zeros(3, 2))
