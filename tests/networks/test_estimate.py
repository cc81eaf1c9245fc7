"""An affine estimate that convolutions mend: it begins as the linear restorer, and keeps it."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

import narrows as nw
from narrows.measures import Pca, wiener
from narrows.networks import EstimateRung, estimate_ladder
from narrows.parts import Part, part_of
from narrows.training import Phase, Recipe


def begun(rank: int = 6) -> tuple[EstimateRung, Pca]:
    """A rung that begins as a Wiener filter of random pictures, without what convolutions add."""
    draws = torch.Generator().manual_seed(0)
    pictures = torch.rand((20, 2, 8, 12), generator=draws)
    pca = dataclasses.replace(Pca.fit(pictures, rank), rest=0.0)
    rung = EstimateRung((2, 8, 12), rank=rank, channels=5, blocks=1).eval()
    kept = pca.variances / (pca.variances + 0.04)
    rung.begin(pca.mean, pca.components, (kept[:, None] * pca.components).T, pca.mean)
    return rung, pca


def silent(rung: EstimateRung) -> EstimateRung:
    torch.nn.init.zeros_(rung.mended[-1].weight)
    return rung


@torch.no_grad()
def test_it_begins_as_the_linear_restorer() -> None:
    rung, pca = begun()
    x = torch.rand((3, 2, 8, 12), generator=torch.Generator().manual_seed(1))
    wanted = wiener(pca, x, 0.2)
    near = rung.up(rung.down(x)[0])
    assert torch.allclose(near, wanted, atol=0.05) and not torch.equal(near, wanted)
    torch.testing.assert_close(silent(rung).up(rung.down(x)[0]), wanted, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_code_holds_the_estimate_and_the_features() -> None:
    rung, pca = begun()
    x = torch.rand(3, 2, 8, 12)
    code, pooling_indices = rung.down(x)
    assert pooling_indices is None and tuple(code.shape[1:]) == rung.below == (2 * 16 + 5, 2, 3)
    pieces = torch.nn.functional.pixel_shuffle(code[:, :32], 4)
    torch.testing.assert_close(pieces, wiener(pca, x, 0.2), atol=1e-5, rtol=0)


def test_a_beginning_is_kept_through_training(tmp_path) -> None:
    draws = torch.Generator().manual_seed(0)
    pictures = torch.rand((16, 1, 8, 8), generator=draws)
    ladder = Part("estimate", {"shape": (1, 8, 8), "rank": 4, "channels": 3, "blocks": 1})
    recipe = Recipe("any", ladder, Part("point"), Part("mse"), (Phase(epochs=2, batch_size=4),))
    model = recipe.build()
    pca = Pca.fit(pictures, 4)
    rung = model.ladder.rung(0)
    rung.begin(pca.mean, pca.components, pca.components.T, pca.mean)
    before = rung.seen[0].weight.clone()
    trained = nw.fit(model, pictures, to=tmp_path / "run", seed=0, device="cpu", report="quiet")
    after = trained.ladder.rung(0)
    assert torch.equal(after.inwards.weight, pca.components)
    assert not torch.equal(after.seen[0].weight, before)
    loaded = nw.load(tmp_path / "run")
    assert torch.equal(loaded.reconstruct(pictures)[0], trained.reconstruct(pictures)[0])


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (3, 5)])
@torch.no_grad()
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    ladder = estimate_ladder((3, *size), rank=4, channels=2, blocks=0).eval()
    levels, _ = ladder.descend(torch.rand(2, 3, *size))
    assert [tuple(h.shape[1:]) for h in levels] == ladder.shapes
    assert ladder.ascend(levels[-1]).shape == (2, 3, *size)


def test_it_is_a_part() -> None:
    ladder = estimate_ladder((1, 8, 8), rank=3, channels=2, blocks=0, norm="none")
    assert part_of(ladder).name == "estimate"
    assert ladder.shapes == [(1, 8, 8), (18, 2, 2)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EstimateRung((12,)), "an estimate takes pictures (C, H, W); we got shape (12,)"),
        (lambda: EstimateRung((1, 8, 8), rank=0), "are at least 1 and blocks at least 0"),
        (lambda: EstimateRung((1, 8, 8), blocks=-1), "we got 64, 4, 96 and -1"),
    ],
)
def test_what_is_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
