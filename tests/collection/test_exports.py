from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from narrows.collection import Collection, export


def test_three_kinds_of_file_hold_the_same(made: Collection, codes, tmp_path: Path) -> None:
    from pyarrow import parquet

    made.update(["p2"], {"thumbnail": [b"jpeg"], "score_x": [1.5]})
    for name in ("a.parquet", "a.csv", "a.npz"):
        assert export(made, tmp_path / name, "width < 110") == 10
    table = parquet.read_table(tmp_path / "a.parquet").sort_by("width")
    assert table["thumbnail"].to_pylist()[2] == b"jpeg"
    assert np.array_equal(np.array(table["code"].to_pylist(), np.float32), codes[:10])
    with open(tmp_path / "a.csv", newline="") as opened:
        lines = sorted(csv.DictReader(opened), key=lambda line: int(line["width"]))
    assert [line["id"] for line in lines] == [f"p{i}" for i in range(10)]
    assert lines[2]["score_x"] == "1.5" and lines[3]["score_x"] == ""
    assert "thumbnail" not in lines[0]
    assert [np.float32(lines[4][f"code_{i}"]) for i in range(4)] == list(codes[4])
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        order = np.argsort(arrays["width"])
        assert np.array_equal(arrays["code"][order], codes[:10])
        assert arrays["label"][order][0] == "it's a dog"
        assert arrays["path"][0] == ""


def test_what_cannot_be_exported(made: Collection, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=".parquet, .csv, .npz; we got 'a.xlsx'"):
        export(made, tmp_path / "a.xlsx")
    with pytest.raises(ValueError, match="the filter"):
        export(made, tmp_path / "a.csv", "nope = 1")
    assert not list(tmp_path.glob("a.*"))
