"""A whitened linear map of pictures, and what a small convolutional network adds to it on either way.

    x ─┬─ linear ────────────────► z ──► linear ──┬─► x̄ ───────────────┬──► + ─► x̂
       └─ convolutions, last 0 ─► +  └──────────► └─► convolutions, last 0 ┤
                                                        └─► finer ones, last 0 ┘

With the components of PCA in the linear map the whole is PCA until the first step, because the last
layers of both networks begin at zero: what is learnt is a correction of PCA, never a worse start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import ResidualBlock, activation, from_pieces, in_pieces
from .blocks import norm as norm_of
from .ladder import Ladder, Shape

__all__ = ["LinearResidualRung", "WhitenedLinear", "linear_residual_ladder"]

PLACES = 16  # along a side of a square picture, that the first convolutions see


class WhitenedLinear(nn.Module):
    """x (B, P) → z (B, D), z = (x − mean) Vᵀ / s, and z → mean + (z s) V.

    V (D, P) are ``components``, s (D,) is ``scale``; with PCA's components and deviations z has unit
    variance. Always in float32.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.full((features,), 0.5))
        self.components = nn.Parameter(torch.randn(width, features) / math.sqrt(features))
        self.scale = nn.Parameter(torch.ones(width))

    def begin(self, mean: Tensor, components: Tensor, deviations: Tensor) -> None:
        """Take a mean (P,), orthonormal components (k, P) and deviations (k,), k ≤ D; the rest is 0."""
        with torch.no_grad():
            self.mean.copy_(mean)
            self.components.zero_()
            self.components[: len(components)] = components
            self.scale.fill_(1.0)
            self.scale[: len(deviations)] = deviations

    def down(self, x: Tensor) -> Tensor:
        """x (B, P) → z (B, D)."""
        with torch.autocast(x.device.type, enabled=False):
            return (x.float() - self.mean) @ self.components.t() / self.scale

    def up(self, z: Tensor) -> Tensor:
        """z (B, D) → x (B, P)."""
        with torch.autocast(z.device.type, enabled=False):
            return torch.addmm(self.mean, z.float() * self.scale, self.components)


