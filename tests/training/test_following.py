"""A run is followed as its lines are written, whoever writes them."""

from __future__ import annotations

import json
from pathlib import Path

from narrows.locks import locked
from narrows.training import Following, training_goes_on


def line(epoch: float) -> str:
    return json.dumps({"phase": 0, "epoch": epoch, "loss": 2.0, "seconds": 1.0}) + "\n"


def seen(following: Following) -> tuple[bool, list[tuple[int, float]]]:
    again, records = following.new()
    return again, [(number, one["epoch"]) for number, one in records]


def test_lines_come_once_and_whole(tmp_path: Path) -> None:
    following, path = Following(tmp_path), tmp_path / "metrics.jsonl"
    assert seen(following) == (False, [])
    path.write_text(line(1) + line(2)[:9])
    assert seen(following) == (False, [(1, 1)])
    path.write_text(line(1) + line(2) + "damaged\n" + line(4))
    assert seen(following) == (False, [(2, 2), (4, 4)])
    assert seen(following) == (False, [])


def test_it_goes_on_after_the_line_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(line(1) + line(2) + line(3))
    assert seen(Following(tmp_path, after=2)) == (False, [(3, 3)])
    assert seen(Following(tmp_path, after=3)) == (False, [])
    # it was cut in between
    assert seen(Following(tmp_path, after=7)) == (True, [(1, 1), (2, 2), (3, 3)])


def test_a_run_that_was_resumed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1) + line(2) + line(3))
    following = Following(tmp_path)
    following.new()
    path.write_text(line(1))
    assert seen(following) == (True, [(1, 1)])
    path.write_text(line(1) + line(2.5) + line(3.5) + line(4))
    assert seen(following) == (False, [(2, 2.5), (3, 3.5), (4, 4)])
    path.write_text(line(1) + line(2.25) + line(3.25) + line(4) + line(5))  # longer, and another
    assert seen(following)[0] is True and following.line == 5


def test_whoever_trains_holds_the_lock(tmp_path: Path) -> None:
    assert not training_goes_on(tmp_path) and list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        assert training_goes_on(tmp_path)
    assert not training_goes_on(tmp_path)
    (tmp_path / "lock").touch()  # a dead process left it
    assert not training_goes_on(tmp_path)
