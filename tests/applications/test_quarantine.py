"""Pictures set aside: moved, listed, never overwritten, and left alone where anything is doubtful."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest

import narrows.applications.quarantine as module
from narrows.applications.quarantine import LIST, Redundant, quarantine, undo
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
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refused)
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


def test_what_was_moved_comes_back(photos: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    to = tmp_path / "twice"
    both = [redundant(photos, "b/a.jpg"), redundant(photos, "b/c.jpg")]
    would, _ = quarantine(both, to, photos, dry_run=True)
    assert not to.exists() and {p: p.read_bytes() for p in photos.rglob("*.jpg")} == before
    moved, _ = quarantine(both, to, photos)
    assert moved == would
    (photos / "b" / "a.jpg").write_text("somebody else's")
    (photos / "b").chmod(0o755)
    done = undo(to)
    assert done.restored == [str(photos / "b" / "c.jpg")]
    assert done.skipped == [(str(to / "b" / "a.jpg"), f"there is another file at {both[0].path}")]
    (photos / "b" / "a.jpg").unlink()
    assert undo(to / LIST).restored == [str(photos / "b" / "a.jpg")]
    assert {path: path.read_bytes() for path in photos.rglob("*.jpg")} == before
    assert undo(to / LIST).restored == [] and [p.name for p in to.rglob("*.*")] == [LIST]


@pytest.mark.parametrize("name", ["link", "unlink"])
@pytest.mark.parametrize("late", [False, True])
def test_killed_at_any_moment(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, late: bool
) -> None:
    """Before and after each change of a name: both files are somewhere, none is empty, all comes back."""
    before = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    to = tmp_path / "twice"
    both = [redundant(photos, "b/a.jpg"), redundant(photos, "b/c.jpg")]
    calls, real = [0], getattr(os, name)

    class Killed(BaseException):
        pass

    def once(*arguments: object, **options: object) -> None:
        calls[0] += 1
        if calls[0] == 2 and not late:
            raise Killed
        real(*arguments, **options)
        if calls[0] == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, name, once)
        with pytest.raises(Killed):
            quarantine(both, to, photos)
    left = [path.read_bytes() for folder in (photos, to) for path in folder.rglob("*.jpg")]
    assert set(left) == set(before.values())
    assert [line[0] for line in listed(to)[1:]] == [one.path for one in both]  # noted before moved
    undo(to)
    assert {path: path.read_bytes() for path in photos.rglob("*.jpg")} == before
    assert list(to.rglob("*.jpg")) == []


def test_only_what_is_as_it_was_and_in_the_folder_goes(photos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.jpg").write_text("the picture b/c.jpg")
    (photos / "linked").symlink_to(elsewhere, target_is_directory=True)
    os.link(photos / "a.jpg", photos / "again.jpg")
    there = redundant(photos, "b/c.jpg")
    through = redundant(photos, "linked/x.jpg")
    outright = Redundant("x.jpg", str(elsewhere / "x.jpg"), through.size, through.mtime, there.path)
    twice = redundant(photos, "again.jpg")
    other = Redundant(
        there.id, there.path, there.size, there.mtime, twice.path, keeper_hash="0" * 32
    )
    moved, stayed = quarantine([through, outright, twice, other], tmp_path / "to", photos)
    assert moved == [] and [reason for _, reason in stayed] == [
        f"it is not in {photos}, or only through a link",
        f"it is not in {photos}, or only through a link",
        "its keeper is the same file under another name",
        f"its keeper {twice.path} changed since it was indexed",
    ]
    assert (elsewhere / "x.jpg").exists() and not (tmp_path / "to").exists()


def test_a_name_as_long_as_names_may_be(photos: Path, tmp_path: Path) -> None:
    name = "n" * 251 + ".jpg"
    (photos / name).write_text("long")
    to = tmp_path / "to"
    to.mkdir()
    (to / name).write_text("it was here before")
    moved, _ = quarantine([redundant(photos, name)], to, photos)
    assert Path(moved[0][1]).read_text() == "long" and len(Path(moved[0][1]).name) == 255
    assert undo(to).restored == [str(photos / name)]


def test_what_is_no_list(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"cannot be read as a list .* name the moved\.csv"):
        undo(tmp_path)
    (tmp_path / LIST).write_text("a,b\n1,2\n")
    with pytest.raises(BadFile, match="is no list of moved files"):
        undo(tmp_path / LIST)
    home = photos / "a.jpg"  # a list of somebody who wants files of mine
    (tmp_path / LIST).write_text(f"from,to,keeper\n{tmp_path / 'mine.jpg'},{home},x\n")
    (tmp_path / "own").mkdir()
    os.replace(tmp_path / LIST, tmp_path / "own" / LIST)
    assert undo(tmp_path / "own").restored == [] and home.exists()
