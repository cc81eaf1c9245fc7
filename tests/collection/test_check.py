"""Damage in the files of a collection: never other rows in silence; checked, and repaired."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from narrows.collection import Collection, whole
from narrows.collection.check import check
from narrows.errors import NarrowsError


@pytest.fixture
def pieces(made: Collection) -> Collection:
    """Forty rows in one piece, ten in another, of which two are gone."""
    made.add(
        {
            "id": [f"q{i}" for i in range(10)],
            "code": np.random.default_rng(1).normal(size=(10, 4)),
            "thumbnail": [bytes([i]) * 50 for i in range(10)],
        }
    )
    made.delete(["q2", "p7"])
    made.update(["q1", "p1"], {"score_x": [1.0, 2.0]})
    return made


def content(address: str | Path) -> list[dict]:
    return sorted(Collection.open(address).table().to_pylist(), key=lambda row: row["id"])


def files(address: str | Path) -> list[Path]:
    return [path for path in sorted(Path(address).rglob("*")) if path.is_file()]


def flipped(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def _named(collection: Collection) -> set[str]:
    """Paths, within the collection, of the files that its newest version is made of."""
    found = whole.state(Path(collection.address), collection.version.table).whole
    assert found is not None
    return {f"{collection.version.table}.lance/{name}" for name in found.files}


def test_a_whole_one_is_whole(pieces: Collection) -> None:
    found = check(pieces.address)
    assert [each.whole for each in found] == [True, True]
    assert "files, as they were written" in found[1].about
    assert check(pieces.address, repair=True) == found


@pytest.mark.parametrize("many", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_a_flipped_bit_gives_no_other_rows(pieces: Collection, tmp_path: Path, many: int) -> None:
    wanted, draw = content(pieces.address), random.Random(0)
    names = [path.relative_to(pieces.address) for path in files(pieces.address)]
    kept = _named(pieces)
    refused, of_named, unseen = 0, 0, set()
    for number in range(many):
        copy = tmp_path / str(number)
        shutil.copytree(pieces.address, copy)
        name = draw.choice(names)
        flipped(copy / name, draw)
        of_named += str(name) in kept
        try:
            got = content(copy)
        except NarrowsError as error:
            assert "narrows check" in str(error) or "is damaged" in str(error)
            refused += 1
            continue
        finally:
            shutil.rmtree(copy)
        if got != wanted:  # the newest manifest: an older version, and a sentence
            assert name.suffix == ".manifest"
        else:
            unseen.add(name.parts[-2] if len(name.parts) > 1 else name.name)
    assert refused >= of_named > many // 10  # the others are of older versions, logs, locks
    assert unseen <= {"_transactions", "_versions", "data", "_deletions", "whole.json", "c", "lock"}


def test_damaged_rows_go_and_the_others_stay(pieces: Collection) -> None:
    before = {row["id"]: row for row in content(pieces.address)}
    newest = min(Path(pieces.address).glob("pictures-*/_versions/*.manifest"))
    manifest = whole.state(Path(pieces.address), pieces.version.table).whole
    assert manifest is not None and newest.name in manifest.path
    root = Path(pieces.address) / f"{pieces.version.table}.lance"
    which = next(
        number
        for number, names in manifest.fragments.items()
        if any(name.startswith("_deletions/") for name in names)
    )
    (name,) = [name for name in manifest.fragments[which] if name.startswith("data/")]
    size = (root / name).stat().st_size
    (root / name).write_bytes(bytes(size))
    with pytest.raises(NarrowsError, match=r"narrows check .* --repair` removes the rows"):
        Collection.open(pieces.address)
    (wrong,) = [each for each in check(pieces.address) if not each.whole]
    assert name in wrong.file and wrong.about == "holds other bytes than were written"
    *_, repaired = check(pieces.address, repair=True)
    assert repaired.whole and "narrows index makes them again" in repaired.about
    after = {row["id"]: row for row in content(pieces.address)}
    assert 0 < len(after) < len(before) and after.items() <= before.items()
    assert all(each.whole for each in check(pieces.address))


def test_a_manifest_that_is_damaged_is_gone_back_from(pieces: Collection) -> None:
    newest = min(Path(pieces.address).glob("pictures-*/_versions/*.manifest"))
    newest.write_bytes(newest.read_bytes()[:50])
    wrong = [each for each in check(pieces.address) if not each.whole]
    assert len(wrong) == 1 and "the version before it counts" in wrong[0].about
    *_, back = check(pieces.address, repair=True)
    assert back.whole and "back at its version" in back.about
    assert all(each.whole for each in check(pieces.address))
    assert len(Collection.open(pieces.address)) == 48
