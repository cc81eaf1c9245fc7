"""Features without a network: what they are of known pictures, and what leaves them as they are."""

from __future__ import annotations

import math

import pytest
import torch

from narrows.measures.features import KMeansPatches, ZScores, _k_means, colours, pixels


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_pixels_are_means_of_cells() -> None:
    x = some(2, 3, 32, 48)
    wanted = x.reshape(2, 3, 16, 2, 16, 3).mean((3, 5))
    assert torch.allclose(pixels(x), wanted.flatten(1), atol=1e-6)
    assert torch.equal(pixels(some(2, 1, 5, 7)), some(2, 1, 5, 7).flatten(1))


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 64), (2, 16), (4, 32)])
def test_histograms_are_shares_of_each_cell(channels: int, size: int) -> None:
    x = some(3, channels, 16, 20)
    found = colours(x)
    counted_apart = 1 if channels in (1, 3) else channels
    assert found.shape == (3, 16 * size)
    assert torch.allclose(found.square().sum(1), torch.full((3,), 16.0 * counted_apart), atol=1e-4)
    within = x.clone()  # the pixels of a cell in another order
    within[:, :, :4, :5] = x[:, :, :4, :5].flip(2, 3)
    assert torch.equal(colours(within), found)


def test_a_red_picture_has_one_bin() -> None:
    x = torch.zeros(1, 3, 8, 8)
    x[:, 0] = 1
    found = colours(x).reshape(64, 16)
    assert torch.equal(found[48], torch.ones(16)) and float(found.sum()) == 16


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 9), (1, 4, 5), (2, 70, 40)])
def test_patches_are_of_any_shape_and_know_no_brightness(shape: tuple[int, ...]) -> None:
    x = 0.2 + 0.5 * some(12, *shape)
    fitted = KMeansPatches.fit(x.mul(255).byte().numpy(), 10)
    found = fitted(x)
    quarters = math.prod(min(2, side - fitted.side + 1) for side in shape[1:])
    assert found.shape == (12, quarters * len(fitted.centres)) and bool((found >= 0).all())
    assert torch.allclose(fitted(x + 0.2), found, atol=2e-3)
    assert bool(torch.isfinite(fitted(torch.zeros(1, *shape))).all())
    again = KMeansPatches.fit(x.mul(255).byte().numpy(), 10)
    assert torch.equal(again.centres, fitted.centres)


def test_centres_are_nearer_than_what_they_begin_with() -> None:
    x = torch.cat([some(60, 4, seed=s) + 5 * s for s in range(3)])
    begun = x[torch.randperm(180, generator=torch.Generator().manual_seed(1))[:3]]
    found = _k_means(x, 3, 0)

    def away(centres: torch.Tensor) -> float:
        return float(torch.cdist(x, centres).amin(1).square().mean())

    assert away(found) <= away(begun) + 1e-6
    which = torch.cdist(x, found).argmin(1)
    for k in which.unique():
        assert torch.allclose(found[k], x[which == k].mean(0), atol=1e-4)
    assert len(_k_means(x[:2], 5, 0)) == 2


def test_each_kind_has_the_same_weight() -> None:
    kinds = [
        10 * some(500, 4),
        some(500, 30, seed=1),
        torch.cat([some(500, 2), torch.ones(500, 1)], 1),
    ]
    found = ZScores.fit(kinds)(kinds)
    assert torch.allclose(found.mean(0), torch.zeros(37), atol=1e-4)
    shares = [float(part.square().sum(1).mean()) for part in found.split([4, 30, 3], 1)]
    assert shares[:2] == pytest.approx([1, 1], rel=1e-3)
    assert shares[2] == pytest.approx(2 / 3, rel=1e-3)  # a number that never varies weighs nothing
