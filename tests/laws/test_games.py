"""Games with a known end: discriminators find density ratios, and opponents move what they are to move."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from narrows.bottlenecks import Code
from narrows.objectives import AdversarialPrior, Factor, Loss, Step
from narrows.objectives.discriminators import (
    CodeDiscriminator,
    PictureDiscriminator,
    discriminator_loss,
)
from narrows.randomness import Draws
from narrows.training.players import Player, move


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def of_code(z: Tensor, number: int) -> Step:
    """A step of which only its code z (B, D) is known."""
    x = z.new_zeros(len(z), 1, 1, 1)
    return Step(x, x, [x], Code(z[None]), None, None, 0.0, number, Draws(0, number))


def player(name: str, module: nn.Module, loss: Any, lr_scale: float = 1.0) -> Player:
    own = list(module.parameters())
    return Player(name, own, torch.optim.Adam(own, betas=(0.5, 0.999)), loss, lr_scale=lr_scale)


def test_a_critic_of_codes_finds_the_log_density_ratio() -> None:
    """Of N(μ, I) and N(0, I): μ·z − ½‖μ‖² (Goodfellow et al. 2014, proposition 1)."""
    torch.manual_seed(0)
    discriminator, mu = CodeDiscriminator((2,), (32, 32)), torch.tensor([1.0, -0.5])
    adam = torch.optim.Adam(discriminator.parameters(), 3e-3)
    for number in range(300):
        first, second = normal(512, 2, seed=number) + mu, normal(512, 2, seed=-1 - number)
        loss = discriminator_loss(discriminator(first), discriminator(second))
        adam.zero_grad()
        loss.backward()
        adam.step()
    z = 0.8 * normal(200, 2, seed=7) + mu / 2
    wanted = z @ mu - 0.5 * float(mu.square().sum())
    assert float((discriminator(z).detach() - wanted).abs().mean()) < 0.12


def test_a_critic_of_pictures_finds_how_often_a_kind_is_which() -> None:
    """Two pictures, one three times as likely in the first kind: the logits are ± log 3."""
    torch.manual_seed(0)
    dark, light = torch.zeros(1, 1, 5, 3), torch.ones(1, 1, 5, 3)
    discriminator = PictureDiscriminator((1, 5, 3), 4)
    adam = torch.optim.Adam(discriminator.parameters(), 1e-2)
    first, second = torch.cat([dark, light, light, light]), torch.cat([light, dark, dark, dark])
    for _ in range(200):
        loss = discriminator_loss(discriminator(first), discriminator(second))
        adam.zero_grad()
        loss.backward()
        adam.step()
    found = discriminator(torch.cat([light, dark])).tolist()
    assert found == pytest.approx([math.log(3), -math.log(3)], abs=0.02)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_the_factor_penalty_is_the_total_correlation(rho: float) -> None:
    """Of a Gaussian with correlation ρ: −½ log(1 − ρ²)."""

    def correlated(count: int, seed: int) -> Tensor:
        z = normal(count, 2, seed=seed)
        return torch.stack([z[:, 0], rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]], 1)

    torch.manual_seed(0)
    factor = Factor((2,), widths=(64, 64))
    discriminator = player("factor", factor, factor.own_loss)
    for number in range(400):
        move([discriminator], of_code(correlated(512, number), number), 3e-3 * (1 - number / 400))
    with torch.no_grad():
        found = float(factor.penalty(of_code(correlated(20_000, 5000), 0)))
    assert found == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.05)


class Affine(nn.Module):
    """u (B, 2) → scale · u + shift, an encoder of two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.3, 1.8]))
        self.shift = nn.Parameter(torch.tensor([1.2, -1.0]))

    def forward(self, u: Tensor) -> Tensor:
        return self.scale * u + self.shift


def test_an_adversarial_prior_pulls_codes_to_the_prior() -> None:
    """Codes N(shift, scale²) end near N(0, I), by nothing but the game."""
    torch.manual_seed(0)
    encoder, prior = Affine(), AdversarialPrior((2,), widths=(32, 32))
    model = player("model", encoder, lambda step: Loss(prior.penalty(step), {}))
    discriminator = player("adversarial_prior", prior, prior.own_loss)
    trace = []
    for number in range(600):
        step = of_code(encoder(normal(256, 2, seed=number)), number)
        move([model, discriminator], step, 2e-2 * (1 - number / 600))
        trace.append(torch.cat([encoder.shift, encoder.scale.abs()]).detach())
    ended = torch.stack(trace[-100:]).mean(0)
    assert torch.allclose(ended, torch.tensor([0.0, 0.0, 1.0, 1.0]), atol=0.15)


def test_a_factor_penalty_parts_what_is_correlated() -> None:
    """z = (u₁, u₁ + a u₂) with Gaussian u: the penalty lets a grow beside the first term."""
    torch.manual_seed(0)
    mix, factor = nn.Linear(2, 2, bias=False), Factor((2,), widths=(32, 32))
    with torch.no_grad():
        mix.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.4]]))

    def correlation() -> float:
        w = mix.weight.detach()
        return float((w @ w.T)[0, 1] / (w.norm(dim=1).prod()))

    before = correlation()
    model = player("model", mix, lambda step: Loss(factor.penalty(step), {}))
    discriminator = player("factor", factor, factor.own_loss)
    for number in range(300):
        step = of_code(mix(normal(256, 2, seed=number)), number)
        move([model, discriminator], step, 5e-3 * (1 - number / 300))
    assert before > 0.9 and abs(correlation()) < 0.35
