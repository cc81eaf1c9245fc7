"""A model knows its pictures: how they became inputs, and which ones it has seen, by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.errors import BadFile
from narrows.images import Images, Preprocessing, folder, split
from narrows.images.contents import content_keys
from narrows.images.views import Subset
from narrows.training import Phase, Run


@pytest.fixture
def images() -> Images:
    return Images(np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8))


def trained(images: object, **options: object) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=2).with_(phases=(Phase(epochs=1),))
    return nw.fit(recipe, images, report="quiet", **options)  # type: ignore[arg-type]


def test_keys_are_of_contents_whatever_the_source(images: Images) -> None:
    keys = content_keys(images)
    order = torch.randperm(40)
    assert (content_keys(Subset(images, order)) == keys[order.numpy()]).all()
    assert (
        content_keys(Images(images.pixels.clone(), ids=[f"x{i}" for i in range(40)])) == keys
    ).all()
    assert len(np.unique(keys)) == 40


def test_a_run_tells_trained_validated_and_new_pictures_apart(
    images: Images, tmp_path: Path
) -> None:
    rows = np.arange(40)
    model = trained(images.select(rows[:20]), validation=images.select(rows[20:30]), to=tmp_path)
    for run in (model.run, nw.load(tmp_path).run):
        found = run.split(images)
        assert found.trained.tolist() == list(range(20))
        assert found.validated.tolist() == list(range(20, 30))
        assert found.new.tolist() == list(range(30, 40))
        assert found.known and found.note == ""
    assert [r["loss"] for r in nw.load(tmp_path).history] == [r["loss"] for r in model.history]
    assert len(model.history) == 1


def test_the_share_that_fit_took_for_validation_is_remembered(images: Images) -> None:
    model = trained(images, validation=0.05, seed=3)
    parts = split(images, validation=0.05, seed=3)
    del parts  # whatever it took, both parts are known and nothing is new
    found = model.run.split(images)
    assert len(found.new) == 0 and len(found.validated) >= 1
    assert len(found.trained) + len(found.validated) == 40


def test_a_model_trained_on_everything_has_nothing_held_out(images: Images, tmp_path: Path) -> None:
    trained(images, to=tmp_path)
    judged = nw.load(tmp_path).run.split(images).evaluation()
    assert (judged.name, len(judged)) == ("training", 40)


def test_where_a_run_does_not_know_everything_counts_as_seen(
    images: Images, tmp_path: Path
) -> None:
    model = nw.recipes.mlp_vae((1, 8, 8), code_size=2).build()
    nw.save(model, tmp_path)
    found = nw.load(tmp_path).run.split(images)
    assert len(found.trained) == 40 and found.held_out is None and not found.known
    assert "all count as seen" in found.note
    assert found.evaluation().name == "seen"


def test_pictures_read_in_another_way_are_not_called_new(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 256, (8, 14), np.uint8)).save(tmp_path / f"{i}.png")
    padded = folder(tmp_path, 8, "gray", "pad")
    model = trained(padded, to=tmp_path / "run")
    assert nw.load(tmp_path / "run").preprocessing == Preprocessing((1, 8, 8), "pad")
    assert len(model.run.split(padded).trained) == 6
    found = model.run.split(folder(tmp_path, 8, "gray", "crop"))
    assert not found.known and "read as 8x8 gray, crop" in found.note


def test_nothing_that_is_fitted_to_is_judged_by(images: Images) -> None:
    both = Images(torch.cat([images.pixels, images.pixels[:10]]))  # copies among them
    seen = trained(images.select(np.arange(15))).run
    for run in (seen, Run(Preprocessing((1, 8, 8))), Run(Preprocessing((1, 8, 8)), {})):
        if run.seen == {}:
            run.remember(images.select([0]), None)
        fitting, judged = run.split(both).fitting(seed=1)
        assert not np.isin(content_keys(judged.images), content_keys(fitting)).any()
        if judged.name == "held-out":
            assert not np.isin(content_keys(judged.images), run.seen["train"]).any()


def test_training_goes_on_only_with_the_same_pictures(images: Images, tmp_path: Path) -> None:
    trained(images, to=tmp_path)
    other = Images(255 - images.pixels)
    with pytest.raises(BadFile, match="other train pictures"):
        trained(other, to=tmp_path, resume=True)


def test_a_model_that_is_trained_further_has_seen_both(images: Images) -> None:
    model = trained(images.select(np.arange(10)))
    nw.fit(model, images.select(np.arange(20, 30)), report="quiet")
    assert model.run.split(images).new.tolist() == [*range(10, 20), *range(30, 40)]


def test_weights_of_another_version_are_refused_in_a_sentence(
    images: Images, tmp_path: Path
) -> None:
    from narrows import files

    trained(images, to=tmp_path)
    tensors, header = files.load_tensors(tmp_path / "model.safetensors")
    files.save_tensors(tmp_path / "model.safetensors", tensors, header | {"version": 1})
    with pytest.raises(BadFile, match="version 1, which does not say how pictures become inputs"):
        nw.load(tmp_path)


def test_a_recipe_of_another_version_is_refused_in_a_sentence(
    images: Images, tmp_path: Path
) -> None:
    trained(images, to=tmp_path)
    path = tmp_path / "recipe.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("version = 2", "version = 1", 1))
    with pytest.raises(BadFile, match="recipe of version 1.*train the model again"):
        nw.load(tmp_path)
