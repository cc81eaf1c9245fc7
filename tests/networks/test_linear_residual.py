"""A linear map and what convolutions add to it: any size comes back, and at first nothing is added."""

from __future__ import annotations

import re

import pytest
import torch

from narrows.networks import LinearResidualRung, WhitenedLinear, linear_residual_ladder
from narrows.parts import part_of


@pytest.mark.parametrize(
    "shape", [(3, 64, 64), (1, 28, 28), (1, 8, 8), (2, 7, 9), (1, 1, 1), (3, 5, 40)]
)
@torch.no_grad()
def test_any_size_comes_back(shape: tuple[int, int, int]) -> None:
    ladder = linear_residual_ladder(shape, 6, channels=(4, 5), dense=(2, 3))
    x = torch.rand(2, *shape)
    levels, _ = ladder.descend(x)
    assert levels[-1].shape == (2, 6) and ladder.ascend(levels[-1]).shape == x.shape


@torch.no_grad()
def test_at_first_it_is_its_linear_map() -> None:
    rung = LinearResidualRung((3, 9, 7), 5, channels=(4, 4), norm="group")
    x, z = torch.rand(4, 3, 9, 7), torch.randn(4, 5)
    assert torch.equal(rung.down(x)[0], rung.linear.down(x.flatten(1)))
    assert torch.equal(rung.up(z), rung.linear.up(z).reshape(4, 3, 9, 7))


@torch.no_grad()
def test_a_code_has_unit_variance_and_missing_directions_say_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(500, 3, generator=draw) * torch.tensor([3.0, 2.0, 0.1]) + 1
    linear = WhitenedLinear(3, 4)
    linear.begin(x.mean(0), torch.eye(3)[:2], x.std(0)[:2])
    z = linear.down(x)
    torch.testing.assert_close(z[:, :2].std(0), torch.ones(2))
    assert float(z[:, 2:].abs().max()) == 0
    torch.testing.assert_close(linear.up(z)[:, :2], x[:, :2])
    assert torch.equal(linear.up(z), linear.up(z + torch.tensor([0, 0, 1.0, 1.0])))


def test_it_is_a_part() -> None:
    assert part_of(linear_residual_ladder((1, 8, 8), 3)).name == "linear-residual"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LinearResidualRung((12,), 3), "takes pictures (C, H, W); we got shape (12,)"),
        (lambda: LinearResidualRung((1, 8, 8), 0), "(32, 64), (8, 16), 0, 1 and 1"),
        (lambda: LinearResidualRung((1, 8, 8), 2, channels=(3,)), "two numbers each"),
        (lambda: LinearResidualRung((1, 8, 8), 2, blocks=-1), "blocks at least 0"),
    ],
)
def test_what_is_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
