"""Outliers: the most anomalous pictures first, a threshold, and what a person says of them.

which are normal ──job: nw.outliers──► scores, p-values ──► the queue of the page
a row ──applications.ErrorMaps──► what the model sees, makes of it, and where they differ
a verdict ──► the column ``verdict`` of the collection: ``anomaly`` or ``normal``
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from .. import outliers
from ..applications import ErrorMaps, FalseAlarms, Outliers, decide
from ..applications.decisions import attainable
from ..autoencoder import Autoencoder
from ..errors import NarrowsError, NoImages
from . import wire
from .filters import Condition, ids_in, where
from .map import Key, Row, shown
from .rows import Rows
from .session import Progress, Session

__all__ = ["NAME", "VERDICT", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "outliers"
JOB = "outliers"
VERDICT = "verdict"
VERDICTS = ("anomaly", "normal")
MOST = 10_000  # pictures that are named one by one


class Question(BaseModel):
    """Which pictures are normal, and which are in question."""

    key: str = Field(max_length=64)
    normal: list[Condition] = Field(default_factory=list, max_length=12)
    normal_rows: list[Row] = Field(default_factory=list, max_length=MOST)
    among: Literal["all", "others"] = "all"


class Verdicts(BaseModel):
    """What a person says of some rows; None takes it back."""

    key: str = Field(max_length=64)
    rows: list[Row] = Field(min_length=1, max_length=MOST)
    verdict: Literal["anomaly", "normal"] | None


@dataclass
class Found:
    """What was found last.

    Attributes:
        result: the verb's.
        number: which one, counted from the start of the studio.
        maps: of errors, made when the first is asked for.
    """

    result: Outliers
    number: int
    maps: ErrorMaps | None = None


def missing(session: Session) -> str:
    """Why nothing can be judged."""
    return session.missing.get("rows", "") or session.missing.get("model", "")


def routes(session: Session) -> APIRouter:
    """What the page of outliers asks."""
    router = APIRouter(prefix="/api/outliers", tags=["outliers"])
    found: list[Found] = session.kept.setdefault(NAME, [])  # the newest, if there is any
    lock = threading.Lock()

    session.on_adopted.append(found.clear)

    @router.put("")
    def score(asked: Question) -> dict[str, Any]:
        """Begin to look for outliers; scores become columns of the collection."""
        return begin(asked, write=True)

    @router.post("")
    def look(asked: Question) -> dict[str, Any]:
        """Begin to look for outliers; the collection stays as it is."""
        return begin(asked, write=False)

    def begin(asked: Question, write: bool) -> dict[str, Any]:
        rows = session.shown(asked.key)
        if asked.normal_rows:
            normal = ids_in(rows, asked.normal_rows)
        else:
            normal = where(rows, asked.normal) or "true"
        among = "true" if asked.among == "all" else None
        if among is None and normal == "true":
            raise ValueError(
                "all pictures are called normal, so that there are no others: say which are normal, or "
                "look among all of them"
            )

        def work(progress: Progress) -> None:
            result = outliers(
                rows.collection, normal=normal, where=among, write=write,
                progress=progress,
            )  # fmt: skip
            written = {f"score_{n.replace('/', '_')}": v for n, v in result.scores.items()}
            if write:
                rows.took(result.ids, written)
            found[:] = [Found(result, found[-1].number + 1 if found else 1)]

        return {"job": session.jobs.again(JOB, "looking for outliers", work, stops=True).name}

    @router.get("")
    def queue(key: Key, score: Annotated[str, Query(max_length=60)] = "") -> Response:
        """Rows from the most anomalous on, scores, p-values and verdicts; normal scores in ascending order.

        The number is 0 where nothing has been looked for.
        """
        rows = session.shown(key)
        if not found:
            return wire.columns({"number": 0})
        last = found[-1]
        result = last.result
        decision = result if score in ("", result.by) else _by(result, score)
        by = decision.by
        order = [(int(i), rows.row_of(result.ids[i])) for i in decision.order]
        places = np.array([i for i, row in order if row is not None], np.int64)
        head = {
            "number": last.number, "by": by, "names": result.whole, "rule": decision.rule,
            "threshold": decision.threshold if np.isfinite(decision.threshold) else None,
            "judged": result.judged.name, "decodes": isinstance(session.model, Autoencoder),
            "notes": [session.said(note) for note in result.notes],
        }  # fmt: skip
        there = np.array([row for _, row in order if row is not None], np.uint32)
        return wire.columns(
            head, rows=there, scores=decision.scores[by][places], p=decision.p_values[places],
            normal=np.sort(decision.normal[by]), verdicts=_verdicts(rows)[there],
        )  # fmt: skip

    @router.get("/csv")
    def exported(
        key: Key,
        score: Annotated[str, Query(max_length=60)] = "",
        threshold: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    ) -> Response:
        """The queue as CSV: id, score, p-value, whether it lies above the threshold, and what was said of it."""
        rows = session.shown(key)
        if not found:
            raise NoImages("no outliers have been looked for yet: say which pictures are normal")
        result = found[-1].result
        decision = result if score in ("", result.by) else _by(result, score)
        least = decision.threshold if threshold is None else threshold
        verdicts, words = _verdicts(rows), ("", *VERDICTS)
        lines: list[list[Any]] = [["id", decision.by, "p", "above", "verdict"]]
        for place in decision.order.tolist():
            row = rows.row_of(result.ids[place])
            if row is not None:
                value = float(decision.scores[decision.by][place])
                said = words[int(verdicts[row])]
                lines.append(
                    [
                        rows.ids[row],
                        f"{value:.6g}",
                        f"{decision.p_values[place]:.6g}",
                        value > least,
                        said,
                    ]
                )
        return wire.csv_file(lines, "outliers.csv")

    @router.get("/seen/{row}")
    def seen(row: int, key: Key) -> Response:
        """Three frames: a picture as the model takes it, its reconstruction, and where they differ."""
        rows = session.shown(key)
        if not found:
            raise NoImages("no outliers have been looked for yet: say which pictures are normal")
        last = found[-1]
        id_ = rows.ids[rows.checked(row)]
        place = {name: i for i, name in enumerate(last.result.ids)}.get(id_)
        if place is None:
            raise ValueError("this picture was not among those in question")
        model = session.autoencoder()
        with session.in_use, lock:
            if last.maps is None:
                last.maps = ErrorMaps.of(model, last.result.judged.images)
            x = last.result.images.batch(torch.tensor([place])).cpu()
            made, hot = last.maps(x)
        frames = [shown(torch.as_tensor(each) / 255) for each in (made, hot)]
        return wire.columns({"id": id_}, frames=np.concatenate([shown(x), *frames]))

    @router.put("/verdicts")
    def verdict(asked: Verdicts) -> dict[str, Any]:
        """Keep what a person says; gives what was said of each before."""
        rows = session.shown(asked.key)
        with session.writing:
            before = _verdicts(rows)[[rows.checked(row) for row in asked.rows]]
            rows.write(VERDICT, asked.rows, [asked.verdict] * len(asked.rows))
            session.jobs.changes += 1
        words = (None, *VERDICTS)
        return {"before": [words[int(each)] for each in before]}

    return router


def _by(result: Outliers, score: str) -> Any:
    """The decision of another score, at the usual rate of false alarms."""
    if score not in result.whole:
        raise ValueError(f"there is no score {score!r}; there are {', '.join(result.whole)}")
    rule, _ = attainable(FalseAlarms(), len(result.judged), result.judged.name)
    return decide({score: result.normal[score]}, {score: result.scores[score]}, rule)


def _verdicts(rows: Rows) -> Array:
    """Of each row 0 where nothing was said, 1 for an anomaly, 2 for a normal picture.

    Raises:
        NarrowsError: the collection has a column of that name that is not ours.
    """
    known = rows.columns.get(VERDICT)
    if known is None:
        return np.zeros(len(rows), np.uint8)
    odd = set(known.tolist()) - {None, *VERDICTS}
    if odd:
        raise NarrowsError(
            f"the collection has a column {VERDICT} of its own, with other values than anomaly and "
            "normal, and it is not written over: index the pictures again with that column renamed"
        )
    return np.select([known == name for name in VERDICTS], [1, 2], 0).astype(np.uint8)
