"""What every listed bottleneck, likelihood, bound, penalty, schedule, ladder and recipe keeps to.

Each is found by listing, put into a small model, and that model has to build, train, improve, be
saved and read again, and be written down. A new part is tested here without a new test.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import SOME
from torch import Tensor, nn

import narrows as nw
from narrows.objectives import Bound, Controller, Elbo, Likelihood, Objective, Schedule, Step
from narrows.parts import Part, build, listed, part_of
from narrows.randomness import Draws
from narrows.training.beginnings import Beginning
from narrows.training.phases import freeze, objective_of, prepared
from narrows.training.players import players
from narrows.training.reporting import Quiet
from narrows.training.schemes import Batch, Scheme

SHAPE = (1, 13, 11)
CLASSES = torch.tensor([0, 1, 0, 1, 1])  # of the tiny pictures
assert nw.recipes  # lists every part

LADDER = Part("conv", {"shape": SHAPE, "widths": (4,), "activation": "silu"})
GAUSSIAN = Part("gaussian", {"size": 3})
PIXELS = Part("gaussian", {"variance": 0.01})
SPACES = {
    "ladder": Part("translation", {"shape": SHAPE, "channels": 4, "blocks": 1, "space": 4}),
    "bottleneck": Part("gaussian", {"size": 16, "layout": "map"}),
}
MACHINES = {
    "ladder": Part("dense", {"shape": SHAPE, "widths": (6, 4), "activation": "sigmoid"}),
    "bottleneck": Part("point", {"size": 3}),
    "likelihood": Part("bernoulli"),
}


def takes(kind: str, name: str, **arguments: Any) -> Part:
    """The part with those of the arguments that it has."""
    accepted = inspect.signature(listed(kind)[name]).parameters
    return Part(name, {key: value for key, value in arguments.items() if key in accepted})


def model_of(name: str, **changes: Any) -> nw.Recipe:
    given = {"ladder": LADDER, "bottleneck": GAUSSIAN, "likelihood": PIXELS, **changes}
    phase = nw.Phase(learning_rate=5e-3, **given.pop("phase", {}))
    return nw.Recipe(name, **given, phases=(phase,))


def small(make: Any) -> nw.Recipe:
    """A recipe of its own with as few units as it lets us choose."""
    accepted = inspect.signature(make).parameters
    return make(SHAPE, **{k: v for k, v in {"widths": (8,)}.items() if k in accepted})


def every() -> Iterator[nw.Recipe]:
    for name in listed("ladder"):
        ladder = takes("ladder", name, shape=SHAPE, widths=(6, 4))
        yield model_of(f"ladder-{name}", ladder=ladder)
    for name in listed("bottleneck"):
        for layout in ("flat", "map"):
            box = takes("bottleneck", name, size=3, layout=layout)
            if layout == "flat" or "layout" in box.arguments:
                yield model_of(f"bottleneck-{name}-{layout}", bottleneck=box)
    for name in listed("likelihood"):
        if name == "categorical":  # of masks, not of pictures: tests/objectives/test_categorical.py
            continue
        yield model_of(f"likelihood-{name}", likelihood=Part(name))
    for name in listed("bound"):
        yield model_of(f"bound-{name}", phase={"bound": Part(name)})
    for name in listed("schedule"):
        bound = Part("elbo", {"weight": Part(name)})
        yield model_of(f"schedule-{name}", phase={"bound": bound})
    for name in listed("penalty"):
        yield model_of(f"penalty-{name}", phase={"penalties": (Part(name),)})
    for name in listed("scheme"):
        two = Part("dense", {"shape": SHAPE, "widths": (6, 4)})
        bound = Part("softmax") if name == "encoder" else Part("elbo")
        given = {"ladder": two, "phase": {"scheme": name, "bound": bound}}
        given |= SPACES if name in ("domain", "translation") else {}
        given |= MACHINES if name == "boltzmann" else {}
        yield model_of(f"forward-{name}", **given)
    for name in listed("begin"):
        undone = {
            "wiener": Part("gaussian-noise", {"sigma": 0.1}),
            "conditional-mean": Part("rectangle"),
            "ridge": Part("downscale", {"factor": 2}),
        }.get(name)
        ladder = Part("linear-residual", {"shape": SHAPE, "width": 3, "channels": (4, 4)})
        if undone is not None:
            ladder = Part("estimate", {"shape": SHAPE, "rank": 3, "channels": 4, "blocks": 1})
        begins = {"begin": Part(name), "corruption": undone}
        spaces = name in ("piece-components", "copied-space", "ridge-codes")
        given = SPACES if spaces else MACHINES if name == "unrolled" else {"ladder": ladder}
        yield model_of(f"begin-{name}", phase=begins, **given)
    for name, make in nw.recipes.listed().items():
        yield small(make).with_(name=f"recipe-{name}")


pytestmark = pytest.mark.filterwarnings("ignore:a SegNet ladder decodes without:UserWarning")
OTHERS = {f"recipe-{name}" for name in nw.recipes.listed().keys() - SOME}
RECIPES = {recipe.name: recipe for recipe in every()}
PARTS = [
    (kind, name)
    for kind in (
        *("begin", "ladder", "bottleneck", "likelihood"),
        *("bound", "schedule", "penalty", "scheme"),
    )
    for name in listed(kind)
]


# every part, of the named recipes one of each kind: contracts that train for seconds
SELDOM = pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(
            recipe,
            id=name,
            marks=[pytest.mark.slow] if name in OTHERS else [],
        )
        for name, recipe in RECIPES.items()
    ],
)


@pytest.fixture(params=RECIPES)
def recipe(request) -> nw.Recipe:
    return RECIPES[request.param]


def fitted(recipe: nw.Recipe, images: nw.images.Images, steps: int, **options: Any):
    """All pictures in every step, at one learning rate."""
    one = recipe.with_(batch_size=len(images), learning_rate_schedule="constant")
    options = {"report": "quiet", "device": "cpu", "precision": "float32", **options}
    return nw.fit(one, images, epochs=steps, **options)


def step_of(recipe: nw.Recipe, model: nw.Autoencoder, x: Tensor) -> Step:
    """The forward pass of the last phase with fixed draws, weights at their end."""
    phase, draws = recipe.phases[-1], Draws(0)
    target, given = prepared(phase)(x, draws)
    batch = Batch(target, given, phase.samples, math.inf, 0, draws, CLASSES)
    return build("scheme", phase.scheme)(model, batch)


def reached(recipe: nw.Recipe, model: nw.Autoencoder) -> set[str]:
    """The weights that some phase's loss reaches and that its scheme lets move."""
    found: set[str] = set()
    x = torch.rand(5, *SHAPE)
    for phase in recipe.phases:
        freeze(model, phase, recipe.phases)
        scheme, objective = build("scheme", phase.scheme), objective_of(phase, model)
        batch = Batch(x, x, phase.samples, 0.0, 0, Draws(0), CLASSES)
        step = scheme(model.train(), batch)
        trained = scheme.trained(model)
        own = {id(p) for m in trained or [model] for p in m.parameters()}
        for player in players(phase, model, objective, trained):
            loss = player.loss(step).total
            grads = torch.autograd.grad(
                loss, player.parameters, retain_graph=True, allow_unused=True
            )
            known = {id(p) for p, g in zip(player.parameters, grads, strict=True) if g is not None}
            found |= {n for n, p in model.named_parameters() if id(p) in known & own}
    return found


