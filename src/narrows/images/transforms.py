"""What can be done to a picture by an amount: brightness, shift, zoom, rotation.

    x (B, C, H, W) in [0, 1]  ──transform(x, amounts (B,))──►  the same shape, on the same device

Amount 0 leaves every picture as it is. What comes in from outside has the colour of the border: the
median of its pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ..parts import part

__all__ = ["Brightness", "Rotation", "ShiftX", "ShiftY", "Transform", "Zoom", "border_colour"]


@runtime_checkable
class Transform(Protocol):
    """``unit`` says what an amount of 1 is; up to ``reach``, pictures stay recognisable."""

    unit: str
    reach: float

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        """(B, C, H, W) and amounts (B,) → (B, C, H, W)."""
        ...


@part("transform", "brightness")
@dataclass(frozen=True)
class Brightness:
    """Adds the amount to every value; 1 is the whole range."""

    unit: str = "of the range"
    reach: float = 0.25

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        return (x + amounts.to(x)[:, None, None, None]).clamp(0, 1)


@part("transform", "shift-x")
@dataclass(frozen=True)
class ShiftX:
    """Moves the picture to the right; 1 is its width."""

    unit: str = "of the width"
    reach: float = 0.125

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        return _warped(x, 1, 0, -2 * amounts, 0, 1, 0)


@part("transform", "shift-y")
@dataclass(frozen=True)
class ShiftY:
    """Moves the picture down; 1 is its height."""

    unit: str = "of the height"
    reach: float = 0.125

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        return _warped(x, 1, 0, 0, 0, 1, -2 * amounts)


@part("transform", "zoom")
@dataclass(frozen=True)
class Zoom:
    """Makes the picture e^amount times larger around its middle: 0.1 is about a tenth."""

    unit: str = "log of the size"
    reach: float = 0.25

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        smaller = (-amounts).exp()
        return _warped(x, smaller, 0, 0, 0, smaller, 0)


@part("transform", "rotation")
@dataclass(frozen=True)
class Rotation:
    """Turns the picture counter-clockwise around its middle, in degrees."""

    unit: str = "degrees"
    reach: float = 20.0

    def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
        angle, stretch = amounts * (math.pi / 180), x.shape[2] / x.shape[3]
        cosine, sine = angle.cos(), angle.sin()
        return _warped(x, cosine, -sine * stretch, 0, sine / stretch, cosine, 0)


def border_colour(x: Tensor) -> Tensor:
    """The median of the outermost pixels, (B, C, H, W) → (B, C, 1, 1)."""
    edge = torch.ones(x.shape[2:], dtype=torch.bool, device=x.device)
    edge[1:-1, 1:-1] = False
    return x[:, :, edge].median(2).values[:, :, None, None]


def _warped(x: Tensor, *entries: Tensor | float) -> Tensor:
    """Each picture as seen through the map of its own 2 × 3 matrix, row by row; −1 to 1 across."""
    rows = [torch.as_tensor(e, dtype=x.dtype, device=x.device).expand(len(x)) for e in entries]
    matrices = torch.stack(rows, 1).reshape(-1, 2, 3)
    still = (matrices == x.new_tensor([[1, 0, 0], [0, 1, 0]])).all(2).all(1)
    grid = affine_grid(matrices, list(x.shape), align_corners=False)
    colour = border_colour(x)
    moved = (grid_sample(x - colour, grid, align_corners=False) + colour).clamp(0, 1)
    return torch.where(still[:, None, None, None], x, moved)
