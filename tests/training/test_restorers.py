"""Models that begin as the best affine restorer of what their phase spoils, and come back so."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.errors import Interrupted
from narrows.images import split
from narrows.images.corruptions import Downscale, GaussianNoise, Rectangle
from narrows.images.resizing import enlarged
from narrows.images.source import as_source
from narrows.images.views import Mirrored
from narrows.measures import Pca, Ridge, conditional_mean, wiener
from narrows.parts import Part, build, part_of
from narrows.randomness import Draws
from narrows.training import Phase, Recipe, load, restorers

SHAPE = (1, 8, 12)
GUESSES = {
    "gaussian-noise": Part("cosine-threshold", {"sigma": 0.2}),
    "rectangle": Part("membrane"),
    "downscale": Part("back-projected", {"factor": 4}),
}
FROZEN = ("ladder.rungs.0.inwards", "ladder.rungs.0.outwards")


def pictures(n: int = 50, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    basis = torch.rand(5, 96, generator=draw)
    mixed = torch.rand(n, 5, generator=draw) @ basis / 5 + 0.1 * torch.rand(n, 96, generator=draw)
    return (mixed.clamp(0, 1) * 255).round().byte().reshape(n, *SHAPE)


def begun(begin: Part, corruption: Any, rank: int, **options: Any) -> nw.Autoencoder:
    """The model before its first step."""
    guess = GUESSES[corruption.part_name]
    numbers = {"rank": rank, "guess": guess, "channels": 4, "blocks": 0}
    ladder = Part("estimate", {"shape": SHAPE, **numbers})
    phase = Phase(begin=begin, frozen=FROZEN, corruption=part_of(corruption), steps=0)
    recipe = Recipe(
        "restorer", ladder, Part("point"), Part("mse", {"output": "identity"}), (phase,)
    )
    return nw.fit(recipe, pictures(), report="quiet", device="cpu", **options)


def test_wiener() -> None:
    model = begun(Part("wiener", {"share": 0.0, "strength": 1.0}), GaussianNoise(0.2), 96)
    x = pictures(6, 1).float() / 255
    noisy = GaussianNoise(0.2)(x, Draws())
    pca = Pca.fit(Mirrored(as_source(pictures())), 96)
    torch.testing.assert_close(model(noisy).detach(), wiener(pca, noisy, 0.2), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("rank", "off"), [(96, 1e-4), (20, 5e-3)])
def test_conditional_mean(rank: int, off: float) -> None:
    """Of all components; a map of lower rank tells almost the same."""
    begin = Part("conditional-mean", {"share": 0.0, "strength": 0.01})
    model = begun(begin, Rectangle(), rank)
    x = pictures(6, 1).float() / 255
    corrupted = Rectangle()(x, Draws())
    hidden = Rectangle()(torch.ones(1, *SHAPE), Draws()) != 1
    pca = Pca.fit(Mirrored(as_source(pictures())), 96)
    shrunk = dataclasses.replace(pca, variances=pca.variances + 0.01, rest=pca.rest + 0.01)
    wanted, found = conditional_mean(shrunk, x, ~hidden), model(corrupted).detach()
    inside = hidden.expand_as(x)
    torch.testing.assert_close(found[inside], wanted[inside], atol=off, rtol=0)
    assert torch.equal(found[~inside], x[~inside])


def test_ridge() -> None:
    """With all components it is ridge regression from the small picture to what the guess lacks."""
    begin = Part("ridge", {"share": 1.0, "strength": 1e-2, "mirror": False})
    model = begun(begin, Downscale(4), 6)
    spoil, guess = Downscale(4), model.ladder.rung(0).guess
    known, new = (spoil(pictures(n, seed).float() / 255, Draws()) for n, seed in ((50, 0), (6, 1)))
    ridge = Ridge.fit(known, pictures().float() / 255 - guess(known), 1e-2)
    wanted = guess(new) + guess.open(ridge(new), new[:, :0])
    torch.testing.assert_close(model(new).detach(), wanted, atol=2e-3, rtol=0)


CASES = [
    ("wiener", GaussianNoise(0.2)), ("conditional-mean", Rectangle()), ("ridge", Downscale(4))
]  # fmt: skip


@pytest.mark.parametrize(("begin", "corruption"), CASES)
def test_what_is_chosen_is_no_worse_than_the_guess_alone(begin: str, corruption: Any) -> None:
    """On the held-out fifth it is chosen on; and of pictures that no map tells, it is the guess."""
    model = begun(Part(begin), corruption, 20)
    rung = model.ladder.rung(0)
    held = split(as_source(pictures()), validation=0.2, seed=0).validation
    x = held.batch(torch.arange(len(held)))
    given = corruption(x, restorers.CHOOSING)
    with torch.no_grad():
        ours, alone = ((made - x).square().mean() for made in (model(given), rung.guess(given)))
    assert ours < alone and rung.inwards.weight.abs().sum() > 0
    draw = torch.Generator().manual_seed(0)
    smooth = enlarged(torch.rand(50, 1, 2, 3, generator=draw), SHAPE[1:]).clamp(0, 1)
    few = (smooth[:9] * 255).round().byte()
    recipe = model.recipe.with_(begin=Part(begin))
    alone = nw.fit(recipe, few, report="quiet", device="cpu")
    given = corruption(few.float() / 255, Draws())
    with torch.no_grad():
        wanted = alone.ladder.rung(0).guess(given)
        torch.testing.assert_close(alone(given), wanted, atol=1e-6, rtol=0)


def test_a_fifth_chooses_though_a_fifth_was_held_out_by_the_same_seed() -> None:
    """The hash that divided the pictures leaves none of the rest below a fifth."""
    train = split(nw.images.Images(pictures(200)), validation=0.2, seed=0).train
    ladder = Part("estimate", {"shape": SHAPE, "rank": 4, "guess": Part("membrane"), "blocks": 0})
    phase = Phase(corruption=part_of(Rectangle()), steps=0)
    recipe = Recipe("r", ladder, Part("point"), Part("mse", {"output": "identity"}), (phase,))
    said = build("begin", Part("conditional-mean"))(recipe.build(), train, phase, 0)
    count = int(said.split("chosen on ")[1].split()[0])
    assert 0.1 * len(train) < count < 0.3 * len(train)


@pytest.mark.parametrize(("begin", "corruption"), CASES)
def test_what_is_kept_is_never_worse_than_the_beginning(begin: str, corruption: Any) -> None:
    """However wrong the steps are: the first line of metrics is the beginning, and stays the best."""
    steps = {"steps": 3, "learning_rate": 1.0, "learning_rate_schedule": "constant"}
    before = begun(Part(begin), corruption, 8)
    held = pictures(20, 3)
    recipe = before.recipe.with_(**steps)
    model = nw.fit(recipe, pictures(), validation=held, report="quiet", device="cpu")
    losses = [line["validation_loss"] for line in model.run.history]
    assert model.run.history[0]["step"] == 0 and min(losses) == losses[0] < losses[-1]
    given = corruption(held.float() / 255, Draws())
    with torch.no_grad():
        torch.testing.assert_close(model(given), before(given), atol=1e-6, rtol=0)


def test_a_resumed_run_keeps_its_share_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    recipe = begun(Part("wiener"), GaussianNoise(0.2), 8).recipe.with_(steps=6, batch_size=10)
    how: dict[str, Any] = {"report": "quiet", "device": "cpu"}
    whole = nw.fit(recipe, pictures(), to=tmp_path / "whole", **how)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        nw.fit(recipe, pictures(), to=tmp_path / "run", stop=stop, **how)
    resumed = nw.fit(recipe, pictures(), to=tmp_path / "run", resume=True, **how)
    again = nw.fit(Recipe.load(tmp_path / "run" / "recipe.toml"), pictures(), **how)
    loaded = load(tmp_path / "run")
    assert 0 < float(whole.ladder.rung(0).share) < 1
    for name, weight in whole.state_dict().items():
        for other in (resumed, again, loaded):
            assert torch.equal(other.state_dict()[name], weight), name


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
        ("ridge", Rectangle(), "undoes the corruption 'downscale'; the phase has 'rectangle'"),
        ("conditional-mean", GaussianNoise(1.0), "undoes the corruption 'rectangle'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(begin: str, corruption: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        begun(Part(begin), corruption, 5)
    with pytest.raises(ValueError, match="needs the ladder 'estimate' with a rank of 1 or more"):
        begun(Part("wiener"), GaussianNoise(0.2), 0)
