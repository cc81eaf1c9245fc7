"""Writes docs/papers/, a page for each document, from what `narrows reproduce` left.

    python docs/papers.py reproduced/small     takes over its results and its pictures of free sets
    python docs/papers.py reproduced/small --times     and what each took, if --all made it and nothing else ran
    python docs/papers.py                      writes the pages again from the results that are here

What was not run again keeps the results that are here, and so does what is here of the paper scale and was
run at the small one. Pictures of sets that may not be published stay away; the page names the command that
makes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from narrows.figures import smaller
from narrows_studies import DOCUMENTS, Document, Experiment, Found, found_in
from narrows_studies.pages import markdown_index, markdown_page, write_results
from narrows_studies.reproduce import ALL, CURVES, TIMES

FOLDER = Path(__file__).with_suffix("")
FREE = {"digits", "mnist", "fashion_mnist", "sprites", "kodak"}
WIDEST = 1000  # pixels
NOTE = """\
*Written by `python docs/papers.py` from the results of `narrows reproduce {key}`; do not edit it.*

{authors}. {where}.

Small scale, where nothing else is said: two cores, minutes an experiment; what differs from the document
stands under each claim.
Ours is the mean over {seeds} with its standard deviation. The results, with the course of each
training, as a file: [results/{key}.json](results/{key}.json). Pictures of sets that are not ours to publish
are left out; the commands make them.
"""
INDEX = """\
# Documents, reproduced

*Written by `python docs/papers.py`; do not edit it.*

Every figure, table and claim of the five documents that Narrows is built from, and some of the papers behind them, \
is an experiment of `narrows reproduce`: `narrows reproduce` lists them, \
`narrows reproduce kovenko-2020 --figure 12` runs one, `narrows reproduce --all` all of them (`--jobs 2`: two \
beside each other), with a page of pictures. At the small scale all of them together took {minutes:.0f} minutes \
of processor time. A claim that does not hold says so; where it does not and our training was still improving \
when it ended, the verdict is that it was not reached at \
this scale. Below what fell short stands the command of the paper scale, which is for a GPU: one is taken where there \
is one.
"""


def main() -> None:
    if len(sys.argv) > 1:
        for paper in DOCUMENTS.values():
            take(paper, Path(sys.argv[1]))
        if "--times" in sys.argv:
            write_times(Path(sys.argv[1]))
    for paper in DOCUMENTS.values():
        write_results(paper, results(paper), _file(paper))
        (FOLDER / f"{paper.key}.md").write_text(page(paper), encoding="utf-8")
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")


def take(paper: Document, made: Path) -> None:
    """Take over what was found of a document, and those of its pictures that may be published."""
    found, before = found_in(paper, made), results(paper)
    folder = FOLDER / "pictures" / paper.key
    for one in paper.experiments:
        if one.slug not in found or _longer(before.get(one.slug), found[one.slug]):
            found.pop(one.slug, None)
            continue
        for old in folder.glob("*.png"):
            if old.stem.rpartition("-")[0] == one.slug:
                old.unlink()
        for file in found[one.slug].pictures.values():
            if may_be_shown(one, file.name):
                folder.mkdir(parents=True, exist_ok=True)
                content = smaller(file, WIDEST, 4 * WIDEST)
                (folder / f"{one.slug}-{file.name}").write_bytes(content)
    write_results(paper, before | found, _file(paper))


def _longer(before: Found | None, found: Found) -> bool:
    """Whether what is here is of the paper scale and what was made now is not."""
    return before is not None and before.document["scale"] == "paper" != found.document["scale"]


def write_times(made: Path) -> None:
    """What `narrows reproduce` tells of each experiment's time, and the processor's time of all together."""
    documents = {
        paper.key: {slug: found.document for slug, found in found_in(paper, made).items()}
        for paper in DOCUMENTS.values()
    }
    times: dict[str, Any] = {
        key: {
            slug: max(one["processor_seconds"], one["seconds"]["training"])
            for slug, one in ones.items()
        }
        for key, ones in documents.items()
    }
    worked = [one["processor_seconds"] for ones in documents.values() for one in ones.values()]
    times[ALL] = round(sum(worked), 1)
    TIMES.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


def results(paper: Document) -> dict[str, Found]:
    """What was found, by slug, with the pictures that are here."""
    if not _file(paper).is_file():
        return {}
    read = json.loads(_file(paper).read_text(encoding="utf-8"))
    known = {tuple(one["experiment"]): one for one in read["experiments"]}
    return {
        one.slug: Found(known[one.labels], _pictures(paper, one, known[one.labels]))
        for one in paper.experiments
        if one.labels in known
    }


def _file(paper: Document) -> Path:
    return FOLDER / "results" / f"{paper.key}.json"


def _pictures(paper: Document, one: Experiment, document: dict[str, Any]) -> dict[str, Path]:
    folder = FOLDER / "pictures" / paper.key
    places = {
        each["caption"]: folder / f"{one.slug}-{each['file']}"
        for each in document["pictures"]
        if may_be_shown(one, each["file"])
    }
    return {caption: path for caption, path in places.items() if path.is_file()}


def may_be_shown(one: Experiment, file: str) -> bool:
    """Whether a picture is of sets that may be published: curves of a training always."""
    shown = {*one.shown} or {*one.sets("small"), *one.sets("paper")}
    return file == CURVES or shown <= FREE


def index() -> str:
    """The page over the pages: how many claims come to what, and how long all of it took."""
    found = {key: results(paper) for key, paper in DOCUMENTS.items()}
    seconds = json.loads(TIMES.read_text(encoding="utf-8"))[ALL]
    return markdown_index(DOCUMENTS.values(), found, INDEX.format(minutes=seconds / 60))


def page(paper: Document) -> str:
    """The page of one document: claim, published, ours, verdict."""
    found = results(paper)
    seeds = max((len(each.document["seeds"]) for each in found.values()), default=0)
    words = {0: "the seeds", 1: "one seed"}.get(seeds, f"{seeds} seeds")
    about = {"key": paper.key, "authors": paper.authors, "where": paper.where}
    return markdown_page(paper, found, FOLDER, NOTE.format(**about, seeds=words))


if __name__ == "__main__":
    main()
