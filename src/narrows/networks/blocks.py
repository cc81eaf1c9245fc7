"""Small layers that rungs are made of, by their names in a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "ACTIVATIONS",
    "NORMS",
    "DilatedConv",
    "ResidualBlock",
    "activation",
    "from_pieces",
    "in_pieces",
    "norm",
]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}

NORMS = ("none", "batch", "shared-batch", "group")


def activation(name: str) -> nn.Module:
    """The activation of that name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; we got {name!r}")
    return ACTIVATIONS[name]()


def norm(name: str, shape: tuple[int, ...]) -> nn.Module:
    """A normalisation for activations (B, *shape): over channels of a map, over units of a vector.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; we got {name!r}")
    channels = shape[0]
    if name == "none":
        return nn.Identity()
    if name == "group":
        groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
        return nn.GroupNorm(groups, channels)
    return nn.BatchNorm2d(channels) if len(shape) == 3 else nn.BatchNorm1d(channels)


class DilatedConv(nn.Module):
    """Σ_d s_d ⊙ (W ∗_d x) + b: one kernel at several dilations at once, on maps (B, C, H, W).

    The multiscale dilated convolution of Brock et al. 2017: what a feature looks like is learnt
    once, and at which scales it occurs by s_d, a number for each dilation and channel. Left out: their
    kernel of one pixel. With the dilation 1 alone and s = 1 it is the plain convolution.

    Args:
        channels: C, in and out.
        kernel: size of W.
        dilations: distances between the pixels that W looks at, each at least 1.
        bias: whether there is b.

    Raises:
        ValueError: no dilation, or one below 1.
    """

    def __init__(
        self, channels: int, kernel: int, dilations: Sequence[int], bias: bool = True
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ValueError(f"dilations are numbers of at least 1; we got {tuple(dilations)}")
        plain = nn.Conv2d(channels, channels, kernel, bias=bias)
        self.weight, self.bias = plain.weight, plain.bias
        self.dilations = tuple(dilations)
        self.scales = nn.Parameter(torch.full((len(dilations), channels), 1 / len(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        out = x.new_zeros(()) if self.bias is None else self.bias[:, None, None]
        for scale, dilation in zip(self.scales, self.dilations, strict=True):
            kernel = scale[:, None, None, None] * self.weight
            out = out + F.conv2d(x, kernel, padding="same", dilation=dilation)
        return out


class ResidualBlock(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))): keeps (B, C, H, W) (He et al. 2016, pre-activation).

    Args:
        dilations: of its convolutions; more than one makes them ``DilatedConv``.
    """

    def __init__(
        self,
        channels: int,
        kernel: int,
        activation_name: str,
        norm_name: str,
        dilations: Sequence[int] = (1,),
    ) -> None:
        super().__init__()
        own = "batch" if norm_name == "shared-batch" else norm_name
        shape = (channels, 1, 1)

        def conv(bias: bool) -> nn.Module:
            if tuple(dilations) == (1,):
                return nn.Conv2d(channels, channels, kernel, padding="same", bias=bias)
            return DilatedConv(channels, kernel, dilations, bias)

        self.body = nn.Sequential(
            norm(own, shape),
            activation(activation_name),
            conv(own == "none"),
            norm(own, shape),
            activation(activation_name),
            conv(True),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: torch.Tensor = self.body(x)
        return x + changed


def in_pieces(x: Tensor, patch: int) -> Tensor:
    """Pieces of ``patch`` × ``patch`` pixels as channels of one place each, whatever the size.

    (B, C, H, W) → (B, C · patch², ⌈H / patch⌉, ⌈W / patch⌉); a piece that hangs over is continued by
    the last pixel.
    """
    across, down = -x.shape[3] % patch, -x.shape[2] % patch
    whole = F.pad(x, (0, across, 0, down), mode="replicate") if across or down else x
    return F.pixel_unshuffle(whole, patch)


def from_pieces(pieces: Tensor, patch: int, shape: tuple[int, ...]) -> Tensor:
    """The picture (B, C, H, W) of ``shape`` (C, H, W) that ``in_pieces`` took apart."""
    out: Tensor = F.pixel_shuffle(pieces, patch)[..., : shape[1], : shape[2]]
    return out
