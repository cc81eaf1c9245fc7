"""A snippet brings along what it builds on, and runs where nothing else has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from snippets import Nursery, needed


@pytest.mark.parametrize(
    "snippet, wanted",
    [
        ("print(a)", "import m as n\na = n.one()\nprint(a)"),
        ("print(b)", "import m as n\na = n.one()\nb = [c for c in a]\nprint(b)"),
        ("a = 2\nprint(a)", "a = 2\nprint(a)"),
        ("f(lambda a: a)", "f(lambda a: a)"),
        ("f(lambda a: a, a)", "import m as n\na = n.one()\nf(lambda a: a, a)"),
        ("for a in 1, 2:\n    print(a)", "for a in 1, 2:\n    print(a)"),
        ("print(c)", "print(c)"),
    ],
)
def test_what_is_needed(snippet: str, wanted: str) -> None:
    earlier = [
        "import m as n\nimport other\na = 0\n",
        "a = n.one()\nprint(a)\n",
        "b = [c for c in a]",
    ]
    assert needed(earlier, snippet) == wanted


def test_every_program_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME", "thing")
    with Nursery() as nursery:
        nursery.run("import os, narrows.collection; open('out', 'w').write(os.environ['SOME'])")
        nursery.run("import sys; assert 'narrows' not in sys.modules")
        with pytest.raises(RuntimeError, match="a snippet failed with status"):
            nursery.run("nothing")
        nursery.run("1 + 1")
    assert (tmp_path / "out").read_text() == "thing"
