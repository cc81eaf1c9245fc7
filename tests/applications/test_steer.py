"""Steering really moves what it names, and says what else it moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.applications import (
    Direction,
    decoder,
    effects_of_steering,
    effects_of_transform,
    fit_to_labels,
    fit_to_transform,
    probe,
    proximity,
    steer,
    steer_codes,
)
from narrows.images.contents import content_keys
from narrows.parts import Part, build


@pytest.fixture(scope="module")
def model(digits) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 16, widths=(64,))
    recipe = recipe.with_(batch_size=32, learning_rate=3e-3)
    return nw.fit(recipe, digits, epochs=20, report="quiet", device="cpu")


@pytest.mark.parametrize("name", ["shift-x", "rotation"])
def test_steering_moves_what_it_names_more_than_not_steering(model, digits, name: str) -> None:
    def codes(x: Tensor) -> Tensor:
        return model.encode(x).z

    transform = build("transform", Part(name))
    train, held = digits.batch(torch.arange(600)), digits.batch(torch.arange(600, 700))
    steering = fit_to_transform(codes, train, transform, as_map=True)
    decode, reach = decoder(model), transform.reach
    own = {e.attribute: e for e in effects_of_steering(decode, steering, codes(held), reach)}
    real = {e.attribute: e for e in effects_of_transform(transform, held, reach)}
    assert 0.25 < own[name].change / real[name].change < 1.1
    near = proximity(codes, decode, steering, transform, held, reach)
    assert near.unmoved + 0.5 < near.steered < near.ceiling + 0.5


def test_steering_towards_a_class(model, digits) -> None:
    x = digits.batch(torch.arange(800))
    zeros = torch.tensor([str(one) == "0" for one in digits.label[:800]]).double()
    z = model.encode(x).z
    read, score = probe(x, zeros)
    assert score > 0.5
    effects = effects_of_steering(
        decoder(model), fit_to_labels(z, zeros), z[:100], 1.0, {"zero": read}
    )
    assert [e.attribute for e in effects][-1] == "zero"
    assert effects[-1].change > 0.3 and effects[-1].size > 0.5


def test_effects_of_nothing_are_nothing(model, digits) -> None:
    z = model.encode(digits.batch(torch.arange(20))).z
    for effect in effects_of_steering(decoder(model), Direction(torch.zeros(16)), z, 1.0):
        assert effect.change == 0 and effect.deviation == 0 and effect.size == 0


def test_what_cannot_be_learnt_or_done(model) -> None:
    with pytest.raises(ValueError, match="all of these have one"):
        fit_to_labels(torch.randn(5, 3), torch.ones(5))
    with pytest.raises(ValueError, match="2 pictures or more; we got 1"):
        fit_to_transform(lambda x: x, torch.rand(1, 1, 4, 4), build("transform", Part("zoom")))
    with pytest.raises(ValueError, match="finite numbers"):
        steer_codes(
            decoder(model), Direction(torch.ones(16)), torch.zeros(1, 16), torch.tensor([torch.inf])
        )


def test_maps_of_codes_keep_their_shape() -> None:
    z = torch.rand(9, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    steering = fit_to_transform(
        lambda x: x, z[:, :1].repeat(1, 3, 1, 1), build("transform", Part("zoom")), as_map=True
    )
    x = torch.rand(4, 3, 3, 3)
    assert steering(x, torch.tensor([0.1, 0.2])).shape == (2, 4, 3, 3, 3)


def test_the_verb_is_fitted_to_the_training_and_measured_on_new_pictures(digits) -> None:
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 8, widths=(32,))
    model = nw.fit(recipe, digits.select(range(900)), epochs=1, validation=0.1, report="quiet")
    found = steer(
        model, digits.select(range(2)), by="zoom", fit_on=digits, fit_size=200, progress=False
    )
    fitted, judged = content_keys(found.fitted), content_keys(found.judged)
    assert found.judged_on == "held-out" and len(fitted) == len(judged) == 200
    assert not np.isin(judged, np.concatenate([fitted, *model.run.seen.values()])).any()
    assert np.isin(fitted, model.run.seen["train"]).all()
    assert found.steered.shape == found.transformed.shape == (2, 7, *digits.shape)
    assert torch.allclose(
        found.steered[:, 3], model.reconstruct(digits.select(range(2))), atol=1e-5
    )
    assert torch.allclose(found.transformed[:, 3], found.pictures, atol=1e-5)


def test_a_label_or_a_class_of_it(model, digits) -> None:
    few = digits.select(range(400))
    found = steer(model, few, by="label=0", fit_on=few, limit=3, progress=False)
    assert found.amount == 1 and found.proximity is None and 0 < found.probe_r2 <= 1
    assert found.effects[-1].attribute == "label=0" and len(found.ids) == 3
    with pytest.raises(ValueError, match="label has no class 'x'"):
        steer(model, few, by="label=x", fit_on=few, progress=False)
    with pytest.raises(ValueError, match="by is one of brightness"):
        steer(model, few, by="hair", fit_on=few, progress=False)
    with pytest.raises(ValueError, match="fit_size is at least 2; we got 1"):
        steer(model, few, by="zoom", fit_on=few, fit_size=1, progress=False)
