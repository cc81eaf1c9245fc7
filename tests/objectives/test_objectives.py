"""Steps, bounds and penalties."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import narrows as nw
from narrows.objectives import L1, Bound, Capacity, Constant, Elbo, Objective, Step, WarmUp
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd


def a_step(make=nw.recipes.mlp_vae, samples: int = 3, epoch: float = 0.0) -> Step:
    """Of a small model on four random pictures of (1, 3, 5)."""
    torch.manual_seed(0)
    model = make((1, 3, 5), 2, widths=(6,)).build()
    x = torch.rand(4, 1, 3, 5)
    return EndToEnd()(model, Batch(x, x, samples, epoch, 7, Draws(0, 7)))


def test_terms_have_their_shapes() -> None:
    step = a_step()
    assert step.log_px.shape == step.log_qz.shape == step.log_pz.shape == (3, 4)
    assert step.kl.shape == (4,)
    assert [tuple(h.shape) for h in step.levels] == [(4, 1, 3, 5), (4, 6)]


def test_a_point_has_only_log_px() -> None:
    step = a_step(nw.recipes.mlp_autoencoder)
    assert step.log_px.shape == (3, 4)
    assert step.log_qz is None and step.log_pz is None and step.kl is None


def test_terms_are_computed_once() -> None:
    step = a_step()
    assert step.log_px is step.log_px and step.kl is step.kl


def test_encoding_again_gives_the_same_code() -> None:
    step = a_step()
    assert torch.equal(step.encode(step.input).z, step.code.z)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: step.encode(x).z.sum((0, 1)), step.input
    )
    assert jacobian.shape == (2, 4, 1, 3, 5)


def test_the_elbo_names_its_terms() -> None:
    step = a_step()
    total, terms = Elbo(Constant(2.0)).loss(step)
    assert list(terms) == ["reconstruction", "kl"]
    assert torch.equal(terms["reconstruction"], -step.log_px.mean())
    assert torch.allclose(total, terms["reconstruction"] + 2 * step.kl.mean())


def test_the_elbo_of_a_point_is_its_reconstruction() -> None:
    total, terms = Elbo().loss(a_step(nw.recipes.mlp_autoencoder))
    assert list(terms) == ["reconstruction"] and torch.equal(total, terms["reconstruction"])


def test_the_weight_follows_the_epoch() -> None:
    bound = Elbo(WarmUp(10.0))
    at = {epoch: bound.loss(replace(a_step(), epoch=epoch)) for epoch in (0.0, 5.0, float("inf"))}
    kl = at[0.0].terms["kl"]
    for epoch, share in ((0.0, 0.0), (5.0, 0.5), (float("inf"), 1.0)):
        total, terms = at[epoch]
        assert torch.allclose(total, terms["reconstruction"] + share * kl)


@pytest.mark.parametrize("share", [0.5, 1.0, 3.0])
def test_a_capacity_pulls_the_kl_from_both_sides(share: float) -> None:
    """γ |KL − C| of Burgess et al. 2018, eq. 8: too little KL costs as much as too much."""
    step = a_step()
    kl = float(step.kl.detach().mean())
    loss = Capacity(Constant(share * kl), strength=10.0).loss(step)
    beside = loss.total - loss.terms["reconstruction"]
    assert float(beside.detach()) == pytest.approx(10 * abs(share - 1) * kl, rel=1e-3, abs=1e-4)
    if share != 1:
        (slope,) = torch.autograd.grad(
            beside, step.kl
        )  # KL falls to C from above, rises from below
        assert torch.allclose(slope, torch.full_like(slope, 10 / 4 if share < 1 else -10 / 4))


def test_a_penalty_is_added_with_its_weight_and_written_without() -> None:
    step = a_step()
    total, terms = Objective(Elbo(), [L1(0.5)])(step)
    value = step.code.z.abs().sum(-1).mean()
    assert torch.allclose(terms["l1"], value)
    assert torch.allclose(total, Elbo().loss(step).total + 0.5 * value)


def test_an_objective_takes_parts() -> None:
    step = a_step()
    of_parts = Objective(Part("elbo"), [Part("l1", {"weight": 0.5})])(step)
    assert torch.equal(of_parts.total, Objective(Elbo(), [L1(0.5)])(step).total)


def test_a_bound_is_a_bound() -> None:
    assert isinstance(Elbo(), Bound) and not isinstance(L1(), Bound)


def test_what_cannot_work_is_refused_when_built() -> None:
    with pytest.raises(
        ValueError, match=r"is a schedule, such as Constant\(4.0\); we instead got 2"
    ):
        Elbo(2.0)
    with pytest.raises(
        ValueError, match=r"a bound was wanted, such as Elbo\(\); we instead got L1"
    ):
        Objective(L1())
    with pytest.raises(ValueError, match=r"a penalty has a weight and penalty\(step\); we .* Elbo"):
        Objective(Elbo(), [Elbo()])
