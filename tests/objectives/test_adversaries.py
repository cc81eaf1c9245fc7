"""Discriminators, the penalties with an opponent, and the bounds that divide a model between players."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import narrows as nw
from narrows.errors import Interrupted
from narrows.objectives import AdversarialPictures, Elbo, Objective, Step
from narrows.objectives.discriminators import (
    CodeDiscriminator,
    PictureDiscriminator,
    discriminator_loss,
    generator_loss,
)
from narrows.objectives.feature_wise import ways
from narrows.objectives.penalties.adversarial import permuted
from narrows.parts import Part, build
from narrows.randomness import Draws
from narrows.training import Phase, Recipe, history_of
from narrows.training.phases import objective_of
from narrows.training.players import Player, move, players
from narrows.training.reporting import Quiet
from narrows.training.schemes import Batch, EncoderOnly, EndToEnd, OneRung

SHAPE = (1, 9, 7)
PENALTIES = ("adversarial-prior", "adversarial-pictures", "factor")
PIXELS = Part("gaussian", {"variance": 0.02})
BOUNDS = {
    "feature-wise": Part("feature-wise", {"width": 4}),
    "introspective": Part("introspective", {"narrowest": (6, 3, 2)}),
}
GAMES = {
    **{name: {"penalties": (Part(name),)} for name in PENALTIES},
    **{name: {"bound": bound} for name, bound in BOUNDS.items()},
}


def pictures(n: int = 24, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *SHAPE), generator=draw, dtype=torch.uint8)


def recipe(norm: str = "none", likelihood: Part = PIXELS, **phase: Any) -> Recipe:
    ladder = {"shape": SHAPE, "widths": (4, 6), "activation": "silu", "norm": norm}
    trained = Phase(**{"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, **phase})
    return Recipe(
        "game", Part("conv", ladder), Part("gaussian", {"size": 3}), likelihood, (trained,)
    )


SECONDS = pytest.mark.slow


def begun(made: Recipe) -> tuple[nw.Autoencoder, Objective, list[Player]]:
    """A model, its objective and its players, as the loop makes them."""
    torch.manual_seed(0)
    model = made.build()
    objective = objective_of(made.phases[0], model)
    return model, objective, players(made.phases[0], model, objective, None)


def step_of(model: nw.Autoencoder, number: int = 0, scheme: Any = None, samples: int = 2) -> Step:
    x = pictures(8).float() / 255
    draws = Draws(0, number)
    return (scheme or EndToEnd())(model, Batch(x, x, samples, 0.0, number, draws))


def same(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


# -- discriminators ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 13, 11), (3, 1, 1), (1, 2, 9), (3, 64, 48)])
def test_a_critic_of_pictures_takes_any_size(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    discriminator, x = PictureDiscriminator(shape, 4), torch.rand(3, *shape)
    logits = discriminator(x)
    assert logits.shape == (3,)
    assert torch.equal(discriminator.logits(discriminator.features(x)), logits)
    assert torch.allclose(discriminator(x[1:2]), logits[1:2], atol=1e-6)  # whatever the others are
    assert len({round(value, 6) for value in logits.tolist()}) == 3


def test_a_critic_begins_without_forgetting_the_scale() -> None:
    torch.manual_seed(0)
    for discriminator, given in (
        (PictureDiscriminator((1, 28, 28)), torch.rand(50, 1, 28, 28)),
        (CodeDiscriminator((8,)), torch.randn(50, 8)),
    ):
        spread = float(discriminator.features(given).std().detach())
        assert 0.2 < spread < 3


@pytest.mark.parametrize("code_shape", [(5,), (2, 3, 4)])
def test_a_critic_of_codes_takes_any_shape(code_shape: tuple[int, ...]) -> None:
    assert CodeDiscriminator(code_shape, (4,))(torch.rand(3, *code_shape)).shape == (3,)


def test_critics_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"layers of at least 1 unit; we got widths=\(\)"):
        CodeDiscriminator((3,), ())
    with pytest.raises(ValueError, match="a width of at least 1; we got 0"):
        PictureDiscriminator(SHAPE, 0)


def test_what_it_costs_to_be_told_apart() -> None:
    """A discriminator that knows nothing pays log 2 for each kind; one that knows pays nothing."""
    zero, sure = torch.zeros(4), torch.full((4,), 50.0)
    assert float(discriminator_loss(zero, zero)) == pytest.approx(2 * math.log(2))
    assert float(discriminator_loss(sure, -sure)) == pytest.approx(0)
    assert float(generator_loss(zero)) == pytest.approx(math.log(2))
    wanted = nn.functional.binary_cross_entropy_with_logits(torch.tensor([0.3]), torch.ones(1))
    assert float(generator_loss(torch.tensor([0.3]))) == pytest.approx(float(wanted))


def test_permuting_keeps_each_unit_and_parts_them() -> None:
    z = torch.arange(40.0).reshape(2, 10, 2)
    found = permuted(z, Draws().uniform("factor", z.shape))
    assert torch.equal(found.sort(1).values, z)
    assert not torch.equal(found[..., 0] + 1, found[..., 1])


# -- penalties -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_is_the_model_s_and_its_own_loss_the_critic_s(name: str) -> None:
    model, objective, made = begun(recipe(**GAMES[name]))
    assert [player.name for player in made] == ["model", name.replace("-", "_")]
    one, step = objective.penalties[0], step_of(model)
    total, terms = objective(step)
    plain = Elbo().loss(step).total
    assert torch.allclose(total, plain + one.weight * terms[name.replace("-", "_")])
    mine, its = list(model.parameters()), list(one.parameters())
    value = one.penalty(step)
    assert value.shape == ()
    found = torch.autograd.grad(value, mine, retain_graph=True, allow_unused=True)
    assert any(g is not None and bool(g.any()) for g in found)
    found = torch.autograd.grad(one.own_loss(step).total, mine + its, allow_unused=True)
    assert all(g is None for g in found[: len(mine)])
    assert all(g is not None for g in found[len(mine) :])


@pytest.mark.parametrize("name", ["adversarial-prior", "factor"])
def test_a_penalty_of_the_code_needs_a_code(name: str) -> None:
    model, objective, _ = begun(recipe(**GAMES[name]))
    with pytest.raises(ValueError, match=f"{name}' is of the code, but this scheme ends above"):
        objective.penalties[0].penalty(step_of(model, scheme=OneRung()))


def test_a_penalty_of_reconstructions_needs_some() -> None:
    model, _, _ = begun(recipe())
    with pytest.raises(ValueError, match="is of reconstructions, but this scheme makes none"):
        AdversarialPictures(SHAPE).penalty(step_of(model, scheme=EncoderOnly()))
    bound = build("bound", BOUNDS["feature-wise"], shape=SHAPE)
    with pytest.raises(ValueError, match="compares reconstructions, but this scheme makes none"):
        bound.own_loss(step_of(model, scheme=EncoderOnly()))


# -- players ---------------------------------------------------------------------------------------

NAMES = {
    **{name: ["model", name.replace("-", "_")] for name in PENALTIES},
    "feature-wise": ["encoder", "decoder", "feature_wise"],
    "introspective": ["model", "introspective"],
}


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("name", GAMES)
def test_players_own_everything_once_and_move_only_that(name: str, norm: str) -> None:
    """With the pace of all others at 0, one player moves all of its weights and no other weight."""
    model, objective, made = begun(recipe(norm, optimizer="sgd", **GAMES[name]))
    assert [player.name for player in made] == NAMES[name]
    everything = [
        *model.parameters(),
        *(p for m in objective.modules().values() for p in m.parameters()),
    ]
    owned = [id(p) for player in made for p in player.parameters]
    assert sorted(owned) == sorted(map(id, everything))
    model.train()
    for number, player in enumerate(made):
        for other in made:
            other.lr_scale = float(other is player)
        before = {id(p): p.detach().clone() for p in everything}
        written = move(made, step_of(model, number), 1e-2)
        assert all(bool(torch.isfinite(value)) for value in written.values())
        moved = {id(p) for p in everything if not torch.equal(p, before[id(p)])}
        assert moved <= {id(p) for p in player.parameters}
        # a bias before a batch norm gets rounding or nothing
        assert norm == "batch" or moved == {id(p) for p in player.parameters}


def test_a_model_is_divided_where_its_code_is() -> None:
    model = recipe("batch").build()
    names = {id(p): n for n, p in model.named_parameters()}
    down, heads, up = ([names[id(p)] for p in way] for way in ways(model, "some"))
    assert "ladder.rungs.1.conv.weight" in down and "ladder.boundaries.1.norm_down.bias" in down
    assert {name.split(".")[1] for name in heads} == {"head"}
    assert "bottleneck.tail.0.weight" in up and "ladder.boundaries.0.norm_up.weight" in up
    assert sorted([*down, *heads, *up]) == sorted(names.values())


def test_dividing_leaves_the_model_as_it_was() -> None:
    model, untouched = (begun(recipe("batch"))[0] for _ in range(2))
    model.train()
    model.likelihood.eval()
    ways(model, "some")
    assert same(model, untouched)
    assert model.training and model.ladder.training and not model.likelihood.training


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("change", [{"tied": True}, {"norm": "shared-batch"}])
def test_ways_that_share_weights_are_refused(name: str, change: dict[str, Any]) -> None:
    made = recipe(bound=BOUNDS[name])
    with pytest.raises(ValueError, match=rf"{name}' moves .* but both use ladder\.\S+, .*'shared-"):
        made.with_(ladder=made.ladder.with_(**change)).build()


@pytest.mark.parametrize("name", BOUNDS)
def test_a_code_without_a_prior_is_refused(name: str) -> None:
    made = recipe(bound=BOUNDS[name])
    with pytest.raises(ValueError, match=f"{name}' needs a code with a prior .* 'point' has none"):
        made.with_(bottleneck=Part("point", {"size": 3})).build()


def test_weights_that_nothing_would_move_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing would move the weights of 'gaussian-learnt'"):
        recipe(likelihood=Part("gaussian-learnt"), bound=BOUNDS["feature-wise"]).build()


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="gamma must be a positive number; we got 0"):
        build("bound", Part("feature-wise", {"gamma": 0.0}))
    with pytest.raises(
        ValueError, match="a weight is at least 0 and every at least 1; we got 1.0, -1"
    ):
        build("bound", Part("introspective", {"adversarial": -1.0}))
    with pytest.raises(ValueError, match=r"for a ladder that ends in \(5,\), but .* \(6, 3, 2\)"):
        recipe(bound=Part("introspective", {"narrowest": (5,)})).build()


# -- bounds that compare features ------------------------------------------------------------------


@pytest.mark.parametrize("name", BOUNDS)
def test_running_statistics_are_of_pictures_only(name: str) -> None:
    model, _, made = begun(recipe("batch", bound=BOUNDS[name]))
    plain, _, _ = begun(recipe("batch"))
    move(made, step_of(model.train()), 0.0)
    step_of(plain.train())
    assert same(model, plain)


@pytest.mark.parametrize("name", BOUNDS)
def test_the_yardstick_is_the_elbo(name: str) -> None:
    model, objective, _ = begun(recipe(bound=BOUNDS[name]))
    step = step_of(model)
    assert torch.equal(objective(step).total, Elbo().loss(step).total)


def test_what_each_player_of_a_vae_gan_minimises() -> None:
    """Larsen et al. 2016, algorithm 1, by hand for one sample."""
    model, objective, made = begun(recipe(bound=BOUNDS["feature-wise"]))
    step = step_of(model, samples=1)
    encoder, decoder, opponent = (player.loss(step).total for player in made)
    discriminator = objective.bound.discriminator
    x, again = step.target, model.likelihood.mean(step.output)[0]
    drawn = model.decode(step.draws.normal("prior", (8, 3)))
    squares = (discriminator.features(x) - discriminator.features(again)).square().flatten(1)
    features = (0.5 * squares + 0.5 * math.log(2 * math.pi)).sum(1).mean()
    real, made_up, sampled = (discriminator(one).sigmoid() for one in (x, again, drawn))
    assert torch.allclose(encoder, features + step.kl.mean())
    assert torch.allclose(decoder, 0.1 * features - made_up.log().mean() - sampled.log().mean())
    false = 0.5 * ((1 - made_up).log().mean() + (1 - sampled).log().mean())
    assert torch.allclose(opponent, -real.log().mean() - false)


def test_what_each_player_of_an_introspective_network_minimises() -> None:
    model, objective, made = begun(recipe(bound=BOUNDS["introspective"]))
    step = step_of(model, samples=1)
    ours, discriminator = (player.loss(step).total for player in made)
    x, again = step.target, model.likelihood.mean(step.output)[0]
    drawn = model.decode(step.draws.normal("prior", (8, 3)))
    levels = [model.ladder.descend(one).levels for one in (x, again, drawn)]
    logits = [objective.bound.head(h[-1].flatten(1)) for h in levels]
    kinds = [torch.full((8,), kind) for kind in range(3)]
    cross_entropy = nn.functional.cross_entropy
    wanted = sum(cross_entropy(a, b) for a, b in zip(logits, kinds, strict=True))
    real = x.clone().requires_grad_(True)
    seen = objective.bound.head(model.ladder.descend(real).levels[-1].flatten(1)).log_softmax(1)
    (slope,) = torch.autograd.grad(seen[:, 0].sum(), real)
    steep = 8 * 0.5 * slope.square().flatten(1).sum(1).mean()  # at each eighth step, eight times
    assert torch.allclose(discriminator, wanted + Elbo().loss(step).total + steep)
    step.number = 1
    assert torch.allclose(made[1].loss(step).total, wanted + Elbo().loss(step).total)
    features = torch.zeros(8)
    for h, g in zip(levels[0][1:], levels[1][1:], strict=True):
        features += (0.5 * (h - g).square() + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)
    fooled = sum(cross_entropy(one, kinds[0]) for one in logits[1:])
    assert torch.allclose(ours, Elbo().loss(step).total + features.mean() + fooled)


def test_a_corrupted_input_is_no_picture_to_the_discriminator() -> None:
    """What is called real is the target, whose levels are none of the step's then."""
    model, objective, made = begun(recipe(bound=BOUNDS["introspective"]))
    x = pictures(8).float() / 255
    given = EndToEnd()(model, Batch(x, torch.zeros_like(x), 1, 0.0, 0, Draws()))
    bound = objective.bound
    real = bound.head(model.ladder.descend(x).levels[-1].flatten(1))
    assert torch.allclose(bound._seen(given).real, real)


