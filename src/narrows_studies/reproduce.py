"""Run experiments, keep what they found, and write the pages that show it.

TO/index.html                        every experiment of every document, with its verdict and picture
TO/KEY/index.html · results.json     one document
TO/KEY/figure-4/finding.json · 1.png what one experiment found; it is not run again
TO/models/…                          what was trained, shared by all
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from narrows import __version__, files
from narrows.figures import Link, Picture, Section, png, report_page, smaller
from narrows.images import describe

from .experiment import Document, Experiment, Row
from .lab import Lab

__all__ = [
    "Found",
    "found_in",
    "kept",
    "measured_seconds",
    "overview",
    "reproduce",
    "write_index",
    "write_document",
]

TIMES = Path(__file__).with_name("times.json")
SMALL = 420  # pixels of a picture's longer side on the index
PUBLISHED, OURS, BASELINE = "published", "ours", "baseline"


@dataclass(frozen=True)
class Found:
    """A finding that is on disk: its document, and the files of its pictures by caption."""

    document: dict[str, Any]
    pictures: dict[str, Path]

    @property
    def whole(self) -> bool:
        """Whether all pictures are still there."""
        return all(path.is_file() for path in self.pictures.values())


def reproduce(paper: Document, chosen: Experiment, lab: Lab, to: Path) -> Found:
    """Run one experiment and keep what it found in ``to``.

    Raises:
        Unavailable: a set that it needs is not on this machine.
        Interrupted: Ctrl-C; its trainings go on where they were the next time.
    """
    before, began = lab.seconds, time.monotonic()
    finding = chosen.run(lab)
    took = time.monotonic() - began
    folder = _folder(paper, chosen, to)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number, (caption, picture) in enumerate(finding.pictures.items(), 1):
        files.write_bytes(folder / f"{number}.png", png(picture))
        pictures.append({"file": f"{number}.png", "caption": caption})
    document = {
        "experiment": list(chosen.labels),
        "title": chosen.title,
        "claim": chosen.claim,
        "data": list(chosen.sets(lab.scale)),
        "command": f"narrows reproduce {paper.key} {chosen.option} --scale {lab.scale}",
        "verdict": finding.verdict,
        "words": finding.words,
        "rows": [_row(row) for row in finding.rows],
        "seeds": list(lab.seeds),
        "seconds": {"here": round(took, 1), "training": round(lab.seconds - before, 1)},
        "deviations": list(finding.deviations),
        "pictures": pictures,
        "scale": lab.scale,
        "narrows": __version__,
    }
    files.write_text(folder / "finding.json", json.dumps(document, indent=1) + "\n")
    return _read(folder)


def kept(paper: Document, chosen: Experiment, lab: Lab, to: Path) -> Found | None:
    """What this version found before at this scale with these seeds, if it did."""
    path = _folder(paper, chosen, to) / "finding.json"
    if not path.is_file():
        return None
    found = _read(path.parent)
    asked = {
        "scale": lab.scale,
        "seeds": list(lab.seeds),
        "claim": chosen.claim,
        "narrows": __version__,
    }
    same = all(found.document.get(key) == value for key, value in asked.items())
    return found if same and found.whole else None


def found_in(paper: Document, to: Path) -> dict[str, Found]:
    """Everything of a document that is in ``to``, by slug, in the document's order."""
    folders = {one.slug: _folder(paper, one, to) for one in paper.experiments}
    there = {
        slug: _read(folder)
        for slug, folder in folders.items()
        if (folder / "finding.json").is_file()
    }
    return {slug: found for slug, found in there.items() if found.whole}


def measured_seconds(paper: Document, one: Experiment) -> float | None:
    """What an experiment took on two cores at the small scale, its trainings too; None if unknown."""
    known = json.loads(TIMES.read_text(encoding="utf-8")).get(paper.key, {}).get(one.slug)
    return None if known is None else float(known)


def overview(papers: Iterable[Document], to: Path, scale: str = "small") -> list[dict[str, Any]]:
    """A row for each experiment: its sets, what was found in ``to``, and how long it takes.

    ``seconds`` are those of two cores at the small scale, and, where it was run, ``here``; ``missing``
    are sets that are not on this machine.
    """
    rows = []
    for paper in papers:
        found = found_in(paper, to)
        for one in paper.experiments:
            run, sets = found.get(one.slug), one.sets(scale)
            here = run.document["seconds"] if run else None
            rows.append(
                {
                    "paper": paper.key,
                    "experiment": list(one.labels),
                    "title": one.title,
                    "claim": one.claim,
                    "data": list(sets),
                    "missing": [name for name in sets if describe(name).where is None],
                    "seconds": {"two cores, small": measured_seconds(paper, one), "here": here},
                    "verdict": run.document["verdict"] if run else None,
                }
            )
    return rows


