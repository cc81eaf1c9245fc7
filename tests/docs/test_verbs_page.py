"""The page of verbs is what its script writes of the stored numbers, and every verb stands on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from narrows.cli.app import GROUPS

SCRIPT = Path(__file__).parents[2] / "docs" / "verbs.py"
NO_QUESTION = {
    "collection", "data", "decompress", "demo", "index", "info", "recipes", "reproduce", "studio",
}  # fmt: skip


def test_the_page_is_up_to_date() -> None:
    import sys

    spec = importlib.util.spec_from_file_location("verbs_page", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["verbs_page"] = module  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["verbs_page"]
    written = SCRIPT.with_suffix(".md").read_text(encoding="utf-8")
    assert module.page() == written, "write it again: python docs/verbs.py"
    verbs = {name for names in GROUPS.values() for name in names} - NO_QUESTION
    assert {name for name in verbs if f"### {name}\n" not in written} == set()
