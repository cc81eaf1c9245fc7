"""A few hundred mutated files for every reader, and all that hypothesis thinks of in their texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import narrows as nw
from narrows.errors import NarrowsError
from narrows.images.labels import known_of
from narrows.images.preprocessing import Preprocessing
from narrows.training import Recipe
from narrows.training.checkpoints import outline
from narrows.training.run import Run

SCRIPT = Path(__file__).with_name("run.py")
READERS = (
    "pictures", "masks", "npy", "npz", "idx", "tables", "model.safetensors", "recipe.toml",
    "recipe.toml alone", "seen.safetensors", "run.toml", "metrics.jsonl", "checkpoint.safetensors",
    "prior-mixture", "entropy.safetensors", "nrw and nrws", "collection", "zip", "tar", "parquet",
)  # fmt: skip


def run(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--json"], capture_output=True, text=True
    )
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def few() -> dict[str, Any]:
    pytest.importorskip("lancedb")
    pytest.importorskip("constriction")
    return run("--cases", "400")


@pytest.mark.parametrize("reader", READERS)
def test_mutants_are_read_as_they_were_or_refused(few: dict[str, Any], reader: str) -> None:
    counts = few[reader]
    assert counts["failures"] == []
    assert counts["cases"] == counts["same"] + counts["other"] + counts["refused"] >= 9
    assert counts["refused"] > 0 or reader == "metrics.jsonl", "a log is read as far as it goes"


def test_every_reader_is_tried(few: dict[str, Any]) -> None:
    assert tuple(few) == READERS


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_mutants() -> None:
    found = run("--cases", "100000", "--seed", "1")
    assert {name: counts["failures"] for name, counts in found.items()} == dict.fromkeys(
        READERS, []
    )


# ---- texts ---------------------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(["conv", "gaussian", "shape", "widths", "adam", "seed", "crop", "pictures"]),
    st.text(max_size=6),
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), WORDS,
        st.sampled_from([0, 1, -1, 3, 8, 10**9, 0.5]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), VALUES), min_size=1, max_size=3)
BASE = nw.recipes.mlp_vae((1, 8, 8), code_size=3, widths=(6,)).document()


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys = document if isinstance(document, dict) else range(len(document))
    found = [(document, key) for key in keys]
    inner = [document[key] for key in keys if isinstance(document[key], (dict, list))]
    return found + [place for each in inner for place in places(each)]


def refused(call: Any) -> None:
    """It works, or is refused in one line."""
    try:
        call()
    except (NarrowsError, ValueError) as error:
        assert str(error) and str(error).isprintable()


@given(CHANGES)
@settings(max_examples=25)
def test_a_recipe_with_any_values_is_a_model_or_refused(tmp_path_factory, changes: Any) -> None:
    document = json.loads(json.dumps(BASE))
    for number, value in changes:
        there = places(document)
        container, key = there[number % len(there)]
        container[key] = value
    folder = tmp_path_factory.getbasetemp()
    (folder / "recipe.toml").write_bytes(tomli_w.dumps(document).encode())
    refused(lambda: outline(folder))
    refused(lambda: Recipe.load(folder / "recipe.toml"))


@given(VALUES, st.lists(VALUES, max_size=4))
@settings(max_examples=40)
def test_facts_and_metrics_with_any_values(tmp_path_factory, facts: Any, lines: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = facts if isinstance(facts, dict) else {"version": 1, "seed": facts}
    (folder / "run.toml").write_bytes(tomli_w.dumps(whole).encode())
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    refused(lambda: repr(Run.load(folder, Preprocessing((1, 8, 8))).history))


CELLS = st.lists(
    st.lists(st.one_of(st.sampled_from(["file", "label", "split", "a/1.png", "2.png", "train"]), WORDS)),
    max_size=6,
)  # fmt: skip


@given(
    CELLS, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-16", "cp1252"])
)
@settings(max_examples=60)
def test_tables_with_any_cells(tmp_path_factory, cells: Any, separator: str, coding: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "table"
    folder.mkdir(exist_ok=True)
    text = "\n".join(separator.join(line) for line in cells)
    (folder / "labels.csv").write_bytes(text.encode(coding, "replace"))
    ids = ["a/1.png", "b/1.png", "2.png"]

    def read() -> None:
        known, masks = known_of(folder, None, ids)
        columns = {**known.labels, **known.metadata}
        assert all(len(column) == len(ids) - len(masks) for column in columns.values())

    refused(read)
