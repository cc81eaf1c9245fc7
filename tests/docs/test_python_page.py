"""The page for Python users: its snippets run, and its list of verbs is what there is."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

import narrows as nw

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from snippets import Nursery, needed

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "python.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)
# of most verbs; the page says so once
SHARED = {"limit", "split", "seed", "device", "progress"}
NOT_VERBS = {
    "Autoencoder",
    "Code",
    "Encoder",
    "NarrowsError",
    "Phase",
    "Recipe",
    "fit",
    "load",
    "save",
}


def test_every_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Nursery() as nursery:
        for number, snippet in enumerate(SNIPPETS):
            program = needed(SNIPPETS[:number], snippet)
            nursery.run(program if number == 0 else program.replace("epochs=2", "epochs=0.1"))
    assert len(SNIPPETS) == 5 and (tmp_path / "out" / "reconstructions.json").exists()


def line_of(verb: str) -> str:
    """How the page writes a verb: its arguments with their defaults, where they have one."""
    pieces = []
    for argument in inspect.signature(getattr(nw, verb)).parameters.values():
        if argument.name in SHARED:
            continue
        if argument.kind is argument.KEYWORD_ONLY and "*" not in pieces:
            pieces.append("*")
        default = "" if argument.default is argument.empty else f"={argument.default!r}"
        pieces.append(f"{argument.name}{default}")
    return f"nw.{verb}({', '.join(pieces)})"


def test_every_verb_is_on_the_page_as_it_is() -> None:
    (block,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.S | re.M)
    stated = re.sub(r"\n +", " ", block).splitlines()
    verbs = {*nw.__all__, "map"} - NOT_VERBS
    assert sorted(stated) == sorted(line_of(verb) for verb in verbs)


def test_every_link_is_to_a_page() -> None:
    pages = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert pages and not [page for page in pages if not (DOCS / page).exists()]
