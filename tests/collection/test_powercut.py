"""A power cut at any moment of an indexing: what was committed is there, and the next run ends the same.

What a cut may lose is drawn by ``powercut.Disk``: all that LanceDB wrote and nobody flushed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from powercut import Disk

import narrows.applications.indexing as indexing
from narrows.collection import About, Collection, store
from narrows.images.files import picture_files

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="this system does not say what is open"
)

ABOUT = About("f", "m", (12,), shape=(3, 2, 2))


def run(photos: Path, to: Path) -> Collection:
    def encode(x: torch.Tensor) -> np.ndarray[Any, Any]:
        return x.reshape(len(x), -1).numpy()

    with indexing.one_indexer(to):
        collection = indexing.collection_for(to, ABOUT)
        indexing.index_files(collection, picture_files(photos), encode, workers=1)
    return collection


def rows(collection: Collection) -> dict[str, tuple[Any, ...]]:
    table = collection.table()
    return {row["id"]: tuple(map(str, row.values())) for row in table.to_pylist()}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for i in range(40):
        pixels = draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("most", [6, pytest.param(10_000, marks=pytest.mark.slow)])
def test_cut_while_indexing(
    most: int,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(indexing, "ENCODED_AT_ONCE", 8)
    monkeypatch.setattr(indexing, "WRITTEN_AT_ONCE", 8)
    later = [photos / f"{i}.png" for i in range(24, 40)]
    kept = {path: path.read_bytes() for path in later}
    for path in later:
        path.unlink()
    disk_folder = tmp_path / "disk"
    disk_folder.mkdir()
    to = disk_folder / "c"
    committed: list[tuple[int, set[str]]] = []  # how many moments had been, and the ids
    add = Collection.add

    def adding(self: Collection, given: Any) -> None:
        add(self, given)
        committed.append((len(disk.moments), set(given["id"])))

    monkeypatch.setattr(Collection, "add", adding)
    with Disk(disk_folder, seed=1) as disk:
        run(photos, to)
        for path, content in kept.items():
            path.write_bytes(content)
        disk.cut()
        whole = run(photos, to)
    wanted = rows(whole)
    assert len(wanted) == 40 and len(disk.moments) > 50 and len(committed) == 5
    fell_back = 0
    step = max(1, len(disk.moments) // most)
    for number in range(step // 2, len(disk.moments), step):
        folder = disk.restore(disk.moments[number], tmp_path / f"cut-{number}") / "c"
        safe = set().union(*(ids for moment, ids in committed if moment <= number))
        caplog.clear()
        store._said.clear()
        if safe:
            with caplog.at_level(logging.WARNING):
                found = Collection.open(folder)
                assert safe <= set(found.codes()[0]), number
            fell_back += bool(caplog.records)
            assert all("as it was before" in one.message for one in caplog.records)
        assert rows(run(photos, folder)) == wanted, number
        again = Collection.open(folder)
        assert again.version.complete and len(again.versions()) == 1
    assert most < 1000 or fell_back > 1


def test_the_end_of_a_run_is_on_the_disk(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with Disk(folder) as disk:
        wanted = rows(run(photos, folder / "c"))
        moments = [disk.cut() for _ in range(4)]
    for number, moment in enumerate(moments):
        left = disk.restore(moment, tmp_path / str(number)) / "c"
        assert rows(Collection.open(left)) == wanted


@pytest.mark.parametrize("size", [0, 100])
def test_an_empty_newest_manifest_is_passed_over(
    made: Collection, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    made.delete(["p3"])
    newest = min(Path(made.address).glob("pictures-*/_versions/*.manifest"))
    newest.write_bytes(newest.read_bytes()[:size])
    names = sorted(path.name for path in Path(made.address).rglob("*"))
    with caplog.at_level(logging.WARNING):
        opened = Collection.open(made.address)
        assert len(opened) == 40 and opened.search(np.zeros(4), 3).ids.shape == (1, 3)
    (said,) = caplog.messages
    assert "did not reach the disk whole" in said and "as it was before" in said
    assert sorted(path.name for path in Path(made.address).rglob("*")) == names  # only looked at
    opened.update(["p4"], {"score_x": [1.0]})
    caplog.clear()
    again = Collection.open(made.address)
    assert len(again) == 40 and again.scores == ["score_x"] and not caplog.messages
    assert newest.with_name(f"{newest.name}.damaged").stat().st_size == size
