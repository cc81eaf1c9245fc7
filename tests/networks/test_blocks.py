"""The small layers that rungs are made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from narrows.networks.blocks import (
    ACTIVATIONS,
    NORMS,
    DilatedConv,
    ResidualBlock,
    activation,
    norm,
)


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


def test_one_dilation_of_1_is_the_plain_convolution() -> None:
    x = torch.rand(2, 4, 9, 7)
    ours = DilatedConv(4, 3, (1,))
    plain = nn.Conv2d(4, 4, 3, padding="same")
    plain.weight, plain.bias = ours.weight, ours.bias
    assert torch.allclose(ours(x), plain(x), atol=1e-6)


def test_several_dilations_are_one_large_sparse_kernel() -> None:
    """Σ_d s_d W at distance d, laid into one kernel of 9 × 9."""
    x, ours = torch.rand(2, 3, 12, 11), DilatedConv(3, 3, (1, 2, 4))
    nn.init.normal_(ours.scales)
    large = torch.zeros(3, 3, 9, 9)
    for scale, d in zip(ours.scales, ours.dilations, strict=True):
        large[:, :, 4 - d : 5 + d : d, 4 - d : 5 + d : d] += (
            scale[:, None, None, None] * ours.weight
        )
    wanted = F.conv2d(x, large, ours.bias, padding=4)
    assert torch.allclose(ours(x), wanted, atol=1e-5)


def test_dilations_see_further_with_hardly_more_weights() -> None:
    def seen(block: nn.Module) -> int:
        x = torch.zeros(1, 4, 33, 33, requires_grad=True)
        (slope,) = torch.autograd.grad(block(x)[0, :, 16, 16].sum(), x)
        return int((slope[0, 0, 16] != 0).nonzero().max()) - 16

    plain, wide = (
        ResidualBlock(4, 3, "tanh", "none"),
        ResidualBlock(4, 3, "tanh", "none", (1, 2, 4)),
    )
    assert (seen(plain), seen(wide)) == (2, 8)
    counts = [sum(p.numel() for p in block.parameters()) for block in (plain, wide)]
    assert counts[1] - counts[0] == 2 * 3 * 4


@pytest.mark.parametrize("dilations", [(), (0,), (1, -2)])
def test_dilations_below_1_are_refused(dilations: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="dilations are numbers of at least 1; we got"):
        DilatedConv(4, 3, dilations)
