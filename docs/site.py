"""Builds the site, and looks at every link of it.

mkdocs.yml, docs/, docstrings ──zensical──► site/ ──► every href and src leads to a file and an anchor

python docs/site.py        the site; exit code 1 where a link leads nowhere
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.S | re.M)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")


def pages() -> list[Path]:
    """What is written: the pages of ``docs`` and those at the root."""
    return [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made of their text."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", _FENCE.sub("", text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        found |= {slug, re.sub(r"-+", "-", slug)}  # one for hosts of code, one for the site
    return found | set(re.findall(r"""<a (?:id|name)=["']([^"']+)""", text))


def dead_in(page: Path) -> list[str]:
    """Links of a written page that lead to no file or to no heading."""
    text = page.read_text(encoding="utf-8")
    dead = []
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        wrong = not target.exists()
        if not wrong and parts.fragment and target.suffix == ".md":
            wrong = parts.fragment not in anchors(target.read_text(encoding="utf-8"))
        if wrong:
            dead.append(link)
    return dead


class _Page(HTMLParser):
    """The anchors and the links of a built page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value or "")
            elif name in ("href", "src") and value:
                self.links.append(value)


def dead_on_site(site: Path) -> Iterator[str]:
    """``page: link`` for each link of built pages that leads nowhere on the site."""
    built = {path.resolve(): _Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    for path, page in built.items():
        if path.name == "404.html":  # its links begin at the host's root
            continue
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(parts.fragment)
            known = built[target].ids if target in built else {fragment}
            if not target.exists() or (fragment and fragment not in known):
                yield f"{path.relative_to(site.resolve())}: {link}"


def main() -> None:
    """Build, then look."""
    subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--clean"], cwd=ROOT, check=True
    )
    dead = sorted(dead_on_site(SITE))
    count = len(list(SITE.rglob("*.html")))
    print(*dead, f"{count} pages, {len(dead)} dead links: {SITE}/index.html", sep="\n")
    sys.exit(bool(dead))


if __name__ == "__main__":
    main()
