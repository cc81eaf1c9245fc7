"""The verb restore: albums of any sizes, damaged files, what it writes, what it trains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.applications.restore import OldPhotos


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures of four sizes, one of them a JPEG, one gray among the colours, and a damaged one."""
    folder, rng = tmp_path_factory.mktemp("restore") / "album", np.random.default_rng(0)
    folder.mkdir()
    for name, size in (
        ("a.png", (80, 70)),
        ("b.png", (80, 70)),
        ("c.jpg", (67, 90)),
        ("d.png", (5, 9)),
    ):
        small = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(folder / name)
    gray = Image.fromarray(rng.integers(0, 255, (6, 6), dtype=np.uint8), "L")
    gray.resize((33, 20), Image.Resampling.BICUBIC).save(folder / "e.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    return folder


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    return nw.recipes.old_photos((3, 16, 16), channels=8, blocks=1, patches=True).build().eval()


def test_an_album_keeps_its_sizes_and_names_what_is_damaged(model, album, tmp_path):
    result = nw.restore(album, model, progress=False)
    assert [tuple(x.shape) for x in result.outputs] == [
        (3, 70, 80),
        (3, 70, 80),
        (3, 90, 67),
        (3, 9, 5),
        (3, 20, 33),
    ]
    assert [name.rpartition("/")[2] for name, _ in result.skipped] == ["broken.jpg"]
    written = result.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.png", "b.png", "c.jpg", "comparison.png", "d.png", "e.png", "masks", "restored.json", "scratches.png",
    ]  # fmt: skip
    masks = [Image.open(path) for path in written["masks"]]
    assert [one.size for one in masks] == [(80, 70), (80, 70), (67, 90), (5, 9), (33, 20)]
    assert all(set(np.unique(np.asarray(one))) <= {0, 255} for one in masks)
    assert not result.rows() and json.loads((tmp_path / "restored.json").read_text())["pictures"]


def test_made_old_pictures_are_scored_beside_filters(model, album):
    result = nw.restore(album, model, made_old=True, limit=3, seed=3, progress=False)
    rows = {row["name"]: row for row in result.rows()}
    assert list(rows) == ["old", "model", "membrane, cosine threshold"]
    assert all(0 <= one["really_hidden"] <= 1 for one in result.pictures)
    same = nw.restore(album, model, made_old=True, limit=3, seed=3, progress=False)
    assert same.rows() == result.rows()


def test_without_a_model_one_is_trained_and_can_be_used_again(album, tmp_path, monkeypatch):
    import narrows.applications.restore as home

    small = nw.recipes.old_photos
    monkeypatch.setattr(
        home, "old_photos", lambda shape, **more: small(shape, channels=4, blocks=1, **more)
    )
    monkeypatch.setattr(home, "lasting", lambda recipe, epochs, minutes: recipe.with_(steps=1))
    given = {"to": tmp_path / "run", "report": "quiet", "progress": False, "limit": 1}
    first = nw.restore(album, clean=album, **given)
    assert len(first.outputs) == 1 and not any("stood for them" in note for note in first.notes)
    again = nw.restore(album, tmp_path / "run", limit=1, progress=False)
    assert (again.outputs[0] == first.outputs[0]).all()
    alone = nw.restore(album, report="quiet", progress=False, limit=1)
    assert any("stood for them" in note for note in alone.notes)


def test_other_models_and_two_of_both_are_refused(model, album):
    with pytest.raises(ValueError, match="leave one of them out"):
        nw.restore(album, model, clean=album)
    other = nw.recipes.mlp_vae((3, 16, 16), 2, widths=(4,)).build()
    with pytest.raises(ValueError, match="needs a model trained for it"):
        OldPhotos(other)
