"""An estimate of a picture, and convolutions that mend it: where filters and linear maps end, and further.

    x ─┬─ guess, affine ─► w ─┬─ pieces ───────────────► a part of h ──┬────────────────► + ─► x̂
       └──────────────────────┴─ pieces, convolutions ─► the rest of h ┴─ convolutions ─┘

The estimate is a guess that needs no training, mixed with an affine map of low rank where pictures are
of one kind: a Wiener filter, a ridge regression, a conditional mean. The convolutions begin at nothing,
so at first the answer is the estimate, and what the guess knows is never touched. Without the affine
map no weight belongs to a place of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, build, part
from .blocks import ResidualBlock, from_pieces, in_pieces
from .guesses import Guess
from .ladder import Ladder, Shape

__all__ = ["EstimateRung", "estimate_ladder"]

AS_GIVEN = Part("as-given")
STEP = 0.1  # of what convolutions give: a change is small beside a picture
CONTRAST = 0.2  # of pixels to the mean around them


class EstimateRung(nn.Module):
    """An estimate and its pieces down, with what convolutions find beside it; back up.

    Args:
        above: (C, H, W) of the pictures.
        rank: of the affine map; 0: there is none.
        guess: a part of the kind ``guess``.
        patch: side of the pieces that become one place of the code; sides that it does not divide are
            continued by their last pixel.
        channels: of the convolutions, which the code has beside the estimate's pieces.
        blocks: residual blocks of two convolutions each, on either way.
        activation, norm: within them.

    Raises:
        ValueError: a patch or number of channels below 1, a rank or number of blocks below 0, an
            unknown guess, or no map.
    """

    guess: Guess
    share: Tensor

    def __init__(
        self,
        above: Shape,
        *,
        rank: int = 64,
        guess: Any = AS_GIVEN,
        patch: int = 4,
        channels: int = 96,
        blocks: int = 4,
        activation: str = "silu",
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"an estimate takes pictures (C, H, W); we got shape {tuple(above)}")
        if min(patch, channels) < 1 or min(rank, blocks) < 0:
            raise ValueError(
                "patch and channels are at least 1, rank and blocks at least 0; "
                f"we got {patch}, {channels}, {rank} and {blocks}"
            )
        deep, height, width = above
        self.above: Shape = tuple(above)
        self.guess = build("guess", guess)
        self.patch = patch
        self.pieces = (deep + self.guess.marks) * patch**2
        self.below: Shape = (self.pieces + channels, -(-height // patch), -(-width // patch))
        self.rank = rank
        if rank:
            self.inwards = nn.Linear(math.prod(above), rank)
            self.outwards = nn.Linear(rank, math.prod(above))
            self.register_buffer("share", torch.ones(()))
        how = (activation, norm)
        one, other = ([ResidualBlock(channels, 3, *how) for _ in range(blocks)] for _ in range(2))
        first = nn.Conv2d(deep * patch**2 + self.pieces + 1, channels, 3, padding=1)
        last = nn.Conv2d(channels, deep * patch**2, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one
        self.seen = nn.Sequential(first, *one)
        self.mended = nn.Sequential(*other, last)

    def begin(
        self, mean: Tensor, inwards: Tensor, outwards: Tensor, told: Tensor, share: float = 0.0
    ) -> None:
        """Estimate share · guess + told + outwards · inwards · (x − mean), and keep it through training.

        Args:
            mean: (P,) of what is given.
            inwards: (k, P), k ≤ rank; the rest of the rank says nothing.
            outwards: (P, k).
            told: (P,), the mean of what is estimated, without the guess's share of it.
            share: of the guess.
        """
        k = len(inwards)
        with torch.no_grad():
            self.outwards.weight.zero_()
            self.inwards.weight[:k] = inwards
            self.inwards.bias[:k] = -(inwards @ mean)
            self.outwards.weight[:, :k] = outwards
            self.outwards.bias.copy_(told)
            self.share.fill_(share)
        self.inwards.requires_grad_(False)
        self.outwards.requires_grad_(False)

    def estimated(self, h: Tensor) -> Tensor:
        """The estimate of pictures (B, C, H, W), of the same shape."""
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            if not self.rank:
                return self._guess(h)
            # a graph holds the share as a tensor: it cannot ask whether there is one
            share = self.share if torch.compiler.is_exporting() else float(self.share)
            base = h  # what is known of it stays, and the rest has no share
            if isinstance(share, Tensor) or share:
                base = self._guess(h)
            affine = self.outwards(self.inwards(h.flatten(1))).reshape(h.shape)
            return self.mixed(h, base, affine, share)

    def mixed(self, h: Tensor, guess: Tensor, affine: Tensor, share: float | Tensor) -> Tensor:
        """share · guess + affine, where nothing is known; elsewhere the guess."""
        return guess + self.guess.open(affine - (1 - share) * guess, self.guess.marked(h))

    def _guess(self, h: Tensor) -> Tensor:
        with torch.no_grad():
            return self.guess(h)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, (C + marks) · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉)."""
        estimate = torch.cat([self.estimated(h).to(h), self.guess.marked(h)], 1)
        given, pieces = (in_pieces(x, self.patch) for x in (h, estimate))
        return torch.cat([pieces, self.seen(self._contrasts(given, pieces))], 1), None

    def _contrasts(self, given: Tensor, pieces: Tensor) -> Tensor:
        """Pieces less the estimate's mean around them, enlarged to be of size 1; marks; that mean."""
        shown = given.shape[1]
        mean = F.avg_pool2d(
            pieces[:, :shown].mean(1, keepdim=True), 3, 1, 1, count_include_pad=False
        )
        pictures = torch.cat([given, pieces[:, :shown]], 1) - mean
        return torch.cat([pictures / CONTRAST, pieces[:, shown:], mean], 1)

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, (C + marks) · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉) → (B, C, H, W)."""
        deep, *sides = self.above
        pieces, features = torch.split(h, [self.pieces, h.shape[1] - self.pieces], 1)
        marked = from_pieces(pieces, self.patch, (deep + self.guess.marks, *sides))
        change = from_pieces(self.mended(features), self.patch, self.above)
        return marked[:, :deep] + self.guess.open(STEP * change, marked[:, deep:])


@part("ladder", "estimate")
def estimate_ladder(
    shape: Sequence[int],
    *,
    rank: int = 64,
    guess: Any = AS_GIVEN,
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
        guess=guess,
        patch=patch,
        channels=channels,
        blocks=blocks,
        activation=activation,
        norm=norm,
    )
    return Ladder([rung], "identity")
