"""Seams: a filling that meets what is around it, changed inside the hole only."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["membrane", "seamless"]


def seamless(x: Tensor, filling: Tensor, hole: Tensor) -> Tensor:
    """x with its hole filled so that no edge shows (Pérez et al. 2003, eq. 7): known pixels stay.

    What the filling is wrong by around the hole is carried inwards by a membrane and added.

    Args:
        x, filling: (N, C, H, W); of ``x`` only what is known counts.
        hole: (N or 1, 1, H, W) booleans.
    """
    border = torch.where(hole, torch.zeros_like(x), x - filling)
    return torch.where(hole, (filling + membrane(border, hole)).clamp(0, 1), x)


def membrane(x: Tensor, hole: Tensor, tolerance: float = 1e-4) -> Tensor:
    """x (N, C, H, W) whose hole (N or 1, 1, H, W) is the smoothest surface through what is around it.

    Inside it each value is the mean of its neighbours (Laplace's equation; the picture's border lets
    nothing through), by conjugate gradients of all pictures and channels at once, to ``tolerance`` of
    the right side's norm. A hole without any known pixel around it becomes 0.
    """
    inside = hole.to(x.dtype).expand(len(x), 1, *x.shape[2:])
    neighbours = _around(torch.ones_like(x[:1, :1]))
    outside = torch.where(hole, torch.zeros_like(x), x)
    right = inside * _around(outside)
    value = torch.zeros_like(x)
    rest = right.clone()
    direction, size = rest.clone(), _dot(rest, rest)
    enough = tolerance**2 * size
    for _ in range(8 * max(x.shape[2:])):
        if bool((size <= enough).all()):
            break
        pushed = inside * (neighbours * direction - _around(direction))
        step = size / _dot(direction, pushed).clamp_min(1e-30)
        value, rest = value + step * direction, rest - step * pushed
        now = _dot(rest, rest)
        direction = rest + now / size.clamp_min(1e-30) * direction
        size = now
    return outside + value


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _around(x: Tensor) -> Tensor:
    """The sum of the four neighbours; beyond the border there are none."""
    out = torch.zeros_like(x)
    out[:, :, 1:] += x[:, :, :-1]
    out[:, :, :-1] += x[:, :, 1:]
    out[:, :, :, 1:] += x[:, :, :, :-1]
    out[:, :, :, :-1] += x[:, :, :, 1:]
    return out
