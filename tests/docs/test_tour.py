"""The tour runs from its first cell to its last, with public names only, and shows what it says."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

import tour

DOCS = tour.NOTEBOOK.parent
NOTEBOOK = json.loads(tour.NOTEBOOK.read_text(encoding="utf-8"))
SOURCES = tour.sources(NOTEBOOK)
VERBS = {
    "denoise", "duplicates", "evaluate", "fit", "generate", "index", "inpaint", "load", "map",
    "morph", "outliers", "reconstruct", "save", "search", "steer",
}  # fmt: skip


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_is_stored() -> None:
    shorter = [re.sub(r"epochs=\d+", "epochs=2", source) for source in SOURCES]
    assert shorter != SOURCES
    outputs = tour.run(shorter)
    stored = [cell["outputs"] for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert len(SOURCES) > 20
    for made, kept in zip(outputs, stored, strict=True):
        kinds = _kinds(made)
        if ("stream",) not in _kinds(kept):  # how far it is, which a slow machine is told
            kinds = [kind for kind in kinds if kind != ("stream",)]
        assert kinds == _kinds(kept), "make tour"


def _kinds(outputs: list[dict]) -> list[tuple[str, ...]]:
    """What there is to see of a cell: a stream, or text with a table or a picture."""
    return [(each["output_type"], *sorted(each.get("data", {}))) for each in outputs]


def test_only_public_names() -> None:
    tree = ast.parse("\n".join(SOURCES))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name for name in imported if name.startswith("narrows")} == {"narrows"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not [name for name in attributes if name.startswith("_")] and "cli" not in attributes
    assert attributes >= VERBS


def test_its_outputs_are_stored_and_small() -> None:
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code), "make tour"
    text = json.dumps(NOTEBOOK)
    assert text.count('"image/png"') >= 4 and text.count("data:image/png;base64") >= 8
    assert tour.NOTEBOOK.stat().st_size < 700_000
    assert "/tmp" not in text and "/home" not in text


def test_a_cell_that_fails_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)cell 2.*nobody"):
        tour.run(["a = 1", "nobody"])


def test_what_a_cell_shows() -> None:
    outputs = tour.run(
        ["", "print(1)\na = 2", "a", "a = 3", "import sys\nprint(3, file=sys.stderr)"]
    )
    said = [{"name": "stdout", "output_type": "stream", "text": [text]} for text in ("1\n", "3\n")]
    assert outputs[0] == [] and outputs[1] == [said[0]] and outputs[4] == [said[1]]
    assert outputs[2][0]["data"] == {"text/plain": ["2"]}


def test_every_link_is_to_a_page() -> None:
    text = "".join("".join(cell["source"]) for cell in NOTEBOOK["cells"])
    pages = [part.split(")")[0] for part in text.split("](")[1:]]
    assert pages and not [page for page in pages if not (DOCS / page).exists()]
