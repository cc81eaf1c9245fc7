"""Evaluate: which pictures the numbers are of, and which the baselines are fitted to."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import narrows as nw
from narrows.applications.beside_pca import conclusion
from narrows.applications.evaluate import evaluate
from narrows.images.contents import content_keys
from narrows.measures import Pca, psnr


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
