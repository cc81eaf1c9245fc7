"""Pictures into a collection: only what changed is touched, and nothing is lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows.applications.indexing as module
from narrows.applications.indexing import collection_for, index_files, index_source
from narrows.collection import About, Collection
from narrows.errors import BadFile, NarrowsError, NoImages
from narrows.images import Images, read
from narrows.images.files import picture_files
from narrows.images.thumbnails import opened_thumbnail

ABOUT = About("0123456789abcdef", "runs/a", (12,), shape=(3, 2, 2))


def encode(x: torch.Tensor) -> np.ndarray:
    """The pixels (B, 3, 2, 2) themselves as codes (B, 12)."""
    return x.reshape(len(x), -1).numpy().astype(np.float32)


def draw(path: Path, seed: int, size: tuple[int, int] = (20, 14)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    Image.fromarray(colours).resize(size).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirteen pictures in two folders, one of them no picture."""
    for i in range(6):
        draw(tmp_path / "photos" / "cat" / f"{i}.png", i)
        draw(tmp_path / "photos" / "dog" / f"{i}.jpg", 10 + i, (300, 200))
    (tmp_path / "photos" / "dog" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def indexed(photos: Path, to: Path, **options: object):
    collection = collection_for(to, ABOUT)
    done = index_files(collection, picture_files(photos, without=to), encode, **options)
    return collection, done


def test_a_folder(photos: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    collection, done = indexed(photos, tmp_path / "c", progress=lambda a, b: seen.append((a, b)))
    assert (done.added, done.changed, done.removed, done.unchanged) == (12, 0, 0, 0)
    assert done.skipped == [("dog/broken.jpg", "not a picture")]
    assert seen[-1] == (13, 13) and collection.version.complete
    rows = collection.rows(ids=["cat/3.png", "dog/2.jpg"])
    assert list(rows["label"]) == ["cat", "dog"]
    assert list(rows["width"]) == [20, 300] and list(rows["height"]) == [14, 200]
    assert rows["path"][0] == str(photos / "cat" / "3.png")
    assert rows["size"][0] == (photos / "cat" / "3.png").stat().st_size
    assert np.array_equal(rows["code"], encode(torch.stack([read(p, 2) for p in rows["path"]])))
    shapes = [opened_thumbnail(content).shape for content in rows["thumbnail"]]
    assert shapes == [(3, 14, 20), (3, 64, 96)]


def test_a_second_run_opens_nothing(photos: Path, tmp_path: Path, monkeypatch) -> None:
    (photos / "dog" / "broken.jpg").unlink()
    indexed(photos, tmp_path / "c")
    monkeypatch.setattr(module, "look_at", None)
    monkeypatch.setattr(Collection, "upsert", None)
    monkeypatch.setattr(Collection, "update", None)
    before = Collection.open(tmp_path / "c")._table.version
    collection, done = indexed(photos, tmp_path / "c")
    assert (done.touched, done.unchanged) == (0, 12)
    assert collection._table.version == before


def test_only_what_is_new_changed_or_gone_is_touched(photos: Path, tmp_path: Path) -> None:
    collection, _ = indexed(photos, tmp_path / "c")
    collection.update(["cat/1.png", "cat/2.png"], {"score_x": [1.0, 2.0]})
    draw(photos / "cat" / "new.png", 99)
    draw(photos / "cat" / "1.png", 98)
    (photos / "dog" / "0.jpg").unlink()
    (photos / "dog" / "1.jpg").write_bytes(b"it was a picture")
    os.utime(photos / "dog" / "2.jpg", ns=(1, 1))
    encoded: list[int] = []

    def counted(x: torch.Tensor) -> np.ndarray:
        encoded.append(len(x))
        return encode(x)

    done = index_files(collection, picture_files(photos), counted)
    assert (done.added, done.changed, done.removed, done.unchanged) == (1, 1, 2, 9)
    assert sum(encoded) == 2
    assert sorted(name for name, _ in done.skipped) == ["dog/1.jpg", "dog/broken.jpg"]
    ids = collection.codes()[0]
    assert len(ids) == len(set(ids)) == 11 and "dog/0.jpg" not in ids and "dog/1.jpg" not in ids
    rows = collection.rows(
        ["code", "score_x", "mtime"], ids=["cat/1.png", "cat/2.png", "dog/2.jpg"]
    )
    assert np.array_equal(rows["code"][:1], encode(read(photos / "cat" / "1.png", 2)[None]))
    assert np.isnan(rows["score_x"][0]) and rows["score_x"][1] == 2
    assert rows["mtime"][2] == 1


def test_a_folder_that_may_not_be_read_now_keeps_its_rows(photos: Path, tmp_path: Path) -> None:
    collection, _ = indexed(photos, tmp_path / "c")
    found = picture_files(photos)
    closed = type(found)(
        [file for file in found.files if file.id.startswith("cat")],
        {},
        [("dog", "the folder cannot be read (permission denied)")],
    )
    done = index_files(collection, closed, encode)
    assert done.removed == 0 and len(collection) == 12


def test_metadata_follows_its_table_without_encoding(photos: Path, tmp_path: Path) -> None:
    table = photos / "metadata.csv"
    table.write_text("file,hair colour,age\ncat/0.png,red,3\ncat/1.png,,4\n")
    collection, done = indexed(photos, tmp_path / "c")
    rows = collection.rows(
        ["hair_colour", "age", "label"], ids=["cat/0.png", "cat/1.png", "dog/1.jpg"]
    )
    assert list(rows["hair_colour"]) == ["red", None, None]
    assert list(rows["age"][:2]) == [3, 4] and np.isnan(rows["age"][2])
    assert list(rows["label"]) == ["cat", "cat", "dog"]
    table.write_text("file,hair colour,age,mood\ncat/0.png,black,3,good\ncat/1.png,,5,bad\n")
    collection, done = indexed(photos, tmp_path / "c")
    assert done.touched == 0
    assert collection.count("hair_colour = 'black' and mood = 'good'") == 1
    assert collection.count("age = 5") == 1 and collection.count("age is null") == 10


def test_a_collection_inside_its_folder_of_pictures(photos: Path) -> None:
    indexed(photos, photos / "codes")
    collection, done = indexed(photos, photos / "codes")
    assert done.unchanged == 12 and len(done.skipped) == 1 and len(collection) == 12


def test_an_array(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 3, 4, 4), dtype=np.uint8)
    labels = np.arange(700) % 3
    images = Images(pixels, labels={"label": labels}, name="noise")
    collection = collection_for(tmp_path / "c", ABOUT)
    done = index_source(collection, images, encode)
    assert done.added == 700 and collection.count("label = 1") == 233
    assert collection.rows(["width"], ids=["5"])["width"][0] == 4
    pixels[5] = 0
    less = Images(pixels[:650], labels={"label": labels[:650]})
    done = index_source(collection_for(tmp_path / "c", ABOUT), less, encode)
    assert (done.added, done.changed, done.removed, done.unchanged) == (0, 1, 50, 649)
    assert not collection.rows(["code"], ids=["5"])["code"].any()


def test_map_shaped_codes_are_pooled_as_stated(photos: Path, tmp_path: Path) -> None:
    about = About("0123456789abcdef", "runs/a", (3, 2, 2), "mean", shape=(3, 2, 2))
    collection = collection_for(tmp_path / "c", about)
    index_files(collection, picture_files(photos), lambda x: x.numpy())
    x = read(photos / "cat" / "0.png", 2).numpy()
    assert np.allclose(collection.rows(["code"], ids=["cat/0.png"])["code"][0], x.mean((1, 2)))


def test_codes_that_are_not_finite_stop_it_and_lose_nothing(photos: Path, tmp_path: Path) -> None:
    collection, _ = indexed(photos, tmp_path / "c")
    draw(photos / "cat" / "new.png", 99)
    with pytest.raises(NarrowsError, match="code of cat/new.png holds NaN or infinite .* stays"):
        index_files(collection, picture_files(photos), lambda x: np.full((len(x), 12), np.nan))
    assert len(collection) == 12


def test_a_folder_of_nothing_readable_leaves_no_collection(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.jpg").write_text("no picture")
    with pytest.raises(NoImages, match="none of the 1 files .* a.jpg: not a picture"):
        indexed(tmp_path / "words", tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_when_nothing_is_readable_any_more_nothing_is_removed(photos: Path, tmp_path: Path) -> None:
    collection, _ = indexed(photos, tmp_path / "c")
    for path in photos.rglob("*.*g"):
        path.write_text("overwritten")
    with pytest.raises(NoImages, match="nothing was indexed and nothing removed"):
        indexed(photos, tmp_path / "c")
    assert len(collection) == 12


def test_another_model_other_pictures_another_fit_another_pool(
    photos: Path, tmp_path: Path
) -> None:
    to = tmp_path / "c"
    indexed(photos, to)
    other = About("fedcba9876543210", "runs/b", (12,), shape=(3, 2, 2))
    with pytest.raises(BadFile, match=r"runs/a \(0123456789abcdef\); those of runs/b \(fedcba"):
        collection_for(to, other)
    elsewhere = About("0123456789abcdef", "runs/a", (12,), pictures="other", shape=(3, 2, 2))
    with pytest.raises(BadFile, match="made with pictures '', not 'other'.*--new-version"):
        collection_for(to, elsewhere)
    padded = About("0123456789abcdef", "runs/a", (12,), fit="pad", shape=(3, 2, 2))
    with pytest.raises(BadFile, match="made with fit 'crop', not 'pad'"):
        collection_for(to, padded)
    mean = About("0123456789abcdef", "runs/a", (12,), "mean", shape=(3, 2, 2))
    assert collection_for(to, mean).about.pool == "flatten"  # not stated: as it was
    with pytest.raises(BadFile, match="made with pool 'flatten', not 'mean'"):
        collection_for(to, mean, stated=["pool"])
    moved = About("0123456789abcdef", "moved/a", (12,), shape=(3, 2, 2))
    assert collection_for(to, moved).about.model == "moved/a"


def test_anew_begins_a_version_and_goes_on_with_it(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "c"
    indexed(photos, to)
    other = About("fedcba9876543210", "runs/b", (3,), shape=(3, 2, 2))
    begun = collection_for(to, other, new_version=True)
    assert begun.version.number == 2
    assert Collection.open(to).version.number == 1  # until the second is whole
    assert collection_for(to, other, new_version=True).version.number == 2
    assert collection_for(to, other).version.number == 2
    index_files(begun, picture_files(photos), lambda x: encode(x)[:, :3])
    assert Collection.open(to).version.number == 2 and len(Collection.open(to, 1)) == 12
    assert collection_for(to, other, new_version=True).version.number == 3


def test_ctrl_c_keeps_what_was_encoded(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "ENCODED_AT_ONCE", 2)

    def stopped(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexed(photos, tmp_path / "c", progress=stopped)
    collection = Collection.open(tmp_path / "c")
    assert len(collection) == 4 and not collection.version.complete
    collection, done = indexed(photos, tmp_path / "c")
    assert (done.added, done.unchanged) == (8, 4) and collection.version.complete


def test_a_column_may_change_its_kind_between_two_runs(photos: Path, tmp_path: Path) -> None:
    (photos / "dog" / "broken.jpg").unlink()
    table = photos / "labels.csv"
    ids = [f"{kind}/{i}.{end}" for kind, end in (("cat", "png"), ("dog", "jpg")) for i in range(6)]

    def graded(*grades: str):
        rows = [f"{id_},{grades[i % len(grades)]}" for i, id_ in enumerate(ids)]
        table.write_text("\n".join(["file,grade", *rows]))
        return indexed(photos, tmp_path / "c")

    collection, done = graded("0", "1", "2")
    assert collection.count("grade = 1") == 4 and done.notes == []
    draw(photos / "cat" / "9.png", 77)
    collection, done = graded("0", "1b", "2")
    assert (done.added, done.unchanged) == (1, 12)
    assert collection.count("grade = '1b'") == 4 and collection.count("grade = '2'") == 4
    assert any("the column grade held int64 before and holds string now" in n for n in done.notes)
    collection, done = graded("0", "1", "2")
    assert collection.count("grade = '1'") == 4 and collection.count("grade = '1b'") == 0
    assert any("its numbers are kept as names" in note for note in done.notes)
    table.unlink()
    collection, done = indexed(photos, tmp_path / "c")
    assert any("no table says grade any more" in note for note in done.notes)


def test_the_same_folder_under_another_path(photos: Path, tmp_path: Path) -> None:
    def about(folder: Path) -> About:
        return About("0123456789abcdef", "runs/a", (12,), pictures=str(folder), shape=(3, 2, 2))

    collection = collection_for(tmp_path / "c", about(photos))
    index_files(collection, picture_files(photos), encode)
    moved = photos.rename(tmp_path / "elsewhere")
    (moved / "cat" / "0.png").unlink()
    collection = collection_for(tmp_path / "c", about(moved))
    done = index_files(collection, picture_files(moved), encode)
    assert (done.added, done.changed, done.removed, done.unchanged) == (0, 0, 1, 11)
    assert collection.about.pictures == str(moved)
    assert all(path.startswith(f"{moved}/") for path in collection.rows(["path"])["path"])
    draw(tmp_path / "other" / "cat" / "1.png", 99)
    with pytest.raises(BadFile, match="was made with pictures"):
        collection_for(tmp_path / "c", about(tmp_path / "other"))


def test_a_name_that_is_not_utf8_is_indexed_like_any_other(photos: Path, tmp_path: Path) -> None:
    draw(photos / "cat" / "7.png", 50)
    os.rename(photos / "cat" / "7.png", os.fsencode(photos) + b"/cat/caf\xe9.png")
    collection, done = indexed(photos, tmp_path / "c")
    assert done.added == 13 and len(collection.rows(["id"], ids=["cat/caf\\xe9.png"])["id"]) == 1
    assert any("not UTF-8" in note for note in done.notes)
    _, done = indexed(photos, tmp_path / "c")
    assert done.unchanged == 13 and done.touched == 0


def test_what_lies_elsewhere_keeps_all_that_is_known_of_it(photos: Path, tmp_path: Path) -> None:
    table = photos / "labels.csv"
    table.write_text("file,grade\n1.png,7\n2.png,8\n")
    collection, _ = indexed(photos, tmp_path / "c")
    ids = ["cat/1.png", "cat/2.png", "dog/3.jpg"]
    collection.update(ids, {"score_x": [1.0, 2.0, 3.0], "decision": ["keep", "keep", "drop"]})
    before = collection.rows(["code", "thumbnail", "hash"], ids=ids)
    (photos / "cat").rename(photos / "cats")
    (photos / "deep" / "er").mkdir(parents=True)
    (photos / "dog" / "3.jpg").rename(photos / "deep" / "er" / "three.jpg")
    copy = photos / "deep" / "copy.jpg"
    copy.write_bytes((photos / "deep" / "er" / "three.jpg").read_bytes())
    encoded: list[int] = []

    def counted(x: torch.Tensor) -> np.ndarray:
        encoded.append(len(x))
        return encode(x)

    done = index_files(collection, picture_files(photos), counted)
    assert (done.added, done.moved, done.removed, done.unchanged) == (1, 7, 0, 5)
    assert sum(encoded) == 1 and len(collection) == 13
    there = sorted(collection.codes()[0])
    new = [id_ for id_ in there if id_.startswith("deep/")]
    kept = [id_ for id_ in new if collection.rows(["decision"], ids=[id_])["decision"][0]]
    assert len(new) == 2 and len(kept) == 1  # one has the row of the file that is gone
    rows = collection.rows(ids=["cats/1.png", "cats/2.png", *kept])
    assert list(rows["score_x"]) == [1.0, 2.0, 3.0]
    assert list(rows["decision"]) == ["keep", "keep", "drop"]
    assert list(rows["grade"][:2]) == [7, 8]
    assert rows["path"][0] == str(photos / "cats" / "1.png")
    assert all(np.array_equal(rows[name], before[name]) for name in ("code", "hash"))
    again = index_files(collection, picture_files(photos), counted)
    assert (again.touched, again.unchanged) == (0, 13)


def test_labels_that_are_taken_back_or_become_words(photos: Path, tmp_path: Path) -> None:
    table = photos / "labels.csv"
    table.write_text("file,grade,by\ncat/1.png,7,ann\ncat/2.png,8,bob\n")
    collection, _ = indexed(photos, tmp_path / "c")
    collection.update(["cat/1.png"], {"score_x": [1.0]})

    def of(name: str) -> list[object]:
        return list(collection.table([name], ids=["cat/1.png", "cat/2.png"])[name].to_pylist())

    table.write_text("file,grade,by\ncat/1.png,,ann\ncat/2.png,8,bob\n")  # an emptied cell
    index_files(collection, picture_files(photos), encode)
    assert of("grade") == [None, 8]
    table.write_text("file,grade,by\ncat/1.png,good,ann\ncat/2.png,8,bob\n")  # a word
    done = index_files(collection, picture_files(photos), encode)
    assert of("grade") == ["good", "8"] and any("written anew" in note for note in done.notes)
    table.write_text("file,grade\ncat/1.png,9\ncat/2.png,8\n")  # numbers again, and no column "by"
    done = index_files(collection, picture_files(photos), encode)
    assert of("grade") == ["9", "8"] and of("by") == ["ann", "bob"]
    assert any("no table says by any more" in note for note in done.notes)
    assert of("score_x") == [1.0, None] and done.touched == 0
