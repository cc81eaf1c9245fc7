from __future__ import annotations

import shutil
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from narrows.errors import NoImages
from narrows.images import Images, Source, Splits, Sprites, evaluation_split, folder, split
from narrows.images.labels import folder_known
from narrows.images.splits import _divided_before


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)


def names(part: Images | None) -> set[str]:
    return set() if part is None else set(part.ids)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.sampled_from(
        [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0), (0.1, 0.1, 0.8)]
    ),
    st.integers(0, 5),
)
def test_parts_are_disjoint_complete_and_train_is_never_empty(n, fractions, seed):
    images = Images(noise(n))
    parts = split(images, fractions, seed=seed)
    found = [names(part) for part in parts]
    assert sum(map(len, found)) == n and set.union(*found) == set(images.ids)
    assert found[0]
    asked = [fraction > 0 for fraction in fractions]
    if n >= sum(asked):
        assert [bool(part) for part in found] == asked
    assert all(not part for part, wanted in zip(found, asked, strict=True) if not wanted)


def test_sizes_are_near_the_fractions_and_another_seed_divides_otherwise():
    images = Images(noise(4000))
    parts = split(images)
    assert [len(part) for part in parts] == pytest.approx([3200, 400, 400], abs=70)
    assert names(split(images).test) == names(parts.test) != names(split(images, seed=1).test)
    two = split(images, validation=0.25)
    assert two.test is None and len(two.validation) == pytest.approx(1000, abs=100)


def test_a_picture_keeps_its_side_when_others_come():
    pixels = noise(500)
    few, many = split(Images(pixels[:300])), split(Images(pixels[::-1].copy()))
    side = {
        row.tobytes(): name for name, part in many._asdict().items() for row in part.pixels.numpy()
    }
    for name, part in few._asdict().items():
        assert all(side[row.tobytes()] == name for row in part.pixels.numpy())


@pytest.mark.parametrize("official", [False, True])
def test_a_part_is_divided_again_like_any_pictures(official):
    images = Images(noise(3000), split=np.array(["train"] * 3000) if official else None)
    for part in (split(images).train, split(images, validation=0.1).train):
        for _ in range(4):  # a part of a part of a part
            again = split(part, validation=0.1)
            assert len(again.validation) == pytest.approx(0.1 * len(part), rel=0.35)
            assert names(again.train) | names(again.validation) == names(part)
            part = again.train
    for part in () if official else split(images, (0.5, 0.2, 0.3)):
        sizes = [len(one) for one in split(part, (0.6, 0.2, 0.2))]
        assert sizes == pytest.approx([0.6 * len(part), 0.2 * len(part), 0.2 * len(part)], rel=0.35)


def test_a_part_of_a_part_keeps_its_sides_when_others_come():
    pixels = noise(2000)
    few, many = (split(split(Images(p)).train) for p in (pixels[:1500], pixels))
    for name, part in few._asdict().items():
        inner = {row.tobytes() for row in getattr(many, name).pixels.numpy()}
        assert {row.tobytes() for row in part.pixels.numpy()} <= inner


def test_only_a_part_is_taken_for_divided_before():
    draws = np.random.default_rng(0)
    shares = (0.8, 0.1, 0.1)
    assert not any(
        _divided_before(draws.multinomial(n, shares), shares) for n in (3, 30, 300, 3000) * 300
    )
    assert _divided_before(np.array([200, 0, 20]), shares)
    assert not _divided_before(np.array([1, 0, 0]), (1.0, 0.0, 0.0))


def test_identical_pictures_stand_on_one_side():
    images = Images(np.concatenate([noise(100)] * 3))
    for part in split(images):
        counts = np.unique(part.pixels.numpy().reshape(len(part), -1), axis=0, return_counts=True)[
            1
        ]
        assert set(counts.tolist()) == {3}


def test_nobody_is_in_two_parts():
    groups = np.random.default_rng(0).integers(0, 60, 600)
    parts = split(Images(noise(600), groups=groups))
    people = [set(part.groups.tolist()) for part in parts]
    assert sum(map(len, people)) == len(set(groups.tolist()))


def test_the_official_split_stands_and_validation_comes_out_of_train():
    official = np.array(["train"] * 900 + ["test"] * 100)
    images = Images(noise(1000), split=official)
    parts = split(images)
    assert names(parts.test) == {str(i) for i in range(900, 1000)}
    assert len(parts.validation) == pytest.approx(100, abs=35)
    assert set(parts.train.split) == set(parts.validation.split) == {"train"}
    official = ["validation"] * 50 + ["train"] * 850 + ["test"] * 100
    parts = split(Images(noise(1000), split=official))
    assert [len(part) for part in parts] == [850, 50, 100]


