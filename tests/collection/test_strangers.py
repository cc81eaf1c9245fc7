"""Collections that somebody made with care, systems that have no more, and several at once."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from narrows.applications.indexing import collection_for, found_again, index_files, one_indexer
from narrows.applications.opening import opened
from narrows.collection import About, Collection
from narrows.collection.store import guarded
from narrows.errors import BadFile, NarrowsError, NoImages
from narrows.images.files import picture_files

ABOUT = About("f", "m", (12,), shape=(3, 2, 2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", ["runs/a"]), ("model", 3), ("pictures", {"/": 1}), ("pictures", "a\0b"),
        ("code_shape", [4, 4]), ("code_shape", ["4"]), ("code_shape", [1 << 40]), ("shape", [1.5, 8, 8]),
        ("trained", -1), ("trained", "many"), ("probes", 1e9), ("center_crop", 0), ("levels", [1, 2]),
        ("levels", {"L": ["a", "b"]}), ("fingerprint", None), ("pool", "/proc"), ("fit", 7),
    ],
)  # fmt: skip
def test_what_it_says_of_itself_is_of_the_right_kind(about: About, name: str, value: Any) -> None:
    document = json.loads(about.text()) | {name: value}
    with pytest.raises(BadFile, match="does not say which model made it"):
        About.read(json.dumps(document), "a/b")


def test_a_table_of_another_name_and_columns_of_other_kinds(made: Collection) -> None:
    store = made._store
    store.write(dataclasses.replace(made.version, table="../other"))
    with pytest.raises(BadFile, match="is no collection that this Narrows reads"):
        Collection.open(made.address)
    table = store.database.open_table(made.version.table)
    table.drop_columns(["mtime"])
    with pytest.raises(BadFile, match="has no column mtime; index the pictures again"):
        Collection(store, made.version)


def photos_of(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    for i in range(count):
        Image.new("RGB", (4, 4), (40 * i, 7, 9)).save(folder / f"{i}.png")
    return folder


def filled(folder: Path, to: Path) -> Collection:
    collection = collection_for(to, dataclasses.replace(ABOUT, pictures=str(folder)))
    index_files(collection, picture_files(folder), lambda x: x.reshape(len(x), -1).numpy())
    return collection


@pytest.mark.parametrize("place", ["/proc", "/", "other"])
def test_a_folder_that_holds_none_of_its_pictures_is_not_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    collection = filled(photos_of(tmp_path / "photos"), tmp_path / "c")
    collection.change(pictures=place)
    monkeypatch.setattr("narrows.applications.opening.model_of_collection", lambda *_: None)
    monkeypatch.setattr("narrows.applications.opening.opened_images", None)  # nobody may get there
    with pytest.raises(NoImages, match="none of the pictures is in"):
        opened(collection)


def test_ids_lead_nowhere(tmp_path: Path) -> None:
    collection = filled(photos_of(tmp_path / "photos"), tmp_path / "c")
    rows = collection.rows()
    outside = tmp_path / "secret.png"
    outside.write_bytes((tmp_path / "photos" / "0.png").read_bytes())
    collection.delete([f"{i}.png" for i in range(6)])
    rows["id"] = ["../secret.png", str(outside), "a\0b", "x/../../secret.png", ".", "nowhere"]
    rows["hash"][:] = rows["hash"][0]
    rows["size"] = [rows["size"][0]] * 6
    collection.add(rows)
    assert list(found_again(str(tmp_path / "photos"), collection)) == [False] * 6


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="this system has none")
def test_folders_of_the_system_are_none_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(NoImages, match="/proc is a folder of the system"):
        picture_files("/proc")
    folder = photos_of(tmp_path / "photos")
    (folder / "link").symlink_to("/proc", target_is_directory=True)
    found = picture_files(folder)
    assert len(found.files) == 6
    assert "passed over: link/ (folders of the system)" in found.notes


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (28, "the disk is full"),
        (122, "your share of the disk is full"),
        (27, "a file grew larger than it may"),
        (24, "too many files are open at once"),
        (13, "may not be read or written"),
        (30, "may not be written"),
        (5, "look after the disk"),
    ],
)
def test_what_the_system_lacks_is_said(number: int, words: str) -> None:
    lance = f"lance error: LanceError(IO): Generic error: {os.strerror(number)} (os error {number}), a.rs:1"
    for error in (RuntimeError(lance), OSError(number, os.strerror(number), "a/b")):
        with pytest.raises(NarrowsError, match=words) as caught, guarded("codes"):
            raise error
        assert not isinstance(caught.value, BadFile) and "codes" in str(caught.value)


FEW = """
import resource, sys
from narrows.collection import Collection
Collection.open(sys.argv[1]).codes()
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    Collection.open(sys.argv[1]).codes()
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_too_few_files_may_be_open(made: Collection) -> None:
    command = [sys.executable, "-c", FEW, made.address, "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("NarrowsError too many files are open at once"), done


TWO = """
import sys
import narrows.applications.indexing as indexing
from narrows.collection import About
from narrows.images.files import picture_files

indexing.ENCODED_AT_ONCE = indexing.WRITTEN_AT_ONCE = 2
about = About("f", "m", (12,), shape=(3, 2, 2))
print("ready", flush=True)
sys.stdin.readline()
with indexing.one_indexer(sys.argv[2]):
    collection = indexing.collection_for(sys.argv[2], about)
    done = indexing.index_files(
        collection, picture_files(sys.argv[1]), lambda x: x.reshape(len(x), -1).numpy(), workers=1
    )
print(done.added, done.unchanged)
"""


@pytest.mark.slow
def test_three_that_begin_together_make_one_version(tmp_path: Path) -> None:
    photos, to = photos_of(tmp_path / "photos"), tmp_path / "c"
    command = [sys.executable, "-c", TWO, str(photos), str(to)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    several = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for one in several:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in several:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = sorted(one.communicate()[0].strip() for one in several)
    assert [one.returncode for one in several] == [0, 0, 0]
    assert said == ["0 6", "0 6", "6 0"]
    (version,) = Collection.open(to).versions()
    assert version.complete and len(Collection.open(to)) == 6


def test_the_lock_is_asked_for_twice_and_leaves_nothing(tmp_path: Path) -> None:
    to = tmp_path / "c"
    with pytest.raises(ZeroDivisionError), one_indexer(to), one_indexer(to):
        raise ZeroDivisionError
    assert not to.exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").touch()
    with pytest.raises(BadFile, match="holds other things"), one_indexer(tmp_path / "other"):
        pass
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["a.txt"]
