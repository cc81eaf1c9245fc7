"""What is whole is said to be, and what is not is said of that file alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import narrows as nw
from narrows import files
from narrows.applications.codec import Codec, codec_model
from narrows.errors import BadFile
from narrows.images import Images
from narrows.priors import fit_prior, save_prior

SHAPE = (1, 6, 5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all that may stand beside its weights: a discriminator, a prior, tables."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, *SHAPE), np.uint8)
    folder = tmp_path_factory.mktemp("check") / "whole"
    recipe = nw.recipes.makhzani_2016_adversarial(SHAPE, code_size=2).with_(epochs=1)
    facts = {"command": "narrows train here"}
    images = Images(pixels)
    model = nw.fit(recipe, images, validation=0.2, to=folder, report="quiet", facts=facts)
    save_prior(fit_prior(model, images, "gaussian"), model, folder)
    Codec.fit(codec_model(model), images).save(folder / "entropy.safetensors")
    return folder


def test_a_whole_run_is_whole(whole: Path) -> None:
    found = nw.check(whole)
    assert found.whole and found.kind == "run"
    names = {one.file for one in found.files}
    assert names == {path.name for path in whole.iterdir()} - {"card.md"}
    assert {"prior-gaussian.safetensors", "entropy.safetensors", "local.toml"} < names
    assert str(found).endswith("all is whole")
    assert json.loads(json.dumps(found.document()))["whole"] is True
    assert nw.check(whole / "model.safetensors").whole


def test_each_damaged_file_is_named_and_no_other(whole: Path, tmp_path: Path) -> None:
    needed = {"recipe.toml": "prior", "model.safetensors": "entropy"}  # what they drag along
    for number, path in enumerate(sorted(whole.iterdir())):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 128
        (folder / path.name).write_bytes(content)
        found = nw.check(folder)
        bad = {one.file for one in found.files if not one.whole}
        assert path.name in bad and not found.whole
        if path.name not in needed:
            assert bad == {path.name}
        assert "not whole" in str(found).splitlines()[-1]
        assert all("\n" not in one.about for one in found.files)


def test_what_belongs_to_another_model_is_not_whole(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "mixed"))
    recipe = nw.Recipe.load(folder / "recipe.toml")
    for phases in (recipe.with_(epochs=3).phases, recipe.with_(learning_rate=0.1).phases):
        recipe.with_(phases=phases).save(folder / "recipe.toml")
        rows = {one.file: one for one in nw.check(folder).files}
        assert "how it is trained" in rows["model.safetensors"].about
        assert nw.load(folder).recipe.phases == phases  # which is no reason not to use it
    (folder / "recipe.toml").unlink()
    rows = {one.file: one for one in nw.check(folder).files}
    assert not rows["recipe.toml"].whole and "missing" in rows["recipe.toml"].about
    assert rows["seen.safetensors"].whole and not rows["prior-gaussian.safetensors"].whole


def test_a_model_without_a_run_and_nothing_at_all(whole: Path, tmp_path: Path) -> None:
    nw.save(nw.load(whole), tmp_path / "saved")
    found = nw.check(tmp_path / "saved")
    assert found.whole and found.kind == "model"
    (tmp_path / "saved" / "model.safetensors").unlink()
    assert not nw.check(tmp_path / "saved").whole
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFile, match="holds nothing of Narrows to check"):
        nw.check(tmp_path / "empty")
    with pytest.raises(BadFile, match="there is no folder"):
        nw.check(tmp_path / "none")
    files.write_text(tmp_path / "file", "x")
    with pytest.raises(BadFile, match="there is no folder"):
        nw.check(tmp_path / "file")