def test_the_part_to_be_judged_on():
    assert evaluation_split(Splits("a", "b", "c")) == ("test", "c")
    assert evaluation_split(Splits("a", "b")) == ("validation", "b")
    assert (
        evaluation_split(Splits("a")) == evaluation_split(Splits("a", "b"), "all") == ("all", None)
    )
    assert evaluation_split(Splits("a", "b", "c"), "train") == ("train", "a")
    with pytest.raises(ValueError, match="these pictures have no test part"):
        evaluation_split(Splits("a"), "test")
    with pytest.raises(ValueError, match="a part is train, validation, test or all; we got 'val'"):
        evaluation_split(Splits("a"), "val")


def test_other_sources_are_divided_by_index():
    parts = split(Sprites())
    assert sum(map(len, parts)) == 737_280
    assert len(parts.test) == pytest.approx(73_728, rel=0.03)
    assert isinstance(parts.test, Source)
    assert parts.test.batch(torch.tensor([0, 1])).shape == (2, 1, 64, 64)
    assert not set(parts.train.indices.tolist()) & set(parts.test.indices.tolist())


def test_sixty_thousand_pictures_take_no_time():
    images = Images(np.random.default_rng(0).integers(0, 256, (60_000, 1, 28, 28), dtype=np.uint8))
    start = time.perf_counter()
    split(images)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.1, 0.1), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5), (0.5, 0.5)]
)
def test_fractions_that_cannot_be(fractions):
    with pytest.raises(ValueError, match="fractions must be three|train must have a share"):
        split(Images(noise(4)), fractions)


def official(tmp_path, cells, **more):
    """Forty pictures, the last ten of them the test, with these cells of the column split."""
    parts = ["test" if i >= 30 else "train" for i in range(40)]
    parts = [cells.get(i, part) for i, part in enumerate(parts)]
    for i in range(40):
        Image.fromarray(noise(1, i)[0, 0]).save(tmp_path / f"p{i:02}.png")
    rows = [f"p{i:02}.png,{part}" for i, part in enumerate(parts) if part is not None]
    (tmp_path / "labels.csv").write_text("\n".join(["file,split", *rows]))
    return folder(tmp_path, 4)


@pytest.mark.parametrize("cell", ["", None, "unlabeled", "?"])
def test_a_split_that_is_partly_unreadable_is_never_divided_anew(tmp_path, cell):
    images = official(tmp_path, {5: cell, 35: cell})
    parts = split(images)
    assert names(parts.test) == {f"p{i:02}.png" for i in range(30, 40)} - {"p35.png"}
    learnt = names(parts.train) | names(parts.validation)
    assert learnt == {f"p{i:02}.png" for i in range(30)} - {"p05.png"}
    assert images.split[5] == images.split[35] == ""
    words = " ".join(images.notes)
    assert "such as p05.png" in words and (not cell or repr(cell) in words)


@pytest.mark.parametrize("cell", ["training set", "TRAIN ", "Train_Set", "val", "Validation"])
def test_parts_may_be_called_in_many_ways(tmp_path, cell):
    images = official(tmp_path, {5: cell})
    assert images.split[5] == ("validation" if cell.lower().startswith("val") else "train")
    assert images.notes == [] and len(split(images).test) == 10


def test_a_split_that_says_nothing_readable_is_refused_where_pictures_are_divided(tmp_path):
    images = official(tmp_path, {i: "A" if i < 30 else "B" for i in range(40)})
    assert "holds 'A', 'B', which are no parts of a split" in images.notes[0]
    with pytest.raises(NoImages, match=r"no train part \(none 40\), and a split is never divided"):
        split(images)
    images = official(tmp_path, {i: "" for i in range(30)})
    with pytest.raises(NoImages, match="no train part .none 30, test 10."):
        split(images)