def loss_of(recipe: nw.Recipe, model: nw.Autoencoder, images: nw.images.Images) -> float:
    """What training minimises, with the statistics of the batch, which running ones follow late."""
    phase, copied = recipe.phases[-1], copy.deepcopy(model).train()
    with torch.no_grad():
        step = step_of(recipe, copied, images.batch(torch.arange(len(images))))
        objective = objective_of(phase, copied)
        for name, module in objective.modules().items():  # as they were trained
            module.load_state_dict(model.auxiliary[name].state_dict())
        # a discriminator that has only begun to guess is no yardstick for what comes later
        objective.penalties = [p for p in objective.penalties if not p.opponent]
        return float(objective(step).total)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_two_steps_move_every_weight(recipe, tiny) -> None:
    """All that any phase trains; a loss on the code leaves the way up as it was."""
    before = fitted(recipe, tiny, 1)
    after = fitted(recipe, tiny, 2)
    wanted = reached(recipe, after)
    assert wanted
    begun = any(phase.begin is not None for phase in recipe.phases[1:])
    for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True):
        assert bool(torch.isfinite(other).all()), name
        if begun and not other.requires_grad:  # fitted to what the phases before left
            continue
        assert torch.equal(one, other) != (name in wanted), name


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("ladder-")])
def test_a_fused_optimiser_moves_as_a_plain_one(name: str, tiny, monkeypatch) -> None:
    """It walks weights and gradients in the order of memory, which maps of pictures may hold in two ways."""
    fused = fitted(RECIPES[name], tiny, 1)
    plain = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda p, fused, **given: plain(p, **given))
    for (weight, one), other in zip(
        fused.named_parameters(), fitted(RECIPES[name], tiny, 1).parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5), weight


