"""Rows in, rows out; and everything that a person may do wrong with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from narrows.collection import About, Collection, column_name, whole
from narrows.errors import BadFile, Unavailable


def test_rows_come_back(made: Collection, codes: np.ndarray) -> None:
    assert len(made) == 40
    found = made.rows(["id", "code", "width", "label", "thumbnail"], ids=["p7", "p3"])
    assert list(found["id"]) == ["p7", "p3"]
    assert np.array_equal(found["code"], codes[[7, 3]])
    assert list(found["width"]) == [107, 103]
    assert list(found["label"]) == ["cat", "cat"]
    assert list(found["thumbnail"]) == [None, None]
    ids, all_codes = made.codes()
    assert ids == [f"p{i}" for i in range(40)] and np.array_equal(all_codes, codes)
    blocks = list(made.iter_codes(size=7))
    assert np.array_equal(np.concatenate([block for _, block in blocks]), codes)


def test_it_opens_again_and_says_whose_it_is(made: Collection) -> None:
    again = Collection.open(made.address)
    assert len(again) == 40 and again.about == made.about and again.version.complete
    again.check(made.about.fingerprint, "runs/a")
    with pytest.raises(BadFile, match=r"codes of runs/a \(0123456789abcdef\); those of runs/b"):
        again.check("other", "runs/b")


def test_filters(made: Collection) -> None:
    assert made.count("label = 'it''s a dog' and width >= 130") == 5
    assert made.codes("width < 103")[0] == ["p0", "p1", "p2"]
    assert list(made.rows(["id"], ids=["p1", "p2"], where="label = 'cat'")["id"]) == ["p1"]
    assert made.count("\"label\" = 'cat' or width in (100, 102)") == 22


@pytest.mark.parametrize(
    "where",
    ["", "width >", "width > 5 limit 3", "1; drop table x", "nope = 3", "width", "code = 3"],
)
def test_a_filter_that_does_not_parse(made: Collection, where: str) -> None:
    with pytest.raises(ValueError, match="the filter .* cannot be used .*columns are id, path"):
        made.count(where)
    with pytest.raises(ValueError, match="cannot be used"):
        made.search(np.zeros(4), 3, where=where)
    assert len(made) == 40


def test_put_replaces_and_adds(made: Collection) -> None:
    made.update(["p0", "p5"], {"score_knn": [1.0, 2.0]})
    made.upsert({"id": ["p5", "new"], "code": np.ones((2, 4)), "width": [7, 8]})
    assert len(made) == 41
    found = made.rows(["id", "code", "width", "label", "score_knn"], ids=["p5", "new", "p0"])
    assert np.array_equal(found["code"][:2], np.ones((2, 4)))
    assert list(found["width"]) == [7, 8, 100]
    assert list(found["label"]) == [None, None, "it's a dog"]
    assert np.isnan(found["score_knn"][:2]).all()  # of the code that it had before
    assert found["score_knn"][2] == 1


def test_update_sets_some_columns_of_some_rows(made: Collection, codes: np.ndarray) -> None:
    made.update(["p3", "nobody"], {"score_mse": np.array([0.5, 9.0]), "width": [1, 2]})
    assert made.scores == ["score_mse"] and len(made) == 40
    found = made.rows(["width", "score_mse", "code"], ids=["p3", "p4"])
    assert list(found["width"]) == [1, 104]
    assert found["score_mse"][0] == 0.5 and np.isnan(found["score_mse"][1])
    assert np.array_equal(found["code"], codes[3:5])
    with pytest.raises(ValueError, match="column width holds int32"):
        made.update(["p3"], {"width": ["wide"]})


def test_delete(made: Collection) -> None:
    made.upsert({"id": ["it's"], "code": np.zeros((1, 4))})
    assert made.delete(["p1", "it's", "nobody"]) == 2
    assert made.delete(where="width >= 130") == 10
    assert len(made) == 29
    with pytest.raises(ValueError, match="name one of the two"):
        made.delete()


def test_codes_that_cannot_be_stored(made: Collection) -> None:
    bad = np.zeros((3, 4))
    bad[1, 2] = np.nan
    for write in (made.add, made.upsert):
        with pytest.raises(ValueError, match="code of 'b' holds NaN or infinite"):
            write({"id": ["a", "b", "c"], "code": bad})
        with pytest.raises(ValueError, match=r"have 4 numbers; we got an array \(1, 5\)"):
            write({"id": ["a"], "code": np.zeros((1, 5))})
        with pytest.raises(ValueError, match="one length"):
            write({"id": ["a", "b"], "code": np.zeros((1, 4))})
        with pytest.raises(ValueError, match="no column 'colour'"):
            write({"id": ["a"], "code": np.zeros((1, 4)), "colour": ["red"]})
        with pytest.raises(ValueError, match="an id and a code each"):
            write({"id": ["a"]})
    assert len(made) == 40


def test_names_that_are_not_there(made: Collection) -> None:
    with pytest.raises(ValueError, match="no picture 'p33x'; did you mean 'p33'"):
        made.rows(ids=["p1", "p33x"])
    with pytest.raises(ValueError, match="no column 'colour'; there are id, path"):
        made.rows(["colour"])
    with pytest.raises(ValueError, match="has the versions 1; we got 7"):
        Collection.open(made.address, 7)


def test_columns_get_names_that_filters_can_write() -> None:
    assert [column_name(name) for name in ("hair colour", "id", " a.b ", "7", "ü", "")] == [
        *("hair_colour", "meta_id", "a_b", "meta_7", "ü", "column"),
    ]


def test_versions(made: Collection, codes: np.ndarray) -> None:
    second = Collection.create(made.address, About("other", "runs/b", (3,)))
    second.add({"id": list("abcde"), "code": codes[:5, :3]})
    assert Collection.open(made.address).version.number == 1  # the second is not whole yet
    assert Collection.open(made.address, going_on="other").version.number == 2
    assert Collection.open(made.address, going_on=made.about.fingerprint).version.number == 1
    second.commit()
    assert len(Collection.open(made.address)) == 5
    assert len(Collection.open(made.address, 1)) == 40
    with pytest.raises(ValueError, match="versions 1, 2; version 3 is none of them"):
        second.drop(3)
    second.drop(1)
    assert [each.number for each in second.versions()] == [2]
    with pytest.raises(ValueError, match="version 2 is the only one"):
        second.drop(2)


def test_nothing_is_left_of_one_that_is_discarded(tmp_path: Path, about: About) -> None:
    Collection.create(tmp_path / "c", about).discard()
    assert not (tmp_path / "c").exists()


def test_where_there_is_none(tmp_path: Path, about: About) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("no")
    for name in ("nothing", "empty", "photos"):
        with pytest.raises(BadFile, match="there is no collection in .*narrows index"):
            Collection.open(tmp_path / name)
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(BadFile, match="is a file, not a collection"):
        Collection.open(tmp_path / "file")
    with pytest.raises(BadFile, match=r"which holds other things \(a.jpg\): name another folder"):
        Collection.create(tmp_path / "photos", about)
    assert not Collection.exists(tmp_path / "nothing") and not (tmp_path / "nothing").exists()


def damaged(folder: Path, pattern: str, how: str) -> None:
    files = [path for path in folder.glob(pattern) if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(content[: len(content) // 2] if how == "cut" else b"\7" * len(content))


@pytest.mark.parametrize("how", ["cut", "junk", "gone"])
@pytest.mark.parametrize("pattern", ["pictures-*/_versions/*", "pictures-*/data/*"])
def test_a_damaged_collection_is_one_sentence(made: Collection, pattern: str, how: str) -> None:
    damaged(Path(made.address), pattern, how)
    with pytest.raises(BadFile, match="is damaged or cannot be reached .* index the pictures"):
        Collection.open(made.address).codes()
    with pytest.raises(BadFile, match="damaged"):
        Collection.open(made.address).search(np.zeros(4), 3)


@pytest.mark.parametrize("how", ["cut", "junk"])
@pytest.mark.parametrize("pattern", ["narrows.lance/_versions/*", "narrows.lance/data/*"])
def test_a_damaged_listing_is_one_sentence(made: Collection, pattern: str, how: str) -> None:
    damaged(Path(made.address), pattern, how)
    with pytest.raises(BadFile, match="is damaged"):
        Collection.open(made.address)
    with pytest.raises(BadFile, match="is damaged"):  # nothing is written over it
        Collection.create(made.address, made.about)


def test_an_object_store_is_an_address() -> None:
    with pytest.raises(BadFile, match="there is no collection in memory://none"):
        Collection.open("memory://none")


def test_without_the_database(made: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(Unavailable, match=r"pip install 'narrows\[collections\]'"):
        Collection.open(made.address)


def test_it_knows_no_torch() -> None:
    show = "import narrows.collection, sys; print('torch' in sys.modules, 'lancedb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_commit_flushes_what_is_new(
    made: Collection, codes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    real = whole._flushed
    monkeypatch.setattr(whole, "_flushed", lambda path: flushed.append(path) or real(path))
    counts = []
    for i in range(5):
        flushed.clear()
        made.add({"id": [f"new{i}"], "code": codes[:1]})
        counts.append(len(flushed))
    assert len(set(counts)) == 1 and counts[0] < 12
