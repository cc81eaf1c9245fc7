"""Restricted Boltzmann machines: the free energy, its gradient, and the stack of them unrolled."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.objectives import Step
from narrows.parts import Part, build
from narrows.randomness import Draws
from narrows.recipes import hinton_2006_deep
from narrows.training import Phase
from narrows.training.boltzmann import Boltzmann, Machine, machine
from narrows.training.schemes import Batch

SHAPE, WIDTHS, CODE = (1, 3, 2), (5, 4), 3


@pytest.fixture
def model() -> nw.Autoencoder:
    torch.manual_seed(0)
    made = hinton_2006_deep(SHAPE, CODE, widths=WIDTHS).build().double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(std=0.7)
    return made


def energy(one: Machine, v: Tensor, h: Tensor) -> Tensor:
    """E(v, h) as the paper prints it (Hinton & Salakhutdinov 2006, eq. 1), of one pair."""
    return -(v @ one.visible) - h @ one.down.bias - h @ one.down.weight @ v


@torch.no_grad()
def test_the_free_energy_is_the_sum_over_hidden_states(model: nw.Autoencoder) -> None:
    one = machine(model, 1)
    states = [torch.tensor(bits).double() for bits in itertools.product((0.0, 1.0), repeat=4)]
    for v in torch.rand(6, 5, dtype=torch.float64):
        whole = -torch.stack([-energy(one, v, h) for h in states]).logsumexp(0)
        assert float(one.free_energy(v[None])) == pytest.approx(float(whole), rel=1e-12)


@torch.no_grad()
def test_the_free_energy_of_gaussian_units_is_the_integral(model: nw.Autoencoder) -> None:
    one = machine(model, 2)
    grid = torch.linspace(-9, 9, 91, dtype=torch.float64)
    h = torch.cartesian_prod(grid, grid, grid)
    v = torch.rand(2, 4, dtype=torch.float64)
    found = []
    for each in v:
        minus = each @ one.visible + h @ one.down.bias + h @ one.down.weight @ each
        found.append(-(minus - 0.5 * h.square().sum(1)).logsumexp(0))
    apart = one.free_energy(v)  # but for a constant
    assert float(apart[0] - apart[1]) == pytest.approx(float(found[0] - found[1]), rel=1e-6)


@pytest.mark.parametrize("rung", [0, 1, 2])
def test_the_free_energys_gradient_is_a_numerical_one(model: nw.Autoencoder, rung: int) -> None:
    one = machine(model, rung)
    v = torch.rand(4, one.down.in_features, dtype=torch.float64)
    weights = [one.down.weight, one.down.bias, one.visible]
    found = torch.autograd.grad(one.free_energy(v).mean(), weights)
    step = 1e-5
    for weight, gradient in zip(weights, found, strict=True):
        flat, numerical = weight.data.view(-1), torch.zeros(weight.numel(), dtype=torch.float64)
        for i in range(len(flat)):
            both = []
            for sign in (1, -1):
                flat[i] += sign * step
                both.append(one.free_energy(v).mean().item())
                flat[i] -= sign * step
            numerical[i] = (both[0] - both[1]) / (2 * step)
        assert torch.allclose(gradient.view(-1), numerical, atol=1e-8)


def batch(x: Tensor) -> Batch:
    return Batch(x, x, 1, 0.0, 0, Draws(0), None)


@pytest.mark.parametrize("rung", [0, 1, 2])
def test_a_step_is_what_is_seen_less_what_is_dreamt(model: nw.Autoencoder, rung: int) -> None:
    """Δw = ⟨v h⟩ data − ⟨v h⟩ reconstruction, as their eq. 2 has it."""
    x = torch.rand(7, *SHAPE, dtype=torch.float64)
    scheme = Boltzmann(rung)
    step: Step = scheme(model, batch(x))
    one = machine(model, rung)
    weights = [one.down.weight, one.down.bias, one.visible]
    gradients = torch.autograd.grad(-step.log_likelihood.mean(), weights)
    v = step.levels[-1].flatten(1)
    h = one.hidden(v)
    shape = h.shape
    drawn = h + Draws(0).normal("hidden", shape) if one.gaussian else (
        (Draws(0).uniform("hidden", shape) < h).double()
    )  # fmt: skip
    dreamt = one.seen(drawn.double()).sigmoid()
    again = one.hidden(dreamt)
    count = len(x)
    wanted = (
        (h.T @ v - again.T @ dreamt) / count, (h - again).mean(0), (v - dreamt).mean(0),
    )  # fmt: skip
    for gradient, one_of in zip(gradients, wanted, strict=True):
        assert torch.allclose(gradient, -one_of, atol=1e-6)


def test_step_0_of_fine_tuning_is_the_stack_unrolled() -> None:
    recipe = hinton_2006_deep(SHAPE, CODE, widths=WIDTHS)
    recipe = recipe.with_(epochs=2.0, batch_size=4)
    pictures = (torch.rand(24, *SHAPE) > 0.5).float()
    stack = nw.fit(recipe.with_(phases=recipe.phases[:-1]), pictures, report="quiet")
    x = torch.randint(0, 256, (9, *SHAPE)) / 255
    machines = [machine(stack, i) for i in range(3)]
    with torch.no_grad():
        code = h = machines[2].hidden(machines[1].hidden(machines[0].hidden(x.flatten(1))))
        for one in reversed(machines):
            h = one.seen(h).sigmoid()
    begun = recipe.with_(phases=(*recipe.phases[:-1], Phase(begin=Part("unrolled"), steps=0)))
    unrolled = nw.fit(begun, pictures, report="quiet")
    assert torch.allclose(unrolled.reconstruct(x).flatten(1), h, atol=1e-6)
    untouched = stack.reconstruct(x).flatten(1)
    assert not torch.allclose(untouched, h, atol=1e-2)  # the ways up had not been trained
    assert torch.allclose(unrolled.encode(x).z, code, atol=1e-6)


def test_a_machine_learns_what_it_is_shown() -> None:
    """Two patterns: the machine's reconstructions are much nearer to them than an untrained one's."""
    kinds = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).float().view(2, *SHAPE)
    pictures = kinds.repeat(40, 1, 1, 1)
    recipe = hinton_2006_deep(SHAPE, CODE, widths=(6,))
    one = recipe.phases[0]
    made = nw.fit(recipe.with_(phases=(one,), epochs=60.0, batch_size=10), pictures, report="quiet")
    first, last = made.run.history[0]["level_0"], made.run.history[-1]["level_0"]
    assert last < 0.5 * first
    again = machine(made, 0)
    v = kinds.flatten(1)
    assert (again.seen(again.hidden(v)).sigmoid() - v).abs().mean() < 0.2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ladder": Part("dense", {"shape": SHAPE, "widths": WIDTHS})}, "a stack of restricted"),
        ({"likelihood": Part("mse")}, "a stack of restricted"),
        ({"bottleneck": Part("point")}, "a stack of restricted"),
        ({"scheme": Part("boltzmann", {"rung": 3})}, "machines 0 to 2"),
    ],
)
def test_what_is_no_stack_is_refused(change: dict[str, Part], sentence: str) -> None:
    recipe = hinton_2006_deep(SHAPE, CODE, widths=WIDTHS).with_(**change)
    with pytest.raises(ValueError, match=sentence):
        recipe.build()
    assert build("begin", Part("unrolled"))
