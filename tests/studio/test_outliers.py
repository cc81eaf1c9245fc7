"""Outliers: the queue is that of the verb, the heat that of the library, and verdicts are kept as a column."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import Studio, columns, of
from browsing import browsing, serving

import narrows as nw
from narrows.applications import ErrorMaps, FalseAlarms, Outliers, decide
from narrows.collection import Collection
from narrows.studio import studio
from narrows.studio.outliers import JOB


@pytest.fixture(scope="module")
def room(reviewed: Studio) -> Studio:
    """A studio in which outliers have been looked for among all pictures."""
    assert columns(reviewed.ask("/api/outliers").content)["number"] == 0
    assert reviewed.put("/api/outliers").json() == {"job": JOB}
    job = reviewed.session.jobs.wait(JOB)
    assert job.state == "done", job.message
    return reviewed


@pytest.fixture(scope="module")
def wanted(room: Studio) -> Outliers:
    """What the verb finds of the same pictures."""
    return nw.outliers(room.session.collection, normal="true", where="true", progress=False)


def test_the_queue_is_that_of_the_verb(room: Studio, wanted: Outliers) -> None:
    found = columns(room.ask("/api/outliers").content)
    rows = room.session.rows
    order = wanted.order
    assert [rows.ids[row] for row in found["rows"]] == [wanted.ids[i] for i in order]
    assert found["scores"] == pytest.approx(wanted.scores[wanted.by][order])
    assert found["p"] == pytest.approx(wanted.p_values[order])
    assert found["threshold"] == pytest.approx(wanted.threshold)
    share = float((found["normal"] > found["threshold"]).mean())
    assert share == pytest.approx(wanted.false_positive_rate)
    assert found["by"] == "mean-rank" and found["names"] == wanted.whole


def test_another_score_puts_them_into_its_own_order(room: Studio, wanted: Outliers) -> None:
    found = columns(room.ask("/api/outliers", score="pca-residual").content)
    alone = decide(
        {"pca-residual": wanted.normal["pca-residual"]},
        {"pca-residual": wanted.scores["pca-residual"]},
        FalseAlarms(1 / (1 + len(wanted.judged))),
    )
    assert found["by"] == "pca-residual"
    assert found["scores"] == pytest.approx(np.sort(alone.scores["pca-residual"])[::-1])
    assert found["p"] == pytest.approx(alone.p_values[alone.order])
    assert found["threshold"] == pytest.approx(alone.threshold)
    answer = room.ask("/api/outliers", score="none")
    assert answer.status_code == 400 and "pca-residual" in answer.json()["message"]


def test_scores_are_columns_that_the_other_rooms_take(room: Studio) -> None:
    names = {one["name"] for one in room.ask("/api/state").json()["rows"]["columns"]}
    assert {"score_mean-rank", "score_pca-residual"} <= names
    asked = [{"column": "score_mean-rank", "test": "≥", "value": 0}]
    assert columns(room.tell("/api/map/passing", conditions=asked).content)["count"] == 96


def test_the_heat_is_that_of_the_library(room: Studio, wanted: Outliers) -> None:
    rows, model = room.session.rows, room.session.model
    row = 7
    frames = columns(room.ask(f"/api/outliers/seen/{row}").content)["frames"]
    x = wanted.images.batch(torch.tensor([list(wanted.ids).index(rows.ids[row])]))
    made, hot = ErrorMaps.of(model, wanted.judged.images)(x)
    assert frames.shape == (3, 8, 8, 4)
    assert np.array_equal(frames[1, :, :, 0], made[0, 0])
    assert np.array_equal(frames[2, :, :, :3], hot[0].transpose(1, 2, 0))
    assert room.ask("/api/outliers/seen/96").status_code == 400


def test_verdicts_are_kept_and_taken_back(room: Studio) -> None:
    def kept() -> list[str | None]:
        again = Collection.open(room.session.collection.address)
        return again.rows(["verdict"], ids=[room.session.rows.ids[row] for row in (3, 8)])[
            "verdict"
        ].tolist()

    first = room.put("/api/outliers/verdicts", rows=[3, 8], verdict="anomaly")
    assert first.json() == {"before": [None, None]} and kept() == ["anomaly", "anomaly"]
    second = room.put("/api/outliers/verdicts", rows=[8], verdict="normal")
    assert second.json() == {"before": ["anomaly"]} and kept() == ["anomaly", "normal"]
    found = columns(room.ask("/api/outliers").content)
    said = dict(zip(found["rows"].tolist(), found["verdicts"].tolist(), strict=True))
    assert (said[3], said[8], said[9]) == (1, 2, 0)
    room.put("/api/outliers/verdicts", rows=[3, 8], verdict=None)
    assert kept() == [None, None]
    # the rows are the same after what was written, so that no page has to begin again
    room.session.read_rows()
    assert room.session.rows.key == room.key


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("", {"among": "others"}, "no others"),
        ("", {"normal": [{"column": "none", "test": "=", "value": 1}]}, "no column"),
        ("", {"normal_rows": [999]}, "no picture number"),
        ("/verdicts", {"rows": [], "verdict": None}, "at least 1"),
        ("/verdicts", {"rows": [999], "verdict": None}, "no picture number"),
        ("/verdicts", {"rows": [1], "verdict": "odd"}, "anomaly"),
    ],
)
def test_a_wrong_question_is_a_sentence(room: Studio, path: str, body: dict, told: str) -> None:
    answer = room.put(f"/api/outliers{path}", **body)
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]


def test_what_fails_behind_is_a_sentence(room: Studio) -> None:
    room.put("/api/outliers", normal_rows=[1], among="others")
    job = room.session.jobs.wait(JOB)
    assert job.state == "failed" and "give more" in job.message
    assert room.ask("/api/outliers").status_code == 200  # what was found before is still there


def test_a_column_of_that_name_is_not_written_over(room: Studio) -> None:
    rows = room.session.rows
    mine = np.array(["guilty", *[None] * (len(rows) - 1)], object)
    before = rows.columns.pop("verdict", None)
    rows.columns["verdict"] = mine
    try:
        answer = room.put("/api/outliers/verdicts", rows=[1], verdict="normal")
        assert answer.status_code == 422 and "not written over" in answer.json()["message"]
    finally:
        rows.columns.pop("verdict")
        if before is not None:
            rows.columns["verdict"] = before


def test_a_person_looks_and_decides(room: Studio, chromium: object) -> None:
    found = columns(room.ask("/api/outliers").content)
    ids = [room.session.rows.ids[row] for row in found["rows"]]
    with serving(room.session) as address, browsing(chromium, address) as browse:
        page = browse.page()
        page.get_by_role("link", name="Outliers").click()
        page.locator(".facts-of h2", has_text=ids[0]).wait_for()
        page.get_by_role("img", name="Where it differs").wait_for()
        page.keyboard.press("c")
        page.locator(".facts-of h2", has_text=ids[1]).wait_for()
        page.keyboard.press("d")
        page.locator(".queue .tile.normal").wait_for()
        # the page shows a decision before it is written: what was taken back has to be written, too
        with page.expect_response(
            lambda answer: (
                "/outliers/verdicts" in answer.url
                and answer.request.post_data_json["verdict"] is None
            )
        ):
            page.keyboard.press("u")
        page.locator(".queue .tile.normal").wait_for(state="detached")
        page.locator(".facts-of h2", has_text=ids[1]).wait_for()
        page.get_by_label("Threshold as a number").fill(str(found["scores"][10]))
        page.get_by_role("slider", name="Threshold").evaluate(
            """slider => {
                slider.value = slider.min;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
            }"""
        )
        page.get_by_text("96 of 96 above").or_(page.get_by_text("95 of 96 above")).wait_for()
        page.keyboard.press("Tab")  # the redraw wrote over nothing that was being typed
        above = int((found["scores"] > found["scores"][10]).sum())
        page.get_by_text(f"{above} of 96 above").wait_for()
        alarms = (found["normal"] > found["scores"][10]).mean()
        page.get_by_text(f"false alarms {100 * alarms:.3g} %").wait_for()
        page.get_by_text("precision 100 %").wait_for()

        def kept() -> list[str | None]:
            verdict = room.session.rows.columns.get("verdict", {})
            return [verdict[row] if len(verdict) else None for row in found["rows"][:2]]

        assert kept() == ["anomaly", None]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(room: Studio, chromium: object, scheme: str) -> None:
    with serving(room.session) as address, browsing(chromium, address) as browse:
        small = browse.page(360, 740, color_scheme=scheme)
        small.get_by_role("link", name="Outliers").click()
        small.locator(".queue .tile").nth(3).wait_for()
        assert small.evaluate("document.querySelector('main').scrollWidth") <= 360


def test_who_may_only_look_looks_and_nothing_is_kept(reviewed: Studio, tmp_path: Path) -> None:
    before = Collection.open(reviewed.session.collection.address)
    there = of(studio(before.address, read_only=True, cache=tmp_path))
    half = list(range(48))
    assert there.put("/api/outliers", normal_rows=half).status_code == 403
    assert there.tell("/api/outliers", normal_rows=half, among="others").status_code == 200
    job = there.session.jobs.wait(JOB)
    assert job.state == "done", job.message
    assert len(columns(there.ask("/api/outliers").content)["rows"]) == 48
    after = Collection.open(before.address)
    assert after.version.number == before.version.number and after.columns == before.columns
    there.session.close()


def test_the_queue_is_saved_as_csv(room: Studio, wanted: Outliers) -> None:
    found = columns(room.ask("/api/outliers").content)
    room.put("/api/outliers/verdicts", rows=[int(found["rows"][0])], verdict="anomaly")
    answer = room.ask("/api/outliers/csv", threshold=float(found["scores"][4]))
    lines = list(csv.reader(answer.text.splitlines()))
    assert lines[0] == ["id", wanted.by, "p", "above", "verdict"] and len(lines) == 1 + len(
        found["rows"]
    )
    assert [line[0] for line in lines[1:]] == [room.session.rows.ids[row] for row in found["rows"]]
    assert [line[3] for line in lines[1:6]] == ["True"] * 4 + ["False"]
    assert lines[1][4] == "anomaly" and lines[2][4] == ""
    room.put("/api/outliers/verdicts", rows=[int(found["rows"][0])], verdict=None)
