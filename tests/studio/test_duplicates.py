"""Duplicates: groups and keepers are those of the verb; what is moved can be brought back, and nothing is deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Studio
from browsing import browsing, serving
from reviewing import COPIES, reviewing

import narrows as nw
from narrows.collection import Collection
from narrows.studio.duplicates import JOB, MOVING

LIMIT = 0.02  # digits differ by more, their enlarged copies by less


@pytest.fixture(scope="module")
def room(
    digits: nw.images.Images, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio in which duplicates have been looked for."""
    with reviewing(digits, model_folder, tmp_path_factory.mktemp("duplicates"), 30) as made:
        assert made.ask("/api/duplicates").json() == {"number": 0}
        looked(made)
        yield made


def looked(room: Studio, **body: object) -> dict:
    answer = room.tell("/api/duplicates", threshold=LIMIT, **body)
    assert answer.json() == {"job": JOB}
    job = room.session.jobs.wait(JOB)
    assert job.state == "done", job.message
    return room.ask("/api/duplicates").json()


def waited(room: Studio) -> Studio:
    """The studio with the key of its new rows, once files have been moved."""
    job = room.session.jobs.wait(MOVING)
    assert job.state == "done", job.message
    return room._replace(key=room.session.rows.key)


def pictures(room: Studio) -> list[str]:
    folder = Path(room.session.collection.about.pictures)
    return sorted(path.name for path in folder.iterdir())


def test_groups_are_those_of_the_verb(room: Studio) -> None:
    found = room.ask("/api/duplicates").json()
    wanted = nw.duplicates(room.session.collection, threshold=LIMIT, progress=False)
    ids = wanted.columns["id"]
    told = [[one["id"] for one in group["members"]] for group in found["groups"]]
    assert told == [[ids[row] for row in (g.keeper, *g.others)] for g in wanted.groups]
    assert len(told) == COPIES and all(group[0].startswith("zwei") for group in told)
    assert [group["members"][1]["distance"] for group in found["groups"]] == pytest.approx(
        [group.distances[0] for group in wanted.groups]
    )
    rows = room.session.rows
    assert all(rows.ids[one["row"]] == one["id"] for g in found["groups"] for one in g["members"])


def test_another_rule_keeps_others(room: Studio) -> None:
    found = looked(room, keep="oldest")
    wanted = nw.duplicates(room.session.collection, threshold=LIMIT, keep="oldest", progress=False)
    keepers = [group["members"][0]["id"] for group in found["groups"]]
    assert keepers == [wanted.columns["id"][group.keeper] for group in wanted.groups]
    assert all(id_.startswith("größe") for id_ in keepers) and found["keep"] == "oldest"


