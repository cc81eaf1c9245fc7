"""A linear projection of pictures, refined by convolutions above it: it begins as PCA and goes further.

    x ──+ convolutions──► x' ──affine──► (D,) ─► bottleneck
    x̂ ◄─+ convolutions─── g' ◄──affine── (D,) ◄─ bottleneck

A dense map knows where in a picture it stands, which aligned pictures (faces) want; convolutions
learn from every place of every picture. With the components of PCA in its place the map alone is
PCA, and training goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import ResidualBlock, activation, from_pieces, in_pieces
from .ladder import Ladder, Shape

__all__ = ["ProjectionRung", "projection_ladder"]

BEGINS = 0.01  # of a usual last layer: a mended picture is almost the picture


class _Mended(nn.Module):
    """x (B, C, H, W) → x and what convolutions on its ``patch``×``patch`` pieces add to it."""

    def __init__(self, shape: Shape, patch: int, channels: int, blocks: int, named: str) -> None:
        super().__init__()
        self.patch, self.shape = patch, shape
        pieces = shape[0] * patch**2
        first, last = (
            nn.Conv2d(a, b, 3, padding=1) for a, b in ((pieces, channels), (channels, pieces))
        )
        with torch.no_grad():
            last.weight.mul_(BEGINS)
            last.bias.mul_(BEGINS)  # type: ignore[union-attr]  # it has one
        within = [ResidualBlock(channels, 3, named, "none") for _ in range(blocks)]
        self.body = nn.Sequential(first, *within, activation(named), last)

    def forward(self, x: Tensor) -> Tensor:
        added = self.body(in_pieces(x, self.patch))
        return x + from_pieces(added, self.patch, self.shape)


class ProjectionRung(nn.Module):
    """Convolutions and an affine map down; its transpose and convolutions up.

    Args:
        above: (C, H, W) of the pictures.
        width: D, the numbers that it gives.
        patch: side of the pieces that the convolutions see as one place; sides that it does not
            divide are continued by their last pixel.
        channels, blocks: of the convolutions, residual blocks of two each.
        activation: between them.

    Raises:
        ValueError: a width, patch or number of channels below 1, fewer than 0 blocks, or no map.
    """

    def __init__(
        self,
        above: Shape,
        width: int,
        *,
        patch: int = 4,
        channels: int = 96,
        blocks: int = 1,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"a projection takes pictures (C, H, W); we got shape {tuple(above)}")
        if min(width, patch, channels) < 1 or blocks < 0:
            raise ValueError(
                "width, patch and channels are at least 1 and blocks at least 0; "
                f"we got {width}, {patch}, {channels} and {blocks}"
            )
        self.above: Shape = tuple(above)
        self.below: Shape = (width,)
        self.linear = nn.Linear(math.prod(above), width)
        self.bias_up = nn.Parameter(self.linear.weight.new_zeros(math.prod(above)))
        self.mended_down, self.mended_up = (
            _Mended(self.above, patch, channels, blocks, activation) for _ in range(2)
        )

    def begin(self, mean: Tensor, components: Tensor) -> None:
        """Take a mean (P,) and orthonormal components (D, P), such as those of PCA, as the map."""
        with torch.no_grad():
            self.linear.weight.copy_(components)
            self.linear.bias.copy_(-(components @ mean))
            self.bias_up.copy_(mean)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, width)."""
        return self.linear(self.mended_down(h).flatten(1)), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, width) → (B, C, H, W)."""
        flat = F.linear(h, self.linear.weight.t(), self.bias_up)
        out: Tensor = self.mended_up(flat.reshape(-1, *self.above))
        return out


@part("ladder", "projection")
def projection_ladder(
    shape: Sequence[int],
    width: int = 256,
    *,
    patch: int = 4,
    channels: int = 96,
    blocks: int = 1,
    activation: str = "silu",
) -> Ladder:
    """A ladder of one ``ProjectionRung`` on pictures of ``shape`` (C, H, W)."""
    rung = ProjectionRung(
        tuple(shape), width, patch=patch, channels=channels, blocks=blocks, activation=activation
    )
    return Ladder([rung], "identity")
