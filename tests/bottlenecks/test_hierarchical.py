"""The hierarchy as a part of a model: its levels, its shapes, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Code, Hierarchical
from narrows.networks import conv_ladder, dense_ladder
from narrows.objectives import Iwae
from narrows.parts import Part, part_of
from narrows.randomness import Draws
from narrows.training.schemes import Batch, DeeplySupervised, EndToEnd, OneRung

LADDERS = {
    "dense": Part("dense", {"shape": (1, 13, 11), "widths": (8, 7, 6)}),
    "conv": Part("conv", {"shape": (1, 13, 11), "widths": (4, 5, 6), "norm": "batch"}),
    "both": Part("conv", {"shape": (1, 13, 11), "widths": (4, 5), "dense": 6}),
    "segnet": Part("segnet", {"shape": (1, 13, 11), "widths": (4, 5)}),
}


def recipe_of(ladder: str, **arguments: object) -> nw.Recipe:
    return nw.Recipe(
        "hierarchy",
        LADDERS[ladder],
        Part("hierarchical", {"size": 3, **arguments}),
        Part("gaussian", {"variance": 0.01}),
        phases=(nw.Phase(learning_rate=5e-3),),
    )


@pytest.mark.parametrize("samples", [None, 1, 2])
@pytest.mark.parametrize("name", LADDERS)
def test_shapes_at_every_level(name: str, samples: int | None, tiny) -> None:
    model = recipe_of(name, sizes=(2,)).build().eval()
    box, x = model.bottleneck, tiny.batch(torch.arange(5))
    (level,) = box.levels
    code = model.posterior(x, samples, Draws())
    ahead = (5,) if samples is None else (samples, 5)
    inside = (2, *model.ladder.shapes[level][1:])
    assert [one.level for one in code.latents] == [len(model.ladder), level]
    for one, shape in zip(code.latents, (box.code_shape, inside), strict=True):
        assert one.z.shape == one.mean.shape == one.log_variance.shape == (*ahead, *shape)
    assert code.latents[1].prior_mean.shape == (*ahead, *inside)
    assert code.resumed_at[0] == level
    assert code.resumed_at[1].shape == ((samples or 1) * 5, *model.ladder.shapes[level])
    assert model.raw(code).shape == (*ahead, 1, 13, 11)
    assert box.kl(code).shape == (5,)
    assert box.log_posterior(code).shape == box.log_prior(code).shape == ahead
    if samples is None:
        assert all(torch.equal(one.z, one.mean) for one in code.latents)


@pytest.mark.parametrize(
    "rungs, levels", [(1, ()), (2, (1,)), (3, (2,)), (4, (3, 1)), (5, (4, 2)), (6, (5, 3, 1))]
)
def test_every_second_boundary_has_a_latent_where_nothing_is_said(rungs: int, levels) -> None:
    ladder = dense_ladder((1, 2, 2), (3,) * rungs)
    assert Hierarchical((3,), 2, shapes=ladder.shapes).levels == levels


def test_levels_in_any_order_keep_their_sizes() -> None:
    ladder = dense_ladder((1, 2, 2), (3,) * 4)
    box = Hierarchical((3,), levels=(1, 3), sizes=(5, 6), shapes=ladder.shapes)
    assert box.levels == (3, 1)
    assert [stage.tail.in_features for stage in box.stages] == [6, 5]


@pytest.mark.parametrize("name", LADDERS)
def test_it_trains_and_comes_back_from_disk(name: str, tiny, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    model = nw.fit(recipe, tiny, epochs=2, report="quiet", device="cpu")
    nw.save(model, tmp_path)
    loaded = nw.load(tmp_path)
    assert torch.allclose(model.reconstruct(tiny), loaded.reconstruct(tiny), atol=1e-6)
    by_hand = nw.Recipe.of(model, *recipe.phases)
    by_hand.save(tmp_path / "by_hand.toml")
    again = nw.Recipe.load(tmp_path / "by_hand.toml").build()
    assert again.parts() == model.parts()
    assert again.bottleneck.levels == model.bottleneck.levels


def test_the_same_draws_give_the_same_latents_and_each_level_its_own(tiny) -> None:
    model = recipe_of("dense", levels=(2, 1)).build()
    x = tiny.batch(torch.arange(5))
    one, same, other = (model.posterior(x, 1, Draws(seed)).latents for seed in (0, 0, 1))
    noise = []
    for a, b, c in zip(one, same, other, strict=True):
        assert torch.equal(a.z, b.z) and not torch.equal(a.z, c.z)
        noise.append((a.z - a.mean) / (0.5 * a.log_variance).exp())
    assert not torch.allclose(noise[0], noise[1], atol=0.1)
    assert not torch.allclose(noise[1], noise[2], atol=0.1)


def test_encoding_does_not_go_up_twice(tiny) -> None:
    model = recipe_of("dense").build()
    code = model.posterior(tiny.batch(torch.arange(5)), 2, Draws())
    g, level = model.bottleneck.expand(code, model.ladder)
    assert level == 2 and g is code.resumed_at[1]


def test_statistics_are_those_of_the_way_up_alone(tiny) -> None:
    """One update a step for every normalisation, so that evaluation sees what training saw."""
    model = recipe_of("conv").build().train()
    x = tiny.batch(torch.arange(5))
    EndToEnd()(model, Batch(x, x, 2, 0.0, 0, Draws()))
    for boundary in model.ladder.boundaries:
        assert int(boundary.norm_down.num_batches_tracked) == 1
        assert int(boundary.norm_up.num_batches_tracked) == 1


def test_it_takes_importance_weighting_and_deep_supervision(tiny) -> None:
    model = recipe_of("conv").build()
    x = tiny.batch(torch.arange(5))
    batch = Batch(x, x, 3, 0.0, 0, Draws())
    step = DeeplySupervised()(model, batch)
    assert list(step.inner) == ["level_1"]  # above the latent at level 2
    assert torch.isfinite(Iwae().loss(EndToEnd()(model, batch)).total)


def test_one_rung_at_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="the bottleneck 'hierarchical' ties several levels"):
        OneRung().check(recipe_of("dense").build())


def test_a_stored_code_has_the_prior_of_its_base_and_no_posterior(tiny) -> None:
    model = recipe_of("dense").build()
    code = model.encode(tiny, 2)
    assert code.latents == () and code.resumed_at is None
    wanted = model.bottleneck.base.log_prior(code)
    assert torch.equal(model.bottleneck.log_prior(code), wanted)
    for ask in (model.bottleneck.kl, model.bottleneck.log_posterior):
        with pytest.raises(ValueError, match=re.escape("take it from model.posterior(x)")):
            ask(code)
    assert model.decode(code.z).shape == (2, 5, 1, 13, 11)


def test_it_knows_the_shapes_that_the_model_gave_it() -> None:
    model = recipe_of("dense", levels=(1,)).build()
    written = part_of(model.bottleneck)
    assert written.arguments["shapes"] == ((1, 13, 11), (8,), (7,), (6,))
    assert written.arguments["levels"] == (1,)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"levels": (3,)}, "this one has levels 1 to 2 inside; we got (3,)"),
        ({"levels": (0,)}, "this one has levels 1 to 2 inside; we got (0,)"),
        ({"levels": (1, 1)}, "each once; this one has levels 1 to 2 inside; we got (1, 1)"),
        ({"levels": (1,), "shapes": None}, "this one has no level inside; we got (1,)"),
        ({"levels": (2, 1), "sizes": (3,)}, "one for each of the levels (2, 1), at least 1; we"),
        ({"levels": (2,), "sizes": (0,)}, "one for each of the levels (2,), at least 1; we got (0"),
        ({"shapes": ((1, 2, 2), (5,))}, "the last of the shapes is that of the base, (6,); we got"),
        ({"size": 0}, "a code needs a size of at least 1; we got 0"),
    ],
)
def test_what_cannot_work_is_refused_when_built(arguments, sentence: str) -> None:
    shapes = ((1, 13, 11), (8,), (7,), (6,))
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Hierarchical((6,), **{"shapes": shapes, **arguments})


def test_a_hierarchy_for_another_ladder_is_refused() -> None:
    ladder = conv_ladder((1, 13, 11), (4, 5))
    other = Hierarchical((5, 4, 3), shapes=((1, 13, 11), (6, 7, 6), (5, 4, 3)))
    sentence = "but the bottleneck reads [(1, 13, 11), (6, 7, 6), (5, 4, 3)]; build it with shapes="
    with pytest.raises(ValueError, match=re.escape(sentence)):
        nw.Autoencoder(ladder, other, Part("gaussian"))
    alone = nw.Autoencoder(ladder, Hierarchical((5, 4, 3), 2), Part("gaussian"))
    assert alone.bottleneck.levels == ()
    assert alone.raw(Code(torch.zeros(2, 2))).shape == (2, 1, 13, 11)
