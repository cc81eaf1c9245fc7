"""The contractive penalty is the Jacobian's norm, picture by picture, and trains with its own slope."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

import narrows as nw
from narrows.bottlenecks import Gaussian, Point
from narrows.networks import conv_ladder, dense_ladder
from narrows.objectives import Contractive, Hutchinson, Step
from narrows.objectives import Gaussian as GaussianPixels
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd

SHAPE = (1, 5, 4)


def dense(activation: str = "tanh", widths: tuple[int, ...] = (7, 3)) -> nw.Autoencoder:
    ladder = dense_ladder(SHAPE, widths, activation=activation)
    return nw.Autoencoder(ladder, Point(ladder.narrowest), GaussianPixels())


def conv(norm: str = "none") -> nw.Autoencoder:
    ladder = conv_ladder(SHAPE, (3, 4), activation="silu", norm=norm)
    return nw.Autoencoder(ladder, Point(ladder.narrowest, 3), GaussianPixels())


def conv_map() -> nw.Autoencoder:
    ladder = conv_ladder(SHAPE, (2,), activation="tanh", down="maxpool")
    return nw.Autoencoder(ladder, Point(ladder.narrowest, 2, "map"), GaussianPixels())


def variational() -> nw.Autoencoder:
    ladder = dense_ladder(SHAPE, (7,), activation="tanh")
    return nw.Autoencoder(ladder, Gaussian(ladder.narrowest, 3), GaussianPixels())


MODELS = {
    "one dense rung": lambda: dense("sigmoid", (6,)),
    "two dense rungs": dense,
    "more units than pixels": lambda: dense("tanh", (7, 30)),
    "convolutions": conv,
    "a map": conv_map,
    "group normalisation": lambda: conv("group"),
    "a Gaussian": variational,
}


@pytest.fixture(params=MODELS)
def model(request) -> nw.Autoencoder:
    torch.manual_seed(0)
    return MODELS[request.param]()


def step_of(model: nw.Autoencoder, x: Tensor | None = None, samples: int = 1) -> Step:
    if x is None:
        x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    x = x.to(next(model.parameters()).dtype)
    return EndToEnd()(model, Batch(x, x, samples, 0.0, 0, Draws(0, 0)))


def by_picture(model: nw.Autoencoder, x: Tensor) -> Tensor:
    """‖J‖² of every picture on its own, (B,)."""

    def code(one: Tensor) -> Tensor:
        found = model.posterior(one[None])
        return (found.z if found.mean is None else found.mean).flatten()

    return torch.stack([jacobian(code, one).square().sum() for one in x])


@pytest.mark.parametrize("samples", [1, 3])
def test_it_is_the_jacobian_of_every_picture(model: nw.Autoencoder, samples: int) -> None:
    step = step_of(model, samples=samples)
    wanted = by_picture(model, step.input).mean()
    assert torch.allclose(Contractive().penalty(step), wanted, rtol=1e-4)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "selu", "softplus", "identity"])
def test_the_closed_form_is_the_jacobian(activation: str) -> None:
    torch.manual_seed(0)
    model = dense(activation, (6,))
    step = step_of(model)
    wanted = by_picture(model, step.input).mean()
    assert torch.allclose(Contractive().penalty(step), wanted, rtol=1e-5)


def test_a_sigmoid_rung_has_the_number_of_the_paper() -> None:
    """Σ_j (h_j (1 − h_j))² Σ_i W_ji² (Rifai et al. 2011)."""
    torch.manual_seed(0)
    model = dense("sigmoid", (6,))
    step = step_of(model)
    h, weight = step.code.z[0], model.ladder.rung(0).linear_down.weight
    wanted = ((h * (1 - h)).square() @ weight.square().sum(1)).mean()
    assert torch.allclose(Contractive().penalty(step), wanted)


def test_a_picture_does_not_depend_on_its_batch(model: nw.Autoencoder) -> None:
    step = step_of(model)
    each = [Contractive().penalty(step_of(model, one)) for one in step.input.split(1)]
    assert torch.allclose(Contractive().penalty(step), torch.stack(each).mean(), rtol=1e-4)


@pytest.mark.parametrize("penalty", [Contractive(), Hutchinson(probes=2)], ids=["exact", "probes"])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "a Gaussian"])
def test_its_gradient_is_its_slope(name: str, penalty: Contractive | Hutchinson) -> None:
    """Along a random direction of all weights, against a difference in float64.

    A Gaussian code is always float32, which is too short for a difference.
    """
    torch.manual_seed(0)
    model = MODELS[name]().double()
    weights = list(model.parameters())
    source = torch.Generator().manual_seed(2)
    way = [torch.randn(w.shape, generator=source, dtype=w.dtype) for w in weights]

    def moved(by: float) -> Tensor:
        with torch.no_grad():
            for weight, along in zip(weights, way, strict=True):
                weight.add_(along, alpha=by)
        return penalty.penalty(step_of(model))

    gradients = torch.autograd.grad(moved(0.0), weights, materialize_grads=True)
    slope = sum(float((g * along).sum()) for g, along in zip(gradients, way, strict=True))
    up, down = float(moved(1e-5).detach()), float(moved(-2e-5).detach())
    assert slope == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-8)


def test_hutchinsons_mean_is_the_norm(model: nw.Autoencoder) -> None:
    step = step_of(model)
    exact = float(Contractive().penalty(step).detach())
    groups = [float(Hutchinson(probes=20).penalty(with_draws(step, n)).detach()) for n in range(40)]
    found = torch.tensor(groups, dtype=torch.float64)
    error = float(found.std() / len(found) ** 0.5)
    assert error < 0.1 * exact
    assert abs(float(found.mean()) - exact) < 4 * error + 1e-5 * exact


def with_draws(step: Step, number: int) -> Step:
    other = copy.copy(step)
    other.draws = Draws(0, number)
    return other


def test_one_unit_needs_one_probe() -> None:
    torch.manual_seed(0)
    step = step_of(dense("tanh", (7, 1)))
    assert torch.allclose(Hutchinson().penalty(step), Contractive().penalty(step), rtol=1e-5)


@pytest.fixture
def normalised() -> nw.Autoencoder:
    """Batch normalisation in training mode, in one place of the encoder."""
    torch.manual_seed(0)
    ladder = conv_ladder(SHAPE, (3,), activation="silu", norm="batch")
    return nw.Autoencoder(ladder, Point(ladder.narrowest, 3), GaussianPixels()).train()


def test_batch_statistics_are_held(normalised: nw.Autoencoder) -> None:
    """The norm of every picture is that of an encoder with this batch's statistics for its own."""
    step = step_of(normalised)
    fixed = copy.deepcopy(normalised).eval()
    h, _ = fixed.ladder.rung(0).down(step.input)
    norm = fixed.ladder.boundary(0).norm_down
    norm.running_mean.copy_(h.detach().mean((0, 2, 3)))
    norm.running_var.copy_(h.detach().var((0, 2, 3), correction=0))
    wanted = by_picture(fixed, step.input).mean()
    assert torch.allclose(Contractive().penalty(step), wanted, rtol=1e-4)


def test_batch_statistics_follow_the_weights(normalised: nw.Autoencoder) -> None:
    """A scale that normalisation takes away again is no way to a lower penalty."""
    convolution = normalised.ladder.rung(0).conv
    with torch.no_grad():
        convolution.weight.mul_(50)  # against which ε is nothing
    value = Contractive().penalty(step_of(normalised))
    (slope,) = torch.autograd.grad(value, convolution.weight)
    along = float((slope * convolution.weight).sum().detach())
    assert abs(along) < 1e-3 * float(value.detach())
    assert float(slope.norm()) > 0


def test_running_statistics_stay(normalised: nw.Autoencoder) -> None:
    step = step_of(normalised)
    before = copy.deepcopy(normalised.state_dict())
    for penalty in (Contractive(), Hutchinson()):
        penalty.penalty(step)
    after = normalised.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_gradients_it_is_the_same_number(model: nw.Autoencoder) -> None:
    step = step_of(model)
    for penalty in (Contractive(), Hutchinson()):
        wanted = penalty.penalty(step)
        with torch.no_grad():
            value = penalty.penalty(step)
        assert not value.requires_grad
        assert torch.allclose(value, wanted.detach())
