"""The man page is that of the commands as they are."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

import pytest

from narrows.cli.app import GROUPS

SCRIPT = Path(__file__).parents[2] / "docs" / "man.py"


@pytest.fixture(scope="module")
def man() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("man", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(man: types.ModuleType) -> None:
    written = man.PAGE.read_text(encoding="utf-8")
    assert man.page() == written, "write it again: python docs/man.py"
    described = set(re.findall(r"^\.SS narrows (\w+)", written, re.MULTILINE))
    assert described == {name for names in GROUPS.values() for name in names}
    assert r"\fB\-\-code\-size\fR" in written


def test_text_is_shown_as_it_is(man: types.ModuleType) -> None:
    assert man.plain("Run [bold]narrows demo[/] \\[0, 1] once") == "Run narrows demo [0, 1] once"
    assert man.plain(".5 of it") == r"\&.5 of it" and man.plain("a -o b") == r"a \-o b"
