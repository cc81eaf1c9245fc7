"""Index in parts: whatever the order, the kills and the twins, the collection is that of one go."""

from __future__ import annotations

import dataclasses
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
import narrows.applications.indexing as indexing
import narrows.collection.collection as collection_module
from narrows.applications.index import index
from narrows.cli import main
from narrows.collection import Collection, Ledger
from narrows.errors import BadFile, NarrowsError
from narrows.images import Images, Preprocessing


class Pixels:
    """An encoder that gives the pixels themselves."""

    def __init__(self, name: str = "pixels") -> None:
        self.preprocessing = Preprocessing((3, 4, 4))
        self.shape = self.code_shape = (3, 4, 4)
        self.name = name

    def fingerprint(self) -> str:
        return self.name

    def encode(self, images: Images) -> np.ndarray:
        return images.batch(torch.arange(len(images))).numpy()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirty-one pictures of two classes, and one that is no picture."""
    for i in range(31):
        path = tmp_path / "photos" / ("cat" if i % 3 else "dog") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(drawn).save(path)
    (tmp_path / "photos" / "dog" / "broken.png").write_bytes(b"none")
    return tmp_path / "photos"


def run(
    photos: object, to: Path, part: object = None, **options: object
) -> nw.applications.index.IndexResult:
    model = options.pop("model", None) or Pixels()
    done = {"finish": True} if part is None else {"part": part}
    return index(model, photos, to, version=1, progress=False, **done, **options)


def same(one: Collection, other: Collection) -> None:
    """Rows, neighbours and what is said of two collections."""
    columns = one.columns
    assert columns == other.columns
    ids = sorted(one.codes()[0])
    assert ids == sorted(other.codes()[0]) and len(ids) == len(set(ids))
    mine, others = one.table(columns, ids=ids), other.table(columns, ids=ids)
    assert mine.equals(others)
    query = one.codes()[1][:5] + np.float32(0.01)
    found = [each.search(query, 4, exact=True) for each in (one, other)]
    assert np.array_equal(found[0].ids, found[1].ids)
    assert np.array_equal(found[0].distances, found[1].distances)
    said = [each.info().document() | {"collection": ""} for each in (one, other)]
    assert said[0] == said[1]
    assert dataclasses.asdict(one.about) == dataclasses.asdict(other.about)


def test_parts_at_once_and_again_are_the_collection_of_one_go(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "WRITTEN_AT_ONCE", 5)
    monkeypatch.setattr(indexing, "ENCODED_AT_ONCE", 5)
    whole = index(Pixels(), photos, tmp_path / "whole", progress=False)
    to, errors = tmp_path / "parts", []

    def one(part: int) -> None:
        try:
            for _ in range(2):
                run(photos, to, (part, 3))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails with it
            errors.append(error)

    threads = [threading.Thread(target=one, args=(part,)) for part in (1, 2, 3, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and not Collection.exists(to)
    done = run(photos, to)
    same(whole.collection, done.collection)
    assert sorted(done.skipped) == sorted(whole.skipped) == [("dog/broken.png", "not a picture")]
    assert (done.added, done.pictures) == (31, 31) and Ledger.open(to, 1) is None
    assert sorted(path.name[:7] for path in to.iterdir()) == ["narrows", "picture", "whole.j"]
    for again in (run(photos, to), run(photos, to, "2/3")):
        assert (again.added, again.unchanged) == (0, 31)
        assert again.notes == ["version 1 was finished before"]
    later = index(Pixels(), photos, to, progress=False)  # an ordinary run finds nothing to do
    assert (later.added, later.changed, later.unchanged) == (0, 0, 31)


def test_a_part_that_was_killed_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "WRITTEN_AT_ONCE", 4)
    monkeypatch.setattr(indexing, "ENCODED_AT_ONCE", 4)
    to, encoded, most = tmp_path / "c", [], 8

    class Killed(BaseException):
        """As if by kill -9: nothing is written on the way out."""

    class Counting(Pixels):
        def encode(self, images: Images) -> np.ndarray:
            if sum(encoded) >= most:
                raise Killed
            encoded.append(len(images))
            return super().encode(images)

    with pytest.raises(Killed):
        run(photos, to, "1/2", model=Counting())
    with pytest.raises(
        NarrowsError, match=r"of 2 parts 2 parts are not, 1/2, 2/2; run narrows index "
    ):
        run(photos, to)
    most = 100
    first = run(photos, to, "1/2", model=Counting())
    assert (first.added, first.unchanged, first.pictures) == (8, 8, 16) and sum(encoded) == 16
    assert "16 pictures, part 1/2 of version 1" in str(first) and first.document()["part"] == "1/2"
    with pytest.raises(
        NarrowsError, match=r"1 part is not, 2/2; run narrows index with --part 2/2$"
    ):
        run(photos, to)
    run(photos, to, "2/2")
    same(
        index(Pixels(), photos, tmp_path / "whole", progress=False).collection,
        run(photos, to).collection,
    )


def test_what_does_not_belong_together_is_refused(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "c"
    run(photos, to, "1/2")
    with pytest.raises(
        BadFile, match=r"are codes of a model \(pixels\); those of a model \(other\) do not"
    ):
        run(photos, to, "2/2", model=Pixels("other"))
    with pytest.raises(BadFile, match="divided into 2 parts, not into 3"):
        run(photos, to, "2/3")
    with pytest.raises(ValueError, match=r"the next version of .* is 2; we got 3"):
        index(Pixels(), photos, to, version=3, part="1/2", progress=False)
    (photos / "cat" / "1.png").unlink()
    with pytest.raises(BadFile, match="of other pictures than these"):
        run(photos, to, "2/2")
    with pytest.raises(BadFile, match="of other pictures than these"):
        run(photos, to)
    with pytest.raises(BadFile, match="no part of version 1 of .* was begun"):
        run(photos, tmp_path / "none")
    for wrong, why in (
        ({"part": "3/2"}, "a part is one of so many"),
        ({"part": "1/2"}, "all parts are told which version"),
        ({"finish": True}, "all parts are told which version"),
        ({"version": 1}, "--version goes with"),
        ({"version": 1, "part": "1/2", "finish": True}, "give one of the two"),
        (
            {"version": 1, "part": "1/2", "features": "pca"},
            r"pca \(euclidean\) is fitted to the pictures",
        ),
    ):
        with pytest.raises(ValueError, match=why):
            index(Pixels(), photos, tmp_path / "other", progress=False, **wrong)
    assert not (tmp_path / "other").exists()


def test_a_second_version_in_parts_and_a_twin_after_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_module, "EXACT_ROWS", 100)
    monkeypatch.setattr(indexing, "WRITTEN_AT_ONCE", 64)
    drawn = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 3), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x=drawn, label=np.arange(300) % 3)
    to = tmp_path / "c"
    index(Pixels("old"), tmp_path / "x.npz", to, progress=False)
    model = Pixels()
    one, two = (
        index(model, tmp_path / "x.npz", to, version=2, part=(k, 2), progress=False) for k in (1, 2)
    )
    assert Collection.open(to).version.number == 1 and one.pictures == two.pictures == 150
    twin = Ledger.open(to, 2).collection()
    done = index(model, tmp_path / "x.npz", to, version=2, finish=True, progress=False)
    with pytest.raises(
        NarrowsError, match="version 2 of .* was finished, or removed, while this part"
    ):
        twin.add({"id": ["9"], "code": np.zeros((1, 48), np.float32)})
    opened = Collection.open(to)
    assert opened.version.number == 2 and opened.version.complete and len(opened) == 300
    assert opened.about.trained == 300 and done.collection.about.probes
    assert sorted(opened.rows(["label"])["label"]) == sorted(np.arange(300) % 3)
    whole = index(model, tmp_path / "x.npz", tmp_path / "whole", progress=False).collection
    ids = [str(i) for i in range(300)]
    assert whole.table(ids=ids).equals(opened.table(ids=ids))


def test_rows_that_were_written_twice_are_there_once(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "c"
    run(photos, to, "1/2"), run(photos, to, "2/2")
    twin = Ledger.open(to, 1).collection()
    twin.add(twin.rows(ids=twin.codes()[0][:3]))
    assert len(twin) == 34
    done = run(photos, to).collection
    same(index(Pixels(), photos, tmp_path / "whole", progress=False).collection, done)


def test_the_command(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = nw.recipes.mlp_autoencoder((3, 4, 4), 2, widths=(4,)).with_(batch_size=16)
    nw.fit(made, nw.images.folder(photos, size=4), to=tmp_path / "run", epochs=1, report="quiet")
    say = [
        "narrows",
        "index",
        str(tmp_path / "run"),
        str(photos),
        "--to",
        str(tmp_path / "c"),
        "--version",
        "1",
    ]
    for more in (["--part", "1/2"], ["--part", "2/2"], ["--finish"]):
        monkeypatch.setattr(sys, "argv", [*say, *more])
        with pytest.raises(SystemExit, match="^0$"):
            main()
    assert "31 pictures in" in capsys.readouterr().out
    whole = index(tmp_path / "run", photos, tmp_path / "whole", progress=False).collection
    assert whole.about.weights is not None
    same(whole, Collection.open(tmp_path / "c"))
