"""Fine-tuning: an encoder begun as an autoencoder's learns classes from few labels, and is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import (
    evaluate_classifier,
    fine_tune,
    fine_tuned,
    fit_classifier,
    label_efficiency_tuned,
)


@pytest.fixture(scope="module")
def model(digits: nw.images.Images) -> nw.Autoencoder:
    recipe = nw.recipes.recipe("mlp-autoencoder")((1, 8, 8), 16)
    return nw.fit(recipe, digits.select(range(1000)), epochs=3, report="quiet")


def test_it_learns_from_a_hundred_labels(model, digits, tmp_path: Path) -> None:
    few, test = digits.select(range(100)), digits.select(range(1000, 1500))
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    steps: list[tuple[int, int]] = []
    tuned = fine_tune(model, few, few.label, steps=150, progress=lambda *done: steps.append(done))
    found = evaluate_classifier(tuned, test, test.label.astype(str))
    linear = fit_classifier(model.encode(few).z, few.label.astype(str), "linear", choose=False)
    beside = evaluate_classifier(linear, model.encode(test).z, test.label.astype(str))
    assert found.accuracy > max(0.75, beside.accuracy)
    assert found.classes.tolist() == [str(i) for i in range(10)]
    assert steps[-1] == (150, 150)
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, before[name])  # the one that was given stays
    assert "softmax" not in model.auxiliary and fine_tuned(model) is None
    nw.save(tuned.model, tmp_path / "kept")
    again = fine_tuned(nw.load(tmp_path / "kept"))
    assert again is not None and again.classes.tolist() == tuned.classes.tolist()
    assert (again(test) == tuned(test)).all()


def test_it_remembers_how_pictures_were_read_and_what_was_seen_before(digits, tmp_path) -> None:
    how = nw.images.Preprocessing((1, 8, 8), "pad")
    padded = nw.images.Images(digits.pixels, labels=digits.labels, preprocessing=how)
    recipe = nw.recipes.mlp_autoencoder((1, 8, 8), 4, widths=(8,))
    before = nw.fit(recipe, padded.select(range(100)), epochs=1, report="quiet")
    few = padded.select(range(100, 140))
    nw.save(fine_tune(before, few, few.label, steps=2).model, tmp_path / "kept")
    kept = nw.load(tmp_path / "kept")
    assert kept.preprocessing == how
    assert kept.run.split(padded.select(range(200))).trained.tolist() == list(range(140))
    unknown = fine_tune(recipe.build(), few, few.label, steps=2).model
    assert not unknown.run.split(padded).known


def test_the_same_seed_gives_the_same(model, digits) -> None:
    few = digits.select(range(40))
    a, b = (fine_tune(model, few, few.label, steps=5, seed=3) for _ in range(2))
    assert all(
        torch.equal(x, y) for x, y in zip(a.model.parameters(), b.model.parameters(), strict=True)
    )


def test_a_curve_by_labels(model, digits) -> None:
    train, test = digits.select(range(300)), digits.select(range(1000, 1300))
    counts, found = label_efficiency_tuned(
        model, train, train.label, test, test.label, counts=(1, 10, 1000), steps=60
    )
    assert counts.tolist() == [1, 10] and found.shape == (2, 1) and found[1, 0] > found[0, 0]


def test_what_is_refused(model, digits) -> None:
    few = digits.select(range(6))
    with pytest.raises(ValueError, match="we got 6 and 5"):
        fine_tune(model, few, few.label[:5])
    with pytest.raises(ValueError, match="all 6 pictures are 'x'"):
        fine_tune(model, few, np.array(["x"] * 6))
    with pytest.raises(ValueError, match="at least one step"):
        fine_tune(model, few, few.label, steps=0)
