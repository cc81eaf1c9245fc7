"""Duplicates from Python: of collections, folders, lists of files and arrays; moving is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.applications.duplicates import Duplicates, duplicates
from narrows.applications.index import index
from narrows.applications.quarantine import undo
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


GROUPS = {"05 large.png": ["05.png"], "08.png": ["08 again.png"]}  # the larger, and the older one


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
    assert sorted(id_ for id_, _ in moved.moved) == ["05.png", "08 again.png"]
    assert not moved.not_moved
    assert "2 moved to" in str(moved) and len(collection) == 12
    assert sorted(p.name for p in (tmp_path / "twice").glob("*.png")) == ["05.png", "08 again.png"]
    again = found.quarantine(tmp_path / "twice")
    assert again.moved == [] and len(again.not_moved) == 2


def test_somebody_chooses_what_stays_and_brings_it_back(
    photos: Path, model, tmp_path: Path
) -> None:
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    found = duplicates(collection, threshold=0.03, progress=False)
    before = collection.rows()
    places = {found.columns["id"][group.keeper]: i for i, group in enumerate(found.groups)}
    large, again = places["05 large.png"], places["08.png"]
    (small,) = found.groups[large].others
    chosen = found.keeping({large: [small], again: [found.groups[again].keeper]})
    assert named(chosen) == {"05.png": ["05 large.png"], "08.png": ["08 again.png"]}
    by_keeper = {group.keeper: group.distances for group in chosen.groups}
    assert by_keeper[small] == found.groups[large].distances
    both = [found.groups[large].keeper, small]
    assert named(found.keeping({large: both})) == {}
    with pytest.raises(ValueError, match="there is no group 2; there are 2"):
        found.keeping({2: [0]})
    with pytest.raises(ValueError, match="have to stay; we got \\[\\]"):
        found.keeping({large: []})
    with pytest.raises(ValueError, match="nothing was moved"):
        chosen.restore()
    moved = chosen.quarantine(tmp_path / "twice")
    assert not (photos / "05 large.png").exists() and len(collection) == 12
    assert len(moved.restore().restored) == 2
    assert (photos / "05 large.png").is_file()
    after = collection.rows()
    order, now = np.argsort(before["id"]), np.argsort(after["id"])
    for name in before:
        assert np.array_equal(before[name][order], after[name][now]), name


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


def test_mirrored_and_turned_copies_say_how(photos: Path, digits: Images, tmp_path: Path) -> None:
    picture = Image.open(photos / "07.png")
    ways = {
        "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
        "turned by 90°": Image.Transpose.ROTATE_270,  # clockwise
        "turned by 180°": Image.Transpose.ROTATE_180,
        "mirrored and turned by 270°": Image.Transpose.TRANSPOSE,
    }
    for number, way in enumerate(ways.values()):
        picture.transpose(way).save(photos / f"07 {number}.jpg", quality=90)
    found = duplicates(photos, threshold=0.1, progress=False)
    (group,) = [g for g in found.document()["groups"] if g["keeper"]["id"] == "07.png"]
    assert {other["id"]: other["turned"] for other in group["others"]} == {
        f"07 {number}.jpg": words for number, words in enumerate(ways)
    }
    assert "(mirrored)" in str(found) and "turned" in str(found.table())
    upright = duplicates(photos, threshold=0.1, turns=False, progress=False)
    assert "07.png" not in named(upright)


def test_what_is_reached_through_a_link_stays(photos: Path, model, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("03.png", "09.png"):
        (other / name).write_bytes((photos / name).read_bytes())
        os.utime(other / name, ns=(1, 1))  # the older ones
    (photos / "linked").symlink_to(other, target_is_directory=True)
    (photos / "04 link.png").symlink_to(photos / "04.png")
    os.link(photos / "06.png", photos / "06 second.png")
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    for subject in (photos, collection):
        found = duplicates(subject, threshold=0.03, progress=False)
        assert named(found) == GROUPS
        assert "4 pictures are reached through a link" in found.notes[0]
        moved = found.quarantine(tmp_path / "to", dry_run=True)
        assert len(moved.moved) == 2 and "2 would be moved to" in str(moved)
    found.quarantine(tmp_path / "to")
    assert sorted(path.name for path in other.iterdir()) == ["03.png", "09.png"]
    undo(tmp_path / "to")
    assert (photos / "05.png").is_file() and (photos / "08 again.png").is_file()


def test_what_changed_since_is_neither_kept_nor_moved(photos: Path, model, tmp_path: Path) -> None:
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    Image.open(photos / "01.png").save(photos / "05 large.png")  # another picture now
    (photos / "08 again.png").unlink()
    found = duplicates(collection, threshold=0.03, progress=False)
    assert len(found) == 0 and "index them again" in found.notes[0]
    assert found.quarantine(tmp_path / "to").moved == []
    photos.rename(tmp_path / "not mounted")  # nothing can be lost: all may be looked at
    assert named(duplicates(collection, threshold=0.03, progress=False)) == GROUPS


@pytest.mark.parametrize(
    ("keep", "keeper"), [("largest", "large.png"), ("oldest", "old.png"), ("newest", "new (1).png")]
)
def test_which_one_stays(digits: Images, tmp_path: Path, keep: str, keeper: str) -> None:
    pixels = digits.pixels[3, 0].numpy().repeat(4, 0).repeat(4, 1)
    names = ("new (1).png", "new.png", "Kopie von new.png", "old.png")
    for name in names:
        Image.fromarray(pixels).save(tmp_path / name)
        age = 1_000 if name == "old.png" else 2_000
        os.utime(tmp_path / name, (age, age + ("(1)" in name)))
    Image.fromarray(pixels.repeat(2, 0).repeat(2, 1)).save(tmp_path / "large.png")
    os.utime(tmp_path / "large.png", (1_500, 1_500))
    found = duplicates(tmp_path, threshold=0.03, keep=keep, progress=False)
    assert list(named(found)) == [keeper]
    same = duplicates([tmp_path / name for name in names[:3]], threshold=0.03, progress=False)
    assert list(named(same)) == ["new.png"]


def test_tiny_pictures_that_are_alike_are_no_duplicates(digits: Images) -> None:
    found = duplicates(digits.pixels[:300].numpy(), progress=False)
    assert len(found.redundant) < 3  # 180 where copies at 70 % of 8×8 set the threshold


def test_keep_is_one_of_three(photos: Path) -> None:
    with pytest.raises(ValueError, match="what is kept is one of largest, oldest, newest"):
        duplicates(photos, keep="best")