@SELDOM
def test_thirty_steps_lower_the_loss(recipe, tiny) -> None:
    # a phase that keeps its last weights says by it that the loss is no yardstick
    judged = tuple(phase for phase in recipe.phases if phase.keep == "best")
    plain = recipe.with_(phases=judged or recipe.phases, views=None)  # of the pictures as they are
    error = Part("elbo", {"weight": Part("constant", {"value": 0.0})})
    yardstick = plain if judged else plain.with_(bound=error, penalties=())
    before, after = (loss_of(yardstick, fitted(plain, tiny, n), tiny) for n in (1, 30))
    assert after < before


@SELDOM
def test_the_same_seed_trains_the_same_model(recipe, tiny) -> None:
    assert same_weights(fitted(recipe, tiny, 2), fitted(recipe, tiny, 2))
    assert not same_weights(fitted(recipe, tiny, 2), fitted(recipe, tiny, 2, seed=1))


def test_shapes(recipe, tiny) -> None:
    model = recipe.build().eval()
    code = model.encode(tiny)
    drawn = model.encode(tiny, 2)
    assert code.z.shape == (5, *model.code_shape)
    assert drawn.z.shape == (2, 5, *model.code_shape)
    assert len(code) == len(drawn) == 5
    assert model.decode(code.z).shape == (5, *SHAPE)
    assert model.decode(drawn.z).shape == (2, 5, *SHAPE)
    assert model.reconstruct(tiny).shape == (5, *SHAPE)
    assert model.bottleneck.generative == (model.bottleneck.log_prior(code) is not None)


def test_a_step_has_its_shapes(recipe, tiny) -> None:
    model = recipe.build().eval()
    step = step_of(recipe, model, tiny.batch(torch.arange(5)))
    samples = recipe.phases[-1].samples
    if step.output is not None:
        channels = model.likelihood.outputs * SHAPE[0]
        assert step.output.shape[1:] == (5, channels, *SHAPE[1:])
        assert len(step.output) in (1, samples)
        assert step.log_px.shape == step.output.shape[:2]
    assert all(inner.shape[1] == 5 for inner in step.inner.values())
    shapes = [tuple(h.shape[1:]) for h in step.levels]
    assert shapes == model.ladder.shapes[: len(shapes)]
    if step.narrowed:
        assert step.code.z.shape == (samples, 5, *model.code_shape)
        assert torch.allclose(step.encode(step.input).z, step.code.z, atol=1e-6)
    densities = [step.log_qz, step.log_pz]
    assert all(d is None or d.shape == (samples, 5) for d in densities)
    assert step.kl is None or (step.kl.shape == (5,) and bool((step.kl >= -1e-5).all()))


