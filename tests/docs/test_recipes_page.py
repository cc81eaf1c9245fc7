"""The page of recipes is what its script writes, and every recipe stands on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from narrows.recipes import listed

SCRIPT = Path(__file__).parents[2] / "docs" / "recipes.py"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("recipes_page", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = SCRIPT.with_suffix(".md").read_text(encoding="utf-8")
    assert module.page() == written, "write it again: python docs/recipes.py"
    assert all(f"### {name}\n" in written for name in listed())
