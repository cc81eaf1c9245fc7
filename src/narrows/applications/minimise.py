"""Many small minimisations at once: each row of a batch has its own L-BFGS, all share an evaluation.

u (R, D) ──energy──► (R,) and its gradient ──each row: accept, or a shorter step──► u (R, D)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["minimise"]

MEMORY = 8  # steps that each row remembers
LEAST = 1e-4  # share of the promised decrease that a step has to bring (Armijo)


def minimise(
    energy: Callable[[Tensor], Tensor],
    start: Tensor,
    evaluations: int = 50,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Go down from each start by L-BFGS (Nocedal & Wright 2006, algorithm 7.4), never up.

    Each evaluation is of all rows. A row whose step was too long tries half of it in the next one,
    while the others go on.

    Args:
        energy: (R, D) → (R,), differentiable; row i depends on row i only.
        start: (R, D).
        evaluations: of the energy and its gradient.
        progress: called with (done, total) evaluations.

    Returns:
        The best point of each row (R, D), and its energy (R,).
    """
    point = start.detach().clone()
    value, slope = _evaluated(energy, point)
    rows, size = point.shape
    moves, turns = point.new_zeros(2, MEMORY, rows, size)
    curvature = point.new_zeros(MEMORY, rows)  # 1 / (move · turn); 0 where nothing is remembered
    direction = -slope
    length = (1 / slope.norm(dim=1).clamp_min(1e-12)).clamp_max(1.0)  # a first step of at most 1
    for number in range(1, evaluations):
        trial = point + length[:, None] * direction
        found, gradient = _evaluated(energy, trial)
        promised = (slope * direction).sum(1)
        better = torch.isfinite(found) & (found <= value + LEAST * length * promised)
        move, turn = trial - point, gradient - slope
        bend = (move * turn).sum(1)
        sound = better & (bend > 1e-10 * turn.square().sum(1))
        keep = sound[:, None]
        moves = torch.where(keep, torch.cat([moves[1:], move[None]]), moves)
        turns = torch.where(keep, torch.cat([turns[1:], turn[None]]), turns)
        bent = torch.cat([curvature[1:], (1 / bend.clamp_min(1e-30))[None]])
        curvature = torch.where(sound, bent, curvature)
        point = torch.where(better[:, None], trial, point)
        value = torch.where(better, found, value)
        slope = torch.where(better[:, None], gradient, slope)
        ahead = _direction(slope, moves, turns, curvature)
        uphill = (ahead * slope).sum(1) >= 0
        ahead = torch.where(uphill[:, None], -slope, ahead)
        fresh = curvature[-1] == 0  # no memory yet: the gradient's own length is no guide
        whole = torch.where(
            fresh | uphill, (1 / slope.norm(dim=1).clamp_min(1e-12)).clamp_max(1.0), 1.0
        )
        direction = torch.where(better[:, None], ahead, direction)
        length = torch.where(better, whole, length / 2)
        if progress is not None:
            progress(number + 1, evaluations)
    return point, value


def _evaluated(energy: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        asked = point.detach().requires_grad_()
        value = energy(asked)
        (slope,) = torch.autograd.grad(value.sum(), asked)
    return value.detach(), slope


def _direction(slope: Tensor, moves: Tensor, turns: Tensor, curvature: Tensor) -> Tensor:
    """−H·slope of each row by the two loops of algorithm 7.4; places without memory change nothing."""
    out = slope
    shares = []
    for move, turn, weight in zip(moves.flip(0), turns.flip(0), curvature.flip(0), strict=True):
        share = weight * (move * out).sum(1)
        out = out - share[:, None] * turn
        shares.append(share)
    last = curvature[-1]
    scale = 1 / (last * turns[-1].square().sum(1)).clamp_min(1e-30)
    out = torch.where((last > 0)[:, None], scale[:, None] * out, out)
    for move, turn, weight, share in zip(moves, turns, curvature, reversed(shares), strict=True):
        out = out + (share - weight * (turn * out).sum(1))[:, None] * move
    return -out
