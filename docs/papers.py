"""Writes docs/papers/, a page for each document, from what `narrows reproduce --all` left.

    python docs/papers.py reproduced/small     takes over its results and its pictures of free sets
    python docs/papers.py reproduced/small --times     and what each took, if nothing else was running
    python docs/papers.py                      writes the pages again from the results that are here

Pictures of sets that may not be published stay away; the page names the command that makes them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from narrows.figures import smaller
from narrows_studies import DOCUMENTS, Document, Experiment, measured_seconds
from narrows_studies.reproduce import TIMES

FOLDER = Path(__file__).with_suffix("")
FREE = {"digits", "mnist", "fashion_mnist", "sprites", "kodak"}
WIDEST = 1000  # pixels
HEAD = """# {title}

*Written by `python docs/papers.py` from the results of `narrows reproduce {key}`; do not edit it.*

{authors}. {where}.

Small scale: two cores, minutes an experiment; what differs from the document stands under each table.
Ours is the mean over {seeds} with its standard deviation. The results as a file:
[results/{key}.json](results/{key}.json).
"""


def main() -> None:
    if len(sys.argv) > 1:
        for paper in DOCUMENTS.values():
            take(paper, Path(sys.argv[1]))
        if "--times" in sys.argv:
            write_times()
    for paper in DOCUMENTS.values():
        (FOLDER / f"{paper.key}.md").write_text(page(paper, results(paper)), encoding="utf-8")
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")


def take(paper: Document, made: Path) -> None:
    """Copy the results of a document, and those of its pictures that may be published."""
    source = made / paper.key / "results.json"
    if not source.is_file():
        return
    (FOLDER / "results").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, FOLDER / "results" / f"{paper.key}.json")
    target = FOLDER / "pictures" / paper.key
    shutil.rmtree(target, ignore_errors=True)
    for one in paper.experiments:
        if free(one):
            for file in sorted((made / paper.key / one.slug).glob("*.png")):
                target.mkdir(parents=True, exist_ok=True)
                content = smaller(file, WIDEST, 4 * WIDEST)
                (target / f"{one.slug}-{file.name}").write_bytes(content)


def write_times() -> None:
    """What `narrows reproduce` tells of each experiment's time."""
    times = {
        paper.key: {slug: max(one["seconds"].values()) for slug, one in results(paper).items()}
        for paper in DOCUMENTS.values()
    }
    TIMES.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


def results(paper: Document) -> dict[str, dict[str, Any]]:
    """What was found, by slug."""
    path = FOLDER / "results" / f"{paper.key}.json"
    if not path.is_file():
        return {}
    found = {tuple(one["experiment"]): one for one in json.loads(path.read_text())["experiments"]}
    return {one.slug: found[one.labels] for one in paper.experiments if one.labels in found}


def free(one: Experiment) -> bool:
    return {*one.sets("small"), *one.sets("paper")} <= FREE


def index() -> str:
    """The page over the pages: how many claims hold, and how long all of it took."""
    everything = {key: results(paper) for key, paper in DOCUMENTS.items()}
    seconds = [one["seconds"]["here"] for found in everything.values() for one in found.values()]
    lines = [
        "# Five documents, reproduced\n",
        "*Written by `python docs/papers.py`; do not edit it.*\n",
        "Every figure, table and claim is an experiment of `narrows reproduce`: "
        "`narrows reproduce` lists them, `narrows reproduce kovenko-2020 --figure 12` runs one, "
        "`narrows reproduce --all` all of them, with a page of pictures (the small scale took "
        f"{sum(seconds) / 60:.0f} minutes on two cores). A claim that does not hold says so.\n",
        "| document | experiments | hold | in part | do not | shown | not run yet |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for key, paper in DOCUMENTS.items():
        found = everything[key]
        counts = [
            sum(each["verdict"] == verdict for each in found.values())
            for verdict in ("holds", "holds in part", "does not hold", "shown")
        ]
        cells = [len(paper.experiments), *counts, len(paper.experiments) - len(found)]
        link = f"[{paper.title}]({paper.key}.md) ({paper.authors})"
        lines.append(f"| {link} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def page(paper: Document, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of one document: claim, published, ours, verdict."""
    seeds = max((len(each["seeds"]) for each in found.values()), default=0)
    words = {0: "the seeds", 1: "one seed"}.get(seeds, f"{seeds} seeds")
    about = {"title": paper.title, "key": paper.key, "authors": paper.authors, "where": paper.where}
    pieces = [HEAD.format(**about, seeds=words)]
    pieces += ["| in the document | claim | verdict |", "| --- | --- | --- |"]
    for one in paper.experiments:
        verdict = found[one.slug]["verdict"] if one.slug in found else "not run yet"
        pieces.append(f"| [{one.name}](#{one.slug}) | {one.claim} | {verdict} |")
    pieces += [f"| {label} | none: {reason} | |" for label, reason in paper.explained.items()]
    for one in paper.experiments:
        pieces += ["", *section(paper, one, found.get(one.slug))]
    return "\n".join(pieces) + "\n"


def section(paper: Document, one: Experiment, found: Mapping[str, Any] | None) -> list[str]:
    """One experiment: what is claimed, what we found, the numbers and what differs."""
    lines = [
        f'<a id="{one.slug}"></a>',
        "",
        f"## {one.name[:1].upper()}{one.name[1:]}: {one.title}",
        "",
    ]
    command = f"narrows reproduce {paper.key} {one.option}"
    lines += [f"Claimed: {one.claim}", ""]
    if found is None:
        return [*lines, f"Not run yet: `{command}`."]
    lines += [f"**{found['verdict'].capitalize()}.** {found['words']}", ""]
    if found["rows"]:
        lines += [*table(found["rows"]), ""]
    folder = FOLDER / "pictures" / paper.key
    for number, picture in enumerate(found["pictures"], 1):
        name = f"{one.slug}-{number}.png"
        if free(one) and (folder / name).is_file():
            caption = picture["caption"].replace("[", "(").replace("]", ")")
            lines += [f"![{caption}](pictures/{paper.key}/{name})", "", f"*{caption}*", ""]
    if not free(one):
        lines += ["The pictures are not ours to publish; the command below makes them.", ""]
    lines += [f"- {each}" for each in found["deviations"]]
    took = measured_seconds(paper, one)
    about = "" if took is None else f"{took / 60:.1f} minutes on two cores, "
    lines += ["", f"`{command}`: {about}seeds {', '.join(map(str, found['seeds']))}."]
    return lines


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What, published, ours, and each baseline."""
    names = list(dict.fromkeys(name for row in rows for name in row["baseline"]))
    lines = [
        "| | published | ours |" + "".join(f" {name} |" for name in names),
        "| --- | --: | --: |" + " --: |" * len(names),
    ]
    for row in rows:
        unit = f" ({row['unit']})" if row["unit"] else ""
        ours = f"{row['mean']:.4g}" + (f" ± {row['spread']:.2g}" if len(row["ours"]) > 1 else "")
        beside = "".join(
            f" {row['baseline'][name]:.4g} |" if name in row["baseline"] else " |" for name in names
        )
        lines.append(f"| {row['what']}{unit} | {row['published'] or '–'} | {ours} |{beside}")
    return lines


if __name__ == "__main__":
    main()
