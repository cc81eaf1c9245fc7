"""Examples in docstrings do what they say, in every module that has one."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import narrows

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from snippets import Nursery

ROOT = Path(narrows.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("narrows", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_there_are_examples() -> None:
    known = {"narrows", *(found.name for found in pkgutil.walk_packages([str(ROOT)], "narrows."))}
    assert WITH_EXAMPLES and set(WITH_EXAMPLES) <= known


@pytest.mark.parametrize("name", sorted(set(narrows.__all__)))
def test_every_public_name_has_an_example(name: str) -> None:
    known = getattr(narrows, name)
    if callable(known) and not (isinstance(known, type) and issubclass(known, Exception)):
        assert ">>> " in (known.__doc__ or "")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module(
    name: str, nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an interpreter of their own, where nothing of ours was imported before."""
    monkeypatch.chdir(tmp_path)  # some write a file
    nursery.run(
        "import doctest, importlib\n"
        f"module = importlib.import_module({name!r})\n"
        "found = doctest.testmod(module)\n"
        "assert found.attempted and not found.failed, found"
    )
