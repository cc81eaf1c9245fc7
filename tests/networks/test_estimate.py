"""An affine estimate that convolutions mend: it begins as the linear restorer, and keeps it."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

import narrows as nw
from narrows.images.resizing import enlarged, reduced
from narrows.measures import Pca, wiener
from narrows.networks import EstimateRung, estimate_ladder
from narrows.networks.guesses import BackProjected, small_size
from narrows.parts import Part, listed, part_of
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


@torch.no_grad()
def test_it_begins_as_the_linear_restorer() -> None:
    rung, pca = begun()
    x = torch.rand((3, 2, 8, 12), generator=torch.Generator().manual_seed(1))
    wanted = wiener(pca, x, 0.2)
    torch.testing.assert_close(rung.up(rung.down(x)[0]), wanted, atol=1e-5, rtol=0)
    torch.nn.init.ones_(rung.mended[-1].weight)
    assert not torch.allclose(rung.up(rung.down(x)[0]), wanted, atol=0.05)


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


@torch.no_grad()
def test_a_share_of_the_guess_and_a_lower_rank() -> None:
    rung, pca = begun()
    x = torch.rand((3, 2, 8, 12), generator=torch.Generator().manual_seed(1))
    rung.begin(pca.mean, pca.components[:4], pca.components[:4].T, pca.mean, 0.25)
    few = dataclasses.replace(pca, components=pca.components[:4], variances=pca.variances[:4])
    torch.testing.assert_close(rung.estimated(x), 0.25 * x + few.reconstruct(x), atol=1e-5, rtol=0)


GUESSES = {
    "as-given": {}, "cosine-threshold": {"sigma": 0.1}, "membrane": {}, "back-projected": {"factor": 2}
}  # fmt: skip


def test_every_guess_is_tried_here() -> None:
    assert set(GUESSES) == set(listed("guess"))


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
@pytest.mark.parametrize("name", GUESSES)
@pytest.mark.parametrize("rank", [0, 5])
@torch.no_grad()
def test_what_the_guess_knows_is_never_touched(name: str, size: tuple[int, int], rank: int) -> None:
    guess = Part(name, GUESSES[name])
    rung = EstimateRung((3, *size), rank=rank, guess=guess, channels=4, blocks=1, norm="none")
    x = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(1))
    x[:, :, 2:5, 3:6] = 0.5
    if not rank:  # its last layer is zero: it is its guess
        torch.testing.assert_close(rung.up(rung.down(x)[0]), rung.guess(x), atol=1e-6, rtol=0)
    torch.nn.init.normal_(rung.mended[-1].weight)
    changed, before = rung.up(rung.down(x)[0]), rung.guess(x)
    assert not torch.allclose(changed, before, atol=0.01)
    if name == "membrane":
        known = ~(x == 0.5).all(1, keepdim=True).expand_as(x)
        assert torch.equal(changed[known], x[known])
    if name == "back-projected":
        small = tuple(small_size(side, 2) for side in size)
        torch.testing.assert_close(
            reduced(changed, small), reduced(before, small), atol=1e-4, rtol=0
        )


@torch.no_grad()
def test_back_projection_gives_the_small_picture_back() -> None:
    small = torch.rand((2, 1, 6, 5), generator=torch.Generator().manual_seed(0))
    found = BackProjected(3)(enlarged(small, (18, 15)))
    torch.testing.assert_close(reduced(found, (6, 5)), small, atol=1e-4, rtol=0)
    assert torch.equal(BackProjected(1)(small), small)


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
        (lambda: EstimateRung((1, 8, 8), rank=-1), "are at least 1, rank and blocks at least 0"),
        (lambda: EstimateRung((1, 8, 8), blocks=-1), "we got 4, 96, 64 and -1"),
        (
            lambda: EstimateRung((1, 8, 8), guess=Part("hunch")),
            "there is no guess named 'hunch', only",
        ),
    ],
)
def test_what_is_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