class LinearResidualRung(nn.Module):
    """A whitened linear map, and convolutions at two scales that correct it on either way.

    Args:
        above: (C, H, W) of the pictures.
        width: D, the numbers that it gives.
        channels: of the convolutions on pieces of the picture, and on four of them at once.
        dense: channels of the coarser scale that the way down reads and the way up begins with.
        patch: side of the pieces; by default such that a square picture is 16 pieces wide. Sides that
            it does not divide are continued by their last pixel.
        blocks: residual blocks of two convolutions at each scale.
        finer: channels at half the picture's size and at its own, of convolutions that draw on the way up
            what pieces cannot: edges. None: there are none of them.
        activation, norm: within them.

    Raises:
        ValueError: a width, patch or number of channels below 1, fewer than 0 blocks, or no map.
    """

    def __init__(
        self,
        above: Shape,
        width: int,
        *,
        channels: Sequence[int] = (32, 64),
        dense: Sequence[int] = (8, 16),
        patch: int | None = None,
        blocks: int = 1,
        finer: Sequence[int] | None = None,
        activation: str = "silu",
        norm: str = "none",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(
                f"a linear residual takes pictures (C, H, W); we got shape {tuple(above)}"
            )
        deep, height, across = above
        if patch is None:
            patch = max(1, round(math.sqrt(height * across) / PLACES))
        pairs = (channels, dense, *([] if finer is None else [finer]))
        numbers = (width, patch, *(n for pair in pairs for n in pair))
        if any(len(pair) != 2 for pair in pairs) or min(numbers) < 1 or blocks < 0:
            raise ValueError(
                "channels, dense and finer are two numbers each; they, width and patch are at least 1 "
                f"and blocks at least 0; we got {', '.join(str(tuple(p)) for p in pairs)}, {width}, "
                f"{patch} and {blocks}"
            )
        self.above: Shape = tuple(above)
        self.below: Shape = (width,)
        self.patch = patch
        fine, coarse = channels
        inwards, outwards = dense
        pieces = deep * patch**2
        self.fine_shape: Shape = (fine, -(-height // patch), -(-across // patch))
        places = tuple(-(-side // 2) for side in self.fine_shape[1:])
        self.start_shape: Shape = (outwards, *places)

        def scale_of(width: int) -> nn.Sequential:
            return nn.Sequential(
                *[ResidualBlock(width, 3, activation, norm) for _ in range(blocks)]
            )

        self.linear = WhitenedLinear(math.prod(above), width)
        self.down_fine = nn.Sequential(nn.Conv2d(pieces, fine, 1), scale_of(fine))
        self.down_coarse = nn.Sequential(
            nn.Conv2d(4 * fine, coarse, 1), scale_of(coarse), *_settled(coarse, activation, norm)
        )
        self.down_dense = nn.Conv2d(coarse, inwards, 1)
        self.down_last = nn.Linear(inwards * math.prod(places), width)
        self.up_first = nn.Linear(width, math.prod(self.start_shape))
        self.up_coarse = nn.Sequential(
            nn.Conv2d(outwards, coarse, 1), scale_of(coarse), *_settled(coarse, activation, norm)
        )
        self.up_between = nn.Conv2d(coarse, 4 * fine, 1)
        self.up_linear = nn.Conv2d(pieces, fine, 1)
        self.up_fine = nn.Sequential(scale_of(fine), *_settled(fine, activation, norm))
        self.up_last = nn.Conv2d(fine, pieces, 3, padding=1)
        self.up_finer = None if finer is None else Finer(self.above, fine, finer, activation, norm)
        for last in (self.down_last, self.up_last):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, width)."""
        found = self.down_coarse(in_pieces(self.down_fine(in_pieces(h, self.patch)), 2))
        added = self.down_last(self.down_dense(found).flatten(1))
        return self.linear.down(h.flatten(1)) + added, None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, width) → (B, C, H, W)."""
        linear = self.linear.up(h).reshape(-1, *self.above)
        coarse = self.up_coarse(self.up_first(h).reshape(-1, *self.start_shape))
        fine = from_pieces(self.up_between(coarse), 2, self.fine_shape)
        fine = self.up_fine(fine + self.up_linear(in_pieces(linear, self.patch)))
        out: Tensor = linear + from_pieces(self.up_last(fine), self.patch, self.above)
        return out if self.up_finer is None else out + self.up_finer(fine, out)


class Finer(nn.Module):
    """What a map (B, channels, h, w) and the picture (B, C, H, W) that was made of it say of its edges.

    Every step enlarges and then convolves, so that no place of a pattern is another's neighbour only
    (Odena et al. 2016); the last layer begins at zero.
    """

    def __init__(
        self,
        shape: Shape,
        channels: int,
        finer: Sequence[int],
        activation_name: str,
        norm_name: str,
    ) -> None:
        super().__init__()
        half, whole = finer
        self.size = tuple(shape[1:])
        self.here = ResidualBlock(channels, 3, activation_name, norm_name)
        self.to_half = nn.Conv2d(channels, half, 3, padding=1)
        self.to_whole = nn.Conv2d(half, whole, 3, padding=1)
        self.activation = activation(activation_name)
        self.last = nn.Conv2d(whole + shape[0], shape[0], 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, fine: Tensor, picture: Tensor) -> Tensor:
        """(B, C, H, W), to be added to the picture."""
        h = self.here(fine).contiguous(memory_format=torch.channels_last)  # twice as fast
        h = _enlarged(h, [-(-side // 2) for side in self.size])
        h = _enlarged(self.activation(self.to_half(h)), list(self.size))
        h = self.activation(self.to_whole(h))
        out: Tensor = self.last(torch.cat([h, picture.to(h.dtype)], 1))
        return out


def _enlarged(h: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(h, size, mode="bilinear", align_corners=False)


def _settled(channels: int, activation_name: str, norm_name: str) -> tuple[nn.Module, nn.Module]:
    """What ends a run of pre-activation blocks."""
    return norm_of(norm_name, (channels, 1, 1)), activation(activation_name)


@part("ladder", "linear-residual")
def linear_residual_ladder(
    shape: Sequence[int],
    width: int = 64,
    *,
    channels: Sequence[int] = (32, 64),
    dense: Sequence[int] = (8, 16),
    patch: int | None = None,
    blocks: int = 1,
    finer: Sequence[int] | None = None,
    activation: str = "silu",
    norm: str = "none",
) -> Ladder:
    """A ladder of one ``LinearResidualRung`` on pictures of ``shape`` (C, H, W)."""
    rung = LinearResidualRung(
        tuple(shape),
        width,
        channels=channels,
        dense=dense,
        patch=patch,
        blocks=blocks,
        finer=finer,
        activation=activation,
        norm=norm,
    )
    return Ladder([rung], "identity")
