"""The nouns of reproducing.

    Document ─► Experiment ──run(lab)──► Finding: pictures · rows (published | ours | baseline) · verdict

An experiment is a function of a ``Lab``, which gives it pictures and trained models; it returns what
it found and never writes a file.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .verdicts import Verdict

if TYPE_CHECKING:
    from .lab import Lab

__all__ = [
    "Judge",
    "Experiment",
    "Finding",
    "Document",
    "Row",
    "by_name",
    "command_of",
    "experiment",
]


@dataclass(frozen=True)
class Row:
    """A number of a document beside ours and the baseline's.

    Attributes:
        what: what is measured, of which model.
        ours: one value for each seed.
        published: as the document prints it; empty where it prints none.
        baselines: name → value.
        unit: of all of them.
        better: which way, where the baselines are what a reader could use instead.
        limits: those of the baselines that are not: real pictures, or codes of the same model.
    """

    what: str
    ours: Sequence[float]
    published: str = ""
    baselines: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    better: Literal["", "lower", "higher"] = ""
    limits: Collection[str] = ()

    def __post_init__(self) -> None:
        if not self.ours:
            raise ValueError(f"a row needs a number of ours; {self.what!r} has none")

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.ours)

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds, 0 for one."""
        return statistics.stdev(self.ours) if len(self.ours) > 1 else 0.0


def by_name(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows by what they measure."""
    return {row.what: row for row in rows}


Judge = Callable[[Sequence[Row]], Verdict]


@dataclass(frozen=True)
class Finding:
    """What an experiment found.

    Attributes:
        verdict: on the rows: ``shown`` where nothing in the claim can be measured. Where it does not hold,
            the curves of its trainings may make "not reached at this scale" of it (``at_scale``).
        words: the evidence, in a sentence or a few, with the numbers.
        pictures: caption → figure or array, the first laid out as the document's.
        rows: the numbers.
        deviations: from the document, each a sentence.
    """

    verdict: Verdict
    words: str
    pictures: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    deviations: Sequence[str] = ()


@dataclass(frozen=True)
class Experiment:
    """One figure, table or claim of a document.

    Attributes:
        labels: what it shows of the document: ``figure 4``, ``table 1``, ``§3.2``, or words.
        title: a few words.
        claim: what the document says, in ours.
        data: names of the sets that it needs.
        run: a lab → what was found.
        paper_data: names of the sets of the paper scale, where they are others.
        judge: rows → the verdict that ``run`` gives on them, where the rows alone decide.
        settings: what else a finding depends on; one of other settings is not kept.
        command: what runs it, where that is not its document and its label.
        shown: names of the sets that its pictures are of, where those are not all.
    """

    labels: tuple[str, ...]
    title: str
    claim: str
    data: tuple[str, ...]
    run: Callable[[Lab], Finding]
    paper_data: tuple[str, ...] = ()
    judge: Judge | None = None
    settings: str = ""
    command: str = ""
    shown: tuple[str, ...] = ()

    def sets(self, scale: str) -> tuple[str, ...]:
        """The names of the sets that it needs at a scale."""
        return self.paper_data if scale == "paper" and self.paper_data else self.data

    @property
    def name(self) -> str:
        """Its labels for people, figures in a row as one: ``figures 24–27``."""
        numbers = [re.fullmatch(r"figure (\d+)", label) for label in self.labels]
        found = [int(each[1]) for each in numbers if each]
        if len(found) < 2 or found != list(range(found[0], found[0] + len(found))):
            return ", ".join(self.labels)
        others = [label for label, each in zip(self.labels, numbers, strict=True) if not each]
        return ", ".join([*others, f"figures {found[0]}–{found[-1]}"])

    @property
    def option(self) -> str:
        """What chooses it on the command line: ``--figure 4``, ``--only "PCA claim"``."""
        kind, _, number = self.labels[0].partition(" ")
        if kind in ("figure", "table") and number and " " not in number:
            return f"--{kind} {number}"
        quoted = f'"{self.labels[0]}"' if number else self.labels[0]
        return f"--only {quoted}"

    @property
    def slug(self) -> str:
        """A name for files: ``figure-4``."""
        plain = self.labels[0].lower().replace("§", "section ").replace("β", "beta")
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def experiment(
    *labels: str,
    title: str,
    claim: str,
    data: Sequence[str],
    paper_data: Sequence[str] = (),
    judge: Judge | None = None,
    shown: Sequence[str] = (),
) -> Callable[[Callable[[Lab], Finding]], Experiment]:
    """Make an experiment of a function that takes a lab."""

    def made(run: Callable[[Lab], Finding]) -> Experiment:
        return Experiment(
            labels, title, claim, tuple(data), run, tuple(paper_data), judge, shown=tuple(shown)
        )

    return made


def command_of(paper: Document, one: Experiment) -> str:
    """What a reader types to run it."""
    return one.command or f"narrows reproduce {paper.key} {one.option}"


@dataclass(frozen=True)
class Document:
    """A document, its experiments, and why the rest of its figures are none.

    Attributes:
        key: its name on the command line: ``kovenko-2020``.
        title, authors, where: for people.
        experiments: in the document's order.
        explained: label of a figure that is no experiment → the reason.
        own: whether the claims are ours, so that there is no document to differ from.

    Raises:
        ValueError: a label that stands twice.
    """

    key: str
    title: str
    authors: str
    where: str
    experiments: tuple[Experiment, ...]
    explained: Mapping[str, str] = field(default_factory=dict)
    own: bool = False

    def __post_init__(self) -> None:
        labels = [label for one in self.experiments for label in one.labels] + [*self.explained]
        twice = {label for label in labels if labels.count(label) > 1}
        if twice:
            raise ValueError(f"{self.key} has {', '.join(sorted(twice))} more than once")

    def chosen(self, labels: Sequence[str]) -> list[Experiment]:
        """The experiments of some labels, in order; of none, all.

        Raises:
            ValueError: a label that is of no experiment, with the reason if there is one.
        """
        known = {label: one for one in self.experiments for label in one.labels}
        for label in labels:
            if label in self.explained:
                raise ValueError(f"{label} of {self.key} is no experiment: {self.explained[label]}")
            if label not in known:
                raise ValueError(f"{self.key} has no {label}; it has {', '.join(known)}")
        wanted = {known[label].slug for label in labels}
        return [one for one in self.experiments if not wanted or one.slug in wanted]
