from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from narrows.images import folder
from narrows.images.files import picture_files
from narrows.images.walk import printable, walk


@pytest.fixture
def put(tmp_path, picture):
    """Write a picture under a name below a folder; gives the folder."""
    root = tmp_path / "in"

    def make(*names, number=0):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as opened:
                Image.fromarray(picture(number)).save(opened, "PNG")
            number += 1
        return root

    return make


@pytest.mark.parametrize(
    "name",
    [
        "license_plate_0001.png", "LICENSE-plate.jpg", "licence-tag-2.png", "README photo.png", "LICENSE.png",
        "copying machine.png", "makefile_scan.webp", "checksums_screen.png", "readme first",
    ],
)  # fmt: skip
def test_a_picture_is_one_whatever_its_name_begins_with(put, name):
    assert folder(put(name), 8).ids == [name]


def test_what_is_no_picture_by_its_name_is_left_alone(put):
    root = put("a.png")
    for name in (
        "LICENSE",
        "LICENSE-MIT",
        "readme",
        "SHA256SUMS",
        "Makefile",
        "notes.txt",
        "Thumbs.db",
    ):
        (root / name).write_text("no picture")
    images = folder(root, 8)
    assert images.ids == ["a.png"] and images.skipped == images.notes == []
    (root / "scans.zip").write_bytes(b"PK")
    (root / "b.pdf").write_bytes(b"%PDF")
    (root / ".hidden.png").write_bytes(b"x")
    assert sorted(folder(root, 8).notes) == [
        "passed over: .hidden.png (hidden)",
        "passed over: b.pdf (.pdf is no picture file)",
        "passed over: scans.zip (.zip is no picture file)",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/p.png/SYNOPHOTO_THUMB_XL.png", "#recycle/p.png", "$RECYCLE.BIN/S-1-5/$R1.png", "lost+found/1.png",
        "__MACOSX/p.png", "deep/@Recycle/p.png", "#snapshot/p.png", "System Volume Information/p.png",
    ],
)  # fmt: skip
def test_thumbnails_and_recycle_bins_of_storage_systems_are_passed_over_and_said(put, name):
    images = folder(put("p.png", "deep/q.png", name), 8)
    assert images.ids == ["deep/q.png", "p.png"] and images.skipped == []
    (note,) = images.notes
    assert note.startswith("passed over: ") and "thumbnails, snapshots or deleted files" in note


def test_a_class_called_mask_is_one_of_pictures(put):
    images = folder(put("mask/1.png", "mask/2.png", "no-mask/3.png", "no-mask/4.png"), 8)
    assert images.label.tolist() == ["mask"] * 2 + ["no-mask"] * 2 and images.notes == []
    rng = np.random.default_rng(0)
    for kind in ("mask", "no-mask"):  # the same names, but pictures of many colours
        for number in (1, 3):
            noise = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(noise).save(put(f"{kind}/0.png") / kind / f"{number}.png")
        (put(f"{kind}/0.png") / kind / "0.png").unlink()
    assert "mask" in folder(put("x/9.png"), 8).label.tolist()


@pytest.mark.parametrize("name", ["mask", "masks", "trainannot", "annotations", "ground_truth"])
@pytest.mark.parametrize("ending", ["", "_mask"])
def test_masks_beside_pictures_of_the_same_names_are_none_and_said(put, name, ending):
    root = put("train/1.png", "train/2.png", "test/3.png")
    (root / name).mkdir()
    for number in (1, 2):
        Image.fromarray(np.eye(9, dtype=np.uint8)).save(root / name / f"{number}{ending}.png")
    images = folder(root, 8)
    assert images.ids == ["test/3.png", "train/1.png", "train/2.png"]
    assert images.notes == [f"passed over: {name}/ (masks of the pictures beside)"]
    assert picture_files(root).notes == images.notes


def test_names_of_any_bytes_can_be_printed_and_stay_apart(put):
    root = put("a.png")
    for name in (
        b"caf\xe9.png",
        b"caf\\xe9.png",
        b"e\x1b[31m.png",
        b"\xc2\x9b2J.png",
        "a\u202egnp.png".encode(),
    ):
        with open(os.fsencode(root) + b"/" + name, "wb") as opened:
            Image.new("L", (4, 4)).save(opened, "PNG")
    images = folder(root, 8)
    assert len(set(images.ids)) == 6 and images.skipped == []
    assert {"a.png", "caf\\xe9.png", "e\\x1b[31m.png"} < set(images.ids)
    assert all(name.isprintable() and name.encode() for name in images.ids)
    assert any(note.startswith("not UTF-8, or with control characters") for note in images.notes)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=12))
def test_every_name_is_printable_and_a_plain_one_is_itself(raw):
    name = os.fsdecode(raw)
    shown = printable(name)
    assert "\x1b" not in shown and "\x9b" not in shown and shown.encode()
    if name.isprintable():
        assert shown == name


def test_a_folder_that_vanishes_in_the_middle_is_named(put, monkeypatch):
    root = put("a/1.png", "b/2.png")
    real = os.scandir

    def scan(path):
        if str(path).endswith("/a"):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    found, unreadable, _ = walk(root)
    assert [file.id for file in found] == ["b/2.png"]
    assert unreadable == [("a", "the folder cannot be read (No such file or directory)")]


@pytest.mark.parametrize(
    "name",
    ["~snapshot/a.png", "_gsdata_/a.png", "A Previews.lrdata/a.png", "P.photoslibrary/resources/a.png", "MOV1.THM"],
)  # fmt: skip
def test_copies_that_programs_keep_are_passed_over_and_said(put, name):
    found, _, notes = walk(put("own.png", name))
    assert [file.id for file in found] == ["own.png"]
    assert len(notes) == 1 and notes[0].startswith("passed over:")


def test_small_pictures_of_a_class_called_mask_are_pictures(put):
    rng = np.random.default_rng(0)
    for name in ("mask/1.png", "nomask/1.png"):
        root = put(name)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(root / name)
    assert len(walk(root)[0]) == 2


def test_folders_beside_which_most_pictures_lie_are_no_classes_and_that_is_said(put):
    images = folder(put("1.png", "2.png", "3.png", "a/4.png", "b/5.png"), 8)
    assert not images.labels
    assert images.notes == [
        "2 of 5 pictures lie in folders and most beside them: folders are taken as no classes"
    ]
