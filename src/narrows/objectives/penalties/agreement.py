"""Agreement: two views of a picture are to get the same code, and those of different pictures others.

    x ──corruption──► input ──encode──► z (B, D) ──┐
    x ──view────────►       ──encode──► z' (B, D) ─┴─► contrast (NT-Xent), or variances (VICReg)

The first view is the step's input, changed by the phase's ``corruption``; the second is drawn here from
the picture itself. Without any change both are the same picture and agree from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...bottlenecks import Code
from ...images.corruptions import Corruption
from ...parts import Part, build, part
from ...processes import gathered
from ..step import Step
from ..terms import Penalty

__all__ = ["NtXent", "VicReg", "nt_xent", "vicreg"]

OTHER = 1 << 20  # added to a step's stream: the second view's draws are not the first's


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross-entropy of Chen et al. 2020 (eq. 1), in nats per view.

    Each of the 2·B codes is to be told from the 2·B − 2 of other pictures by its cosine with the other
    view of its own. A turn of all codes changes nothing, nor does the length of any of them.

    Args:
        a, b: codes (B, D) of two views of the same pictures.
    """
    z = F.normalize(torch.cat([a, b]), dim=1)
    near = z @ z.T / temperature
    near = near.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    other = torch.arange(len(z), device=z.device).roll(len(a))
    return F.cross_entropy(near, other)


def vicreg(
    a: Tensor, b: Tensor, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
) -> Tensor:
    """Variance, invariance and covariance of codes (Bardes et al. 2022, eq. 1-6).

    The mean squared difference of two views; what each unit's deviation lacks of 1; and the squared
    covariances of different units, over D. A turn of all codes changes the last two, which speak of
    units, and not the first.

    Args:
        a, b: codes (B, D) of two views of the same pictures.
        invariance, variance, covariance: weights of the three.
    """
    total = invariance * F.mse_loss(a, b)
    for z in (a, b):
        even = z - z.mean(0)
        square = even.T @ even / max(1, len(z) - 1)
        deviation = (square.diagonal() + 1e-4).sqrt()
        mixed = square.square().sum() - square.diagonal().square().sum()
        total = total + variance * (1 - deviation).clamp_min(0).mean() / 2
        total = total + covariance * mixed / z.shape[1]
    return total


def _second(step: Step, view: Part | None) -> tuple[Tensor, Tensor]:
    """The codes (B, D) of a step's input, and of another view of its pictures, of the whole batch."""

    def draw() -> tuple[Tensor, Tensor]:
        apart = replace(step.draws, stream=step.draws.stream + OTHER)
        change = _built(view)
        x = step.target if change is None else change(step.target, apart)
        return gathered(_flat(step.code)), gathered(_flat(step.encode(x)))

    return step.once(f"second view {view}", draw)


def _flat(code: Code) -> Tensor:
    """A code's mean, or itself, (B, D)."""
    return (code.z[0] if code.mean is None else code.mean).float().flatten(1)


def _check_whole(step: Step, name: str) -> None:
    if not step.narrowed:
        raise ValueError(
            f"the penalty {name!r} is of the whole encoder, but this scheme ends above the "
            "bottleneck: use it with 'end-to-end', 'encoder', or with the last rung"
        )


@part("penalty", "nt-xent")
@dataclass(frozen=True)
class NtXent(Penalty):
    """Two views of a picture are told from all other pictures of the batch by the cosine (SimCLR).

    ``nt_xent``, Chen et al. 2020; here on the code itself, without a projection above it.

    Args:
        view: a corruption, or a chain of some, that makes the second view; None: the picture itself.
        temperature: what cosines are divided by.
    """

    weight: float = 1.0
    view: Part | None = field(default_factory=lambda: Part("warp"))
    temperature: float = 0.2

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"a temperature is above 0; we got {self.temperature}")
        _refuse(self.view)

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the scheme ends above the bottleneck.
        """
        _check_whole(step, "nt-xent")
        return nt_xent(*_second(step, self.view), self.temperature)


@part("penalty", "vicreg")
@dataclass(frozen=True)
class VicReg(Penalty):
    """Two views of a picture get the same code, whose units vary and do not covary.

    ``vicreg``, Bardes et al. 2022; here on the code itself, without an expander above it.

    Args:
        view: a corruption, or a chain of some, that makes the second view; None: the picture itself.
        invariance, variance, covariance: weights of its three parts.
    """

    weight: float = 1.0
    view: Part | None = field(default_factory=lambda: Part("warp"))
    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0

    def __post_init__(self) -> None:
        if min(self.invariance, self.variance, self.covariance) < 0:
            raise ValueError("the weights of variance, invariance and covariance are at least 0")
        _refuse(self.view)

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the scheme ends above the bottleneck.
        """
        _check_whole(step, "vicreg")
        both = _second(step, self.view)
        return vicreg(*both, self.invariance, self.variance, self.covariance)


def _built(view: Part | None) -> Corruption | None:
    made: Corruption | None = None if view is None else build("corruption", view)
    return made


def _refuse(view: Part | None) -> None:
    """Raises ValueError where a view is no corruption."""
    if view is not None and not callable(_built(view)):
        raise ValueError(f"a view is a corruption, such as warp; we got {view!r}")
