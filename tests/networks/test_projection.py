"""A linear projection that convolutions mend: it begins as PCA, and any size comes back."""

from __future__ import annotations

import re

import pytest
import torch

from narrows.measures import Pca
from narrows.networks import ProjectionRung, projection_ladder
from narrows.parts import part_of


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (3, 5)])
@torch.no_grad()
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    ladder = projection_ladder((3, *size), 6, channels=4).eval()
    x = torch.rand(2, 3, *size)
    levels, _ = ladder.descend(x)
    assert levels[-1].shape == (2, 6) and ladder.ascend(levels[-1]).shape == x.shape


@torch.no_grad()
def test_it_begins_as_pca() -> None:
    pictures = torch.rand((20, 2, 8, 12), generator=torch.Generator().manual_seed(0))
    pca = Pca.fit(pictures, 6)
    rung = ProjectionRung((2, 8, 12), 6, channels=4).eval()
    rung.begin(pca.mean, pca.components)
    for mended in (rung.mended_down, rung.mended_up):
        torch.nn.init.zeros_(mended.body[-1].weight)
        torch.nn.init.zeros_(mended.body[-1].bias)
    code, pooling_indices = rung.down(pictures)
    assert pooling_indices is None
    torch.testing.assert_close(code, pca.encode(pictures), atol=1e-5, rtol=0)
    torch.testing.assert_close(rung.up(code), pca.decode(code), atol=1e-5, rtol=0)


def test_it_is_a_part() -> None:
    assert part_of(projection_ladder((1, 8, 8), 3, channels=2)).name == "projection"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ProjectionRung((12,), 3), "a projection takes pictures (C, H, W)"),
        (lambda: ProjectionRung((1, 8, 8), 0), "we got 0, 4, 96 and 1"),
        (lambda: ProjectionRung((1, 8, 8), 2, blocks=-1), "blocks at least 0"),
    ],
)
def test_what_is_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
