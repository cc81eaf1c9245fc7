"""A way up that the code steers at every level: adaptive normalisation by styles.

picture ──convolutions, halving──► affine ─────────────────────────► h (width)
h ──mapping──► w ──affine──► a scale and a shift for each channel of each level
                                      │
a constant map ──AdaIN──► conv ─► twice as large, conv ──AdaIN──► … ──conv──► raw picture
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import activation as activation_of
from .ladder import Ladder, Shape

__all__ = ["Adaptive", "StyleRung", "style_ladder"]

TINY = 1e-5  # added to the variance of a channel
SLOPES = "leaky-relu"


class Adaptive(nn.Module):
    """AdaIN (Huang & Belongie 2017, eq. 8): each channel of a map gets the mean and scale that w says.

    (x − mean) / deviation · (1 + s(w)) + b(w), mean and deviation of the channel over the places of
    its own picture. What a level had of size and contrast is gone: only the style says it.

    Args:
        channels: C of the map.
        style: units of w.
    """

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (B, C, H, W), or one map for all, and w (B, style) → (B, C, H, W)."""
        scale, shift = self.affine(w)[:, :, None, None].chunk(2, 1)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        out: Tensor = (x - mean) * (variance + TINY).rsqrt() * (1 + scale) + shift
        return out


class StyleRung(nn.Module):
    """A whole way down to a vector, and a style-based way back (Karras et al. 2019, figure 1b).

    Kept: the mapping of the code, a constant map to begin with, and a style for every level after its
    convolution. Left out: noise at every level, mixed styles, a convolution of two a level, and growing
    while it trains.

    Args:
        above: (C, H, W) that it takes.
        width: numbers of the vector that it gives.
        widths: channels of the maps on both ways, from the picture inwards, each half as large.
        style: units of w.
        mapping: dense layers from the vector to w.
        activation: between the layers.

    Raises:
        ValueError: no map, a number below 1, or pictures too small for so many halvings: the smallest map
            has at least 2 pixels a side, as one pixel has no deviation.
    """

    def __init__(
        self,
        above: Shape,
        width: int,
        widths: Sequence[int],
        *,
        style: int = 128,
        mapping: int = 2,
        activation: str = SLOPES,
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"a style rung takes pictures (C, H, W); we got shape {tuple(above)}")
        if not widths or min(width, style, mapping, *widths) < 1:
            raise ValueError(
                "width, widths, style and mapping are at least 1; "
                f"we got {width}, {tuple(widths)}, {style} and {mapping}"
            )
        channels, *sides = above
        self.above: Shape = tuple(above)
        self.below: Shape = (width,)
        self.sizes: list[tuple[int, int]] = [(sides[0], sides[1])]
        down: list[nn.Module] = []
        for wide in widths:
            down += [nn.Conv2d(channels, wide, 3, 2, 1), activation_of(activation)]
            high, across = self.sizes[-1]
            self.sizes.append(((high + 1) // 2, (across + 1) // 2))
            channels = wide
        smallest = self.sizes[-1]
        if min(smallest) < 2:
            raise ValueError(
                f"pictures of {sides[0]}×{sides[1]} are too small for {len(widths)} halvings, whose last "
                "map has at least 2 pixels a side: give fewer widths"
            )
        inside = channels * smallest[0] * smallest[1]
        self.way_down = nn.Sequential(*down, nn.Flatten(), nn.Linear(inside, width))
        layers: list[nn.Module] = []
        for number in range(mapping):
            layers += [nn.Linear(style if number else width, style), activation_of(activation)]
        self.mapping = nn.Sequential(*layers)
        self.constant = nn.Parameter(torch.randn(1, channels, *smallest))
        inwards = list(widths)
        outwards = inwards[::-1] + inwards[:1]  # of the constant, then of each larger map
        self.convs = nn.ModuleList(
            nn.Conv2d(one, other, 3, padding=1)
            for one, other in zip(outwards, outwards[1:], strict=False)
        )
        self.styles = nn.ModuleList(Adaptive(wide, style) for wide in outwards)
        self.last = nn.Conv2d(outwards[-1], above[0], 3, padding=1)
        self.activation = activation_of(activation)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, width)."""
        return self.way_down(h), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, width) → (B, C, H, W)."""
        w = self.mapping(h)
        x = self.styles[0](self.constant, w)
        for conv, style, size in zip(self.convs, self.styles[1:], self.sizes[-2::-1], strict=True):
            x = conv(F.interpolate(x, size=size, mode="nearest"))
            x = style(self.activation(x), w)
        out: Tensor = self.last(x)
        return out


@part("ladder", "style")
def style_ladder(
    shape: Sequence[int],
    width: int = 256,
    widths: Sequence[int] = (32, 64, 128, 256),
    *,
    style: int = 128,
    mapping: int = 2,
    activation: str = SLOPES,
) -> Ladder:
    """A ladder of one ``StyleRung`` on pictures of ``shape`` (C, H, W), whose way up the code steers."""
    rung = StyleRung(
        tuple(shape), width, widths, style=style, mapping=mapping, activation=activation
    )
    return Ladder([rung], activation)