def test_a_table_without_a_split_leaves_that_of_the_folders(tmp_path):
    for i in range(12):
        path = tmp_path / ("test" if i >= 8 else "train") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise(1, i)[0, 0]).save(path)
    (tmp_path / "labels.csv").write_text(
        "file,k\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(12))
    )
    images = folder(tmp_path, 4)
    assert names(split(images).test) == {f"test/{i}.png" for i in range(8, 12)}
    assert images.label.tolist()[:4] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("ids", "parts", "labels"),
    [
        (["train/a/1", "train/b/1", "test/a/1", "stray"], ["train", "train", "test", ""], ["a", "b", "a", ""]),
        (["x/train/a/1", "x/train/b/1", "x/test/a/1"], ["train", "train", "test"], ["a", "b", "a"]),
        (["x/y/train/a/1", "x/y/val/b/1", "x/note"], ["train", "validation", ""], ["a", "b", ""]),
        (["a/train/1", "a/test/1", "b/train/1", "b/test/1"], ["train", "test"] * 2, list("aabb")),
        (["train/train/1", "train/test/1", "bus/train/1", "bus/test/1"], ["train", "test"] * 2, ["train", "train", "bus", "bus"]),
        (["train2017/1", "val2017/2", "extra/3"], ["train", "validation", ""], None),
        (["train/1", "x/test/2"], ["train", "test"], None),
        (["1", "2", "3", "test/4"], ["train"] * 3 + ["test"], None),
        (["Training_Set/1", "Test-Images/2"], ["train", "test"], None),
        (["bus/1", "train/1", "car/1"], None, ["bus", "train", "car"]),
        (["test/a/1", "test/b/1"], None, ["a", "b"]),
    ],
)  # fmt: skip
def test_folders_of_parts_at_any_depth_and_strays_beside_them(ids, parts, labels):
    known = folder_known([f"{id_}.png" for id_ in ids])
    assert (None if known.split is None else known.split.tolist()) == parts
    found = known.labels.get("folder")
    if labels is not None:
        assert found.tolist() == labels
    if parts and "" in parts:
        assert any("neither trained on nor tested" in note for note in known.notes)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_picture_of_a_test_folder_is_ever_in_train(data):
    """Wherever train/ and test/ lie beside each other, and whatever else lies there."""
    above = data.draw(st.lists(st.sampled_from(["archive", "v1", "data"]), max_size=2))
    classes = data.draw(st.lists(st.sampled_from(["cat", "dog", "x"]), min_size=1, unique=True))
    ids = ["/".join([*above, part, one, "1.png"]) for part in ("train", "test") for one in classes]
    strays = data.draw(
        st.lists(st.sampled_from(["s.png", "extra/e.png", "docs/a/b.png"]), unique=True)
    )
    place = "/".join(above)
    ids += [f"{place}/{stray}" if place and data.draw(st.booleans()) else stray for stray in strays]
    known = folder_known(ids)
    for id_, part in zip(ids, known.split.tolist(), strict=True):
        folders = id_.split("/")
        assert part == ("train" if "train" in folders else "test" if "test" in folders else "")


@pytest.mark.parametrize(
    ("ids", "parts", "labels"),
    [
        ("seg_train/seg_train/sea/1 seg_train/seg_train/ice/2 seg_test/seg_test/sea/3", "r r t", "sea ice sea"),
        ("my-train/1 my-train/2 my-test/3", "r r t", None),
        ("Trainingsdaten/a/1 Trainingsdaten/b/2 Testdaten/a/3", "r r t", "a b a"),
        ("box_train/1 box_train/2 box_test/3 query/4", "r r t -", None),
        ("train-good/1 train-good/2 test-bad/3", None, "train-good train-good test-bad"),
    ],
)  # fmt: skip
def test_folders_may_name_parts_with_words_that_all_of_them_have(ids, parts, labels):
    known = folder_known(ids.split())
    names = {"r": "train", "t": "test", "-": ""}
    assert (None if known.split is None else known.split.tolist()) == (
        None if parts is None else [names[each] for each in parts.split()]
    )
    assert known.labels["folder"].tolist() == labels.split() if labels else not known.labels
    if parts is None:
        assert "are taken as classes, and no part of a split" in known.notes[0]


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("phase", "train train test test"), ("is_train", "1 1 0 0"), ("Is Train", "True TRUE false False"),
        ("is_test", "no no yes yes"), ("", "train train test test"),
    ],
)  # fmt: skip
def test_a_column_that_names_parts_under_another_heading_is_the_split(heading, cells, tmp_path):
    lines = [f"file,{heading}"] if heading else []
    for number, cell in enumerate(cells.split()):
        Image.fromarray(np.full((8, 8, 3), 50 * number, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{cell}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    images = folder(tmp_path, 8)
    assert images.split.tolist() == ["train", "train", "test", "test"] and not images.labels
    assert any("names parts of a split and is taken as one" in note for note in images.notes)


def test_copies_on_two_sides_of_an_official_split_are_said(tmp_path):
    for number, name in enumerate(("train/1", "train/2", "test/3")):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 50 * number, np.uint8)).save(path)
    shutil.copy(tmp_path / "train" / "1.png", tmp_path / "test" / "4.png")
    (note,) = folder(tmp_path, 8).notes
    assert note.startswith(
        "1 pictures of test or validation are in train as well, such as test/4.png"
    )
