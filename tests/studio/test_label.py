"""Labels: kept as a column, and the rest is proposed as the library's classifier has it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import pytest
from asking import Studio, columns
from browsing import browsing, serving

from narrows.applications import fit_classifier
from narrows.collection import Collection

FEW = 24


@pytest.fixture(scope="module")
def truth(reviewed: Studio) -> np.ndarray:
    """What two classes could be: on which side of the first principal component a row lies."""
    codes = reviewed.session.rows.codes
    return np.where(codes[:, 0] > np.median(codes[:, 0]), "hell", "dunkel")


@pytest.fixture
def room(reviewed: Studio) -> Iterator[Studio]:
    """A studio without labels; at the end they are taken away."""
    yield reviewed
    every = list(range(len(reviewed.session.rows)))
    assert reviewed.put("/api/label", rows=every, name=None).status_code == 200


def named(room: Studio, truth: np.ndarray, count: int = FEW) -> None:
    for name in ("hell", "dunkel"):
        rows = [row for row in range(count) if truth[row] == name]
        assert room.put("/api/label", rows=rows, name=name).json()["before"] == [None] * len(rows)


def test_labels_are_kept_and_taken_back(room: Studio) -> None:
    def kept() -> list[str | None]:
        again = Collection.open(room.session.collection.address)
        ids = [room.session.rows.ids[row] for row in (4, 5)]
        return again.rows(["hand_label"], ids=ids)["hand_label"].tolist()

    assert room.put("/api/label", rows=[4, 5], name="größe").json() == {"before": [None, None]}
    assert room.put("/api/label", rows=[5], name="b").json() == {"before": ["größe"]}
    assert kept() == ["größe", "b"]
    found = columns(room.ask("/api/label").content)
    assert found["names"] == ["b", "größe"] and found["which"][[4, 5, 6]].tolist() == [1, 0, 255]
    assert columns(room.ask("/api/label/proposals").content)["names"] == []  # too few for any
    room.put("/api/label", rows=[4, 5], name=None)
    assert kept() == [None, None]


def test_proposals_are_those_of_the_classifier(room: Studio, truth: np.ndarray) -> None:
    named(room, truth)
    found = columns(room.ask("/api/label/proposals").content)
    codes = room.session.rows.codes
    probe = fit_classifier(codes[:FEW], truth[:FEW], "linear")
    chances = probe.probabilities(codes[FEW:])
    assert np.allclose(chances.sum(1), 1)
    assert np.array_equal(probe.classes[chances.argmax(1)], probe(codes[FEW:]))
    assert sorted(found["rows"].tolist()) == list(range(FEW, len(codes)))
    assert (np.diff(found["certainty"]) >= 0).all() and found["held_out"] == probe.held_out
    told = np.array(found["names"])[found["which"]]
    assert np.array_equal(told, probe(codes[found["rows"]]))
    lead = np.abs(chances[:, 0] - chances[:, 1])[found["rows"].astype(int) - FEW]
    assert found["certainty"] == pytest.approx(lead, abs=1e-6)
    assert (told == truth[found["rows"]]).mean() > 0.8


def test_an_svm_has_no_probabilities(room: Studio, truth: np.ndarray) -> None:
    codes = room.session.rows.codes
    svm = fit_classifier(codes[:FEW], truth[:FEW], "svm", choose=False)
    with pytest.raises(ValueError, match="'svm' gives no probabilities"):
        svm.probabilities(codes)


def test_all_of_it_goes_out_as_csv(room: Studio, truth: np.ndarray) -> None:
    named(room, truth)
    answer = room.ask("/api/label/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="labels.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert {line["id"] for line in lines} == {*room.session.rows.ids}
    hand = {line["id"]: line["label"] for line in lines if line["by"] == "hand"}
    assert hand == {room.session.rows.ids[row]: truth[row] for row in range(FEW)}
    assert all(0 <= float(line["certainty"]) <= 1 for line in lines if line["by"] == "probe")
    mine = list(csv.DictReader(io.StringIO(room.ask("/api/label/csv", proposed=False).text)))
    assert len(mine) == FEW


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"rows": [], "name": "a"}, "at least 1"),
        ({"rows": [1], "name": ""}, "at least 1"),
        ({"rows": [1], "name": "a" * 101}, "at most 100"),
        ({"rows": [999], "name": "a"}, "no picture number"),
    ],
)
def test_a_wrong_question_is_a_sentence(room: Studio, body: dict, told: str) -> None:
    answer = room.put("/api/label", **body)
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]


def test_a_person_labels_and_agrees(room: Studio, truth: np.ndarray, chromium: object) -> None:
    named(room, truth)
    with serving(room.session) as address, browsing(chromium, address) as browse:
        page = browse.page()
        page.get_by_role("link", name="Label").click()
        page.get_by_text(f"{96 - FEW} proposed").wait_for()
        page.keyboard.press("Enter")
        page.get_by_text(f"{96 - FEW - 1} proposed").wait_for()
        page.get_by_label("A new class").fill("Rest")
        page.get_by_label("Proposals").locator(".tile").nth(2).click()
        page.get_by_label("Proposals").locator(".tile").nth(3).click()
        page.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Rest 2").wait_for()
        page.keyboard.press("u")
        page.get_by_text(f"{FEW + 1} labelled").wait_for()
    which = room.session.rows.columns["hand_label"].tolist()
    assert sum(name is not None for name in which) == FEW + 1


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(room: Studio, chromium: object, scheme: str) -> None:
    with serving(room.session) as address, browsing(chromium, address) as browse:
        small = browse.page(360, 740, color_scheme=scheme)
        small.get_by_role("link", name="Label").click()
        small.locator(".tile").nth(3).wait_for()
        assert small.evaluate("document.querySelector('main').scrollWidth") <= 360
