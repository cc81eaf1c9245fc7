"""What other programs open: their columns and types to the letter, with thumbnails and neighbours."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from narrows.applications.bridges import export_for
from narrows.cli import main
from narrows.collection import BRIDGES, Collection, bridge
from narrows.errors import NarrowsError

JPEG = b"\xff\xd8\xff thumbnail \xff\xd9"


@pytest.fixture
def scored(made: Collection, tmp_path: Path) -> Collection:
    """The forty, with thumbnails, a score, a column that another program would take for its own."""
    there = tmp_path / "p3.png"
    there.write_bytes(b"png")
    ids = [f"p{i}" for i in range(40)]
    made.add_columns({"tags": pa.string(), "image": pa.string()})
    made.update(ids, {"thumbnail": [JPEG + i.encode() for i in ids], "tags": ids, "image": ids})
    made.update(["p0", "p1"], {"score_lof": [1.5, float("nan")]})
    made.update(["p3"], {"path": [str(there)]})
    return made


def by_hand(codes: Any, row: int, k: int) -> list[int]:
    return list(np.argsort(((codes - codes[row]) ** 2).sum(1), kind="stable")[1 : k + 1])


def test_embedding_atlas_gets_pictures_a_map_and_neighbours(
    scored: Collection, tmp_path: Path
) -> None:
    found = export_for(scored, tmp_path / "a.parquet", "embedding-atlas", progress=False)
    assert found.pictures == 40 and "--neighbors neighbors" in found.opens
    table = parquet.read_table(tmp_path / "a.parquet")
    kinds = {field.name: field.type for field in table.schema}
    assert {name: kinds[name] for name in list(kinds)[:5]} == {
        "id": pa.string(),
        "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "projection_x": pa.float32(),
        "projection_y": pa.float32(),
        "neighbors": pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float64()))]),
    }  # fmt: skip
    assert kinds["code"] == pa.list_(pa.float32()) and kinds["score_lof"] == pa.float64()
    assert "thumbnail" not in kinds and kinds["meta_image"] == kinds["label"] == pa.string()
    rows = table.to_pylist()
    codes = np.array([row["code"] for row in rows], np.float32)
    for number, row in enumerate(rows):
        assert row["image"] == {"bytes": JPEG + row["id"].encode(), "path": row["id"]}
        assert row["neighbors"]["ids"] == by_hand(codes, number, 10)
        far = np.linalg.norm(codes[row["neighbors"]["ids"]] - codes[number], axis=1)
        assert np.allclose(row["neighbors"]["distances"], far, rtol=1e-5)
        assert np.isfinite([row["projection_x"], row["projection_y"]]).all()
    assert len({row["projection_x"] for row in rows}) == 40


def test_parquet_says_which_column_is_a_picture(scored: Collection, tmp_path: Path) -> None:
    assert bridge(scored, tmp_path / "a.parquet", "parquet", "width < 110") == 10
    table = parquet.read_table(tmp_path / "a.parquet")
    about = json.loads(table.schema.metadata[b"huggingface"])
    assert about == {"info": {"features": {"image": {"_type": "Image"}}}}
    assert "projection_x" not in table.column_names
    near = table["neighbors"].to_pylist()
    assert all(len(one["ids"]) == 9 and max(one["ids"]) < 10 for one in near)


def test_lightly_gets_its_columns_and_no_other(scored: Collection, tmp_path: Path) -> None:
    assert bridge(scored, tmp_path / "a.csv", "lightly") == 40
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as opened:
        head, *lines = csv.reader(opened)
    assert head == ["filenames", *(f"embedding_{i}" for i in range(4)), "labels"]
    ids, codes = scored.codes()
    assert [line[0] for line in lines] == ids and {line[-1] for line in lines} == {"0"}
    assert np.array_equal(np.array([line[1:5] for line in lines], np.float32), codes)


def test_fiftyone_gets_a_sample_for_each_picture(scored: Collection, tmp_path: Path) -> None:
    assert bridge(scored, tmp_path / "fo", "fiftyone") == 40
    about = json.loads((tmp_path / "fo" / "metadata.json").read_text(encoding="utf-8"))
    assert "version" not in about and about["media_type"] == "image"
    text = (tmp_path / "fo" / "samples.json").read_text(encoding="utf-8")
    samples = {one["picture"]: one for one in json.loads(text)["samples"]}
    assert len(samples) == 40 and "NaN" not in text
    first = samples["p0"]
    assert first["label"] == {"_cls": "Classification", "label": "it's a dog"}
    assert (first["tags"], first["meta_tags"], first["_media_type"]) == ([], "p0", "image")
    assert first["score_lof"] == 1.5 and samples["p1"]["score_lof"] is None
    assert (tmp_path / "fo" / first["filepath"]).read_bytes() == JPEG + b"p0"
    assert samples["p3"]["filepath"] == str(tmp_path / "p3.png")
    ids, codes = scored.codes()
    number = ids.index("p0")
    assert first["neighbours"] == [ids[other] for other in by_hand(codes, number, 10)]
    assert np.array_equal(np.float32(first["embedding"]), codes[number])
    assert len(list((tmp_path / "fo" / "data").iterdir())) == 39
    with pytest.raises(NarrowsError, match="there already, and not empty"):
        bridge(scored, tmp_path / "fo", "fiftyone")
    assert not list(tmp_path.glob(".*"))


def test_what_is_wrong_is_said_before_anything_is_written(
    scored: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with pytest.raises(
        ValueError, match="embedding-atlas, parquet, fiftyone, lightly; we got 'nomic'"
    ):
        bridge(scored, tmp_path / "a.csv", "nomic")
    for to, ending in BRIDGES.items():
        with pytest.raises(ValueError, match=f"for {to} a collection becomes a"):
            bridge(scored, tmp_path / f"a{'.txt' if ending else '.csv'}", to)
    with pytest.raises(ValueError, match="needed there"):
        bridge(scored, tmp_path / "a.parquet", "embedding-atlas")
    with pytest.raises(ValueError, match=r"points are \(40, 2\); we got \(3, 2\)"):
        bridge(scored, tmp_path / "a.parquet", "embedding-atlas", points=np.zeros((3, 2)))
    assert not list(tmp_path.glob("a*"))
    line = ["narrows", "collection", "export", scored.address, "--for", "lightly"]
    for more, code in (["-o", str(tmp_path / "a.csv")], 0), ([], 2):
        monkeypatch.setattr(sys, "argv", [*line, *more])
        try:
            main()
            left: Any = 0
        except SystemExit as error:
            left = error.code or 0
        assert left == code
    said = capsys.readouterr()
    assert "40 pictures in" in said.out and "say once where it goes" in said.err
