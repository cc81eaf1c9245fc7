"""The pages of the site: every link leads somewhere, every public name has a place, every example runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

import narrows as nw
from narrows.cli import main
from narrows.cli.app import app

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from snippets import Nursery

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXTENDING = re.findall(
    r"^```python\n(.*?)^```", (DOCS / "extending.md").read_text(encoding="utf-8"), re.S | re.M
)


@pytest.fixture(scope="module")
def site() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("site_of_docs", DOCS / "site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_link_leads_to_a_page_and_a_heading(site: types.ModuleType) -> None:
    dead = {str(page.relative_to(ROOT)): site.dead_in(page) for page in site.pages()}
    assert {page: links for page, links in dead.items() if links} == {}
    assert len(dead) > 60


def test_a_dead_link_is_found(site: types.ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# What `it` is: a test\n\n```\n# no heading\n```\n")
    page.write_text(
        "[a](other.md) [b](other.md#what-it-is-a-test) [c](none.md) [d](other.md#no-heading)\n"
        "[e](#f) [g](https://example.org/none) `[h](none.md)`\n\n```\n[i](none.md)\n```\n"
    )
    assert site.dead_in(page) == ["none.md", "other.md#no-heading", "#f"]
    built = tmp_path / "built"
    (built / "b").mkdir(parents=True)
    (built / "index.html").write_text('<a href="b/#x"></a><a href="b/#y"></a><img src="c.png">')
    (built / "b" / "index.html").write_text('<h1 id="x"><a href="..">up</a></h1>')
    assert list(site.dead_on_site(built)) == ["index.html: b/#y", "index.html: c.png"]


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    named = re.findall(r": (\S+\.md)$", nav, re.M)
    assert sorted(named) == sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md"))


def test_every_public_package_has_its_page() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md")}
    del pages["index"]
    studies = pages.pop("studies")
    assert studies == "# narrows_studies\n\n::: narrows_studies\n"
    assert set(pages) == {"narrows", *nw._PACKAGES}
    for name, text in pages.items():
        whole = "narrows" if name == "narrows" else f"narrows.{name}"
        assert text == f"# {whole}\n\n::: {whole}\n"


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for path in [DOCS / "index.md", *sorted((DOCS / "guides").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^```python\n.*?^```$", "", text, flags=re.S | re.M)
        for block in re.findall(r"^```\n(.*?)^```", text, re.S | re.M):
            found += [(path.stem, shlex.split(line, comments=True)) for line in block.splitlines()]
    return found


def test_every_command_of_a_guide_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["narrows", "--version"])
    with pytest.raises(SystemExit):
        main()  # imports the verbs
    group: Any = typer.main.get_command(app)
    assert {name for name, _ in commands()} >= {"research", "teaching", "photographs"}
    for _, (program, verb, *words) in commands():
        assert program == "narrows"
        group.commands[verb].make_context("narrows", list(words))


@pytest.mark.slow
@pytest.mark.parametrize("guide", sorted({name for name, _ in commands()}))
def test_every_command_of_a_guide_runs(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of its own, with trainings of seconds."""
    draw = np.random.default_rng(0)
    for inside, count in (("holiday", 24), ("good", 200), ("new", 4)):
        (tmp_path / inside).mkdir()
        for number in range(count):
            colours = draw.integers(0, 256, (2, 2, 3), dtype=np.uint8)
            picture = Image.fromarray(colours).resize((96, 80))
            picture.save(tmp_path / inside / f"{number}.jpg")
    picture.save(tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    for words in [list(words) for name, words in commands() if name == guide]:
        if words[1] == "demo":
            continue  # the wheel's test runs it
        if words[1] == "train":
            for option in {"--minutes", "--epochs"} & {*words}:
                del words[words.index(option) : words.index(option) + 2]
            words += ["--epochs", "1"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code in (0, None), words


def test_what_extends_narrows_runs_and_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(EXTENDING) == 4
    with Nursery() as nursery:
        for snippet in EXTENDING:
            assert len(snippet.splitlines()) < 40
            nursery.run(snippet)


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["scikit-learn", "pyod", "torch"])
def test_what_goes_with_other_libraries_runs(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    assert len(snippets) >= 3
    if guide == "pyod":
        pytest.importorskip("pyod", reason="pip install pyod")
    monkeypatch.chdir(tmp_path)
    with Nursery() as nursery:
        nursery.run("\n".join(snippets))
