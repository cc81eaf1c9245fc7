"""Maps of patches: a patch that is known is no surprise, and what a map says is local."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from narrows.images.painted import painted
from narrows.measures.patch_bank import PatchBank, Patches, picture_score, spread


def texture(seed: int, height: int = 60, width: int = 48, channels: int = 1) -> Tensor:
    """Woven stripes with noise, uint8 (C, H, W)."""
    draws = torch.Generator().manual_seed(seed)
    y, x = torch.arange(height).view(-1, 1), torch.arange(width)
    waves = 0.5 + 0.2 * torch.sin(y * 0.9) + 0.2 * torch.sin(x * 0.7)
    noisy = waves + 0.03 * torch.randn(channels, height, width, generator=draws)
    return (noisy.clamp(0, 1) * 255).round().to(torch.uint8)


FINE = Patches(scale=1, side=6, window=9, size=12, step=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_map_of_a_picture_is_that_of_its_tiles(channels: int) -> None:
    bank = PatchBank.fit([texture(i, channels=channels) for i in range(3)], FINE)
    whole = texture(9, 64, 70, channels)
    top, left, edge = 11, 8, FINE.window // 2  # a neighbourhood of the tile ends at its border
    of_tile = bank.distances(whole[:, top : top + 40, left : left + 44])[edge:-edge, edge:-edge]
    rows, columns = of_tile.shape
    there = bank.distances(whole)[top + edge :, left + edge :][:rows, :columns]
    assert torch.allclose(of_tile, there, atol=1e-4)


def test_a_known_patch_is_no_surprise_and_a_flaw_is() -> None:
    bank = PatchBank.fit([texture(i) for i in range(4)], FINE)
    known = texture(0)
    dark = known.clone()
    dark[:, 20:30, 20:30] //= 4
    flawed = bank.map(dark)
    assert flawed.shape == (60, 48)
    assert float(flawed[22:28, 22:28].mean()) > 2 * float(bank.map(known).max())
    assert torch.equal(flawed[:, 40:], bank.map(known)[:, 40:])  # far from it nothing changes


def test_brightness_and_contrast_are_taken_out() -> None:
    x = texture(1).float() / 255
    for other in (0.5 * x, x**1.5):  # a lamp; a camera's gamma
        plain, changed = (
            Patches(scale=1, window=9, contrast=1e-4).scaled(one) for one in (x + 0.2, other + 0.1)
        )
        assert float((plain - changed).abs().mean()) < 0.2 * float(plain.abs().mean())


@pytest.mark.parametrize("size", [(30, 41), (31, 44), (12, 12)])
def test_a_map_is_as_large_as_its_picture_and_keeps_a_constant(size: tuple[int, int]) -> None:
    patches = Patches(scale=0.5, side=6, step=2)
    rows, grid = patches.cut(texture(0, *size))
    assert len(rows) == grid[0] * grid[1]
    found = spread(torch.full(grid, 3.0), patches, size)
    assert found.shape == size and torch.allclose(found, torch.full(size, 3.0))


def test_the_score_is_the_mean_of_the_most_anomalous() -> None:
    values = torch.arange(10.0).view(2, 5)
    assert picture_score(values, 0.2) == 8.5
    assert picture_score(values, 1e-6) == 9
    assert picture_score(values, 1) == 4.5


@pytest.mark.parametrize("seed", range(8))
def test_a_painted_flaw_is_where_it_says(seed: int) -> None:
    x = texture(0, 50, 80, 3)
    made, where = painted(x, seed)
    assert made.shape == x.shape and made.dtype == torch.uint8 and bool(where.any())
    assert torch.equal(made[:, ~where], x[:, ~where])
    assert not torch.equal(made[:, where], x[:, where])
    again, _ = painted(x, seed)
    assert torch.equal(made, again)


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="a window has a middle pixel, so it is odd; we got 8"):
        Patches(window=8)
    with pytest.raises(ValueError, match="at least one normal picture"):
        PatchBank.fit([])
