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


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module(name: str, nursery: Nursery) -> None:
    """In an interpreter of their own, where nothing of ours was imported before."""
    nursery.run(
        "import doctest, importlib\n"
        f"module = importlib.import_module({name!r})\n"
        "found = doctest.testmod(module)\n"
        "assert found.attempted and not found.failed, found"
    )
