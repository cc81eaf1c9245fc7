"""Runs on one sheet: as SVG and PDF, the same bytes for the same runs."""

from __future__ import annotations

import pytest

from narrows.figures import compared_runs, vector

ROWS = [["", "a", "b_$1"], ["PSNR", "20.00", "21.00"]]
CURVES = {"a": ([1, 2], [3.0, 2.0]), "b_$1": ([1, 2], [3.0, 1.0]), "empty": ([], [])}


def test_text_stays_text_and_bytes_are_the_same() -> None:
    svg, pdf = (vector(compared_runs(CURVES, ROWS), kind) for kind in ("svg", "pdf"))
    assert b">PSNR<" in svg and b"21.00" in svg and b"b_$1" in svg and pdf.startswith(b"%PDF")
    assert vector(compared_runs(CURVES, ROWS), "svg") == svg
    assert vector(compared_runs(CURVES, ROWS), "pdf") == pdf


def test_a_table_alone_is_a_sheet_too() -> None:
    figure = compared_runs({}, ROWS)
    assert not figure.axes and len(figure.texts) == 6
    with pytest.raises(ValueError, match="at least its titles"):
        compared_runs({}, [])
