"""Duplicates from Python: of collections, folders, lists of files and arrays; moving is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.applications.duplicates import Duplicates, duplicates
from narrows.applications.index import index
from narrows.images import Images


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    digits = nw.images.named("digits")
    recipe = nw.recipes.mlp_vae(digits.shape, code_size=4).with_(epochs=1)
    return nw.fit(recipe, digits, report="quiet")


@pytest.fixture
def photos(digits: Images, tmp_path: Path) -> Path:
    """Twelve digits; of two of them a larger and an equal copy; and a file that is no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        pixels = digits.pixels[i, 0].numpy().repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
        if i == 5:
            Image.fromarray(pixels.repeat(2, 0).repeat(2, 1)).save(folder / "05 large.png")
    (folder / "08 again.png").write_bytes((folder / "08.png").read_bytes())
    (folder / "words.png").write_text("no picture")
    return folder


GROUPS = {"05 large.png": ["05.png"], "08 again.png": ["08.png"]}


def named(found: Duplicates) -> dict[str, list[str]]:
    ids = found.columns["id"]
    return {ids[g.keeper]: sorted(ids[row] for row in g.others) for g in found.groups}


def test_a_folder_needs_neither_collection_nor_model(photos: Path, tmp_path: Path) -> None:
    found = duplicates(photos, threshold=0.03, progress=False)
    assert named(found) == GROUPS and found.collection is None
    assert found.skipped == [("words.png", "not a picture")]
    document = found.document()
    assert (document["pictures"], document["duplicates"]) == (14, 2) and "moved" not in document
    same = [other["same_file"] for group in document["groups"] for other in group["others"]]
    assert sorted(same) == [False, True]
    assert (
        document["bytes"] == (photos / "05.png").stat().st_size + (photos / "08.png").stat().st_size
    )
    assert len(found.table()) == 2 and "keep 05 large.png, redundant 05.png" in str(found)
    written = found.save(tmp_path / "out")
    assert Path(written["duplicates"]).is_file()
    made = duplicates(photos, progress=False)
    assert made.examples is not None and "recompressed" in str(made)


def test_a_collection_finds_what_its_folder_does(photos: Path, model, tmp_path: Path) -> None:
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    from_collection = duplicates(collection, threshold=0.03, progress=False)
    from_folder = duplicates(photos, threshold=0.03, model=model, progress=False)
    assert named(from_collection) == named(from_folder) == GROUPS
    by_codes = duplicates(str(tmp_path / "c"), by="codes", threshold=1e-3, progress=False)
    given = duplicates(photos, by="codes", threshold=1e-3, model=model, progress=False)
    assert named(by_codes) == named(given) == GROUPS
    advised = duplicates(photos, by="codes", model=model, progress=False)
    stored = duplicates(collection, by="codes", model=model, progress=False)
    assert stored.threshold == pytest.approx(advised.threshold, rel=1e-3)


def test_nothing_moves_until_it_is_asked_for(photos: Path, model, tmp_path: Path) -> None:
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    before = sorted(path.name for path in photos.iterdir())
    found = duplicates(collection, threshold=0.03, progress=False)
    assert sorted(path.name for path in photos.iterdir()) == before and found.moved is None
    moved = found.quarantine(tmp_path / "twice")
    assert sorted(id_ for id_, _ in moved.moved) == ["05.png", "08.png"] and not moved.not_moved
    assert "2 moved to" in str(moved) and len(collection) == 12
    assert sorted(p.name for p in (tmp_path / "twice").glob("*.png")) == ["05.png", "08.png"]
    again = found.quarantine(tmp_path / "twice")
    assert again.moved == [] and len(again.not_moved) == 2


def test_a_list_of_files_and_an_array(photos: Path, digits: Images, tmp_path: Path) -> None:
    files = sorted(photos.glob("0[58]*.png")) + [photos / "gone.png"]
    found = duplicates(files, threshold=0.03, progress=False)
    assert named(found) == GROUPS
    assert found.skipped == [(str(photos / "gone.png"), "there is no such file or folder")]
    moved = found.quarantine(photos / "beside")  # of single files no folder is read again
    assert moved.moved is not None and len(moved.moved) == 2
    array = digits.pixels[[0, 1, 2, 1, 3]].numpy()
    of_array = duplicates(array, threshold=0.0, progress=False)
    assert named(of_array) == {"1": ["3"]} and of_array.document()["bytes"] == 0
    with pytest.raises(ValueError, match="--move-to needs files"):
        of_array.quarantine(tmp_path / "x")


def test_what_cannot_be_compared(photos: Path, digits: Images) -> None:
    array = digits.pixels[:4].numpy()
    with pytest.raises(ValueError, match="by codes need a model"):
        duplicates(array, by="codes")
    with pytest.raises(ValueError, match="are of a collection"):
        duplicates(photos, where="width > 3")
    with pytest.raises(ValueError, match="by is pixels or codes; we got 'looks'"):
        duplicates(array, by="looks")
    with pytest.raises(ValueError, match="has 1 pictures in it; duplicates need two"):
        duplicates(photos / "01.png")
    assert np.isfinite(duplicates(array, threshold=0.2, progress=False).threshold)
