"""``narrows reproduce``: the experiments of the five documents, each one command."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..papers import Experiment, Found, Lab, Paper

__all__ = ["reproduce"]


@app.command()
def reproduce(
    paper: Annotated[
        str | None, typer.Argument(help="A document, such as kovenko-2020. Default: list them.")
    ] = None,
    figure: Annotated[
        list[str] | None, typer.Option(help="Only this figure, such as 12. Repeatable.")
    ] = None,
    table: Annotated[list[str] | None, typer.Option(help="Only this table. Repeatable.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only the experiment of this name in the list. Repeatable."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every experiment of every document.")
    ] = False,
    scale: Annotated[
        str, typer.Option(help="small (two cores, minutes) or paper (the document's own size).")
    ] = "small",
    to: Annotated[
        Path | None, typer.Option("--to", "-o", help="Folder. Default: reproduced/SCALE.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--force", help="Run again what was run before; its models are kept.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds a training gets.")] = 2,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Run the experiments of a document and put our results beside the published ones.

    What was run is kept, and models are shared: a run that was stopped goes on where it was.

    Example: [bold]narrows reproduce kovenko-2020 --figure 12[/]
    """
    from ..papers import PAPERS, SCALES, Lab, write_index, write_paper

    if scale not in SCALES:
        raise ValueError(f"--scale is {' or '.join(SCALES)}; we got {scale!r}")
    labels = [f"figure {name}" for name in figure or []]
    labels += [f"table {name}" for name in table or []] + (only or [])
    if every and (paper or labels):
        raise ValueError("--all runs everything; name a document and figures, or --all")
    folder = to or Path("reproduced") / scale
    if paper is None and not every:
        if labels:
            raise ValueError("figures and tables belong to a document: name it first")
        return _list(folder, scale, as_json)
    if paper is not None and paper not in PAPERS:
        raise ValueError(f"there is no document {paper!r}; there are {', '.join(PAPERS)}")
    chosen = [one for key, one in PAPERS.items() if every or key == paper]
    todo = [(one, each) for one in chosen for each in one.chosen(labels)]
    lab: Any = Lab(folder / "models", scale, seeds=tuple(range(seeds)), device=device)  # type: ignore[arg-type]
    done, missing = [], []
    for number, (one, each) in enumerate(todo, 1):
        found, reason = _one(one, each, lab, folder, again, f"{number}/{len(todo)}")
        if found is None:
            missing.append({"paper": one.key, "experiment": list(each.labels), "reason": reason})
        else:
            done.append({"paper": one.key, **found.document})
        write_paper(one, folder)
        write_index(PAPERS.values(), folder)
    page = folder / ("index.html" if every else f"{paper}/index.html")
    document = {"page": str(page), "results": done, "missing": missing}
    printed(document, as_json, _told(done, missing, page))
    if missing:
        raise typer.Exit(1)


def _one(
    paper: Paper, chosen: Experiment, lab: Lab, folder: Path, again: bool, count: str
) -> tuple[Found | None, str]:
    """Run or read one experiment; None and why where a set is missing."""
    from ..errors import Interrupted, Unavailable
    from ..papers import kept, reproduce

    known = None if again else kept(paper, chosen, lab, folder)
    say = f"[{count}] {paper.key}, {chosen.name}: {chosen.title}"
    if known is not None:
        print(f"{say}: was run before", file=sys.stderr)
        return known, ""
    print(say, file=sys.stderr)
    try:
        found = reproduce(paper, chosen, lab, folder)
    except Unavailable as error:
        print(f"  left out: {error}", file=sys.stderr)
        return None, str(error)
    except Interrupted as error:
        stopped = str(error).split(";", 1)[0]
        raise Interrupted(f"{stopped}; the same command goes on from here") from error
    took = found.document["seconds"]["here"]
    print(
        f"  {found.document['verdict']} ({took:.0f} s): {found.document['words']}", file=sys.stderr
    )
    return found, ""


def _told(done: list[dict[str, Any]], missing: list[dict[str, Any]], page: Path) -> str:
    lines = [
        f"{each['paper']}, {', '.join(each['experiment'])}: {each['verdict']}. {each['words']}"
        for each in done
    ]
    lines += [
        f"{each['paper']}, {', '.join(each['experiment'])}: left out: {each['reason']}"
        for each in missing
    ]
    return "\n".join([*lines, "", f"open {page.resolve()} in a browser"])


def _list(folder: Path, scale: str, as_json: bool) -> None:
    """Every experiment, its sets, what it found in ``folder`` if it was run there, how long it takes."""
    from ..images import describe
    from ..papers import PAPERS, found_in, measured_seconds

    rows, lines = [], []
    for paper in PAPERS.values():
        lines += ["", f"{paper.key}: {paper.title}"]
        found = found_in(paper, folder)
        for one in paper.experiments:
            run = found.get(one.slug)
            usual, sets = measured_seconds(paper, one), one.sets(scale)
            lacks = [name for name in sets if describe(name).where is None]
            row = {
                "paper": paper.key,
                "experiment": list(one.labels),
                "title": one.title,
                "claim": one.claim,
                "data": list(sets),
                "missing": lacks,
                "seconds": {
                    "two cores, small": usual,
                    "here": run.document["seconds"] if run else None,
                },
                "verdict": run.document["verdict"] if run else None,
            }
            rows.append(row)
            state = "" if usual is None or scale != "small" else f"· {_minutes(usual)}"
            if run:
                took = max(run.document["seconds"].values())
                state = f"· {run.document['verdict']}, {_minutes(took)}"
            if lacks:
                state = f"· not here: {', '.join(lacks)}"
            lines.append(f"  {one.name}: {one.title} ({', '.join(sets)}) {state}".rstrip())
            lines += textwrap.wrap(
                one.claim, 96, initial_indent="      ", subsequent_indent="      "
            )
    size = "" if scale == "small" else f" --scale {scale}"
    lines += [
        "",
        "minutes are of two cores at --scale small; --scale paper is for a GPU and was not timed",
        f"narrows reproduce DOCUMENT --figure 4{size}   runs one of them",
        f"narrows reproduce --all{size}",
    ]
    printed(rows, as_json, "\n".join(lines[1:]))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
