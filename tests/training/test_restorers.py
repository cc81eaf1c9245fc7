"""Models that begin as the best affine restorer of what their phase spoils, and come back so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.images.corruptions import Downscale, GaussianNoise, Rectangle
from narrows.images.source import as_source
from narrows.images.views import Mirrored
from narrows.measures import Pca, Ridge, conditional_mean, wiener
from narrows.parts import Part, part_of
from narrows.randomness import Draws
from narrows.training import Phase, Recipe, load

SHAPE = (1, 8, 12)
FROZEN = ("ladder.rungs.0.inwards", "ladder.rungs.0.outwards")


def pictures(n: int = 50, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    basis = torch.rand(5, 96, generator=draw)
    mixed = torch.rand(n, 5, generator=draw) @ basis / 5 + 0.1 * torch.rand(n, 96, generator=draw)
    return (mixed.clamp(0, 1) * 255).round().byte().reshape(n, *SHAPE)


def begun(begin: Part, corruption: Any, rank: int, **options: Any) -> nw.Autoencoder:
    """The model before its first step, its convolutions silenced."""
    ladder = Part("estimate", {"shape": SHAPE, "rank": rank, "channels": 4, "blocks": 0})
    phase = Phase(begin=begin, frozen=FROZEN, corruption=part_of(corruption), steps=0)
    recipe = Recipe(
        "restorer", ladder, Part("point"), Part("mse", {"output": "identity"}), (phase,)
    )
    model = nw.fit(recipe, pictures(), report="quiet", device="cpu", **options)
    last = model.ladder.rung(0).mended[-1]
    torch.nn.init.zeros_(last.weight)
    return model


def test_wiener() -> None:
    model = begun(Part("wiener"), GaussianNoise(0.2), 96)
    x = pictures(6, 1).float() / 255
    noisy = GaussianNoise(0.2)(x, Draws())
    pca = Pca.fit(Mirrored(as_source(pictures())), 96)
    torch.testing.assert_close(model(noisy).detach(), wiener(pca, noisy, 0.2), atol=1e-4, rtol=0)


def test_conditional_mean() -> None:
    model = begun(Part("conditional-mean", {"shrinkage": 0.0}), Rectangle(), 20)
    x = pictures(6, 1).float() / 255
    corrupted = Rectangle()(x, Draws())
    hidden = Rectangle()(torch.ones(1, *SHAPE), Draws()) != 1
    pca = Pca.fit(Mirrored(as_source(pictures())), 20)
    wanted = conditional_mean(pca, x, ~hidden)
    inside = hidden.expand_as(x)
    torch.testing.assert_close(model(corrupted).detach()[inside], wanted[inside], atol=1e-4, rtol=0)


def test_ridge() -> None:
    model = begun(Part("ridge", {"mirror": False}), Downscale(4), 6)
    x, new = pictures().float() / 255, pictures(6, 1).float() / 255
    spoil = Downscale(4)
    from narrows.images.resizing import reduced

    ridge = Ridge.fit(reduced(spoil(x, Draws()), (2, 3)), x, 1e-3)
    corrupted = spoil(new, Draws())
    wanted = ridge(reduced(corrupted, (2, 3)))
    torch.testing.assert_close(model(corrupted).detach(), wanted, atol=2e-3, rtol=0)


def test_what_it_begins_with_comes_back_frozen(tmp_path: Path) -> None:
    model = begun(Part("wiener"), GaussianNoise(0.2), 96, to=tmp_path / "run")
    loaded = load(tmp_path / "run")
    held = {name for name, weight in loaded.named_parameters() if not weight.requires_grad}
    assert held == {f"{name}.{end}" for name in FROZEN for end in ("weight", "bias")}
    name = "ladder.rungs.0.inwards.weight"
    assert torch.equal(loaded.state_dict()[name], model.state_dict()[name])


@pytest.mark.parametrize(
    ("begin", "corruption", "said"),
    [
        ("wiener", Downscale(2), "'wiener' undoes the corruption 'gaussian-noise'; .* has 'downscale'"),
        ("ridge", Downscale(4), "needs the rank 6 of this corruption's pictures; the ladder has 5"),
        ("conditional-mean", GaussianNoise(1.0), "undoes the corruption 'rectangle'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(begin: str, corruption: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        begun(Part(begin), corruption, 5)
