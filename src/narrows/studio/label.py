"""Label a few: a person names some pictures, a probe on the codes proposes the names of the rest.

selected rows, a name ──► the column ``hand_label`` of the collection
ten of two classes or more ──fit_classifier(codes)──► proposals, least certain first ──► CSV
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ..applications import Classifier, fit_classifier
from ..errors import NarrowsError
from . import wire
from .map import Key, Row
from .rows import Rows
from .session import Session

__all__ = ["COLUMN", "NAME", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "label"
COLUMN = "hand_label"
ENOUGH = 10  # labelled pictures from which the rest is proposed
CLASSES = 200
MOST = 100_000  # rows that are named at a time


class Named(BaseModel):
    """Rows and their class; None takes it away."""

    key: str = Field(max_length=64)
    rows: list[Row] = Field(min_length=1, max_length=MOST)
    name: Annotated[str, Field(min_length=1, max_length=100)] | None


def missing(session: Session) -> str:
    """Why nothing can be labelled."""
    return session.missing.get("rows", "")


def routes(session: Session) -> APIRouter:
    """What the page of labels asks."""
    router = APIRouter(prefix="/api/label", tags=["label"])

    @router.get("")
    def labels(key: Key) -> Response:
        """The classes, and the number of each row's, uint8; 255 where it has none."""
        rows = session.shown(key)
        names, which = _labels(rows)
        return wire.columns({"names": names, "enough": ENOUGH}, which=which)

    @router.put("")
    def label(asked: Named) -> dict[str, Any]:
        """Put rows into a class; gives the class of each before."""
        rows = session.shown(asked.key)
        with session.writing:
            names, which = _labels(rows)
            if asked.name is not None and asked.name not in names and len(names) >= CLASSES:
                raise ValueError(f"at most {CLASSES} classes can be told apart here")
            before = which[[rows.checked(row) for row in asked.rows]].tolist()
            rows.write(COLUMN, asked.rows, [asked.name] * len(asked.rows))
            session.jobs.changes += 1
        return {"before": [names[each] if each < len(names) else None for each in before]}

    @router.get("/proposals")
    def proposals(key: Key) -> Response:
        """A class for every row that has none, the least certain first, with the margin of its probability."""
        rows = session.shown(key)
        probe = _probe(rows)
        if probe is None:
            return wire.columns({"names": []})
        open_, which, certainty = _proposed(rows, probe)
        order = np.argsort(certainty, kind="stable")
        head = {"names": [str(name) for name in probe.classes], "held_out": probe.held_out}
        return wire.columns(
            head,
            rows=open_[order].astype(np.uint32),
            which=which[order].astype(np.uint8),
            certainty=certainty[order].astype(np.float32),
        )

    @router.get("/csv")
    def exported(key: Key, proposed: bool = True) -> Response:
        """id, label, by (hand or probe) and certainty of every picture that has a class, as CSV."""
        rows = session.shown(key)
        names, which = _labels(rows)
        lines = [["id", "label", "by", "certainty"]]
        lines += [
            [rows.ids[i], names[which[i]], "hand", ""] for i in np.flatnonzero(which < 255).tolist()
        ]
        probe = _probe(rows) if proposed else None
        if probe is not None:
            found = zip(*(each.tolist() for each in _proposed(rows, probe)), strict=True)
            lines += [[rows.ids[i], probe.classes[c], "probe", f"{p:.4f}"] for i, c, p in found]
        return wire.csv_file(lines, "labels.csv")

    return router


def _labels(rows: Rows) -> tuple[list[str], Array]:
    """The classes in the order of their names, and which one each row has, uint8; 255 for none.

    Raises:
        NarrowsError: the collection has a column of that name that holds other things.
    """
    known = rows.columns.get(COLUMN)
    which = np.full(len(rows), 255, np.uint8)
    if known is None:
        return [], which
    there = np.array([name is not None for name in known.tolist()])
    names, numbers = np.unique(known[there].astype(str), return_inverse=True)
    if known.dtype != object or len(names) > CLASSES:
        raise NarrowsError(
            f"the collection has a column {COLUMN} that holds no classes (at most {CLASSES} texts), and "
            "it is not written over: index the pictures again with that column renamed"
        )
    which[there] = numbers
    return names.tolist(), which


def _probe(rows: Rows) -> Classifier | None:
    """A linear probe of the codes; None before there are ten labels, of two classes with two each."""
    names, which = _labels(rows)
    there = which < 255
    counts = np.bincount(which[there], minlength=1)
    if there.sum() < ENOUGH or len(names) < 2 or len(names) > counts.sum() / 2:
        return None
    return fit_classifier(rows.codes[there], np.array(names)[which[there]], "linear")


def _proposed(rows: Rows, probe: Classifier) -> tuple[Array, Array, Array]:
    """Rows without a label, the number of the class that each may have, and by how much it leads."""
    open_ = np.flatnonzero(_labels(rows)[1] == 255)
    if not len(open_):
        return open_, open_, open_.astype(np.float64)
    chances = probe.probabilities(rows.codes[open_])
    best = np.sort(chances, axis=1)
    return open_, chances.argmax(1), best[:, -1] - best[:, -2]