# -- in the loop -----------------------------------------------------------------------------------


class StopAt(Quiet):
    """Asks the run to stop, as Ctrl-C does, once it has reached a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def step(self, done: int, loss: float) -> None:
        if done >= self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", GAMES)
def test_interrupted_and_resumed_is_the_same(name: str, tmp_path: Path) -> None:
    """The model and those beside it, to the byte; and both come back from the disk."""
    made = recipe("batch", **GAMES[name])
    given = {"validation": pictures(8, 1), "device": "cpu", "precision": "float32"}
    whole = nw.fit(made, pictures(), to=tmp_path / "whole", report="quiet", **given)
    with pytest.raises(Interrupted):
        nw.fit(made, pictures(), to=tmp_path / "cut", report=StopAt(5), **given)
    again = nw.fit(made, pictures(), to=tmp_path / "cut", resume=True, report="quiet", **given)
    (beside,) = whole.auxiliary
    assert same(whole, again) and same(whole.auxiliary[beside], again.auxiliary[beside])
    nw.save(whole, tmp_path / "saved")
    for folder in ("whole", "saved"):
        loaded = nw.load(tmp_path / folder)
        assert same(whole, loaded) and same(whole.auxiliary[beside], loaded.auxiliary[beside])
        assert not loaded.auxiliary[beside].training


@pytest.mark.parametrize("name", BOUNDS)
def test_validation_judges_by_the_elbo(name: str, tmp_path: Path) -> None:
    """Not by the loss of a player, whose features move with the discriminator."""
    made = recipe(bound=BOUNDS[name])
    nw.fit(made, pictures(), validation=pictures(8, 1), to=tmp_path, report="quiet", device="cpu")
    for record in history_of(tmp_path):
        elbo = record["validation_reconstruction"] + record["validation_kl"]
        assert record["validation_loss"] == pytest.approx(elbo)


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("adversarial-prior", "feature-wise") else pytest.param(name, marks=SECONDS)
        for name in GAMES
    ],
)
def test_a_game_on_digits_learns_to_reconstruct(name: str, digits: nw.images.Images) -> None:
    given = {**GAMES, "feature-wise": {"bound": Part("feature-wise", {"width": 16})}}
    given["introspective"] = {"bound": Part("introspective", {"narrowest": (32, 2, 2)})}
    made = recipe(norm="batch", epochs=8, batch_size=50, learning_rate=2e-3, **given[name])
    made = made.with_(ladder=made.ladder.with_(shape=(1, 8, 8), widths=(16, 32)))
    made = made.with_(bottleneck=Part("gaussian", {"size": 8}))
    model = nw.fit(made, digits, report="quiet", device="cpu", precision="float32")
    x = digits.batch(torch.arange(500))
    error = float((model.reconstruct(x) - x).square().mean())
    mean_picture = float((x - x.mean(0)).square().mean())
    assert error < 0.7 * mean_picture


def test_paces_are_those_of_the_bounds() -> None:
    given = {"bound": Part("introspective", {"narrowest": (6, 3, 2), "lr_scale": 0.1})}
    _, _, made = begun(recipe(**given))
    assert {player.name: player.lr_scale for player in made} == {"model": 1.0, "introspective": 0.1}
    for name in GAMES:
        _, _, made = begun(recipe(**GAMES[name]))
        assert {player.lr_scale for player in made} == {1.0}
