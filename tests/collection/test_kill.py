"""kill -9 while pictures are indexed, and readers beside: each picture is there exactly once."""

from __future__ import annotations

import random
import threading
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
from forked import forked_program
from PIL import Image

from narrows.collection import About, Collection

ABOUT = About("f", "m", (12,), shape=(3, 2, 2))

INDEXING = """
import sys
import narrows.applications.indexing as index
from narrows.images.files import picture_files
from narrows.collection import About

index.ENCODED_AT_ONCE, index.WRITTEN_AT_ONCE = 16, int(sys.argv[3])
about = About("f", "m", (12,), shape=(3, 2, 2))
found = picture_files(sys.argv[1])
collection = index.collection_for(sys.argv[2], about)
index.index_files(collection, found, lambda x: x.reshape(len(x), -1).numpy(), workers=2)
"""


def start(photos: Path, to: Path, at_once: int) -> ForkServerProcess:
    return forked_program(INDEXING, str(photos), str(to), str(at_once))


def commits(to: Path) -> int:
    return sum(1 for _ in to.glob("pictures-*/_versions/*.manifest"))


class Reader(threading.Thread):
    """Counts, reads and searches for as long as it runs, and remembers what went wrong."""

    def __init__(self, to: Path, at_once: int) -> None:
        super().__init__()
        self.to, self.at_once, self.stop = to, at_once, threading.Event()
        self.errors: list[str] = []
        self.reads, self.partial = 0, 0
        self.sizes: set[int] = set()

    def run(self) -> None:
        kept = Collection.open(self.to)
        while not self.stop.is_set():
            try:
                for collection in (kept, Collection.open(self.to)):
                    ids, codes = collection.codes()
                    assert len(ids) == len(set(ids)) == len(codes)
                    found = collection.search(np.zeros(12), 3)
                    assert found.ids.shape[1] == min(3, found.ids.shape[1])
                    self.sizes.add(len(ids))
                self.reads += 1
                time.sleep(0.01)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test fails with it
                self.errors.append(repr(error))
                return


@pytest.mark.parametrize(
    ("pictures", "at_once", "kills"),
    [(400, 32, 2), pytest.param(5000, 128, 20, marks=pytest.mark.slow)],
)
def test_killed_while_indexing(tmp_path: Path, pictures: int, at_once: int, kills: int) -> None:
    photos, to = tmp_path / "photos", tmp_path / "c"
    photos.mkdir()
    draw = np.random.default_rng(0)
    for i in range(pictures):
        colours = draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(colours).save(photos / f"{i}.png")
    Collection.create(to, ABOUT)
    readers = [Reader(to, at_once) for _ in range(2)]
    for reader in readers:
        reader.start()
    moments = random.Random(3)
    done = 0
    try:
        while done < kills:
            before, process = commits(to), start(photos, to, at_once)
            while commits(to) == before and process.is_alive():
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.05))
            if not process.is_alive():
                process.join()
                assert process.exitcode == 0
                break
            process.kill()
            process.join()
            done += 1
        partly = len(Collection.open(to))
        last = start(photos, to, at_once)
        last.join()
        assert last.exitcode == 0
    finally:
        for reader in readers:
            reader.stop.set()
            reader.join()
    assert done == kills and 0 < partly <= pictures
    assert [reader.errors for reader in readers] == [[], []]
    assert all(reader.reads > 2 for reader in readers)
    assert all(n % at_once == 0 or n == pictures for reader in readers for n in reader.sizes)
    collection = Collection.open(to)
    ids, codes = collection.codes()
    assert sorted(ids) == sorted(f"{i}.png" for i in range(pictures))
    assert collection.version.complete
