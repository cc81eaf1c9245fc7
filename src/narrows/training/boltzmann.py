"""Restricted Boltzmann machines: a pre-training of dense ladders by contrastive divergence, and its end.

    h_i ──W──► p(h_i+1 | h_i) ──draw──► h_i+1 ──Wᵀ──► h_i′ ──W──► p(h_i+1 | h_i′)
     └────────── F(h_i) ──────────  less  ──────────── F(h_i′) ─────┘   its gradient is that of CD-1

    rung 0 ─► rung 1 ─► … ─► code ──unrolled──► every way up is the transpose of its way down ─► fine-tuning

Hinton & Salakhutdinov 2006. A machine is a rung's way down (its W and hidden biases) and the biases of its
way up; the last is the bottleneck's, whose hidden units are Gaussian where the others are logistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..bottlenecks import Code, Point
from ..images import Source
from ..networks import DenseRung
from ..objectives import Step
from ..parts import named, part
from .schemes import Batch, step_of

if TYPE_CHECKING:
    from .phases import Phase

__all__ = ["Boltzmann", "Machine", "Unrolled", "machine"]


class Machine(NamedTuple):
    """A restricted Boltzmann machine of V visible and H hidden units.

    Attributes:
        down: V → H, whose weights (H, V) are W and whose biases (H,) are those of the hidden units.
        visible: biases of the visible units, (V,).
        gaussian: hidden units are normal with variance 1 around W v + b; else they are logistic.
    """

    down: nn.Linear
    visible: Tensor
    gaussian: bool

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = −log Σ_h exp(−E(v, h)), but for a constant: v (B, V) → (B,).

        E = −a·v − b·h − h·W v, and ½ h² more where the hidden units are Gaussian.
        """
        each = self.down(v)
        hidden = 0.5 * each.square() if self.gaussian else F.softplus(each)
        return -(v @ self.visible) - hidden.sum(1)

    def hidden(self, v: Tensor) -> Tensor:
        """The mean of the hidden units given the visible ones: (B, V) → (B, H)."""
        each: Tensor = self.down(v)
        return each if self.gaussian else each.sigmoid()

    def seen(self, h: Tensor) -> Tensor:
        """Log-odds of the visible units given the hidden ones: (B, H) → (B, V)."""
        return F.linear(h, self.down.weight.t(), self.visible)


def machine(model: Autoencoder, i: int) -> Machine:
    """Rung i of a model as a machine; the one after the last rung is the bottleneck."""
    down, up = _maps(model)[i]
    return Machine(down, up.bias, i == len(model.ladder))


def _maps(model: Autoencoder) -> list[tuple[nn.Linear, nn.Linear]]:
    """The way down and the way up of every machine.

    Raises:
        ValueError: the model is no stack of such.
    """
    ladder, bottleneck = model.ladder, model.bottleneck
    rungs = [rung for rung in ladder.rungs if isinstance(rung, DenseRung)]
    logistic = all(
        isinstance(ladder.boundary(i).activation, nn.Sigmoid) and ladder.boundary(i).plain
        for i in range(len(ladder))
    )
    pairs = [(rung.linear_down, rung.linear_up) for rung in rungs]
    if isinstance(bottleneck, Point):
        pairs.append((bottleneck.head, bottleneck.tail))  # type: ignore[arg-type]
    found = [
        (down, up)
        for down, up in pairs
        if isinstance(down, nn.Linear) and isinstance(up, nn.Linear)
    ]
    if len(found) != len(ladder) + 1 or not logistic or named(model.likelihood) != "bernoulli":
        raise ValueError(
            "a stack of restricted Boltzmann machines is a 'dense' ladder with the activation sigmoid, without "
            "norm and not tied, with the bottleneck 'point' of a size and the likelihood 'bernoulli'; we got "
            f"{named(ladder)!r}, {named(bottleneck)!r} and {named(model.likelihood)!r}"
        )
    return found


@part("scheme", "boltzmann")
@dataclass(frozen=True)
class Boltzmann:
    """One rung learns as a restricted Boltzmann machine, by contrastive divergence of one step.

    Hinton & Salakhutdinov 2006 (Science 313), with the practice of Hinton 2010, "A practical guide to
    training restricted Boltzmann machines": visible units are means all along, hidden ones are drawn once.
    The gradient is that of F(v) − F(v′), v′ held; it belongs to no loss, so the number that is shown is the
    cross-entropy of v and v′ in nats, by which it is watched. The phase keeps its last weights.

    Args:
        rung: its number, from 0 at the pictures; the number of rungs is that of the bottleneck.
    """

    rung: int = 0

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """Without an output; ``inner`` has log p(v | h) (1, B), with the gradient of contrastive divergence."""
        levels = [batch.input]
        with torch.no_grad():
            for i in range(self.rung):
                levels.append(model.ladder.step_down(i, levels[-1])[0])
        v, one = levels[-1].flatten(1).detach(), machine(model, self.rung)
        with torch.no_grad():
            h = one.hidden(v)
            if one.gaussian:
                drawn = h + batch.draws.normal("hidden", h.shape, h.device)
            else:
                drawn = (batch.draws.uniform("hidden", h.shape, h.device) < h).to(h.dtype)
            odds = one.seen(drawn)
            shown = -F.binary_cross_entropy_with_logits(odds, v, reduction="none").sum(1)
        divergence = one.free_energy(odds.sigmoid()) - one.free_energy(v)
        log_p = shown + divergence - divergence.detach()
        return step_of(
            model, batch, levels=levels, code=Code(h[None], sampled=True), output=None,
            inner={f"level_{self.rung}": log_p[None]}, narrowed=False,
        )  # fmt: skip

    def trained(self, model: Autoencoder) -> Sequence[nn.Module]:
        """The rung, or the bottleneck."""
        return [
            model.bottleneck if self.rung == len(model.ladder) else model.ladder.rungs[self.rung]
        ]

    def check(self, model: Autoencoder) -> None:
        """It needs logistic dense rungs below pictures of units from 0 to 1, and that many of them."""
        if not 0 <= self.rung < len(_maps(model)):
            raise ValueError(
                f"the scheme 'boltzmann' trains rung {self.rung}, but this model has machines 0 to "
                f"{len(model.ladder)}, the last its bottleneck"
            )


@part("begin", "unrolled")
@dataclass(frozen=True)
class Unrolled:
    """Every way up as the transpose of its way down: a stack of machines becomes an autoencoder.

    Hinton & Salakhutdinov 2006, figure 1; the biases of the ways up are those of the visible units.
    """

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It needs what the scheme 'boltzmann' trains."""
        _maps(model)

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the weights of the ways up."""
        with torch.no_grad():
            for down, up in _maps(model):
                up.weight.copy_(down.weight.t())
        return f"begins as {len(_maps(model))} machines, unrolled"
