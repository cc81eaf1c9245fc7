"""Quarter turns of pictures as permutations of codes: what is equivariant costs nothing, and training gets there."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Point
from narrows.networks import dense_ladder
from narrows.objectives import Equivariance, Gaussian, quarter_turned
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 5, 5)


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))


def penalty_of(model: nw.Autoencoder, x: torch.Tensor) -> float:
    with model.evaluating():
        return float(Equivariance().penalty(EndToEnd()(model, Batch(x, x, 1, 0.0, 0, Draws(0)))))


def linear(rows: torch.Tensor) -> nw.Autoencoder:
    """An encoder whose units are the rows' products with a picture."""
    model = nw.Autoencoder(dense_ladder(SHAPE, (len(rows),), activation="identity"), Point((len(rows),)), Gaussian())  # fmt: skip
    with torch.no_grad():
        model.ladder.rungs[0].linear_down.weight.copy_(rows.flatten(1))
        model.ladder.rungs[0].linear_down.bias.zero_()
    return model


def test_four_quarter_turns_are_none_and_a_turn_keeps_every_length() -> None:
    for z in (torch.randn(3, 10), torch.randn(3, 9, 4, 4)):
        turned = quarter_turned(z)
        assert torch.allclose(turned.flatten(1).norm(dim=1), z.flatten(1).norm(dim=1))
        assert not torch.equal(turned, z)
        for _ in range(3):
            turned = quarter_turned(turned)
        assert torch.equal(turned, z)
    assert quarter_turned(torch.tensor([[1.0, 2.0, 3.0, 4.0, 9.0]])).tolist() == [[4, 1, 2, 3, 9]]


def test_filters_in_all_four_turns_are_equivariant_exactly() -> None:
    """⟨R⁰w, Rx⟩ = ⟨R⁻¹w, x⟩: the last of four is the first after the turn."""
    w = torch.randn(3, 1, 5, 5)
    rows = torch.stack([torch.rot90(w, turn, (2, 3)) for turn in range(4)], 1).flatten(0, 1)
    whole = torch.ones(1, 1, 5, 5)  # a sum over the picture, which no turn changes: left over
    model = linear(torch.cat([rows, whole]))
    assert penalty_of(model, pictures(20)) < 1e-8
    order = torch.tensor([0, 2, 1, 3, *range(4, 13)])
    assert penalty_of(linear(torch.cat([rows, whole])[order]), pictures(20)) > 0.05


def test_independent_filters_cost_what_independent_codes_do() -> None:
    """E‖z(Rx) − Qz‖² of unrelated codes is twice their variance."""
    torch.manual_seed(0)
    rows = torch.randn(200, 1, 5, 5)
    rows = rows - rows.mean((2, 3), keepdim=True)
    assert penalty_of(linear(rows), torch.randn(400, *SHAPE).mul(0.1).add(0.5)) == pytest.approx(2, rel=0.1)  # fmt: skip


def test_scales_and_constants_of_a_code_do_not_count() -> None:
    torch.manual_seed(0)
    model = linear(torch.randn(8, 1, 5, 5))
    before = penalty_of(model, pictures(20))
    with torch.no_grad():
        model.ladder.rungs[0].linear_down.weight.mul_(0.01)
        model.ladder.rungs[0].linear_down.bias.fill_(3.0)
    assert penalty_of(model, pictures(20)) == pytest.approx(before, rel=1e-3)


@pytest.mark.slow
def test_trained_codes_turn_pictures(digits) -> None:
    upright = digits.select(range(300)).pixels
    x = nw.images.Images(torch.cat([torch.rot90(upright, turn, (2, 3)) for turn in range(4)]))
    recipe = nw.Recipe(
        "turning",
        Part("dense", {"shape": (1, 8, 8), "widths": (64,), "activation": "relu"}),
        Part("point", {"size": 16}),
        Part("mse"),
        (nw.Phase(steps=250, batch_size=100, learning_rate=5e-3, precision="float32"),),
    )
    options = {"seed": 0, "device": "cpu", "report": "quiet"}
    asked = nw.fit(recipe.with_(penalties=(Part("equivariance"),)), x, **options)
    plain = nw.fit(recipe, x, **options)
    some = x.batch(torch.arange(0, 1200, 12))
    assert penalty_of(asked, some) < 0.2 * penalty_of(plain, some)
    errors = {}
    for name, model in (("asked", asked), ("plain", plain)):
        with model.evaluating():
            made = model.decode(quarter_turned(model.posterior(some).z))
        errors[name] = float((made - torch.rot90(some, 1, (2, 3))).square().mean())
    assert errors["asked"] < 0.7 * errors["plain"]


def test_pictures_that_are_not_square_are_turned_by_a_half() -> None:
    w = torch.randn(2, 1, 5, 3)
    rows = torch.stack([w, w, w.rot90(2, (2, 3)), w.rot90(2, (2, 3))], 1).flatten(0, 1)
    model = nw.Autoencoder(dense_ladder((1, 5, 3), (8,), activation="identity"), Point((8,)), Gaussian())  # fmt: skip
    with torch.no_grad():
        model.ladder.rungs[0].linear_down.weight.copy_(rows.flatten(1))
        model.ladder.rungs[0].linear_down.bias.zero_()
    assert penalty_of(model, torch.rand(10, 1, 5, 3)) < 1e-8
