"""What was found, as pages: of HTML beside the results, of Markdown in docs/.

TO/index.html                        every experiment of every document, with its verdict and picture
TO/KEY/index.html · results.json     one document
docs/papers/KEY.md                   the same sections, with the pictures that may be published
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from narrows import files
from narrows.figures import Link, Picture, Section, report_page, smaller
from narrows.tables import Table

from .experiment import Document, Experiment, command_of
from .reproduce import Found, found_in, measured_seconds
from .verdicts import VERDICTS, worded

__all__ = ["markdown_index", "markdown_page", "write_document", "write_index", "write_results"]

SMALL = 420  # pixels of a picture's longer side on the index
NOT_RUN = "not run yet"


def write_document(paper: Document, to: Path) -> Path:
    """The page of one document and its ``results.json``; where the page lies."""
    found = found_in(paper, to)
    sections = [_section(one, paper, found.get(one.slug)) for one in paper.experiments]
    if paper.explained:
        rows = [
            {"in the document": k, "why it is no experiment": v} for k, v in paper.explained.items()
        ]
        sections.append(Section("What is no experiment", table=rows))
    page = to / paper.key / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    subtitle = f"{paper.authors}. {paper.where}"
    files.write_text(page, report_page(paper.title, sections, subtitle=subtitle))
    write_results(paper, found, page.with_name("results.json"))
    return page


def write_results(paper: Document, found: Mapping[str, Found], path: Path) -> None:
    """What was found of a document, and what was not run, as a file."""
    document = {
        "paper": paper.key,
        "title": paper.title,
        "command": f"narrows reproduce {paper.key}",
        "experiments": [found[one.slug].document for one in paper.experiments if one.slug in found],
        "not_run": [one.labels[0] for one in paper.experiments if one.slug not in found],
        "explained": dict(paper.explained),
    }
    files.write_text(path, json.dumps(document, indent=1) + "\n")


def write_index(papers: Iterable[Document], to: Path) -> Path:
    """The page of all documents; where it lies."""
    sections = []
    for paper in papers:
        found = found_in(paper, to)
        rows: list[dict[str, Any]] = []
        pictures = []
        for one in paper.experiments:
            each = found.get(one.slug)
            place = f"{paper.key}/index.html#{one.slug}"
            rows.append(
                {
                    "in the document": Link(one.name, place) if each else one.name,
                    "experiment": one.title,
                    "verdict": _verdict(each),
                    "evidence": each.document["words"] if each else "",
                }
            )
            if each and each.pictures:
                path = next(iter(each.pictures.values()))
                content = _thumbnail(path, path.stat().st_mtime_ns)
                pictures.append(Picture(content, _capital(one.name), one.title, to=place))
        rows += [
            {"in the document": label, "experiment": "", "verdict": "none", "evidence": why}
            for label, why in paper.explained.items()
        ]
        heading = f"{paper.authors}: {paper.title}"
        sections.append(
            Section(heading, "", rows, pictures, anchor=paper.key, gallery=bool(pictures))
        )
    page = to / "index.html"
    to.mkdir(parents=True, exist_ok=True)
    title = "Documents about autoencoders, reproduced"
    files.write_text(page, report_page(title, sections))
    return page


def markdown_page(paper: Document, found: Mapping[str, Found], root: Path, note: str) -> str:
    """The page of one document as Markdown.

    Args:
        found: slug → what was found.
        root: the folder that the page lies in; links to pictures begin there.
        note: the lines under its title.
    """
    rows = [
        {
            "experiment" if paper.own else "in the document": f"[{one.name}](#{one.slug})",
            "claim": one.claim,
            "verdict": _verdict(found.get(one.slug)),
        }
        for one in paper.experiments
    ]
    rows += [
        {"in the document": label, "claim": f"none: {why}", "verdict": ""}
        for label, why in paper.explained.items()
    ]
    pieces = [f"# {paper.title}", note.strip(), Table.of_rows(rows).markdown()]
    for one in paper.experiments:
        each = found.get(one.slug)
        section = _section(one, paper, each)
        pieces += [f'<a id="{section.anchor}"></a>', f"## {section.heading}", section.text]
        if section.table:
            pieces.append(Table.of_rows(section.table).markdown())
        for caption, path in (each.pictures if each else {}).items():
            plain = caption.replace("[", "(").replace("]", ")")
            pieces += [f"![{plain}]({path.relative_to(root).as_posix()})", f"*{plain}*"]
        pieces.append(f"`{section.commands}`")
    return "\n\n".join(pieces) + "\n"


def markdown_index(
    papers: Iterable[Document], found: Mapping[str, Mapping[str, Found]], text: str
) -> str:
    """The page over the pages as Markdown: how many claims come to what."""
    rows = []
    for paper in papers:
        mine = found[paper.key]
        counts = Counter(each.document["verdict"] for each in mine.values())
        link = f"[{paper.title}]({paper.key}.md) ({paper.authors})"
        row: dict[str, Any] = {"document": link, "experiments": len(paper.experiments)}
        row |= {verdict: counts[verdict] for verdict in VERDICTS}
        rows.append(row | {NOT_RUN: len(paper.experiments) - len(mine)})
    return f"{text.strip()}\n\n{Table.of_rows(rows).markdown()}\n"


def _section(one: Experiment, paper: Document, found: Found | None) -> Section:
    heading = f"{_capital(one.name)}: {one.title}"
    command = command_of(paper, one)
    if found is None:
        text = f"Claimed: {one.claim}\n\nNot run yet."
        return Section(heading, text, commands=command, anchor=one.slug)
    document = found.document
    paragraphs = [f"Claimed: {one.claim}", f"{_capital(_verdict(found))}. {document['words']}"]
    unlike = "" if paper.own else "Unlike the document: "
    paragraphs += [f"{unlike}{each}" for each in document["deviations"]]
    took, seeds = measured_seconds(paper, one), ", ".join(map(str, document["seeds"]))
    minutes = "" if took is None else f", {took / 60:.1f} minutes on one core"
    scale = "" if document["scale"] == "small" else f" At the {document['scale']} scale."
    paragraphs.append(f"Seeds {seeds}{minutes if not scale else ''}.{scale}")
    if document["verdict"] not in ("holds", "shown") and not (scale or one.command):
        paragraphs.append(f"At full size, best on a GPU: `{command} --scale paper`.")
    pictures = [Picture(path.read_bytes(), caption) for caption, path in found.pictures.items()]
    text, table = "\n\n".join(paragraphs), _table(document["rows"])
    return Section(heading, text, table, pictures, document["command"], anchor=one.slug)


def _verdict(found: Found | None) -> str:
    if found is None:
        return NOT_RUN
    return worded(found.document["verdict"], len(found.document["seeds"]))


@lru_cache(256)
def _thumbnail(path: Path, changed: int) -> bytes:
    """A small PNG of a picture in a file that was last changed then."""
    return smaller(path, SMALL, SMALL)


def _table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows for people: a mean with its spread, and each baseline in a column of its own."""
    shown = []
    for row in rows:
        unit = f" ({row['unit']})" if row["unit"] else ""
        spread = f" ± {_number(row['spread'], 2)}" if len(row["ours"]) > 1 else ""
        cells = {"": f"{row['what']}{unit}", "published": row["published"] or "–"}
        cells["ours"] = _number(row["mean"]) + spread
        cells |= {name: _number(value) for name, value in row["baseline"].items()}
        shown.append(cells)
    names = dict.fromkeys(name for cells in shown for name in cells)
    return [{name: cells.get(name, "–") for name in names} for cells in shown]


def _number(value: float, figures: int = 4) -> str:
    """So many figures at most; all before the point."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (figures - 1) else f"{value:.{figures}g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