def write_document(paper: Document, to: Path) -> Path:
    """The page of one document and its ``results.json``; where the page lies."""
    found = found_in(paper, to)
    sections = [_section(one, found.get(one.slug)) for one in paper.experiments]
    if paper.explained:
        rows = [
            {"in the document": k, "why it is no experiment": v} for k, v in paper.explained.items()
        ]
        sections.append(Section("What is no experiment", table=rows))
    page = to / paper.key / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(
        page, report_page(paper.title, sections, subtitle=f"{paper.authors}. {paper.where}")
    )
    document = {
        "paper": paper.key,
        "title": paper.title,
        "command": f"narrows reproduce {paper.key}",
        "experiments": [each.document for each in found.values()],
        "not_run": [one.labels[0] for one in paper.experiments if one.slug not in found],
        "explained": dict(paper.explained),
    }
    files.write_text(page.with_name("results.json"), json.dumps(document, indent=1) + "\n")
    return page


def write_index(papers: Iterable[Document], to: Path) -> Path:
    """The page of all documents; where it lies."""
    sections = []
    for paper in papers:
        found = found_in(paper, to)
        rows: list[dict[str, Any]] = []
        pictures = []
        for one in paper.experiments:
            each = found.get(one.slug)
            document: Mapping[str, Any] = each.document if each else {}
            place = f"{paper.key}/index.html#{one.slug}"
            rows.append(
                {
                    "in the document": Link(one.name, place) if each else one.name,
                    "experiment": one.title,
                    "verdict": document.get("verdict", "not run yet"),
                    "evidence": document.get("words", ""),
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
    title = "Five documents about autoencoders, reproduced"
    files.write_text(page, report_page(title, sections))
    return page


def _section(one: Experiment, found: Found | None) -> Section:
    heading = f"{_capital(one.name)}: {one.title}"
    if found is None:
        return Section(heading, f"Claimed: {one.claim}\n\nNot run yet.", anchor=one.slug)
    document = found.document
    text = (
        f"Claimed: {one.claim}\n\n{_capital(document['verdict'])}. {document['words']}"
        + "".join(f"\n\nUnlike the document: {each}" for each in document["deviations"])
    )
    pictures = [Picture(path.read_bytes(), caption) for caption, path in found.pictures.items()]
    table, command = _table(document["rows"]), document["command"]
    return Section(heading, text, table, pictures, command, anchor=one.slug)


@lru_cache(256)
def _thumbnail(path: Path, changed: int) -> bytes:
    """A small PNG of a picture in a file that was last changed then."""
    return smaller(path, SMALL, SMALL)


def _table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows for people: a mean with its spread, and each baseline in a column of its own."""
    shown = []
    for row in rows:
        unit = f" ({row['unit']})" if row["unit"] else ""
        cells = {"": f"{row['what']}{unit}", PUBLISHED: row[PUBLISHED] or "–"}
        cells[OURS] = _number(row["mean"]) + (
            f" ± {_number(row['spread'])}" if len(row[OURS]) > 1 else ""
        )
        cells |= {name: _number(value) for name, value in row[BASELINE].items()}
        shown.append(cells)
    names = dict.fromkeys(name for cells in shown for name in cells)
    return [{name: cells.get(name, "–") for name in names} for cells in shown]


def _row(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "unit": row.unit,
        PUBLISHED: row.published,
        OURS: [float(value) for value in row.ours],
        "mean": row.mean,
        "spread": row.spread,
        BASELINE: {name: float(value) for name, value in row.baselines.items()},
    }


def _number(value: float) -> str:
    """Four figures at most."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _read(folder: Path) -> Found:
    document = json.loads((folder / "finding.json").read_text(encoding="utf-8"))
    pictures = {each["caption"]: folder / each["file"] for each in document["pictures"]}
    return Found(document, pictures)


def _folder(paper: Document, one: Experiment, to: Path) -> Path:
    return to / paper.key / one.slug


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
