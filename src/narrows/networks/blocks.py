"""Small layers that rungs are made of, by their names in a recipe."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "NORMS", "ResidualBlock", "activation", "norm"]

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


class ResidualBlock(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))): keeps (B, C, H, W) (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int, kernel: int, activation_name: str, norm_name: str) -> None:
        super().__init__()
        own = "batch" if norm_name == "shared-batch" else norm_name
        shape = (channels, 1, 1)
        self.body = nn.Sequential(
            norm(own, shape),
            activation(activation_name),
            nn.Conv2d(channels, channels, kernel, padding="same", bias=own == "none"),
            norm(own, shape),
            activation(activation_name),
            nn.Conv2d(channels, channels, kernel, padding="same"),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: torch.Tensor = self.body(x)
        return x + changed
