"""The small layers that rungs are made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from narrows.networks.blocks import ACTIVATIONS, NORMS, ResidualBlock, activation, norm


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_the_shape_and_the_order(name: str) -> None:
    """Each but the two with a dip (gelu, silu) is increasing."""
    x = torch.linspace(-3, 3, 50)
    y = activation(name)(x)
    assert y.shape == x.shape
    assert name in ("gelu", "silu") or bool((y.diff() >= 0).all())


def test_the_leaky_slope_is_a_fifth() -> None:
    assert torch.equal(activation("leaky-relu")(torch.tensor([-1.0])), torch.tensor([-0.2]))


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("shape", [(6, 5, 3), (6,)])
def test_a_norm_fits_maps_and_vectors(name: str, shape: tuple[int, ...]) -> None:
    x = 3 + 2 * torch.randn(20, *shape)
    y = norm(name, shape)(x).detach()
    assert y.shape == x.shape
    if name == "none":
        assert torch.equal(x, y)
    else:
        assert abs(float(y.mean())) < 1e-4 and abs(float(y.std()) - 1) < 0.05


@pytest.mark.parametrize("channels, groups", [(16, 8), (12, 4), (6, 2), (5, 1)])
def test_group_norm_takes_the_most_groups_that_fit(channels: int, groups: int) -> None:
    made = norm("group", (channels, 2, 2))
    assert isinstance(made, nn.GroupNorm) and made.num_groups == groups


@pytest.mark.parametrize("norm_name", NORMS)
def test_a_residual_block_keeps_the_shape(norm_name: str) -> None:
    x = torch.rand(3, 4, 5, 7)
    assert ResidualBlock(4, 3, "relu", norm_name)(x).shape == x.shape


def test_a_residual_block_with_a_silent_body_is_the_identity() -> None:
    block = ResidualBlock(4, 3, "relu", "none")
    nn.init.zeros_(block.body[-1].weight)
    nn.init.zeros_(block.body[-1].bias)
    x = torch.rand(3, 4, 5, 7)
    assert torch.equal(block(x), x)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="activation must be one of identity, .*; we got 'sine'"):
        activation("sine")
    with pytest.raises(ValueError, match="norm must be one of none, batch, .*; we got 'layer'"):
        norm("layer", (3,))
