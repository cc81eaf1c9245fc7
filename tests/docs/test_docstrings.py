"""Examples in docstrings do what they say, in every module that has one."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import narrows

ROOT = Path(narrows.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("narrows", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_there_are_examples() -> None:
    known = {"narrows", *(found.name for found in pkgutil.walk_packages([str(ROOT)], "narrows."))}
    assert WITH_EXAMPLES and set(WITH_EXAMPLES) <= known


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module(name: str) -> None:
    """In an interpreter of their own, where nothing was imported before."""
    program = (
        "import doctest, importlib, sys\n"
        f"module = importlib.import_module({name!r})\n"
        "found = doctest.testmod(module)\n"
        "sys.exit(found.failed or not found.attempted)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
