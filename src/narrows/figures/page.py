"""A report as one HTML file: it loads nothing from outside, and runs no script but that of live parts.

report_page(title, [Section("Reconstructions", "…", [Picture(figure, caption, alt)], table, commands), …])
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .live import LIVE_STYLE
from .png import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Link", "Picture", "Section", "report_page"]


@dataclass(frozen=True)
class Link:
    """A cell of a table that links to a place on this page or on one in a folder next to it.

    Attributes:
        text: what is read.
        to: ``#figure-4`` or ``kovenko-2020/index.html#figure-4``.
    """

    text: str
    to: str


@dataclass(frozen=True)
class Picture:
    """A figure on a page.

    Attributes:
        image: a figure, an array (H, W) or (H, W, 3), or the bytes of a PNG.
        caption: under it.
        alt: what it shows, for those who cannot see it; the caption, if empty.
        crisp: show its pixels as squares where it is enlarged (mosaics of small pictures).
        to: where it leads, as a link does.
    """

    image: Figure | np.ndarray[Any, Any] | bytes
    caption: str = ""
    alt: str = ""
    crisp: bool = False
    to: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page: heading, text, table, live part, pictures, commands; what is empty is left out.

    Attributes:
        heading: its title.
        text: paragraphs, with an empty line between two; `code` stands in backticks.
        table: rows, each from a column's name to a value.
        live: markup of :mod:`narrows.figures.live`, as it is.
        pictures: figures.
        commands: a block of commands, a line each.
        anchor: a name for links to it.
        gallery: its pictures are small and stand side by side.
        folded: shown when its heading is clicked.
    """

    heading: str = ""
    text: str = ""
    table: Sequence[Mapping[str, Any]] = ()
    pictures: Sequence[Picture] = ()
    commands: str = ""
    anchor: str = ""
    gallery: bool = False
    live: str = ""
    folded: bool = False


def report_page(title: str, sections: Sequence[Section], *, subtitle: str = "") -> str:
    """The whole HTML file as text, light or dark as its reader's screen is.

    Raises:
        ValueError: a link to anywhere but this page or one next to it.
    """
    body = "\n".join(_section(section) for section in sections)
    style = STYLE + (LIVE_STYLE if any(section.live for section in sections) else "")
    under = f'\n<p class="subtitle">{_inline(subtitle)}</p>' if subtitle else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_escaped(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<h1>{_escaped(title)}</h1>{under}
</header>
{body}
</main>
</body>
</html>
"""


def _section(section: Section) -> str:
    pieces = []
    if section.heading and not section.folded:
        pieces.append(f"<h2>{_escaped(section.heading)}</h2>")
    paragraphs = re.split(r"\n\s*\n", section.text.strip())
    pieces += [f"<p>{_inline(paragraph)}</p>" for paragraph in paragraphs if paragraph]
    if section.table:
        pieces.append(_table(section.table))
    if section.live:
        pieces.append(section.live)
    figures = [_figure(picture) for picture in section.pictures]
    pieces += [f'<div class="gallery">{"".join(figures)}</div>'] if section.gallery else figures
    if section.commands.strip():
        pieces.append(f"<pre><code>{_escaped(section.commands.strip())}</code></pre>")
    name = f' id="{_escaped(section.anchor)}"' if section.anchor else ""
    if section.folded:
        pieces = [f"<details><summary>{_escaped(section.heading)}</summary>", *pieces, "</details>"]
    return f"<section{name}>\n" + "\n".join(pieces) + "\n</section>"


def _figure(picture: Picture) -> str:
    content = picture.image if isinstance(picture.image, bytes) else png(picture.image)
    source = base64.b64encode(content).decode()
    alt = _escaped(picture.alt or picture.caption)
    crisp = ' class="crisp"' if picture.crisp else ""
    caption = f"\n<figcaption>{_inline(picture.caption)}</figcaption>" if picture.caption else ""
    shown = f'<img{crisp} src="data:image/png;base64,{source}" alt="{alt}">'
    if picture.to:
        shown = _linked(shown, picture.to)
    return f"<figure>\n{shown}{caption}\n</figure>"


def _linked(content: str, to: str) -> str:
    """Escaped content that leads to a place."""
    if not re.fullmatch(r"(?:[\w-]+/)*(?:[\w-]+\.html)?(?:#[\w-]+)?", to, re.ASCII):
        raise ValueError(f"a page leads to itself or to pages beside it, not to {to!r}")
    return f'<a href="{to}">{content}</a>'


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {c: all(_is_number(row.get(c)) for row in rows) for c in columns}
    css = {c: ' class="number"' if numeric[c] else "" for c in columns}
    digits = {c: _digits([row.get(c) for row in rows]) for c in columns if numeric[c]}
    head = "".join(f"<th{css[c]}>{_escaped(str(c).replace('_', ' '))}</th>" for c in columns)
    lines = [
        "<tr>"
        + "".join(f"<td{css[c]}>{_cell(row.get(c), digits.get(c))}</td>" for c in columns)
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return (
        f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return value is None or (number and not isinstance(value, bool))


def _digits(values: Sequence[Any]) -> int:
    """Decimals for a column: four figures of its largest number, none for whole numbers."""
    present = [v for v in values if v is not None]
    if all(isinstance(v, (int, np.integer)) for v in present):
        return 0
    sizes = [abs(float(v)) for v in present if np.isfinite(v)]
    largest = max(sizes, default=1.0) or 1.0
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 6))


def _cell(value: Any, digits: int | None) -> str:
    if value is None:
        return "–"
    if digits is not None:
        return f"{value:,.{digits}f}".replace("-", "−")
    if isinstance(value, Link):
        return _linked(_inline(value.text), value.to)
    return _inline(str(value))


def _escaped(content: str) -> str:
    return html.escape(content, quote=True)


def _inline(content: str) -> str:
    """Escaped text with `code` in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _escaped(content))


