"""``narrows reproduce``: the experiments of the five documents, each one command."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from multiprocessing.queues import SimpleQueue

    from narrows_studies import Document, Experiment, Found, Lab

__all__ = ["reproduce"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Chosen = Annotated[
    str | None, typer.Argument(help="A document, such as kovenko-2020. Default: list them.")
]
Figures = Annotated[
    list[str] | None, typer.Option(help="Only this figure, such as 12. Repeatable.")
]
Tables = Annotated[list[str] | None, typer.Option(help="Only this table. Repeatable.")]
Only = Annotated[
    list[str] | None, typer.Option(help="Only the experiment of this name in the list. Repeatable.")
]
Every = Annotated[bool, typer.Option("--all", help="Every experiment of every document.")]
Scale = Annotated[
    str, typer.Option(help="small (two cores, minutes) or paper (the document's own size).")
]
To = Annotated[Path | None, typer.Option("--to", "-o", help="Folder. Default: reproduced/SCALE.")]
Force = Annotated[
    bool, typer.Option("--force", help="Run again what was run before; its models are kept.")
]
OwnClaim = Annotated[
    Path | None,
    typer.Option(
        "--claim", help="Run a claim of your own: a TOML file (its keys: docs/guides/research.md)."
    ),
]
Seeds = Annotated[int, typer.Option(min=1, help="How many seeds a training gets.")]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Experiments at once, each with its share of the cores.",
    ),
]


@app.command()
def reproduce(
    paper: Chosen = None,
    figure: Figures = None,
    table: Tables = None,
    only: Only = None,
    every: Every = False,
    claim: OwnClaim = None,
    scale: Scale = "small",
    to: To = None,
    again: Force = False,
    seeds: Seeds = 2,
    device: options.Device = "auto",
    jobs: Jobs = 1,
    as_json: options.Json = False,
) -> None:
    """Run the experiments of a document and put our results beside the published ones.

    What was run is kept, and models are shared: a run that was stopped goes on where it was.

    Example: [bold]narrows reproduce kovenko-2020 --figure 12[/]
    """
    from narrows_studies import DOCUMENTS, SCALES
    from narrows_studies.claims import document_of, read_claim

    if scale not in SCALES:
        raise ValueError(f"--scale is {' or '.join(SCALES)}; we got {scale!r}")
    labels = [f"figure {name}" for name in figure or []]
    labels += [f"table {name}" for name in table or []] + (only or [])
    folder = to or Path("reproduced") / scale
    if claim is not None:
        if paper or every or labels:
            raise ValueError("--claim runs one file; leave out documents, figures and --all")
        own = document_of(read_claim(claim), claim.stem)
        if own.key in DOCUMENTS:
            raise ValueError(
                f"{claim}: {own.key} is the name of a document; name the file otherwise"
            )
        todo = [(own, own.experiments[0])]
    elif paper is None and not every and not labels:
        return _list(folder, scale, as_json)
    else:
        todo = _chosen(paper, labels, every)
    if jobs > 1 and claim is not None:
        raise ValueError("--jobs runs several experiments at once, and a claim is one")
    asked = Asked(folder, scale, seeds, device, again)
    done, missing = _run(todo, asked) if jobs == 1 else _at_once(todo, asked, jobs)
    page = folder / ("index.html" if every else f"{todo[0][0].key}/index.html")
    document = {"page": str(page), "results": done, "missing": missing}
    printed(document, as_json, _told(done, missing, page))
    if missing:
        raise typer.Exit(1)


class Asked(NamedTuple):
    """Where and how experiments are run."""

    folder: Path
    scale: str
    seeds: int
    device: str
    again: bool


Outcome = tuple[list[dict[str, Any]], list[dict[str, Any]]]  # of what was done, of what is missing


def _lab(asked: Asked, report: str) -> Lab:
    from narrows_studies import Lab

    return Lab(
        asked.folder / "models",
        asked.scale,  # type: ignore[arg-type]
        seeds=tuple(range(asked.seeds)),
        device=asked.device,
        report=report,
    )


def _run(todo: list[tuple[Document, Experiment]], asked: Asked) -> Outcome:
    """One experiment after the other, and the pages after each."""
    lab, outcomes = _lab(asked, "auto"), []
    for number, (one, each) in enumerate(todo, 1):
        outcomes.append(_one(one, each, lab, asked, f"{number}/{len(todo)}"))
        _write(one, asked.folder)
    return _outcome(todo, outcomes)


def _write(paper: Document, folder: Path) -> None:
    """The pages, after an experiment of a document."""
    from narrows_studies import DOCUMENTS, write_document, write_index

    write_document(paper, folder)
    write_index(DOCUMENTS.values(), folder)


def _outcome(
    todo: list[tuple[Document, Experiment]], outcomes: list[tuple[Found | None, str]]
) -> Outcome:
    done, missing = [], []
    for (one, each), (found, reason) in zip(todo, outcomes, strict=True):
        if found is None:
            missing.append({"paper": one.key, "experiment": list(each.labels), "reason": reason})
        else:
            done.append({"paper": one.key, **found.document})
    return done, missing


# ---- beside each other ---------------------------------------------------------------------------


class _Told(io.TextIOBase):
    """Standard error of another process: its lines are handed to the first one, whose own is the terminal's."""

    def __init__(self, lines: SimpleQueue[str]) -> None:
        self._lines, self._rest = lines, ""

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._lines.put(line)
        return len(text)


