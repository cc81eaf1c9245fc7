"""Patches beside their rings: what a ring tells of a middle, and what it cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from narrows.measures.patch_bank import Patches
from narrows.measures.patch_context import PatchContext

PATCHES = Patches(scale=1.0, side=6, window=0, step=1)


def waves(seed: int, channels: int = 1) -> Tensor:
    """Cloth of two waves, a little noisy, uint8 (C, 40, 44)."""
    draws = torch.Generator().manual_seed(seed)
    y, x = torch.arange(40.0).view(-1, 1), torch.arange(44.0)
    turn = 6.3 * torch.rand(2, generator=draws)
    made = 0.5 + 0.2 * torch.sin(0.9 * y + turn[0]) + 0.2 * torch.sin(0.7 * x + turn[1])
    noisy = made + 0.01 * torch.randn(channels, 40, 44, generator=draws)
    return (255 * noisy.clamp(0, 1)).round().to(torch.uint8)


@pytest.fixture(scope="module")
def context() -> PatchContext:
    return PatchContext.fit([waves(i) for i in range(8)], PATCHES)


def test_normal_middles_are_off_by_one(context: PatchContext) -> None:
    fresh = torch.cat([context.distances(waves(100 + i)).flatten() for i in range(4)])
    assert float(fresh.square().mean()) == pytest.approx(1, abs=0.3)


def test_a_spot_is_off_by_more_where_it_is_in_the_middle(context: PatchContext) -> None:
    spotted = waves(100)
    spotted[:, 20:22, 24:26] = 0
    distances = context.distances(spotted)
    assert distances.shape == (35, 39)
    place = divmod(int(distances.argmax()), 39)
    assert abs(place[0] + 2.5 - 20.5) <= 2 and abs(place[1] + 2.5 - 24.5) <= 2
    assert float(distances.max()) > 3 * float(context.distances(waves(100)).max())


def test_it_is_the_regression_of_the_middle_on_its_ring() -> None:
    pictures = [waves(i) for i in range(8)]
    context = PatchContext.fit(pictures, PATCHES)
    x = PATCHES.drawn(pictures, 40_000, 0).double() - context.mean
    middle = context.residual.abs().sum(1) > 0
    grid = torch.zeros(6, 6, dtype=torch.bool)
    grid[2:4, 2:4] = True
    error = x @ context.residual.double()
    ring = ~grid.flatten()
    assert (
        float((x[:, ring].T @ error / len(x)).abs().max()) < 0.02
    )  # the error owes the ring nothing
    assert bool(middle[grid.flatten()].all()) and error.shape[1] == 4


def test_colours_and_no_picture() -> None:
    context = PatchContext.fit([waves(i, 3) for i in range(4)], PATCHES)
    assert context.residual.shape == (3 * 36, 3 * 4)
    with pytest.raises(ValueError, match="at least one normal picture"):
        PatchContext.fit([], PATCHES)
