"""What every listed bottleneck, likelihood, bound, penalty, schedule, ladder and recipe keeps to.

Each is found by listing, put into a small model, and that model has to build, train, improve, be
saved and read again, and be written down. A new part is tested here without a new test.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.objectives import Bound, Elbo, Likelihood, Objective, Schedule, Step
from narrows.parts import Part, build, listed, part_of
from narrows.randomness import Draws
from narrows.training.phases import prepared
from narrows.training.schemes import FORWARDS, forward_named

SHAPE = (1, 13, 11)
assert nw.recipes  # lists every part

LADDER = Part("conv", {"shape": SHAPE, "widths": (4,), "activation": "silu"})
GAUSSIAN = Part("gaussian", {"size": 3})
PIXELS = Part("gaussian", {"variance": 0.01})


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
        yield model_of(f"likelihood-{name}", likelihood=Part(name))
    for name in listed("bound"):
        yield model_of(f"bound-{name}", phase={"bound": Part(name)})
    for name in listed("schedule"):
        bound = Part("elbo", {"weight": Part(name)})
        yield model_of(f"schedule-{name}", phase={"bound": bound})
    for name in listed("penalty"):
        yield model_of(f"penalty-{name}", phase={"penalties": (Part(name),)})
    for name, make in nw.recipes.listed().items():
        yield small(make).with_(name=f"recipe-{name}")


RECIPES = {recipe.name: recipe for recipe in every()}
PARTS = [
    (kind, name)
    for kind in ("ladder", "bottleneck", "likelihood", "bound", "schedule", "penalty")
    for name in listed(kind)
]


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
    return forward_named(phase.forward)(model, target, given, phase.samples, math.inf, 0, draws)


def loss_of(recipe: nw.Recipe, model: nw.Autoencoder, images: nw.images.Images) -> float:
    phase = recipe.phases[-1]
    with model.evaluating():
        step = step_of(recipe, model, images.batch(torch.arange(len(images))))
        return float(Objective(phase.bound, phase.penalties)(step).total)


def same_weights(one: nw.Autoencoder, other: nw.Autoencoder) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_two_steps_move_every_weight(recipe, tiny) -> None:
    before = fitted(recipe, tiny, 1)
    after = fitted(recipe, tiny, 2)
    for name, weight in before.named_parameters():
        assert bool(torch.isfinite(weight).all()), name
    moved = [
        not torch.equal(one, other)
        for one, other in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert all(moved)


def test_thirty_steps_lower_the_loss(recipe, tiny) -> None:
    before, after = (loss_of(recipe, fitted(recipe, tiny, n), tiny) for n in (1, 30))
    assert after < before


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
    assert model.bottleneck.generative == (model.bottleneck.log_prior(code.z) is not None)


def test_a_step_has_its_shapes(recipe, tiny) -> None:
    model = recipe.build().eval()
    step = step_of(recipe, model, tiny.batch(torch.arange(5)))
    samples = recipe.phases[-1].samples
    assert step.output.shape == (samples, 5, *SHAPE)
    assert step.log_px.shape == (samples, 5)
    assert [tuple(h.shape[1:]) for h in step.levels] == model.ladder.shapes
    assert torch.equal(step.encode(step.input).z, step.code.z)
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
    written = takes(kind, name, shape=shape)
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
    "kind, protocol", [("likelihood", Likelihood), ("bound", Bound), ("schedule", Schedule)]
)
def test_parts_are_of_their_kind(kind: str, protocol: type) -> None:
    for name in listed(kind):
        assert isinstance(build(kind, Part(name)), protocol), name


@pytest.mark.parametrize("name", listed("penalty"))
def test_a_penalty_is_a_scalar_that_weighs_nothing_at_weight_zero(name: str, tiny) -> None:
    recipe = model_of("some")
    step = step_of(recipe, recipe.build(), tiny.batch(torch.arange(5)))
    value = build("penalty", Part(name)).penalty(step)
    assert value.shape == () and bool(torch.isfinite(value)) and value.requires_grad
    silent = build("penalty", Part(name, {"weight": 0.0}))
    with_it, bare = Objective(Elbo(), [silent])(step), Objective(Elbo())(step)
    assert torch.equal(with_it.total, bare.total) and with_it.terms.keys() == bare.terms.keys()


@pytest.mark.parametrize("name", listed("schedule"))
def test_a_schedule_ends_at_its_value(name: str) -> None:
    schedule = build("schedule", Part(name, {"value": 3.0}))
    assert schedule.weight(math.inf) == 3.0
    assert all(0 <= schedule.weight(epoch / 7) <= 3.0 for epoch in range(300))


@pytest.mark.parametrize("name", FORWARDS)
@pytest.mark.parametrize("bottleneck", listed("bottleneck"))
def test_a_forward_pass_follows_its_draws(name: str, bottleneck: str, tiny) -> None:
    box = takes("bottleneck", bottleneck, size=3)
    model = model_of("some", bottleneck=box).build().eval()
    x = tiny.batch(torch.arange(5))
    one, same = (FORWARDS[name](model, x, x, 2, 0.0, 0, Draws(4)) for _ in range(2))
    assert torch.equal(one.output, same.output)
    assert one.output.shape == (2, 5, *SHAPE)