def _at_once(todo: list[tuple[Document, Experiment]], asked: Asked, jobs: int) -> Outcome:
    """Experiments beside each other, in an order in which they seldom want the same model at the same time."""
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from multiprocessing import active_children, get_context

    context = get_context("spawn")
    lines = context.SimpleQueue()
    threads = max(1, (os.cpu_count() or 1) // jobs)
    order = _Order(todo)
    at: dict[Future[tuple[Found | None, str]], tuple[int, bool]] = {}
    outcomes: dict[int, tuple[Found | None, str]] = {}
    with (
        _shared(threads),
        ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begun, initargs=(lines, threads)
        ) as pool,
    ):
        try:
            while order.rest or at:
                while order.rest and len(at) < jobs:  # none is handed out before it can begin
                    number, end = order.next()
                    count = f"{len(outcomes) + len(at) + 1}/{len(todo)}"
                    one, each = todo[number]
                    at[pool.submit(_apart, one.key, each.slug, asked, count)] = number, end
                ended, _ = wait(at, timeout=0.2, return_when=FIRST_COMPLETED)
                while not lines.empty():
                    print(lines.get(), file=sys.stderr)
                for future in ended:
                    number, end = at.pop(future)
                    outcomes[number] = future.result()
                    _write(todo[number][0], asked.folder)
                    order.ended(number, end)
        except BaseException as error:  # those that are at work keep what they have and end
            for process in active_children():
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signal.SIGINT)  # type: ignore[arg-type]  # it has begun
            if isinstance(error, KeyboardInterrupt):
                print("the same command goes on from here", file=sys.stderr)
            raise
    return _outcome(todo, [outcomes[number] for number in range(len(todo))])


class _Order:
    """Which experiment is next: only those of one document share models, and those at its two ends the fewest.

    A document that nobody is at comes first, the longest of them; then the other end of the longest.
    """

    def __init__(self, todo: list[tuple[Document, Experiment]]) -> None:
        from narrows_studies import measured_seconds

        self._of = [one.key for one, _ in todo]
        self._seconds = [measured_seconds(*each) or 0.0 for each in todo]
        self.rest = list(range(len(todo)))
        self._begun: set[str] = set()
        self._free: list[tuple[str, bool]] = []  # documents and ends that a process was at

    def next(self) -> tuple[int, bool]:
        """The number of an experiment that is left, and whether it is at the end of its document."""
        while self._free:
            key, end = self._free.pop()
            if self._left(key):
                return self._take(key, end)
        keys = list(dict.fromkeys(self._of[number] for number in self.rest))
        new = [key for key in keys if key not in self._begun]
        key = max(new or keys, key=lambda key: sum(self._seconds[n] for n in self._left(key)))
        self._begun.add(key)
        return self._take(key, not new)

    def ended(self, number: int, end: bool) -> None:
        """Whoever was at it may go on beside it."""
        self._free.append((self._of[number], end))

    def _left(self, key: str) -> list[int]:
        return [number for number in self.rest if self._of[number] == key]

    def _take(self, key: str, end: bool) -> tuple[int, bool]:
        number = self._left(key)[-1 if end else 0]
        self.rest.remove(number)
        return number, end


