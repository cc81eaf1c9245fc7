"""Discriminators: small networks that tell two kinds of things apart, and the losses of both sides.

    codes     (N, *code)   ──dense──►  logits (N,)
    pictures  (N, C, H, W) ──below──► features ──above──► logits (N,)

A logit estimates log p(first kind) − log p(second kind) where the discriminator is at its best
(Goodfellow et al. 2014, proposition 1). Neither of them normalises: a batch norm would make a score
depend on the others of its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "CodeDiscriminator",
    "PictureDiscriminator",
    "discriminator_loss",
    "generator_loss",
    "gradient_penalty",
]

SLOPE = 0.2  # of the leaky units
SMALLEST = 4  # a map is halved for as long as its shorter side is larger


def discriminator_loss(first: Tensor, second: Tensor) -> Tensor:
    """−log σ(first) − log σ(−second), each averaged over its batch: the discriminator's loss."""
    return F.softplus(-first).mean() + F.softplus(second).mean()


def generator_loss(logits: Tensor) -> Tensor:
    """−log σ(logits), averaged: the loss of what is to be taken for the first kind.

    The non-saturating loss of Goodfellow et al. 2014, §3.
    """
    return F.softplus(-logits).mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """R₁ / γ = ½ E ‖∇ D(x)‖² on pictures x (N, C, H, W) (Mescheder et al. 2018, eq. 9), a scalar.

    Where a discriminator has several logits for a picture, D is their mean.
    """
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        x = x.detach().float().requires_grad_(True)
        logits = discriminator(x).reshape(len(x), -1).mean(1)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        return 0.5 * gradient.square().flatten(1).sum(1).mean()


class CodeDiscriminator(nn.Module):
    """Dense layers with leaky units on codes of any shape.

    Args:
        code_shape: of one code.
        widths: units of the layers inside.

    Raises:
        ValueError: no layer inside, or one without units.
    """

    def __init__(self, code_shape: Sequence[int], widths: Sequence[int] = (256, 256)) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(
                f"a discriminator of codes needs layers of at least 1 unit; we got widths={tuple(widths)}"
            )
        layers: list[nn.Module] = []
        size = math.prod(code_shape)
        for width in widths:
            layers += [_filled(nn.Linear(size, width)), nn.LeakyReLU(SLOPE)]
            size = width
        self.features = nn.Sequential(*layers)
        self.above = nn.Linear(size, 1)

    def forward(self, z: Tensor) -> Tensor:
        """Codes z (N, *code) → logits (N,)."""
        out: Tensor = self.above(self.features(z.float().flatten(1)))
        return out.squeeze(1)


class PictureDiscriminator(nn.Module):
    """Strided convolutions with leaky units on pictures of any size, then one affine map.

    Args:
        shape: (C, H, W) of one picture.
        width: channels of the first map; each map below has twice as many.
        patches: whether every place of the last map has a logit of its own, which judges the pixels
            that it sees (Isola et al. 2017, PatchGAN), instead of one for the picture.

    Raises:
        ValueError: no channels.
    """

    def __init__(self, shape: Sequence[int], width: int = 32, patches: bool = False) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(
                f"a discriminator of pictures needs a width of at least 1; we got {width}"
            )
        channels, *sides = shape
        layers: list[nn.Module] = []
        while not layers or min(sides) > SMALLEST:
            wide = width << (len(layers) // 2)
            layers += [_filled(_halving(channels, wide, sides, patches)), nn.LeakyReLU(SLOPE)]
            channels, sides = wide, [(n + 1) // 2 for n in sides]
        middle = 2 * math.ceil(len(layers) / 4)
        self.below = nn.Sequential(*layers[:middle])
        last: list[nn.Module] = [nn.Flatten(), nn.Linear(channels * math.prod(sides), 1)]
        if patches:
            last = [nn.Conv2d(channels, 1, 1), nn.Flatten()]
        self.above = nn.Sequential(*layers[middle:], *last)

    def features(self, x: Tensor) -> Tensor:
        """Pictures x (N, C, H, W) in [0, 1] → the map half-way down, (N, channels, h, w)."""
        out: Tensor = self.below(2 * x.float() - 1)
        return out

    def logits(self, features: Tensor) -> Tensor:
        """Features (N, channels, h, w) → logits (N,), or (N, places) of patches."""
        out: Tensor = self.above(features)
        return out.squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures x (N, C, H, W) → logits (N,), or (N, places) of patches."""
        return self.logits(self.features(x))


def _halving(channels: int, wide: int, sides: Sequence[int], patches: bool) -> nn.Conv2d:
    """A convolution that halves a map, upwards.

    That of patches has an even kernel: it reads every pixel equally often, so that its gradient has no
    chequered pattern for a decoder to follow (Odena et al. 2016).
    """
    if not patches:
        return nn.Conv2d(channels, wide, 3, 2, 1)
    return nn.Conv2d(channels, wide, 4, 2, (1 + sides[0] % 2, 1 + sides[1] % 2))


def _filled(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    """Weights that keep the size of what passes through leaky units (He et al. 2015)."""
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
