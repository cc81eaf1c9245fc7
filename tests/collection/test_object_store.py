"""Collections at s3://, by a server of the same protocol on this machine: made, killed, resumed, in parts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from forked import forked_program

from narrows.applications.duplicates import duplicates
from narrows.applications.index import index
from narrows.applications.search import search
from narrows.collection import Collection, Ledger
from narrows.errors import BadFile, NarrowsError

pytest.importorskip("moto")

INDEXING = """
import sys
import numpy as np
import narrows.applications.indexing as indexing
from narrows.applications.index import index
from narrows.images import Preprocessing

class Pixels:
    shape = code_shape = (1, 4, 4)
    preprocessing = Preprocessing((1, 4, 4))

    def fingerprint(self):
        return "pixels"

    def encode(self, images):
        return images.batch(indexing.torch.arange(len(images))).numpy()

indexing.ENCODED_AT_ONCE, indexing.WRITTEN_AT_ONCE = 16, int(sys.argv[3])
part = {"part": sys.argv[4], "version": 1} if len(sys.argv) > 4 else {}
index(Pixels(), sys.argv[1], sys.argv[2], progress=False, **part)
"""
SPACE: dict[str, type] = {}
exec(INDEXING.split("indexing.ENCODED")[0], SPACE)  # noqa: S102 - the same encoder here
Pixels = SPACE["Pixels"]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """s3://codes on loopback, as the environment tells LanceDB."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            address = found[0]
            urllib.request.urlopen(urllib.request.Request(f"{address}/codes", method="PUT"))
            with pytest.MonkeyPatch.context() as patched:
                for name, value in {
                    "AWS_ENDPOINT": address,
                    "AWS_ALLOW_HTTP": "true",
                    "AWS_ACCESS_KEY_ID": "any",
                    "AWS_SECRET_ACCESS_KEY": "any",
                    "AWS_REGION": "us-east-1",
                }.items():
                    patched.setenv(name, value)
                yield "s3://codes"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures (4, 4) in one array, the last one the first again."""
    drawn = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    drawn[-1] = drawn[0]
    path = tmp_path_factory.mktemp("arrays") / "x.npy"
    np.save(path, drawn)
    return path


def whole(collection: Collection) -> bool:
    ids, codes = collection.codes()
    return sorted(ids) == sorted(map(str, range(60))) and len(codes) == 60


def test_index_search_duplicates_and_info(bucket: str, pictures: Path) -> None:
    to = f"{bucket}/whole"
    with pytest.raises(BadFile, match=f"there is no collection in {to}"):
        Collection.open(to)
    done = index(Pixels(), pictures, to, progress=False)
    assert (done.added, done.pictures) == (60, 60) and whole(Collection.open(to))
    again = index(Pixels(), pictures, to, progress=False)
    assert (again.added, again.unchanged) == (0, 60)
    found = search(to, np.load(pictures)[7], model=Pixels(), k=3, progress=False)
    assert found.ids[0] == "7" and found.distances[0] == 0
    twins = duplicates(to, by="codes", threshold=1e-6, progress=False)
    assert [sorted([g.keeper, *g.others]) for g in twins.groups] == [[0, 59]]
    said = Collection.open(to).info().document()
    assert (said["pictures"], said["version"], said["complete"]) == (60, 1, True)
    assert not Path("s3:").exists()


@pytest.mark.slow
def test_parts_at_once_and_finished(bucket: str, pictures: Path, tmp_path: Path) -> None:
    to = f"{bucket}/parts"
    from concurrent.futures import ThreadPoolExecutor

    def one(part: int) -> int:
        return index(Pixels(), pictures, to, version=1, part=(part, 3), progress=False).pictures

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, (1, 2, 3))) == [20, 20, 20]
    assert not Collection.exists(to)
    done = index(Pixels(), pictures, to, version=1, finish=True, progress=False).collection
    assert whole(done) and Ledger.open(to, 1) is None
    here = index(Pixels(), pictures, tmp_path / "c", progress=False).collection
    ids = here.codes()[0]
    assert here.table(ids=ids).equals(done.table(ids=ids))


@pytest.mark.slow
@pytest.mark.parametrize("part", [None, "1/1"])
def test_killed_and_resumed(bucket: str, pictures: Path, part: str | None) -> None:
    to, more = f"{bucket}/killed-{part is None}", [] if part is None else [part]
    written = []
    for _ in range(3):
        process = forked_program(INDEXING, str(pictures), to, "16", *more)
        before, end = len(written), time.monotonic() + 60
        while process.is_alive() and time.monotonic() < end:
            try:
                rows = Ledger.open(to, 1).collection() if part else Collection.open(to)
                written = rows.codes()[0]
            except (AttributeError, NarrowsError):
                continue
            if len(written) > before:
                break
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        assert len(written) == len(set(written))
    options = {} if part is None else {"version": 1, "part": part}
    done = index(Pixels(), pictures, to, progress=False, **options)
    assert done.added + done.unchanged == 60 and done.unchanged >= 16
    if part is not None:
        index(Pixels(), pictures, to, version=1, finish=True, progress=False)
    assert whole(Collection.open(to))
