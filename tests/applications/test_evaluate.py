"""Evaluate: which pictures the numbers are of, and which the baselines are fitted to."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import narrows as nw
from narrows.applications.beside_pca import best_of, conclusion
from narrows.applications.evaluate import evaluate
from narrows.applications.reconstruct import reconstruct
from narrows.images.contents import content_keys
from narrows.images.inputs import evenly
from narrows.measures import Pca, SampleDistance, psnr


@pytest.fixture(scope="module")
def digits() -> Any:
    return nw.images.named("digits")


@pytest.fixture(scope="module")
def model(digits: Any) -> Any:
    """Trained on the first thousand digits, of which a tenth chose the weights."""
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=6, widths=(64,)).with_(epochs=2)
    return nw.fit(recipe, digits.select(range(1000)), validation=0.1, report="quiet")


def test_baselines_are_of_the_training_and_numbers_of_new_pictures(digits: Any, model: Any) -> None:
    result = evaluate(model, digits, progress=False)
    keys, seen = content_keys(digits), model.run.seen
    trained = digits.select(np.flatnonzero(np.isin(keys, seen["train"])))
    new = digits.select(np.flatnonzero(~np.isin(keys, np.concatenate(list(seen.values())))))
    x = new.pixels.float() / 255
    pca = Pca.fit(trained, 6, seed=0).reconstruct(x).clamp(0, 1)
    rows = {row["name"]: row for row in result.document()["rows"]}
    assert result.judged.name == result.document()["evaluated"] == "held-out"
    assert rows["PCA, 6 values"]["psnr"] == pytest.approx(float(psnr(x, pca).mean()), abs=1e-3)
    ours = psnr(x, model.reconstruct(x).clamp(0, 1)).mean()
    assert rows["model"]["psnr"] == pytest.approx(float(ours), abs=1e-3)
    assert "797 pictures: held-out" in str(result) and "ELBO" in str(result)
    json.dumps(result.document())


@pytest.mark.parametrize(
    ("split", "name", "count"),
    [("train", "training", 900), ("validation", "validation", 100), ("test", "held-out", 797)],
)
def test_another_part_on_request(
    digits: Any, model: Any, split: str, name: str, count: int
) -> None:
    result = evaluate(model, digits, split=split, progress=False)
    assert (result.judged.name, result.measures.n) == (name, count)


def test_drawn_pictures_stand_beside_as_many_real_ones(digits: Any, model: Any) -> None:
    few = digits.select(range(900, 1100))
    found = evaluate(model, few, draws=60, progress=False).drawn
    assert found.pictures == 60 and found.prior
    distance = SampleDistance.of(evenly(few, 120))
    made = nw.generate(model, 60, seed=0, progress=False).pictures
    assert found.frechet == pytest.approx(distance(made), rel=1e-3)
    assert (found.told, found.told_p) == pytest.approx(
        (distance.told(made).accuracy, distance.told(made).p_value)
    )
    assert "60 pictures drawn" in str(evaluate(model, few, draws=60, progress=False))
    plain = evaluate(model, few, progress=False)
    assert plain.drawn is None and "drawn" not in plain.document()


def test_a_limit_is_spread(digits: Any, model: Any) -> None:
    few = evaluate(model, digits, limit=5, progress=False)
    whole = evaluate(model, digits, progress=False)
    rows = np.linspace(0, 796, 5).round().astype(int)
    np.testing.assert_allclose(few.measures.mse, whole.measures.mse[rows], rtol=1e-4)


def test_a_part_that_is_not_there(digits: Any, model: Any) -> None:
    with pytest.raises(ValueError, match="none of the 100 pictures is of the train part"):
        evaluate(model, digits.select(range(1100, 1200)), split="train", progress=False)
    alone = evaluate(model, digits.select(range(1100, 1200)), progress=False)
    assert alone.fitted is None and [row["name"] for row in alone.measures.rows()] == ["model"]
    assert any("no baselines" in note for note in alone.notes)


def test_it_concludes_in_one_sentence(digits: Any, model: Any) -> None:
    result = evaluate(model, digits, progress=False)
    assert (
        result.conclusion.startswith("PCA with as many numbers is ")
        and "better" in result.conclusion
    )
    assert "797 held-out pictures" in result.conclusion and str(result).endswith(result.conclusion)
    assert result.document()["conclusion"] == result.conclusion
    new = evaluate(model, np.arange(576, dtype=np.uint8).reshape(9, 8, 8), progress=False)
    assert (
        new.measures.n == 9 and new.conclusion == ""
    )  # whole, and without what PCA could be fitted to


def test_what_a_difference_is_said_to_be() -> None:
    draw = np.random.default_rng(0).normal(0, 1, 100)
    pca = 20 + draw
    said = [conclusion(pca + each, pca, "validation") for each in (0.5, -0.5, 0)]
    assert said[0] == "0.50 dB better than PCA with as many numbers (on 100 validation pictures)"
    assert said[1].startswith("PCA with as many numbers is 0.50 dB better") and "pca-vae" in said[1]
    noisy = conclusion(pca + 0.05 * np.random.default_rng(1).normal(0, 9, 100), pca, "validation")
    assert "within the error" in noisy and "as good" in said[2]
    assert "as good" in conclusion([21.0], [20.0], "held-out")  # one picture tells nothing


def test_pca_of_mirrored_pictures_and_of_views_stand_beside(digits: Any, model: Any) -> None:
    result = evaluate(model, digits, progress=False)
    rows = {row["name"]: row["psnr"] for row in result.document()["rows"]}
    kinds = ["PCA", "PCA of mirrored pictures", "PCA of views"]
    assert list(rows) == ["model", *(f"{kind}, 6 values" for kind in kinds), "mean picture"]
    # a mirrored digit is none: the sentence is of the best, and that is the plain one
    assert rows["PCA, 6 values"] > rows["PCA of mirrored pictures, 6 values"]
    assert result.conclusion.startswith("PCA with as many numbers is")
    assert any("3,600 views of the 900 training pictures" in note for note in result.notes)
    found = best_of({"model": [9.0], "PCA of views, 6 values": [3.0], "PCA, 6 values": [2.0]})
    assert found == ("PCA of views, 6 values", [3.0])


def test_the_sentence_names_the_best_and_no_recipe_that_was_taken() -> None:
    pca = 20 + np.random.default_rng(0).normal(0, 1, 100)
    said = conclusion(pca - 0.5, pca, "held-out", "PCA of views, 64 values")
    assert (
        said.startswith("PCA of views with as many numbers is 0.50 dB better") and "pca-vae" in said
    )
    begun = nw.recipes.pca_autoencoder((1, 8, 8), 4).build()
    said = conclusion(pca - 0.5, pca, "held-out", "PCA, 576 bits", begun)
    assert said.startswith("PCA with as many bits is 0.50 dB better") and "pca-vae" not in said


def test_a_quantised_model_is_compared_by_bits(digits: Any) -> None:
    recipe = nw.recipes.oord_2017_vq_vae((1, 8, 8)).with_(epochs=0.2)
    vq = nw.fit(recipe, digits.select(range(300)), report="quiet")
    result = evaluate(vq, digits.select(range(290, 400)), progress=False)
    bits = vq.encode(digits.select([0])).indices.numel() * np.log2(vq.bottleneck.entries)
    rows = {row["name"]: row["psnr"] for row in result.document()["rows"]}
    assert list(rows)[1] == f"PCA, {int(bits)} bits"
    assert "with as many bits" in result.conclusion


def test_why_there_is_no_comparison(digits: Any) -> None:
    few = nw.recipes.mlp_autoencoder((1, 8, 8), code_size=40, widths=(8,)).with_(epochs=1)
    result = evaluate(nw.fit(few, digits.select(range(30)), report="quiet"), digits, progress=False)
    assert result.conclusion == ""
    why = "no comparison with PCA: a code has 40 numbers, and PCA of these pictures at most 30"
    assert why in result.notes
    noisy = few.with_(corruption=nw.parts.Part("gaussian-noise", {"sigma": 0.1}))
    result = evaluate(
        nw.fit(noisy, digits.select(range(90)), report="quiet"), digits, progress=False
    )
    assert any("was trained on pictures that were changed first" in note for note in result.notes)


def test_reconstructions_beside_those_of_pca(digits: Any, model: Any) -> None:
    whole = reconstruct(model, digits, progress=False)
    assert whole.pca is not None and whole.pca.name == "PCA, 6 values"
    x = digits.pixels.float() / 255
    np.testing.assert_allclose(whole.pca.psnr, psnr(x, whole.pca.reconstructions), rtol=1e-5)
    assert "PCA, 6 values" in str(whole) and list(whole.document()["mean_psnr_of_pca"])
    # no training pictures among them: none, but for a model that holds the PCA that it began as
    assert reconstruct(model, digits.select(range(1200, 1210)), progress=False).pca is None
    begun = nw.recipes.pca_autoencoder((1, 8, 8), 4).with_(steps=0)
    held = reconstruct(
        nw.fit(begun, digits, report="quiet"), digits.select(range(9)), progress=False
    )
    assert held.pca is not None and held.pca.name == "PCA of mirrored pictures, 4 values"
    np.testing.assert_allclose(held.pca.reconstructions, held.reconstructions, atol=1e-5)
