"""Muon for matrices and AdamW for the rest, as one optimiser.

    gradient ──momentum──► M ──Newton–Schulz──► about U Vᵀ of M = U S Vᵀ ──► the matrix moves by it

``torch.optim.Muon`` takes matrices only and multiplies in bfloat16; a model has convolutions, biases
and scales too, and processors without bfloat16 are slow at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonalised"]

# of the quintic that drives every singular value into about 0.7 … 1.2 (Jordan et al. 2024)
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """M (R, C) → about U Vᵀ of its singular value decomposition U S Vᵀ, by Newton–Schulz."""
    a, b, c = QUINTIC
    wide: Tensor = matrix if len(matrix) <= matrix.shape[1] else matrix.t()
    wide = wide / wide.norm().clamp_min(1e-7)
    for _ in range(steps):
        square = wide @ wide.t()
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.t()


class Muon(torch.optim.Optimizer):
    """Matrices, and the kernels of convolutions as matrices (out, in · h · w), by Muon (Jordan et al.
    2024) with Nesterov momentum and steps of the size of Adam's (Liu et al. 2025, eq. 4); all else by
    AdamW. One learning rate and one decoupled weight decay for both; biases and scales do not decay.

    Args:
        parameters: what moves.
        lr: the learning rate.
        weight_decay: of matrices.
        momentum: of matrices.
        betas, eps: of AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-2,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ) -> None:
        numbers = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(parameters, {**numbers, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if parameter.ndim >= 2:
                    self._matrix(parameter, parameter.grad, state, group)
                else:
                    self._other(parameter, parameter.grad, state, group)

    def _matrix(self, p: Tensor, gradient: Tensor, state: Any, group: dict[str, Any]) -> None:
        if not state:
            state["momentum_buffer"] = torch.zeros_like(p)
        buffer = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(buffer, group["momentum"])  # Nesterov
        update = orthogonalised(ahead.flatten(1)).reshape(p.shape)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        rows, columns = p.flatten(1).shape
        p.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(rows, columns)))

    def _other(self, p: Tensor, gradient: Tensor, state: Any, group: dict[str, Any]) -> None:
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        first, second = group["betas"]
        state["step"] += 1
        state["exp_avg"].lerp_(gradient, 1 - first)
        state["exp_avg_sq"].lerp_(gradient.square(), 1 - second)
        done = float(state["step"])
        width = (state["exp_avg_sq"] / (1 - second**done)).sqrt_().add_(group["eps"])
        p.addcdiv_(state["exp_avg"], width, value=-group["lr"] / (1 - first**done))
