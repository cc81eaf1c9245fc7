"""What every listed experiment says of itself, and what is published of it; that it runs: tests/studies."""

from __future__ import annotations

import inspect
import json
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from narrows.images.registry import SETS
from narrows_studies import DOCUMENTS, Document, Experiment
from narrows_studies.ray_search import MANY

RESULTS = Path(__file__).parents[2] / "docs" / "papers" / "results"
ALL = [(paper, one) for paper in DOCUMENTS.values() for one in paper.experiments]
each = pytest.mark.parametrize(("paper", "one"), ALL, ids=[f"{p.key}-{o.slug}" for p, o in ALL])


@lru_cache
def published(key: str) -> list[dict[str, Any]]:
    document = json.loads((RESULTS / f"{key}.json").read_text(encoding="utf-8"))
    return list(document["experiments"])


RUN = [(p, o) for p, o in ALL if list(o.labels) in [e["experiment"] for e in published(p.key)]]
each_run = pytest.mark.parametrize(("paper", "one"), RUN, ids=[f"{p.key}-{o.slug}" for p, o in RUN])


def published_of(paper: Document, one: Experiment) -> dict[str, Any]:
    (found,) = (e for e in published(paper.key) if e["experiment"] == list(one.labels))
    return found


@each
def test_it_has_a_claim_data_and_a_measure(paper: Document, one: Experiment) -> None:
    assert one.labels and all(label.strip() for label in one.labels)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.slug)
    assert one.title.strip() and not one.title.endswith(".")
    assert one.claim.endswith(".") and len(one.claim.split()) > 3
    assert {*one.data, *one.paper_data} <= SETS.keys()  # none where points are generated
    measure = inspect.getdoc(one.run) or ""
    assert len(measure.split()) > 3 and measure.endswith((".", "?"))


@each_run
def test_what_is_published_is_of_this_claim(paper: Document, one: Experiment) -> None:
    document = published_of(paper, one)
    assert document["claim"] == one.claim and document["title"] == one.title
    assert document["data"] == list(one.sets(document["scale"]))
    assert document["command"] == (
        f"narrows reproduce {paper.key} {one.option} --scale {document['scale']}"
    )
    assert document["seeds"] and document["words"].endswith((".", ")"))


@each_run
def test_its_numbers_are_there(paper: Document, one: Experiment) -> None:
    """A verdict needs rows; a row is of every seed, of one where nothing is drawn, of the first that were run, or,
    of one seed, of several draws or parts; where seeds are the question, of more than were asked for."""
    document = published_of(paper, one)
    rows = document["rows"]
    assert rows or document["verdict"] == "shown"
    names = [row["what"] for row in rows]
    assert len(set(names)) == len(names)
    most = MANY if "table 1 seeds" in one.labels else len(document["seeds"])
    for row in rows:
        assert 1 <= len(row["ours"]) <= most or document["seeds"] == [0]
        assert all(math.isfinite(value) for value in (*row["ours"], *row["baseline"].values()))
        assert isinstance(row["published"], str) and isinstance(row["unit"], str)
        assert row["mean"] == pytest.approx(sum(row["ours"]) / len(row["ours"]))


@pytest.mark.parametrize("paper", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_what_is_not_published_is_said_to_be_not_run(paper: Document) -> None:
    document = json.loads((RESULTS / f"{paper.key}.json").read_text(encoding="utf-8"))
    known = [e["experiment"] for e in document["experiments"]]
    listed = [list(one.labels) for one in paper.experiments]
    assert known == [labels for labels in listed if labels in known]
    left = [labels[0] for labels in listed if labels not in known]
    assert document["not_run"] == left
    page = (RESULTS.parent / f"{paper.key}.md").read_text(encoding="utf-8")
    assert page.count("Not run yet.") == len(left)
    slugs = [one.slug for one in paper.experiments]
    assert len(set(slugs)) == len(slugs)
