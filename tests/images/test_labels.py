from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.errors import BadFile
from narrows.images import Images, folder, split
from narrows.images.labels import column, folder_known, known_labels


def table(photos, text, name="labels.csv"):
    (photos / name).write_text(text)


def test_a_table_gives_labels_groups_and_split(photos):
    table(
        photos,
        "file,hair,age,score,person,subset\n"
        "cat/0.png,red,7,1.5,ann,train\n./cat/1.png,blue,8,,ann,val\n2.png,red,9,2,bob,test\n"
        "dog/3.png,,3,1,,train\ndog/4.png,red,4,1,cid,train\ndog\\5.png,red,4,1,cid,train\n",
    )
    images = folder(photos, 8)
    assert list(images.labels) == ["hair", "age", "score", "person"]
    assert images.label.tolist() == ["red", "blue", "red", "", "red", "red"]
    assert images.labels["age"].dtype == np.int64 and images.labels["age"][2] == 9
    assert np.isnan(images.labels["score"][1]) and images.labels["score"][0] == 1.5
    assert images.split.tolist() == ["train", "validation", "test", "train", "train", "train"]
    assert images.groups[0] == images.groups[1] == "ann"
    assert images.groups[3] not in images.groups[[0, 1, 2, 4, 5]]
    assert set(images.metadata) == {"hair", "age", "score", "person", "subset"}


def test_a_column_of_masks_says_what_is_no_picture(photos):
    Image.new("L", (8, 8)).save(photos / "cat" / "0_m.png")
    table(photos, "image,mask,class\ncat/0.png,cat/0_m.png,good\ncat/1.png,,bad\n", "split.csv")
    images = folder(photos, 8)
    assert "cat/0_m.png" not in images.ids and len(images) == 6 and images.skipped == []
    assert images.label.tolist() == ["good", "bad", "", "", "", ""]


def test_a_foreign_table_is_left_alone_and_a_broken_one_is_named(photos):
    table(photos, "id,colour\n1,red\n")
    assert list(folder(photos, 8).labels) == ["folder"]
    with pytest.raises(
        BadFile, match="the first column of .*labels.csv must be called file, image"
    ):
        folder(photos, 8, labels=photos / "labels.csv")
    with pytest.raises(BadFile, match="there is no labels file"):
        folder(photos, 8, labels=photos / "none.csv")
    (photos / "labels.csv").write_bytes(b"file,x\n\xff\xfe,1\n")
    with pytest.raises(BadFile, match="labels.csv cannot be read as a table .* pass labels=False"):
        folder(photos, 8)
    assert folder(photos, 8, labels=False).labels == {}


def test_columns_become_numbers_where_they_can():
    assert column(["1", "-2"]).dtype == np.int64
    assert column(["1", ""]).dtype == np.float64
    assert column(["1", "x"]).tolist() == ["1", "x"]


def test_folder_names_are_labels_only_where_they_tell_pictures_apart():
    assert folder_known(["images/a/1.png", "images/b/1.png"]).labels["folder"].tolist() == [
        "a",
        "b",
    ]
    assert folder_known(["a/1.png", "a/2.png"]).labels == {}
    assert folder_known(["a/1.png", "2.png"]).labels == {}
    assert folder_known(["train/1.png", "dog/2.png"]).split is None


def test_the_stored_sets_are_understood(stored):
    tiles = folder(stored / "magnetic_tile", 16, "gray")
    assert len(tiles) == 662 and tiles.skipped == []
    assert (tiles.split == "train").sum() == 210 and (tiles.label == "good").sum() == 270
    roads = folder(stored / "camvid", 16)
    assert [(roads.split == part).sum() for part in ("train", "validation", "test")] == [74, 12, 24]
    assert roads.label is None
    faces = folder(stored / "lfw_gray", 16, "gray")
    assert len(faces) == 1500 and len(set(faces.groups.tolist())) == 733
    parts = split(faces)
    assert not set(parts.train.groups) & (set(parts.test.groups) | set(parts.validation.groups))


def test_labels_by_name_and_from_files(tmp_path: Path) -> None:
    pixels = np.zeros((3, 1, 2, 2), np.uint8)
    known = {"hair": np.array(["a", "b", "c"]), "eyes": np.array([1, 2, 3])}
    images = Images(
        pixels, ids=["x/0.png", "1.png", "2.png"], labels=known, metadata={"size": [7, 8, 9]}
    )
    name, values = known_labels(images)
    assert name == "hair" and values.tolist() == ["a", "b", "c"]
    assert known_labels(images, "eyes")[1].tolist() == [1, 2, 3]
    assert known_labels(images, "size")[1].tolist() == [7, 8, 9]
    assert known_labels(Images(pixels)) is None
    table = tmp_path / "t.csv"
    table.write_text("file,kind,age\n2.png,cat,4\n0.png,dog,\n")
    name, values = known_labels(images, str(table))
    assert name == "kind" and values.tolist() == ["dog", "", "cat"]
    assert np.isnan(known_labels(images, f"{table}:age")[1][:2]).all()
    np.save(tmp_path / "y.npy", [5, 6, 7])
    assert known_labels(images, str(tmp_path / "y.npy"))[1].tolist() == [5, 6, 7]
    np.save(tmp_path / "short.npy", [5])
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    for given, kind, words in (
        ("fur", ValueError, "no labels 'fur': those of these pictures are size, hair, eyes"),
        (f"{table}:fur", ValueError, "says kind, age of these pictures, and not 'fur'"),
        ("gone.csv", BadFile, "there is no labels file gone.csv"),
        ("gone.npy", BadFile, "there is no labels file gone.npy"),
        (str(tmp_path / "bad.npy"), BadFile, "cannot be read as labels"),
        (str(tmp_path / "short.npy"), ValueError, "a label for each of the 3 pictures"),
    ):
        with pytest.raises(kind, match=words):
            known_labels(images, given)
    table.write_text("file,kind\nother.png,cat\n")
    with pytest.raises(ValueError, match="says nothing of these pictures"):
        known_labels(images, str(table))