def test_save_and_load_give_the_same_bytes(recipe, tiny, tmp_path: Path) -> None:
    model = fitted(recipe, tiny, 2)
    nw.save(model, tmp_path / "one")
    loaded = nw.load(tmp_path / "one")
    assert same_weights(model, loaded)
    assert torch.allclose(model.reconstruct(tiny), loaded.reconstruct(tiny), atol=1e-6)
    nw.save(loaded, tmp_path / "two")
    for name in ("recipe.toml", "model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


class Killed(Exception): ...


class Kills(Quiet):
    """A reporter that ends a run at an epoch's end, before the checkpoint that would follow."""

    def __init__(self, after: int) -> None:
        self.left = after

    def epoch(self, record: dict[str, Any]) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@SELDOM
def test_killed_and_resumed_is_not_killed(recipe, tiny, tmp_path: Path) -> None:
    whole = fitted(recipe, tiny, 3, to=tmp_path / "whole", checkpoint_seconds=0)
    cut = {"to": tmp_path / "cut", "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        fitted(recipe, tiny, 3, report=Kills(2), **cut)
    again = fitted(recipe, tiny, 3, resume=True, **cut)
    assert same_weights(whole, again)
    for name, module in whole.auxiliary.items():
        assert same_weights(module, again.auxiliary[name])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator on this machine")
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_on_an_accelerator_it_trains_and_is_the_same_model(recipe, tiny, precision: str) -> None:
    there = fitted(recipe, tiny, 2, device="cuda", precision=precision)
    assert there.device.type == "cuda"
    assert all(bool(torch.isfinite(p).all()) for p in there.parameters())
    here = copy.deepcopy(there).cpu()
    pairs = [(model.encode(tiny).z.cpu(), model.reconstruct(tiny).cpu()) for model in (there, here)]
    for one, other in zip(*pairs, strict=True):
        assert float((one - other).norm()) <= 0.01 * float(other.norm()) + 1e-3


def test_a_recipe_comes_back_from_its_file(recipe, tmp_path: Path) -> None:
    recipe.save(tmp_path / "recipe.toml")
    read = nw.Recipe.load(tmp_path / "recipe.toml")
    assert read == recipe
    assert read.fingerprint == recipe.fingerprint


def test_a_model_built_by_hand_has_the_same_recipe(recipe, tmp_path: Path) -> None:
    """Its parts, with every default filled in, build the same model again."""
    model = recipe.build()
    by_hand = nw.Recipe.of(model, *recipe.phases)
    by_hand.save(tmp_path / "recipe.toml")
    again = nw.Recipe.load(tmp_path / "recipe.toml").build()
    assert again.parts() == model.parts()
    shapes = [[(n, t.shape) for n, t in m.state_dict().items()] for m in (model, again)]
    assert shapes[0] == shapes[1]
    for name, part in model.parts().items():
        written = getattr(recipe, name)
        assert part.name == written.name
        assert part.arguments.items() >= written.arguments.items()


@pytest.mark.parametrize("kind, name", PARTS)
def test_an_object_knows_its_part(kind: str, name: str) -> None:
    shape = (4,) if kind == "bottleneck" else SHAPE
    few = {"widths": (6, 4)} if kind == "ladder" else {}  # pictures are small
    written = takes(kind, name, shape=shape, **few)
    made = build(kind, written)
    known = part_of(made)
    assert known.name == name
    assert known.arguments.keys() == inspect.signature(listed(kind)[name]).parameters.keys()
    assert known.arguments.items() >= written.arguments.items()
    assert part_of(build(kind, known)) == known
    again = build(kind, Part.read(known.document()))
    assert part_of(again) == known


@pytest.mark.parametrize("kind, name", PARTS)
def test_a_part_says_what_it_is(kind: str, name: str) -> None:
    assert (listed(kind)[name].__doc__ or "").strip()


@pytest.mark.parametrize(
    "kind, protocol",
    [
        ("likelihood", Likelihood),
        ("bound", Bound),
        ("schedule", Schedule),
        ("scheme", Scheme),
        ("begin", Beginning),
    ],
)
def test_parts_are_of_their_kind(kind: str, protocol: type) -> None:
    for name in listed(kind):
        assert isinstance(build(kind, Part(name)), protocol), name


@pytest.mark.parametrize("name", listed("penalty"))
def test_a_penalty_is_a_scalar_that_weighs_nothing_at_weight_zero(name: str, tiny) -> None:
    recipe = model_of("some")
    step = step_of(recipe, recipe.build(), tiny.batch(torch.arange(5)))
    value = build("penalty", Part(name), shape=SHAPE, code_shape=(3,)).penalty(step)
    assert value.shape == () and bool(torch.isfinite(value)) and value.requires_grad
    silent = build("penalty", Part(name, {"weight": 0.0}))
    with_it, bare = Objective(Elbo(), [silent])(step), Objective(Elbo())(step)
    assert torch.equal(with_it.total, bare.total) and with_it.terms.keys() == bare.terms.keys()


@pytest.mark.parametrize("name", listed("schedule"))
def test_a_schedule_ends_at_its_value(name: str) -> None:
    """A controller's value is the most that it may give."""
    schedule = build("schedule", Part(name, {"value": 3.0}))
    assert schedule.weight(math.inf) == 3.0 or isinstance(schedule, Controller)
    assert all(0 <= schedule.weight(epoch / 7) <= 3.0 for epoch in range(300))
