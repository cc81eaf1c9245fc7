"""Progress where there is no terminal: a line now and then, on standard error."""

from __future__ import annotations

import pytest

from narrows import progress
from narrows.progress import stage


def test_a_log_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage(None, "compressing") as step:
        step(1, 3)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress._Lines, "EVERY", 0.0)
    with stage(None, "compressing") as step:
        step(1, 3)
        step(3, 3)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("compressing: 1 of 3, ") and err.count("\n") == 1
    with stage(False, "compressing") as step:
        step(1, 3)
    assert capsys.readouterr() == ("", "")
