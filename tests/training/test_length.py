"""When a phase is judged, and when it is over."""

from __future__ import annotations

import pytest

from narrows.training import Phase
from narrows.training import length as lengths
from narrows.training.length import Length


def judged(
    phase: Phase, pictures: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """The steps after which a phase is judged where a step takes so many seconds."""
    now = 0.0
    monkeypatch.setattr(lengths, "clock", lambda: now)
    length, step, found = Length(phase, pictures, 0, 0.0), 0, []
    while not length.over:
        now, step = now + seconds, step + 1
        if length.moved(step):
            found.append(step)
    return found


def test_by_the_clock_a_slow_machine_is_judged_no_more_often_than_eight_times_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phase = Phase(minutes=3, batch_size=64)
    fast = judged(phase, 640, 0.25, monkeypatch)  # 720 steps, 10 a pass
    assert len(fast) == lengths.LINES and fast[0] == 36 and fast[-1] == 720
    slow = judged(phase, 64_000, 1.0, monkeypatch)  # 180 steps, 1,000 a pass
    assert slow == [125, 180]  # an eighth of a pass, and the end
    few = judged(phase, 640, 2.0, monkeypatch)  # 90 steps, 10 a pass
    assert few == [32, 64, 90]


def test_by_steps_a_phase_has_as_many_lines_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(Phase(steps=100, batch_size=64), 64_000, 1.0, monkeypatch)
    assert found == list(range(5, 101, 5))


def test_another_clock_counts_while_it_is_put_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "clock", lambda: 7.0)
    with lengths.timed_by(lambda: 60.0):
        length = Length(Phase(minutes=1), 64, 0, spent=59.0)
        assert lengths.now() == 60.0 and not length.over
    assert lengths.now() == 7.0
