"""Pictures set aside: moved, listed, never overwritten, and left alone where anything is doubtful."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest

import narrows.applications.quarantine as module
from narrows.applications.quarantine import LIST, Redundant, quarantine
from narrows.errors import BadFile, NarrowsError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three files in two folders."""
    for name in ("a.jpg", "b/a.jpg", "b/c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the picture {name}")
    return tmp_path / "photos"


def redundant(photos: Path, name: str, keeper: str = "a.jpg") -> Redundant:
    found = (photos / name).stat()
    return Redundant(
        name, str(photos / name), found.st_size, found.st_mtime_ns, str(photos / keeper)
    )


def listed(folder: Path) -> list[list[str]]:
    with open(folder / LIST, newline="") as opened:
        return list(csv.reader(opened))


def test_files_are_moved_and_listed(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "twice" / "deep"
    redundant_files = [redundant(photos, "b/a.jpg"), redundant(photos, "b/c.jpg")]
    moved, stayed = quarantine(redundant_files, to, photos)
    assert stayed == [] and [id_ for id_, _ in moved] == ["b/a.jpg", "b/c.jpg"]
    assert (to / "b" / "c.jpg").read_text() == "the picture b/c.jpg"
    assert sorted(path.name for path in photos.rglob("*.jpg")) == ["a.jpg"]
    assert listed(to) == [
        ["from", "to", "keeper"],
        *([str(photos / s.id), str(to / s.id), str(photos / "a.jpg")] for s in redundant_files),
    ]


def test_nothing_is_overwritten(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "twice"
    (to / "b").mkdir(parents=True)
    (to / "b" / "a.jpg").write_text("it was here before")
    (to / "b" / "a-2.jpg").write_text("this too")
    moved, _ = quarantine([redundant(photos, "b/a.jpg")], to, photos)
    assert moved == [("b/a.jpg", str(to / "b" / "a-3.jpg"))]
    assert (to / "b" / "a.jpg").read_text() == "it was here before"
    assert (to / "b" / "a-3.jpg").read_text() == "the picture b/a.jpg"


def test_an_id_cannot_lead_out_of_the_folder(photos: Path, tmp_path: Path) -> None:
    before = redundant(photos, "b/c.jpg")
    hostile = Redundant("../../x/c.jpg", before.path, before.size, before.mtime, before.keeper)
    moved, _ = quarantine([hostile], tmp_path / "twice", photos)
    assert moved[0][1] == str(tmp_path / "twice" / "x" / "c.jpg")


def test_what_is_doubtful_stays(photos: Path, tmp_path: Path) -> None:
    redundant_files = [
        redundant(photos, "b/a.jpg"),
        redundant(photos, "b/c.jpg"),
        redundant(photos, "a.jpg", "b/c.jpg"),
    ]
    (photos / "b" / "a.jpg").write_text("it is longer than it was when it was indexed")
    (photos / "b" / "c.jpg").unlink()
    moved, stayed = quarantine(redundant_files, tmp_path / "twice", photos)
    assert moved == [] and [reason for _, reason in stayed] == [
        "it changed since it was indexed",
        "it is not there any more",
        f"its keeper {photos / 'b' / 'c.jpg'} is not there any more",
    ]
    assert not (tmp_path / "twice").exists() and (photos / "a.jpg").exists()
    (photos / "b" / "c.jpg").symlink_to(photos / "a.jpg")
    moved, stayed = quarantine([redundant(photos, "b/c.jpg")], tmp_path / "twice", photos)
    assert stayed == [("b/c.jpg", "it is a link")]
    moved, stayed = quarantine([redundant(photos, "a.jpg", "b/c.jpg")], tmp_path / "twice", photos)
    assert stayed == [("a.jpg", "its keeper is a link to it")]


def test_folders_that_cannot_be(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is inside of .* name a folder beside it"):
        quarantine([], photos / "b" / "twice", photos)
    with pytest.raises(BadFile, match="is a file; name a folder"):
        quarantine([], photos / "a.jpg", photos)


def test_another_disk(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "replace", refused)
    before = redundant(photos, "b/c.jpg")
    quarantine([before], tmp_path / "twice", photos)
    assert (tmp_path / "twice" / "b" / "c.jpg").read_text() == "the picture b/c.jpg"
    assert (tmp_path / "twice" / "b" / "c.jpg").stat().st_mtime_ns == before.mtime
    assert not (photos / "b" / "c.jpg").exists()

    def full(_: object, target: Path) -> None:
        Path(target).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(module.shutil, "copy2", full)
    with pytest.raises(NarrowsError, match="no space left on device; 0 files were moved before"):
        quarantine([redundant(photos, "b/a.jpg")], tmp_path / "full", photos)
    assert (photos / "b" / "a.jpg").read_text() == "the picture b/a.jpg"
    assert not (tmp_path / "full" / "b" / "a.jpg").exists()
