"""An affine estimate of a picture, and convolutions that mend it: where linear restoring ends, and further.

    x ─┬─ affine ─► w ─┬─ pieces ───────────────► a part of h ──┬────────────────► + ─► x̂
       └───────────────┴─ pieces, convolutions ─► the rest of h ┴─ convolutions ─┘

With a Wiener filter, a ridge regression or a conditional mean in its place the estimate alone is that
baseline, the best that is linear; what the convolutions see beside it is the picture as it was given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..parts import part
from .ladder import Ladder, Shape
from .mending import MendingRung

__all__ = ["EstimateRung", "estimate_ladder"]

BEGINS = 0.01  # of a usual last layer: at first the estimate is hardly changed


class EstimateRung(MendingRung):
    """An affine map of low rank and its picture's pieces down, with what convolutions find; back up.

    Args:
        above: (C, H, W) of the pictures.
        rank: of the affine map.
        patch: side of the pieces that become one place of the code; sides that it does not divide are
            continued by their last pixel.
        channels: of the convolutions, which the code has beside the estimate's C · patch².
        blocks: residual blocks of two convolutions each, on either way.
        activation, norm: within them.

    Raises:
        ValueError: a rank, patch or number of channels below 1, fewer than 0 blocks, or no map.
    """

    def __init__(
        self,
        above: Shape,
        *,
        rank: int = 64,
        patch: int = 4,
        channels: int = 96,
        blocks: int = 4,
        activation: str = "silu",
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"an estimate takes pictures (C, H, W); we got shape {tuple(above)}")
        if min(rank, patch, channels) < 1 or blocks < 0:
            raise ValueError(
                "rank, patch and channels are at least 1 and blocks at least 0; "
                f"we got {rank}, {patch}, {channels} and {blocks}"
            )
        self.inwards = nn.Linear(math.prod(above), rank)
        self.outwards = nn.Linear(rank, math.prod(above))
        self.mend_with(above, patch, channels, blocks, (activation, norm), BEGINS)

    def begin(self, mean: Tensor, inwards: Tensor, outwards: Tensor, told: Tensor) -> None:
        """Estimate told + outwards · inwards · (x - mean), and keep it through training.

        Args:
            mean: (P,) of what is given.
            inwards: (rank, P).
            outwards: (P, rank).
            told: (P,), the mean of what is estimated.
        """
        with torch.no_grad():
            self.inwards.weight.copy_(inwards)
            self.inwards.bias.copy_(-(inwards @ mean))
            self.outwards.weight.copy_(outwards)
            self.outwards.bias.copy_(told)
        self.inwards.requires_grad_(False)
        self.outwards.requires_grad_(False)

    def estimated(self, h: Tensor) -> Tensor:
        """The affine map of pictures (B, C, H, W)."""
        estimate: Tensor = self.outwards(self.inwards(h.flatten(1)))
        return estimate.reshape(h.shape)


@part("ladder", "estimate")
def estimate_ladder(
    shape: Sequence[int],
    *,
    rank: int = 64,
    patch: int = 4,
    channels: int = 96,
    blocks: int = 4,
    activation: str = "silu",
    norm: str = "batch",
) -> Ladder:
    """A ladder of one ``EstimateRung`` on pictures of ``shape`` (C, H, W)."""
    rung = EstimateRung(
        tuple(shape),
        rank=rank,
        patch=patch,
        channels=channels,
        blocks=blocks,
        activation=activation,
        norm=norm,
    )
    return Ladder([rung], "identity")
