"""Train: a run of any pictures, its card, and what is known of them afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import narrows as nw
from narrows.applications.train import run_folder, train

FEW = {"epochs": 1, "code_size": 4, "report": "quiet"}


def test_an_array_is_trained_on_without_a_folder() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    result = train(pixels, "mlp-vae", validation=0.2, **FEW)
    split = result.model.run.split(nw.images.Images(pixels[:, None]))
    assert result.folder is None and result.judged.name == "validation"
    assert len(split.trained) == len(result.fitted) and len(split.new) == 0
    assert len(split.validated) == len(result.judged)
    assert result.conclusion and str(result).endswith(result.conclusion)
    assert result.document()["psnr"] > 0 and set(result.figures()) == {"reconstructions", "losses"}


def test_the_card_says_what_its_numbers_are_of(tmp_path: Path) -> None:
    digits = nw.images.named("digits").select(range(200))
    train(digits, "mlp-vae", to=tmp_path / "all", validation=0, **FEW)
    card = (tmp_path / "all" / "card.md").read_text()
    assert "Numbers on training pictures" in card and "held-out" not in card
    result = train(digits, "mlp-vae", to=tmp_path / "some", changes={"batch_size": 50}, **FEW)
    card = (tmp_path / "some" / "card.md").read_text()
    assert f"| {len(result.judged)} validation |" in card
    assert (tmp_path / "some" / "losses.png").exists() and result.document()["recipe"] == "mlp-vae"


def test_pictures_in_memory_are_brought_to_a_size() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 12, 20), dtype=np.uint8)
    result = train(pixels, "mlp-vae", size=(8, 10), mode="gray", fit="pad", **FEW)
    how = result.model.preprocessing
    assert (how.shape, how.fit) == ((1, 8, 10), "pad")


def test_few_pictures_are_warned_of_and_numbers_are_numbers(tmp_path: Path) -> None:
    digits = nw.images.named("digits")
    few = train(digits.select(range(20)), "mlp-vae", to=tmp_path / "few", **FEW)
    assert any("pictures to train on: a model of so few" in note for note in few.notes)
    numbers = few.document()["numbers"]
    assert numbers["weights"] > 1000 and numbers["code"] == 4 and numbers["shape"] == [1, 8, 8]
    assert numbers["epochs"] == 1 and numbers["seconds"] > 0
    assert isinstance(numbers["best_validation"], float)
    assert "**numbers**" not in (tmp_path / "few" / "card.md").read_text()
    notes = train(digits.select(range(90)), "mlp-vae", **FEW).notes
    assert not any("to train on" in note for note in notes)


def test_what_is_refused(tmp_path: Path) -> None:
    pixels = np.zeros((10, 8, 8), np.uint8)
    recipe: Any = nw.recipes.mlp_vae((1, 8, 8), code_size=2)
    with pytest.raises(ValueError, match="are of a recipe by name"):
        train(pixels, recipe, code_size=3)
    with pytest.raises(ValueError, match="no number 'depth'"):
        train(pixels, "mlp-vae", changes={"depth": 3})
    assert run_folder("conv-vae", "/x/holiday/") == Path("runs/conv-vae-holiday")


def test_the_run_shows_its_views_and_says_how_it_does_beside_pca(tmp_path: Path) -> None:
    digits = nw.images.named("digits").select(range(120))
    result = train(digits, "pca-autoencoder", to=tmp_path / "run", **FEW)
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {
        *("losses.png", "reconstructions.png", "views.png"),
    }
    assert "](views.png)" in (tmp_path / "run" / "card.md").read_text()
    assert result.reconstructions.pca is not None and result.conclusion
    told = nw.training.run_info(tmp_path / "run")
    assert told["beside_pca"] == result.conclusion


def test_pictures_that_are_all_alike_are_said_to_be_before_the_training() -> None:
    told: list[str] = []

    class Said(nw.training.reporting.Quiet):
        def say(self, text: str) -> None:
            told.append(text)

    pixels = np.full((12, 8, 8), 77, np.uint8)
    result = train(pixels, "pca-vae", **{**FEW, "report": Said()})
    assert any("all pictures are alike" in note for note in result.notes)
    assert [i for i, text in enumerate(told) if "alike" in text] < [
        i for i, text in enumerate(told) if text.startswith("training pca-vae")
    ]
