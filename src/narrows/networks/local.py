"""A picture mended by convolutions that look around each pixel: for pieces of pictures of any size.

    x ─┬─ guess ─► w ─┬─ pieces ───────────────► a part of h ──┬────────────────► + ─► x̂
       └──────────────┴─ pieces, convolutions ─► the rest of h ┴─ convolutions ─┘

The guess needs no training, and the convolutions begin at nothing: at first the answer is the guess.
No weight belongs to a place of the picture, as in an ``estimate`` ladder it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..images.blending import membrane
from ..images.cosine import cosine_threshold
from ..parts import part
from .ladder import Ladder, Shape
from .mending import MendingRung

__all__ = ["GUESSES", "LocalRung", "local_ladder"]

HIDDEN = 0.5  # the value of a hole
GUESSES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "as-given": lambda x, _: x,
    "cosine-threshold": lambda x, sigma: cosine_threshold(x, sigma, step=2, colours=True),
    "membrane": lambda x, _: membrane(x, (x == HIDDEN).all(1, keepdim=True)),
}


class LocalRung(MendingRung):
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
        self.guess, self.sigma = guess, sigma
        self.mend_with(above, patch, channels, blocks, (activation, norm), begins=0.0)

    def estimated(self, h: Tensor) -> Tensor:
        """The guess at pictures (B, C, H, W)."""
        with torch.no_grad():
            return GUESSES[self.guess](h.float(), self.sigma)


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