def test_what_is_moved_can_be_brought_back(room: Studio) -> None:
    found = looked(room)
    before, rows = pictures(room), room.session.rows
    asked = [
        {"group": found["groups"][0]["group"], "keep": [0]},
        {"group": found["groups"][1]["group"], "keep": [1]},  # not the one that was suggested
        {"group": found["groups"][2]["group"], "keep": [0, 1]},
    ]
    gone = [found["groups"][0]["members"][1]["id"], found["groups"][1]["members"][0]["id"]]
    answer = room.put("/api/duplicates/moves", number=found["number"], groups=asked)
    assert answer.json() == {"job": MOVING}
    now = waited(room)
    assert now.key != room.key and pictures(room) == sorted({*before} - {*gone})
    assert {*now.session.rows.ids} == {*rows.ids} - {*gone}
    listed = now.ask("/api/duplicates/moves").json()
    assert listed == {"folder": "pictures-duplicates", "moves": [{"number": 1, "files": 2}]}
    assert now.ask("/api/duplicates/moves/1").json() == {"moved": gone, "not_moved": []}
    assert len(now.ask("/api/duplicates").json()["groups"]) == COPIES - 2
    old = room.put("/api/duplicates/moves", number=found["number"], groups=asked)
    assert old.status_code == 409  # a page that has not seen what was moved

    assert now.client.delete("/api/duplicates/moves/1").json()["indexed"] is True
    back = waited(now)
    assert pictures(room) == before and back.key == room.key
    again = Collection.open(room.session.collection.address).rows(["id", "code"])
    assert sorted(again["id"]) == sorted(rows.ids)
    assert back.ask("/api/duplicates/moves").json()["moves"] == [{"number": 1, "files": 0}]
    assert len(back.ask("/api/duplicates").json()["groups"]) == COPIES


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("put", "/moves", {"number": 0, "groups": [{"group": 0, "keep": [0]}]}, "meanwhile"),
        ("put", "/moves", {"groups": [{"group": 99, "keep": [0]}]}, "no group 99"),
        ("put", "/moves", {"groups": [{"group": 0, "keep": [7]}]}, "no picture 7"),
        ("put", "/moves", {"groups": [{"group": 0, "keep": []}]}, "at least 1"),
        ("delete", "/moves/77", None, "no move number 77"),
        ("post", "", {"keep": "prettiest"}, "largest"),
        ("post", "", {"threshold": -1}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_question_is_a_sentence(
    room: Studio, method: str, path: str, body: dict | None, told: str
) -> None:
    number = room.ask("/api/duplicates").json()["number"]
    sent = {} if body is None else {"json": {"key": room.key, "number": number, **body}}
    answer = getattr(room.client, method)(f"/api/duplicates{path}", **sent)
    assert 400 <= answer.status_code < 500 and told in answer.json()["message"]


def test_a_person_compares_moves_and_brings_back(room: Studio, chromium: object) -> None:
    before = pictures(room)
    with serving(room.session) as address, browsing(chromium, address) as browse:
        page = browse.page()
        page.get_by_role("link", name="Duplicates").click()
        page.locator(".groups .group").nth(COPIES - 1).wait_for()
        page.keyboard.press("m")
        page.get_by_role("slider", name="Where one picture ends").fill("30")
        page.keyboard.press("m")
        page.get_by_role("img", name="Difference of").wait_for()
        page.keyboard.press("Space")
        page.keyboard.press("x")
        page.keyboard.press("Enter")
        page.keyboard.press("Space")
        page.keyboard.press("u")
        page.locator(".groups .group.move").nth(0).wait_for()
        page.get_by_role("button", name="Move 1 ").wait_for()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Move 2 ").click()
        page.get_by_text("2 files in ").wait_for()
        gone = {*before} - {*pictures(room)}
        assert len(gone) == 2 and sum(name.startswith("zwei") for name in gone) == 1
        page.get_by_text(f"{COPIES - 2} groups").wait_for()
        page.get_by_role("button", name="Bring back").click()
        page.get_by_text(f"{COPIES} groups").wait_for()
    assert pictures(room) == before


def test_an_earlier_move_is_not_taken_for_this_one(room: Studio, chromium: object) -> None:
    """Where the studio is slow to begin it, and tells of something else meanwhile."""
    found, before = looked(room), pictures(room)
    asked = [{"group": found["groups"][0]["group"], "keep": [0]}]
    room.put("/api/duplicates/moves", number=found["number"], groups=asked)
    now = waited(room)
    last = now.ask("/api/duplicates/moves").json()["moves"][-1]["number"]
    now.client.delete(f"/api/duplicates/moves/{last}")
    waited(now)

    def slowly(route: Any) -> None:
        if route.request.method == "PUT":
            room.session.jobs.changes += 1
            time.sleep(0.7)
        route.continue_()

    with serving(room.session) as address, browsing(chromium, address) as browse:
        page = browse.page()
        page.route("**/api/duplicates/moves*", slowly)
        page.get_by_role("link", name="Duplicates").click()
        page.locator(".groups .group").nth(COPIES - 1).wait_for()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Move 1 ").click()
        page.get_by_text("1 moved to ").wait_for()
        page.get_by_role("button", name="Bring back").click()
        page.get_by_text(f"{COPIES} groups").wait_for()
    assert pictures(room) == before


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(room: Studio, chromium: object, scheme: str) -> None:
    with serving(room.session) as address, browsing(chromium, address) as browse:
        small = browse.page(360, 740, color_scheme=scheme)
        small.get_by_role("link", name="Duplicates").click()
        small.locator(".compare img").nth(1).wait_for()
        assert small.evaluate("document.querySelector('main').scrollWidth") <= 360