STYLE = """
:root {
  --paper: #fdfdfc; --ink: #1c1e21; --quiet: #62676f; --rule: #e2e3e1; --block: #f3f3f0;
  --accent: #1f6fb4;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --ink: #e6e7e9; --quiet: #9aa0a8; --rule: #2e3237; --block: #1f2226;
    --accent: #6db1ec; }
  figure img { filter: brightness(.93); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 46rem; margin: 0 auto; padding: 4.5rem 1.5rem 6rem; }
header { border-bottom: 1px solid var(--rule); padding-bottom: 1.6rem; }
h1 { font-size: 2.25rem; line-height: 1.15; letter-spacing: -.022em; font-weight: 680; margin: 0; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; letter-spacing: -.012em; font-weight: 650; margin: 0 0 .7rem; }
.subtitle { color: var(--quiet); font-size: 1.06rem; margin: .7rem 0 0; }
section { margin-top: 3rem; }
p { margin: 0 0 1rem; overflow-wrap: break-word; }
figure { margin: 1.6rem 0 2rem; }
figure img {
  display: block; width: 100%; height: auto; background: #fff; border-radius: 6px;
  border: 1px solid var(--rule);
}
img.crisp { image-rendering: pixelated; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: 1.2rem; }
.gallery figure { margin: 0; }
.gallery img { height: 9rem; object-fit: contain; padding: .3rem; }
.gallery figcaption { margin-top: .4rem; line-height: 1.35; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
figcaption { color: var(--quiet); font-size: .86rem; line-height: 1.5; margin-top: .65rem; }
.table { overflow-x: auto; margin: 1.4rem 0 2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; line-height: 1.4; }
th {
  text-align: left; font-weight: 600; font-size: .8rem; color: var(--quiet);
  padding: .4rem 0 .5rem 1.4rem; border-bottom: 1.5px solid var(--ink); vertical-align: bottom;
}
td { padding: .5rem 0 .5rem 1.4rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums lining-nums; }
summary { font-weight: 650; cursor: pointer; }
code { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
p code, td code, figcaption code { background: var(--block); padding: .1em .32em; border-radius: 4px; }
pre {
  background: var(--block); border-left: 3px solid var(--accent); border-radius: 0 6px 6px 0;
  padding: .9rem 1.1rem; overflow-x: auto; margin: 1.4rem 0 2rem;
}
pre code { font-size: .84rem; }
@media (max-width: 40rem) { main { padding: 2.5rem 1.1rem 4rem; } h1 { font-size: 1.75rem; } }
@media print { body { font-size: 11pt; } main { max-width: none; padding: 0; } figure, table, pre { break-inside: avoid; } }
"""
