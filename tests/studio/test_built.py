"""The built page is of the sources that lie beside it, and asks for nothing that is not in it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from narrows.studio.page import PAGE

WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="module")
def sources() -> list[Path]:
    if not WEB.is_dir():
        pytest.skip("no web/ here: only in a checkout")
    return [p for p in WEB.rglob("*") if p.is_file() and "node_modules" not in p.parts]


def digest_of(top: Path, files: list[Path]) -> str:
    """As web/build.mjs makes it: each file's path and content, in the order of their paths."""
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(top).as_posix(), path) for path in files):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_page_was_built_of_these_sources(sources: list[Path]) -> None:
    built = (PAGE / "built-of.txt").read_text().split()[0]
    assert built == digest_of(WEB, sources), (
        "web/ has changed since the page was built: make studio"
    )


def test_what_was_built_is_what_lies_here(sources: list[Path]) -> None:
    top = WEB.parent / "src"
    made = [
        path
        for folder in (PAGE, top / "narrows" / "figures" / "static")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "built-of.txt"
    ]
    assert {"main.js", "map_page.js", "decoder.js", "ort.wasm.gz"} <= {path.name for path in made}
    built = (PAGE / "built-of.txt").read_text().split()[1]
    assert built == digest_of(top, made), "what was built was changed since: make studio"


def test_the_lock_names_no_place_to_load_from(sources: list[Path]) -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert all("integrity" in each and "resolved" not in each for each in packages.values())
    assert {"node_modules/preact", "node_modules/esbuild"} <= packages.keys()


def test_what_is_built_asks_no_other_machine() -> None:
    script = (PAGE / "main.js").read_text()
    asked = set(re.findall(r"https?://[\w.-]+", script + (PAGE / "style.css").read_text()))
    assert asked <= {"http://www.w3.org"}  # the names of SVG and MathML, which nobody loads
    assert "eval(" not in script and "new Function" not in script
    page = (PAGE / "index.html").read_text()
    assert "style=" not in page and not re.search(r"<script(?![^>]*src=)", page)