@contextlib.contextmanager
def _shared(threads: int) -> Iterator[None]:
    """Processes that begin meanwhile give linear algebra so many threads, too, unless the user said how many.

    It reads them when it is loaded. Threads that find no free core wait by spinning: two processes with two threads
    each on two cores took up to eight times the processor's time in scikit-learn's classifiers.
    """
    wanted = {name: str(threads) for name in THREADS if name not in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]


def _begun(lines: SimpleQueue[str], threads: int) -> None:
    """A process for experiments begins."""
    import torch

    sys.stderr = _Told(lines)
    torch.set_num_threads(threads)


def _apart(key: str, slug: str, asked: Asked, count: str) -> tuple[Found | None, str]:
    """One experiment, in a process that others ran in before."""
    from narrows_studies import DOCUMENTS

    paper = DOCUMENTS[key]
    (chosen,) = (each for each in paper.experiments if each.slug == slug)
    return _one(paper, chosen, _lab_here(asked), asked, count)


@cache
def _lab_here(asked: Asked) -> Lab:
    """What this process keeps between experiments: the sets that it has read."""
    return _lab(asked, "quiet")


# ---- one experiment ------------------------------------------------------------------------------


def _chosen(paper: str | None, labels: list[str], every: bool) -> list[tuple[Document, Experiment]]:
    """The experiments that are asked for, each with its document."""
    from narrows_studies import DOCUMENTS

    if every and (paper or labels):
        raise ValueError("--all runs everything; name a document and figures, or --all")
    if paper is None and not every:
        raise ValueError("figures and tables belong to a document: name it first")
    if paper is not None and paper not in DOCUMENTS:
        raise ValueError(f"there is no document {paper!r}; there are {', '.join(DOCUMENTS)}")
    chosen = [one for key, one in DOCUMENTS.items() if every or key == paper]
    return [(one, each) for one in chosen for each in one.chosen(labels)]


def _one(
    paper: Document, chosen: Experiment, lab: Lab, asked: Asked, count: str
) -> tuple[Found | None, str]:
    """Run or read one experiment; None and why where a set is missing or it fails."""
    from narrows_studies import kept, reproduce

    from ..errors import Interrupted, NarrowsError

    known = None if asked.again else kept(paper, chosen, lab, asked.folder)
    say = f"[{count}] {paper.key}, {chosen.name}: {chosen.title}"
    if known is not None:
        print(f"{say}: was run before", file=sys.stderr)
        return known, ""
    print(say, file=sys.stderr)
    try:
        found = reproduce(paper, chosen, lab, asked.folder)
    except Interrupted as error:
        stopped = str(error).split(";", 1)[0]
        raise Interrupted(f"{stopped}; the same command goes on from here", error.signal) from error
    except (NarrowsError, ValueError) as error:  # the others go on
        print(f"  left out: {error}", file=sys.stderr)
        return None, str(error)
    took = found.document["seconds"]["here"]
    verdict, words = found.document["verdict"], found.document["words"]
    print(f"{paper.key}, {chosen.name}: {verdict} ({took:.0f} s). {words}", file=sys.stderr)
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
    from narrows_studies import DOCUMENTS, overview

    rows, lines = overview(DOCUMENTS.values(), folder, scale), []
    for paper in DOCUMENTS.values():
        lines += ["", f"{paper.key}: {paper.title}"]
        for row in (row for row in rows if row["paper"] == paper.key):
            name, sets = ", ".join(row["experiment"]), ", ".join(row["data"])
            lines.append(f"  {name}: {row['title']} ({sets}) {_state(row, scale)}".rstrip())
            lines += textwrap.wrap(
                row["claim"], 96, initial_indent="      ", subsequent_indent="      "
            )
    size = "" if scale == "small" else f" --scale {scale}"
    lines += [
        "",
        "minutes are of one core at --scale small, its trainings too; --scale paper is for a GPU and was not timed",
        f"narrows reproduce DOCUMENT --figure 4{size}   runs one of them",
        f"narrows reproduce --all{size}",
    ]
    printed(rows, as_json, "\n".join(lines[1:]))


def _state(row: dict[str, Any], scale: str) -> str:
    """What was found, how long it takes, or which sets are missing."""
    if row["missing"]:
        return f"· not here: {', '.join(row['missing'])}"
    if row["verdict"]:
        return f"· {row['verdict']}, {_minutes(max(row['seconds']['here'].values()))}"
    usual = row["seconds"]["one core, small"]
    return "" if usual is None or scale != "small" else f"· {_minutes(usual)}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
