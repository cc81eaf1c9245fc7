"""What a training leaves beside the weights: how pictures became inputs, and which ones it has seen.

    fit ──► Run(preprocessing, seen, seed, history) ──save──► run.toml, seen.safetensors, metrics.jsonl
                     │                                        local.toml: what stays on this machine
                     │
                     └── split(images) ──► trained · validated · new, by content

``Run.split`` is the only judge of what is held out. Where a run does not know what it has seen, every
picture counts as seen.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import files
from ..errors import BadFile
from ..images import Images, Preprocessing, Source
from ..images import split as divide
from ..images.contents import Keys, content_keys
from ..images.inputs import pictures
from ..images.views import Subset
from ..tables import Table
from .standing import Standing, standings_of

__all__ = [
    "History",
    "Portion",
    "Run",
    "RunSplit",
    "facts_of",
    "history_of",
    "record_of",
    "seen_of",
    "shared_facts_of",
]

VERSION = 1
FACTS, LOCAL, SEEN = "run.toml", "local.toml", "seen.safetensors"
# facts that go with a model; the others stay in its run
SHARED = ("classes", "trained_on", "measured")
LARGE = 1e300  # what no number of a line reaches
MOST_METRICS = 64 << 20  # bytes of metrics.jsonl that are read: some 200,000 epochs
SHOWN = 5  # epochs of either end


@dataclass(frozen=True)
class Portion:
    """Pictures and what may be said of them.

    Attributes:
        images: the pictures.
        name: ``held-out`` (neither trained on nor used to choose weights), ``validation`` (used to
            choose the weights), ``training``, or ``seen`` (not known to be anything better).
    """

    images: Any
    name: str

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, repr=False)
class RunSplit:
    """Pictures divided by what a run has seen of them.

    Attributes:
        images: all of them.
        trained, validated, new: positions (M,) int64 in ``images``.
        known: False where the run does not know what it has seen; then all are in ``trained``.
        note: a sentence about that; empty where there is nothing to say.
    """

    images: Any
    trained: np.ndarray[Any, np.dtype[np.int64]]
    validated: np.ndarray[Any, np.dtype[np.int64]]
    new: np.ndarray[Any, np.dtype[np.int64]]
    known: bool = True
    note: str = ""

    def __repr__(self) -> str:
        names = ("trained", "validated", "new")
        counts = ", ".join(f"{len(getattr(self, name)):,} {name}" for name in names)
        return f"<RunSplit: {counts}{f'; {self.note}' if self.note else ''}>"

    def part(self, name: str) -> Any:
        """The pictures of ``trained``, ``validated`` or ``new``; None where there are none."""
        rows = getattr(self, name)
        return _select(self.images, rows) if len(rows) else None

    @property
    def held_out(self) -> Any:
        """The pictures that the run has not seen; None where there are none."""
        return self.part("new")

    def evaluation(self, wanted: str | None = None) -> Portion:
        """What numbers are best taken from: new pictures, else those of validation, else all.

        A handful of new pictures among more validated ones (fewer than half as many, below 100) is
        too few to judge by.

        Args:
            wanted: ``train``, ``validation``, ``test`` (new pictures) or ``all`` instead.

        Raises:
            ValueError: no such part, or it is empty.
        """
        names = {"train": "trained", "validation": "validated", "test": "new"}
        said = {"trained": "training", "validated": "validation", "new": "held-out"}
        if not self.known:
            said = dict.fromkeys(said, "seen")
        if wanted == "all":
            only = [said[each] for each in said if len(getattr(self, each)) == len(self.images)]
            return Portion(self.images, only[0] if only else "all")
        if wanted is not None:
            if wanted not in names:
                raise ValueError(f"a part is {', '.join(names)} or all; we got {wanted!r}")
            images = self.part(names[wanted])
            if images is None:
                raise ValueError(
                    f"none of the {len(self.images):,} pictures is of the {wanted} part of this "
                    "model's training; take all of them with 'all'"
                )
            return Portion(images, said[names[wanted]])
        enough = len(self.new) >= min(100, (len(self.validated) + 1) // 2)
        for name in ("new", "validated") if enough else ("validated", "new"):
            if len(getattr(self, name)):
                return Portion(self.part(name), said[name])
        return Portion(self.images, said["trained"])

    def fitting(self, share: float = 0.5, seed: int = 0) -> tuple[Any, Portion]:
        """Pictures to fit something to (a probe, distances, a table), and others to judge it by.

        No content is in both. Fitted is to what was trained on, judged by ``evaluation``. Where none was
        trained on, or all were, or nothing is known, the pictures of that evaluation are divided by
        their own official split, else by content, ``share`` of them to judge by.

        Raises:
            ValueError: a single content cannot be divided.
        """
        judged = self.evaluation()
        if len(judged) < len(self.images) and len(self.trained):
            return self.part("trained"), judged
        parts = divide(judged.images, validation=share, seed=seed)
        other = parts.test if parts.test is not None else parts.validation
        if other is None:
            raise ValueError(
                f"{len(judged):,} pictures of one content cannot be divided into those to fit "
                "to and those to judge by; give more"
            )
        return parts.train, Portion(other, judged.name)


class History(list[dict[str, Any]]):
    """A record for each epoch, with ``epoch``, ``loss`` and what else was measured, in nats per picture.

    A list that shows itself as a table.

    Attributes:
        damaged: lines of its file that could not be read, and are left out.
    """

    damaged: int = 0

    def table(self) -> Table:
        """The epochs, with what people look at."""
        titles = {
            **({"phase": "phase"} if any(record.get("phase") for record in self) else {}),
            "epoch": "epoch",
            "loss": "loss",
            "kl": "kl",
            "validation_loss": "validation loss",
            "best": "best",
            "seconds": "seconds",
        }
        there = {key: title for key, title in titles.items() if any(key in one for one in self)}
        digits = {"epoch": 0 if all(one["epoch"] % 1 == 0 for one in self) else 2}
        return Table.of_rows(self, there, digits=dict.fromkeys(there.values(), 2) | digits)

    def __repr__(self) -> str:
        return str(self._shown()) if self else "[]"

    def _repr_html_(self) -> str:
        return self._shown()._repr_html_()

    def _shown(self) -> Table:
        """The whole, or of many epochs the first and the last."""
        if len(self) <= 2 * SHOWN:
            return self.table()
        ends = History([*self[:SHOWN], *self[-SHOWN:]]).table()
        note = f"(the first and the last {SHOWN} of {len(self):,} epochs)"
        return Table(ends.columns, digits=ends.digits, notes=[note])


@dataclass(repr=False)
class Run:
    """A model's training, as far as others have to know of it.

    Attributes:
        preprocessing: how pictures became inputs.
        seen: ``train`` and ``validation`` → the content keys of those pictures, sorted; None where
            that is not known.
        seed: of every draw.
        history: a record for each epoch.
        folder: where the run lies; None where it is in memory only.
        facts: what else was written down of the training; see ``LOCAL``.
        notes: sentences about how it ended.
        standings: how its best weights do what a verb asks for, beside what needs no model.
    """

    preprocessing: Preprocessing
    seen: dict[str, Keys] | None = None
    seed: int = 0
    history: History = field(default_factory=History)
    folder: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    standings: tuple[Standing, ...] = ()

    def __repr__(self) -> str:
        counts = [f"{len(keys):,} of {name}" for name, keys in (self.seen or {}).items()]
        seen = f"has seen {' and '.join(counts)}" if counts else "does not say what it has seen"
        where = "" if self.folder is None else f", in {self.folder}"
        count = len(self.history)
        epochs = f"{count:,} epoch{'s' if count != 1 else ''}"
        return f"<Run: {seen}, {epochs}, seed {self.seed}{where}>"

    def split(self, images: Any) -> RunSplit:
        """Which of these pictures were trained on, which chose the weights, and which are new.

        Of patches all count as what the first patch of their picture is.

        Args:
            images: a Source, or anything that :func:`narrows.images.inputs.pictures` reads.
        """
        if not isinstance(images, Source):
            images = pictures(images, self.preprocessing)
        empty = np.zeros(0, np.int64)
        everything = np.arange(len(images))
        if self.seen is None:
            note = "this model does not say which pictures it was trained on: all count as seen"
            return RunSplit(images, everything, empty, empty, False, note)
        how = getattr(images, "preprocessing", None)
        if how is not None and not self.preprocessing.agrees(how):
            note = (
                f"these pictures were read as {how.description}, those of the training as "
                f"{self.preprocessing.description}, so that none can be recognised: all count as seen"
            )
            return RunSplit(images, everything, empty, empty, False, note)
        keys = content_keys(images)
        trained = np.isin(keys, self.seen["train"])
        validated = np.isin(keys, self.seen["validation"])
        if self.preprocessing.patches and (groups := getattr(images, "groups", None)) is not None:
            # another patch of a picture is no new picture; each first patch is one that was drawn
            _, first, whose = np.unique(groups, return_index=True, return_inverse=True)
            trained, validated = trained[first][whose], validated[first][whose]
        validated &= ~trained
        new = np.flatnonzero(~trained & ~validated)
        return RunSplit(images, np.flatnonzero(trained), np.flatnonzero(validated), new)

    def remember(self, train: Source, validation: Source | None) -> None:
        """Add the pictures of a training to those that were seen."""
        before = self.seen or {}
        found = {"train": train, "validation": validation}
        self.seen = {
            name: np.union1d(
                before.get(name, np.zeros(0, np.uint64)),
                np.zeros(0, np.uint64) if source is None else content_keys(source),
            )
            for name, source in found.items()
        }

    def save(self, folder: Path | str, local: bool = False) -> None:
        """Write ``run.toml`` and ``seen.safetensors`` beside a model.

        Args:
            local: also ``local.toml``, which says what is of this machine only: the command, and where
                the pictures lie.
        """
        folder = Path(folder)
        facts = {key: value for key, value in self.facts.items() if value is not None}
        if self.seen is not None:
            tensors = {n: torch.from_numpy(keys.view(np.int64)) for n, keys in self.seen.items()}
            files.save_tensors(folder / SEEN, tensors, {"version": VERSION})
        else:
            (folder / SEEN).unlink(missing_ok=True)
        shared = {key: facts.pop(key) for key in SHARED if key in facts}
        if self.standings:
            shared["standing"] = [one.document() for one in self.standings]
        files.save_toml(folder / FACTS, {"version": VERSION, "seed": self.seed, **shared})
        if local and facts:
            about = "Of this machine only: leave this file out where the model is given to others."
            files.save_toml(folder / LOCAL, facts, about)

    @staticmethod
    def load(folder: Path | str, preprocessing: Preprocessing) -> Run:
        """Read what a training left beside the model of a folder.

        Args:
            preprocessing: as the model's weights have it.

        Raises:
            BadFile: one of the files is damaged or of another model.
        """
        folder = Path(folder)
        facts = facts_of(folder)
        seed = facts.pop("seed", 0)
        facts.pop("version", None)
        facts.pop("standing", None)
        standings = standings_of(shared_facts_of(folder).get("standing", []))
        seen, history = seen_of(folder / SEEN), history_of(folder)
        return Run(preprocessing, seen, seed, history, folder, facts, standings=standings)


def facts_of(folder: Path | str) -> dict[str, Any]:
    """What ``local.toml`` and ``run.toml`` say; nothing for a model that was saved from Python.

    Raises:
        BadFile: ``run.toml`` is damaged, or of another version.
    """
    folder = Path(folder)
    local: dict[str, Any] = {}
    with contextlib.suppress(BadFile):  # nothing that a model needs is lost with it
        local = files.load_toml(folder / LOCAL)
    return local | shared_facts_of(folder)


def shared_facts_of(folder: Path) -> dict[str, Any]:
    """What ``run.toml`` says, which goes with a model; nothing where there is none.

    Raises:
        BadFile: it is damaged, or of another version.
    """
    path = folder / FACTS
    if not path.exists():
        return {}
    facts = files.load_toml(path)
    if facts.get("version") != VERSION:
        raise BadFile(f"{path} is of another version of Narrows; train the model again")
    if type(facts.get("seed")) is not int:
        raise BadFile(f"{path} is damaged: the seed is {str(facts.get('seed'))[:40]}")
    try:
        standings_of(facts.get("standing", []))
    except ValueError as error:
        raise BadFile(f"{path} is damaged: {str(error)[:200]}") from error
    return facts


def history_of(folder: Path | str) -> History:
    """The lines of ``metrics.jsonl``, one per epoch; none if there is no such file.

    A line that is damaged is left out, and counted in ``damaged``: a log never makes a model unreadable.
    """
    history, path = History(), Path(folder) / "metrics.jsonl"
    if not path.is_file():
        return history
    with open(path, "rb") as opened:
        lines = opened.read(MOST_METRICS).split(b"\n")
    for line in filter(None, lines):
        record = record_of(line)
        if record is None:
            history.damaged += 1
        else:
            history.append(record)
    return history


def record_of(line: bytes) -> dict[str, Any] | None:
    """A line of metrics; None if it is none, or lacks what every line has."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    others = [value for key, value in record.items() if key != "best"]
    if type(record.get("best", False)) is not bool or type(record.get("phase")) is not int:
        return None
    if not all(type(v) is float or type(v) is int and abs(v) < LARGE for v in others):
        return None
    finite = all(abs(record.get(key, math.inf)) < LARGE for key in ("epoch", "loss", "seconds"))
    return record if finite else None


def seen_of(path: Path) -> dict[str, Keys] | None:
    """The content keys of ``seen.safetensors``; None if there is no such file.

    Raises:
        BadFile: it is damaged or foreign.
    """
    if not path.exists():
        return None
    tensors, _ = files.load_tensors(path)
    good = {"train", "validation"} == tensors.keys()
    if not good or any(t.dtype != torch.int64 or t.ndim != 1 for t in tensors.values()):
        raise BadFile(f"{path} does not hold the pictures of a training; it is damaged or foreign")
    return {name: tensor.numpy().view(np.uint64) for name, tensor in tensors.items()}


def _select(images: Any, rows: Any) -> Any:
    if len(rows) == len(images):
        return images
    return images.select(rows) if isinstance(images, Images) else Subset(images, rows)
