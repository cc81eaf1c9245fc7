"""Convolutions that mend an estimate of a picture, piece by piece: what its rungs have in common.

x ─┬─ estimate ─► w ─┬─ pieces ───────────────► a part of h ──┬────────────────► + ─► x̂
   └─────────────────┴─ pieces, convolutions ─► the rest of h ┴─ convolutions ─┘
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import ResidualBlock, from_pieces, in_pieces
from .ladder import Shape

__all__ = ["MendingRung"]


class MendingRung(nn.Module):
    """An estimate and its pieces down, with what convolutions find beside it; back up.

    A subclass gives the estimate, and calls ``mend_with`` once its own modules are there.
    """

    above: Shape
    below: Shape

    def mend_with(
        self,
        above: Shape,
        patch: int,
        channels: int,
        blocks: int,
        how: tuple[str, str],
        begins: float,
    ) -> None:
        """Make the convolutions.

        Args:
            above: (C, H, W) of the pictures.
            patch: side of the pieces.
            channels: of the convolutions.
            blocks: residual blocks of two convolutions each, on either way.
            how: activation and norm within them.
            begins: what the last layer's usual weights are multiplied by, so that at first the answer
                is the estimate.
        """
        deep, height, width = above
        self.above = tuple(above)
        self.patch, self.pieces = patch, deep * patch**2
        self.below = (self.pieces + channels, -(-height // patch), -(-width // patch))
        first = nn.Conv2d(2 * self.pieces, channels, 3, padding=1)
        last = nn.Conv2d(channels, self.pieces, 3, padding=1)
        with torch.no_grad():
            last.weight.mul_(begins)
            last.bias.zero_()  # type: ignore[union-attr]  # it has one
        one, other = ([ResidualBlock(channels, 3, *how) for _ in range(blocks)] for _ in range(2))
        self.seen = nn.Sequential(first, *one)
        self.mended = nn.Sequential(*other, last)

    def estimated(self, h: Tensor) -> Tensor:
        """The estimate of pictures (B, C, H, W), of the same shape."""
        raise NotImplementedError

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, C · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉)."""
        patches, pieces = (in_pieces(x, self.patch) for x in (h, self.estimated(h).to(h)))
        return torch.cat([pieces, self.seen(torch.cat([patches, pieces], 1))], 1), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, C · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉) → (B, C, H, W)."""
        pieces, features = torch.split(h, [self.pieces, h.shape[1] - self.pieces], 1)
        return from_pieces(pieces + self.mended(features), self.patch, self.above)
