"""Generated shapes with known factors: the test bed of disentanglement, made on demand.

    index 0 .. 737,279  ◄──row-major──►  shape 3 · scale 6 · rotation 40 · x 32 · y 32  ──►  64x64, 0 or 1

The factors and their sizes are those of dSprites (Matthey et al., 2017); the pictures are drawn
here and are not the same. One deviation: the 40 rotations are k·2π/40, so that the last is not the
first again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..randomness import permutation
from .source import Images, Source
from .views import Subset

__all__ = ["Factors", "Sprites", "known_factors"]

SHAPES = ("square", "ellipse", "heart")
SIDE = 64
RADIUS = 13.0  # pixels from the centre of the largest shape to its farthest point
_HEART = 1.2501  # the same for the heart (x² + y² - 1)³ = x² y³, seen from _HEART_CENTRE above its origin
_HEART_CENTRE = 0.25


class Factors(NamedTuple):
    """What N pictures were made of.

    Attributes:
        steps: (N, F) int64, the step of each factor of each picture.
        names: of the F factors.
        categorical: the columns whose steps are names and not amounts.
    """

    steps: torch.Tensor
    names: tuple[str, ...]
    categorical: tuple[int, ...]


class Sprites:
    """All 737,280 pictures as a Source: ``batch`` gives float32 (B, 1, 64, 64) of zeros and ones."""

    name = "sprites"
    factor_names = ("shape", "scale", "rotation", "x", "y")
    factor_sizes = (3, 6, 40, 32, 32)

    def __len__(self) -> int:
        return math.prod(self.factor_sizes)

    def __repr__(self) -> str:
        return f"<Sprites: {self.description}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(1, 64, 64)."""
        return 1, SIDE, SIDE

    @property
    def description(self) -> str:
        """One line."""
        return f"{len(self):,} generated gray pictures of {SIDE}x{SIDE}"

    def factors(self, indices: torch.Tensor) -> torch.Tensor:
        """int64 (B, 5): the step of each factor of pictures (B,)."""
        indices = self._within(indices)
        steps = []
        for size in reversed(self.factor_sizes):
            steps.append(indices % size)
            indices = indices // size
        return torch.stack(steps[::-1], dim=1)

    def index(self, factors: torch.Tensor | Sequence[Sequence[int]]) -> torch.Tensor:
        """int64 (B,): the pictures with factor steps (B, 5)."""
        steps = torch.as_tensor(factors).to(torch.int64)
        sizes = torch.tensor(self.factor_sizes)
        if steps.ndim != 2 or steps.shape[1] != len(sizes):
            raise ValueError(f"factors must have shape (B, 5), got {tuple(steps.shape)}")
        if bool((steps < 0).any()) or bool((steps >= sizes).any()):
            raise ValueError(f"factors must be from 0 and below {self.factor_sizes}")
        result = torch.zeros(len(steps), dtype=torch.int64)
        for place, size in enumerate(self.factor_sizes):
            result = result * size + steps[:, place]
        return result

    def factor_values(self, indices: torch.Tensor) -> torch.Tensor:
        """float32 (B, 5): shape 0 1 2, scale 0.5 to 1, rotation from 0 below 2π, x and y 0 to 1."""
        steps = self.factors(indices).to(torch.float32)
        shape, scale, turn, x, y = steps.unbind(1)
        return torch.stack(
            [shape, 0.5 + scale / 10, turn * (2 * math.pi / 40), x / 31, y / 31], dim=1
        )

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, 64, 64) of the pictures (B,)."""
        return self._inside(indices).to(torch.float32)[:, None]

    def _inside(self, indices: torch.Tensor) -> torch.Tensor:
        """bool (B, 64, 64): which pixel centres lie in the shape."""
        values = self.factor_values(indices.cpu())
        kinds = values[:, 0].to(torch.int64)
        result = torch.empty(len(values), SIDE, SIDE, dtype=torch.bool)
        for kind in range(len(SHAPES)):
            rows = (kinds == kind).nonzero()[:, 0]
            if len(rows):
                u, v = _own_coordinates(values[rows])
                result[rows] = _MEMBERS[kind](u, v)
        return result

    def sample(self, n: int, seed: int = 0) -> Images:
        """n different pictures drawn with ``seed``, in memory, with the factor steps as labels."""
        if not 1 <= n <= len(self):
            raise ValueError(f"n must be 1 to {len(self):,}, got {n}")
        chosen = permutation(seed, "sprites", len(self))[:n]
        pixels = torch.empty(n, 1, SIDE, SIDE, dtype=torch.uint8)
        for start in range(0, n, 512):
            rows = chosen[start : start + 512]
            pixels[start : start + len(rows), 0] = self._inside(rows).to(torch.uint8) * 255
        steps, values = self.factors(chosen).numpy(), self.factor_values(chosen).numpy()
        labels: dict[str, Any] = {"shape": np.array(SHAPES)[steps[:, 0]]}
        labels |= {name: steps[:, i] for i, name in enumerate(self.factor_names) if i}
        return Images(
            pixels,
            ids=[str(int(i)) for i in chosen],
            labels=labels,
            metadata={name: values[:, i] for i, name in enumerate(self.factor_names) if i},
            name=self.name,
        )

    def _within(self, indices: torch.Tensor) -> torch.Tensor:
        indices = indices.to(torch.int64)
        if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise IndexError(f"sprites are numbered 0 to {len(self) - 1}")
        return indices


def known_factors(source: Source) -> Factors | None:
    """The factors of sprites, of all or of some of them; None of pictures without known factors."""
    rows = torch.arange(len(source))
    if isinstance(source, Subset):
        rows, source = source.indices, source.source
    if not isinstance(source, Sprites):
        return None
    return Factors(source.factors(rows), source.factor_names, (0,))


def _own_coordinates(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 64, 64) each: every pixel centre in the shape's own axes, where its radius is 1."""
    _, scale, turn, x, y = (column[:, None, None] for column in values.unbind(1))
    radius = scale * RADIUS
    room = SIDE - 2 * (RADIUS + 1)
    centres = torch.arange(SIDE) + 0.5
    across = (centres[None, None, :] - (RADIUS + 1 + room * x)) / radius
    down = (centres[None, :, None] - (RADIUS + 1 + room * y)) / radius
    cos, sin = turn.cos(), turn.sin()
    return cos * across + sin * down, cos * down - sin * across


def _square(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.maximum(u.abs(), v.abs()) <= math.sqrt(0.5)


def _ellipse(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return u.square() + (2 * v).square() <= 1


def _heart(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    x2 = (u * _HEART).square()
    y = _HEART_CENTRE - v * _HEART  # rows count downwards
    y2 = y * y
    return (x2 + y2 - 1) ** 3 <= x2 * y2 * y


_MEMBERS = (_square, _ellipse, _heart)
