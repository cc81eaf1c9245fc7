"""Inference: a code searched for each picture beside the encoder's, on models whose answer is known."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.applications.evaluate import evaluate
from narrows.applications.inference import inference


@pytest.fixture(scope="module")
def digits() -> Any:
    return nw.images.named("digits")


def pictures(digits: Any, count: int = 24) -> torch.Tensor:
    return digits.batch(torch.arange(count))


def test_least_squares_is_found_where_the_decoder_is_linear(digits: Any) -> None:
    """Of a linear decoder the best code is a projection, whatever the encoder says."""
    recipe = nw.recipes.mlp_autoencoder((1, 8, 8), code_size=3, widths=(16,))
    linear = recipe.ladder.with_(activation="identity")
    model = dataclasses.replace(recipe, ladder=linear).build()
    model.likelihood.mean = lambda raw: raw  # type: ignore[method-assign]
    x = pictures(digits)
    found = inference(model, x, evaluations=60)
    with model.evaluating():
        zero = model.raw(torch.zeros(1, 3))
        basis = torch.stack([(model.raw(z[None]) - zero).flatten() for z in torch.eye(3)], 1)
        at = torch.linalg.lstsq(basis, (x - zero).flatten(1).T).solution
        best = (basis @ at).T.view_as(x) + zero
    expected = nw.measures.psnr(x, best.clamp(0, 1)).mean()
    assert found.measure == "PSNR" and found.searched == pytest.approx(float(expected), abs=0.05)
    assert found.gap > 0


def test_the_bound_of_a_vae_rises_under_draws_that_the_search_did_not_see(digits: Any) -> None:
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=4, widths=(32,)).with_(epochs=1)
    model = nw.fit(recipe, digits, report="quiet")
    found = evaluate(model, digits, searched=20, progress=False)
    assert found.inference is not None
    assert (found.inference.measure, found.inference.pictures) == ("ELBO", 20)
    assert found.inference.gap > 0
    assert found.inference.gap == pytest.approx(found.inference.searched - found.inference.encoder)
    assert "by the encoder" in str(found) and found.document()["inference"]["gap"] > 0
    again = evaluate(model, digits, searched=20, progress=False).inference
    assert again is not None and again.searched == found.inference.searched
    assert evaluate(model, digits, progress=False).inference is None


def test_what_has_no_gradient_is_refused(digits: Any) -> None:
    model = nw.recipes.oord_2017_vq_vae((1, 32, 32)).build()
    with pytest.raises(ValueError, match="vector-quantised"):
        inference(model, pictures(digits, 2))
    with pytest.raises(ValueError, match="two evaluations"):
        inference(nw.recipes.mlp_vae((1, 8, 8)).build(), pictures(digits, 2), evaluations=1)
