"""A picture mended by convolutions that look around each pixel: for pieces of pictures of any size.

    x ─┬─ guess ─► w ─┬─ pieces ───────────────► a part of h ──┬────────────────► + ─► x̂
       └──────────────┴─ pieces, convolutions ─► the rest of h ┴─ convolutions ─┘

The guess needs no training, and the convolutions begin at nothing: at first the answer is the guess.
No weight belongs to a place of the picture, as in an ``estimate`` ladder it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..images.blending import membrane
from ..images.cosine import cosine_threshold
from ..parts import part
from .blocks import ResidualBlock, from_pieces, in_pieces
from .ladder import Ladder, Shape

__all__ = ["GUESSES", "LocalRung", "local_ladder"]

HIDDEN = 0.5  # the value of a hole
GUESSES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "as-given": lambda x, _: x,
    "cosine-threshold": lambda x, sigma: cosine_threshold(x, sigma, step=2, colours=True),
    "membrane": lambda x, _: membrane(x, (x == HIDDEN).all(1, keepdim=True)),
}


class LocalRung(nn.Module):
    """A guess and its pieces down, with what convolutions find around each; back up.

    Args:
        above: (C, H, W) of the pictures.
        guess: ``as-given``, ``cosine-threshold`` (of noise) or ``membrane`` (over a hole of value 0.5).
        sigma: standard deviation of the noise, for the threshold.
        patch: side of the pieces that become one place of the code; sides that it does not divide are
            continued by their last pixel.
        channels: of the convolutions, which the code has beside the guess's C · patch².
        blocks: residual blocks of two convolutions each, on either way.
        activation, norm: within them.

    Raises:
        ValueError: an unknown guess, a patch or number of channels below 1, fewer than 0 blocks.
    """

    def __init__(
        self,
        above: Shape,
        *,
        guess: str = "as-given",
        sigma: float = 0.1,
        patch: int = 4,
        channels: int = 64,
        blocks: int = 3,
        activation: str = "silu",
        norm: str = "none",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"a local rung takes pictures (C, H, W); we got shape {tuple(above)}")
        if guess not in GUESSES:
            raise ValueError(f"a guess is {', '.join(GUESSES)}; we got {guess!r}")
        if min(patch, channels) < 1 or blocks < 0:
            raise ValueError(
                "patch and channels are at least 1 and blocks at least 0; "
                f"we got {patch}, {channels} and {blocks}"
            )
        deep, height, width = above
        self.above: Shape = tuple(above)
        self.guess, self.sigma = guess, sigma
        self.patch, self.pieces = patch, deep * patch**2
        self.below: Shape = (self.pieces + channels, -(-height // patch), -(-width // patch))
        first = nn.Conv2d(2 * self.pieces, channels, 3, padding=1)
        last = nn.Conv2d(channels, self.pieces, 3, padding=1)
        with torch.no_grad():
            last.weight.zero_()
            last.bias.zero_()  # type: ignore[union-attr]  # it has one
        one, other = (
            [ResidualBlock(channels, 3, activation, norm) for _ in range(blocks)] for _ in range(2)
        )
        self.seen = nn.Sequential(first, *one)
        self.mended = nn.Sequential(*other, last)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, C · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉)."""
        with torch.no_grad():
            guess = GUESSES[self.guess](h.float(), self.sigma)
        patches, pieces = (in_pieces(x, self.patch) for x in (h, guess.to(h)))
        return torch.cat([pieces, self.seen(torch.cat([patches, pieces], 1))], 1), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, C · patch² + channels, ⌈H / patch⌉, ⌈W / patch⌉) → (B, C, H, W)."""
        pieces, features = torch.split(h, [self.pieces, h.shape[1] - self.pieces], 1)
        return from_pieces(pieces + self.mended(features), self.patch, self.above)


@part("ladder", "local")
def local_ladder(
    shape: Sequence[int],
    *,
    guess: str = "as-given",
    sigma: float = 0.1,
    patch: int = 4,
    channels: int = 64,
    blocks: int = 3,
    activation: str = "silu",
    norm: str = "none",
) -> Ladder:
    """A ladder of one ``LocalRung`` on pictures of ``shape`` (C, H, W)."""
    rung = LocalRung(
        tuple(shape),
        guess=guess,
        sigma=sigma,
        patch=patch,
        channels=channels,
        blocks=blocks,
        activation=activation,
        norm=norm,
    )
    return Ladder([rung], "identity")
