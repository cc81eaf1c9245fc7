"""The tables of equations: every name is a public object, every numbered equation has a row, the page is current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("equations", DOCS / "equations.py")
equations = importlib.util.module_from_spec(spec)
spec.loader.exec_module(equations)
NAMES = sorted({name for rows in equations.TABLES.values() for row in rows for name in row.code})
NUMBERED = {"Kovenko": [str(n) for n in range(1, 9)], "Theivaprakasham": [f"3.{n}" for n in range(1, 11)]}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_public_object(name: str) -> None:
    assert callable(equations.resolved(name))


@pytest.mark.parametrize("name", ["objectives.Elbow", "objectives.link", "Encoder.raw", "nothing"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(LookupError, match="has no"):
        equations.resolved(name)


@pytest.mark.parametrize("document", NUMBERED)
def test_every_numbered_equation_has_one_row(document: str) -> None:
    (rows,) = [rows for title, rows in equations.TABLES.items() if title.startswith(document)]
    found: list[str] = []
    for row in rows:
        for piece in row.equation.split(", "):
            first, dash, last = piece.partition("–")
            ends = [int(number.rpartition(".")[2]) for number in (first, last) if number]
            stem = first.rpartition(".")[0] + "." if "." in first else ""
            found += [f"{stem}{n}" for n in range(ends[0], ends[-1] + 1)]
    assert sorted(found, key=lambda n: int(n.rpartition(".")[2])) == NUMBERED[document]


def test_the_page_has_the_tables_of_today() -> None:
    there = equations.PAGE.read_text(encoding="utf-8")
    assert there == equations.page(there), "run `python docs/equations.py`"
    assert len(re.findall(r"^\| equation \| says \| code \|$", there, re.M)) == 5
