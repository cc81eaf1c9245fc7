"""Penalties that keep a code sparse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...parts import part
from ...processes import averaged
from ..step import Step
from ..terms import Penalty

__all__ = ["L1", "KlSparsity", "kl_to_rate"]


@part("penalty", "l1")
@dataclass(frozen=True)
class L1(Penalty):
    """Σ |z| over the code, averaged over samples and batch."""

    weight: float = 1e-3

    def penalty(self, step: Step) -> Tensor:
        """A scalar."""
        return step.code.z.abs().flatten(2).sum(-1).mean()


@part("penalty", "kl-sparsity")
@dataclass(frozen=True)
class KlSparsity(Penalty):
    """Σ_j KL(ρ ‖ ρ̂_j), ρ̂_j the mean of unit j over samples and batch (Ng 2011, §3).

    Meant for codes in (0, 1), whose last activation is ``sigmoid``. A mean near 0 or 1 or outside
    of them (another activation, a Gaussian code) is taken as ``kl_to_rate`` says.

    Args:
        rho: ρ, the share of pictures for which a unit is to be on.
    """

    weight: float = 1.0
    rho: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.rho < 1:
            raise ValueError(f"rho is a share between 0 and 1; we got {self.rho}")

    def penalty(self, step: Step) -> Tensor:
        """A scalar."""
        rate = averaged(step.code.z.float().flatten(2).mean((0, 1)))
        return kl_to_rate(self.rho, rate).sum()


def kl_to_rate(rho: float, rate: Tensor) -> Tensor:
    """KL of Bernoullis, ρ log ρ/ρ̂ + (1 − ρ) log (1 − ρ)/(1 − ρ̂) in nats, for each ``rate`` ρ̂.

    Below ρ/50 and above 1 − (1 − ρ)/50 it goes on along its tangent: finite and convex for any
    number, with a slope that leads back. Between them it is the formula itself.
    """
    inside = rate.clamp(rho / 50, 1 - (1 - rho) / 50)
    entropy = rho * math.log(rho) + (1 - rho) * math.log1p(-rho)
    kl = entropy - rho * inside.log() - (1 - rho) * (-inside).log1p()
    slope = (1 - rho) / (1 - inside) - rho / inside
    return kl + slope * (rate - inside)
