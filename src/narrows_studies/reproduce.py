"""Run experiments and keep what they found.

TO/KEY/figure-4/finding.json · 1.png what one experiment found; it is not run again
TO/models/…                          what was trained, shared by all
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrows import __version__, files
from narrows.figures import lines, png
from narrows.images import describe
from narrows.images.inputs import even_rows

from .experiment import Document, Experiment, Row, command_of
from .lab import Lab
from .verdicts import Curve, at_scale, evidence

__all__ = [
    "ALL",
    "CURVES",
    "TIMES",
    "Found",
    "found_in",
    "kept",
    "measured_seconds",
    "overview",
    "reproduce",
]

TIMES = Path(__file__).with_name("times.json")
ALL = "all"  # the key there of the processor's time of everything together
CURVES = "curves.png"
POINTS, PANELS = 40, 4  # of a curve; curves that are drawn
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
    before, began, worked = lab.seconds, time.monotonic(), time.process_time()
    lab.forget_curves()
    finding = chosen.run(lab)
    verdict = at_scale(finding.verdict, lab.curves)
    took, worked = time.monotonic() - began, time.process_time() - worked
    folder = _folder(paper, chosen, to)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    shown = {f"{n}.png": pair for n, pair in enumerate(finding.pictures.items(), 1)}
    if drawn := _drawn(lab.curves):
        shown[CURVES] = (
            "The trainings: loss against seconds, of pictures held out where there are some",
            drawn,
        )
    for name, (caption, picture) in shown.items():
        files.write_bytes(folder / name, png(picture))
        pictures.append({"file": name, "caption": caption})
    document = {
        "experiment": list(chosen.labels),
        "title": chosen.title,
        "claim": chosen.claim,
        "data": list(chosen.sets(lab.scale)),
        "settings": chosen.settings,
        "command": f"{command_of(paper, chosen)} --scale {lab.scale}",
        "verdict": verdict,
        "words": evidence(finding.words, verdict, finding.rows, lab.curves),
        "rows": [_row(row) for row in finding.rows],
        "curves": {name: _points(curve) for name, curve in lab.curves.items()},
        "seeds": list(lab.seeds),
        "seconds": {"here": round(took, 1), "training": round(lab.seconds - before, 1)},
        "processor_seconds": round(worked, 1),
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
    same = same and found.document.get("settings", "") == chosen.settings
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
    """What an experiment took on one core at the small scale, its trainings too; None if unknown."""
    known = json.loads(TIMES.read_text(encoding="utf-8")).get(paper.key, {}).get(one.slug)
    return None if known is None else float(known)


def overview(papers: Iterable[Document], to: Path, scale: str = "small") -> list[dict[str, Any]]:
    """A row for each experiment: its sets, what was found in ``to``, and how long it takes.

    ``seconds`` are those of one core at the small scale, and, where it was run, ``here``; ``missing``
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
                    "seconds": {"one core, small": measured_seconds(paper, one), "here": here},
                    "verdict": run.document["verdict"] if run else None,
                }
            )
    return rows


def _row(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "unit": row.unit,
        PUBLISHED: row.published,
        OURS: [float(value) for value in row.ours],
        "mean": row.mean,
        "spread": row.spread,
        BASELINE: {name: float(value) for name, value in row.baselines.items()},
        "better": row.better,
    }


def _points(curve: Curve) -> list[list[float]]:
    """At most ``POINTS`` of a curve, the last among them, as they are written down."""
    chosen = [curve[at] for at in even_rows(len(curve), POINTS)]
    return [[round(seconds, 1), float(f"{loss:.6g}")] for seconds, loss in chosen]


def _drawn(curves: Mapping[str, Curve]) -> Any:
    """The curves that have a course, a panel for each; None where there are none."""
    long = {name: curve for name, curve in curves.items() if len(curve) > 2}
    panels = {
        f"{name}: loss": {"": ([s for s, _ in curve], [loss for _, loss in curve])}
        for name, curve in list(long.items())[:PANELS]
    }
    return lines(panels, "seconds of training") if panels else None


def _read(folder: Path) -> Found:
    document = json.loads((folder / "finding.json").read_text(encoding="utf-8"))
    pictures = {each["caption"]: folder / each["file"] for each in document["pictures"]}
    return Found(document, pictures)


def _folder(paper: Document, one: Experiment, to: Path) -> Path:
    return to / paper.key / one.slug
