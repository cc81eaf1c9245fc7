"""Trainings of 50 steps give the losses that are written down; see write.py beside."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("write.py")
spec = importlib.util.spec_from_file_location("golden_write", SCRIPT)
assert spec is not None and spec.loader is not None
write = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write)

SAME_MACHINE, ELSEWHERE = 1e-6, 1e-3  # relative


@pytest.mark.parametrize("name", write.RECIPES)
def test_a_golden_run(name: str) -> None:
    golden = json.loads(SCRIPT.with_name(f"{name}.json").read_text(encoding="utf-8"))
    tolerance = SAME_MACHINE if golden["machine"] == write.machine() else ELSEWHERE
    found = write.run(name)
    assert len(found) == len(golden["records"]) == 5 and found[-1]["step"] == write.STEPS
    for mine, wanted in zip(found, golden["records"], strict=True):
        assert mine == pytest.approx(wanted, rel=tolerance, abs=1e-9), (
            "if that is meant: python tests/golden/write.py"
        )


def test_nothing_is_written_that_no_recipe_gives() -> None:
    assert {path.stem for path in SCRIPT.parent.glob("*.json")} == set(write.RECIPES)
