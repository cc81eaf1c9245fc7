"""A player is disjoint parameters, an optimiser and a loss; the loop moves a list of them.

one forward ──► step ──► player 1's loss ──► gradient for player 1's parameters ┐
                    └──► player 2's loss ──► gradient for player 2's parameters ┴─► all move
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..objectives import Loss, Objective, Step
from ..objectives.terms import Share, name_of
from ..processes import reduce_gradients, weighed
from .muon import Muon
from .phases import Phase

__all__ = ["Player", "disjoint", "moments", "move", "optimizer", "players"]


@dataclass
class Player:
    """Parameters, what moves them, and what they minimise.

    Attributes:
        name: in metrics and checkpoints.
        parameters: nobody else's.
        optimizer: over exactly these.
        loss: of a step.
        grad_clip_norm: largest norm of the gradient, or None.
        lr_scale: its learning rate as a multiple of the phase's.
    """

    name: str
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    loss: Callable[[Step], Loss]
    grad_clip_norm: float | None = None
    lr_scale: float = 1.0


def players(
    phase: Phase, model: Autoencoder, objective: Objective, trained: Sequence[nn.Module] | None
) -> list[Player]:
    """Who moves in a phase: the model, or the shares that its bound gives it, and each opponent.

    A bound may divide the model (``Bound.shares``); a module that is an ``opponent`` moves its own
    parameters by ``own_loss``.

    Args:
        trained: the modules of the model that move; None: all.

    Raises:
        ValueError: two of them own the same parameter.
    """
    modules = [model] if trained is None else trained
    mine = {id(p): p for m in modules for p in m.parameters() if p.requires_grad}
    shares: list[Share] = [("model", list(mine.values()), objective)]
    if divided := objective.bound.shares(model):
        shares = []
        for name, parameters, loss in divided:
            moved = [p for p in parameters if id(p) in mine or not _owns(model, p)]
            shares.append((name, moved, loss))
        shares[0] = (*shares[0][:2], objective.penalised(shares[0][2]))
    for term in objective.terms:
        if term.opponent and isinstance(term, nn.Module):
            shares.append((name_of(term), list(term.parameters()), term.own_loss))
    lr_scales = {name_of(term): term.lr_scale for term in objective.terms}
    result = [
        Player(
            name, own, optimizer(phase, own), loss, phase.grad_clip_norm, lr_scales.get(name, 1.0)
        )
        for name, own, loss in shares
    ]
    disjoint(result)
    return result


def _owns(model: nn.Module, parameter: nn.Parameter) -> bool:
    return any(parameter is own for own in model.parameters())


def disjoint(players: Sequence[Player]) -> None:
    """Check that no two players own the same parameter.

    Raises:
        ValueError: they do.
    """
    owner: dict[int, str] = {}
    for player in players:
        for parameter in player.parameters:
            other = owner.setdefault(id(parameter), player.name)
            if other != player.name:
                raise ValueError(
                    f"players {other!r} and {player.name!r} share a parameter; give it to one and "
                    "let the other read it detached"
                )


def optimizer(phase: Phase, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The phase's optimiser.

    Raises:
        ValueError: an unknown name.
    """
    rest: dict[str, Any] = {"lr": phase.learning_rate, "weight_decay": phase.weight_decay}
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)

    def momentum(own: float) -> float:
        return own if phase.momentum is None else phase.momentum

    rest["betas"] = (momentum(0.9), 0.999)
    if phase.optimizer == "adam":
        return torch.optim.Adam(parameters, eps=phase.epsilon, fused=fused, **rest)
    if phase.optimizer == "adamw":
        return torch.optim.AdamW(parameters, eps=phase.epsilon, fused=fused, **rest)
    if phase.optimizer == "adamax":
        return torch.optim.Adamax(parameters, eps=phase.epsilon, foreach=True, **rest)
    rest.pop("betas")
    if phase.optimizer == "sgd":
        kept = momentum(0.9)
        return torch.optim.SGD(parameters, momentum=kept, nesterov=kept > 0, fused=fused, **rest)
    if phase.optimizer == "muon":
        return Muon(parameters, eps=phase.epsilon, momentum=momentum(0.95), **rest)
    raise ValueError(
        f"optimizer must be adam, adamw, adamax, muon or sgd; we got {phase.optimizer!r}"
    )


def moments(phase: Phase, weight: nn.Parameter) -> dict[str, Tensor]:
    """What the phase's optimiser remembers of a weight after a step, as of one of as many axes of
    length 1."""
    small = nn.Parameter(torch.zeros([1] * weight.ndim, dtype=weight.dtype, device=weight.device))
    small.grad = torch.zeros_like(small)
    moving = optimizer(phase, [small])
    moving.step()
    return {name: torch.as_tensor(value) for name, value in moving.state[small].items()}


def move(players: Sequence[Player], step: Step, learning_rate: float) -> dict[str, Tensor]:
    """All gradients, then all moves. Gives every player's loss and terms, detached, by its name."""
    written: dict[str, Tensor] = {}
    for number, player in enumerate(players):
        loss = player.loss(step)
        gradients = torch.autograd.grad(
            weighed(loss.total),
            player.parameters,
            retain_graph=number + 1 < len(players),
            allow_unused=True,
        )
        for parameter, gradient in zip(player.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else _as_kept(gradient, parameter)
        prefix = "" if player.name == "model" else f"{player.name}_"
        written[f"{prefix}loss"] = loss.total.detach()
        for name, value in loss.terms.items():
            written[prefix + name] = value.detach()
    reduce_gradients(parameter for player in players for parameter in player.parameters)
    for player in players:
        if player.grad_clip_norm is not None:
            nn.utils.clip_grad_norm_(player.parameters, player.grad_clip_norm)
        for group in player.optimizer.param_groups:
            group["lr"] = learning_rate * player.lr_scale
        player.optimizer.step()
        for parameter in player.parameters:
            parameter.grad = None  # free for the next step, whose memory it can be
    return written


def _as_kept(gradient: Tensor, parameter: nn.Parameter) -> Tensor:
    """A gradient in the memory layout of its parameter: a fused optimiser walks both in the order of memory."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
