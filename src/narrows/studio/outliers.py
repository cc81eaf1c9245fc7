"""Outliers: the most anomalous pictures first, a threshold, and what a person says of them.

which are normal ──job: nw.outliers──► scores, p-values ──► the queue of the page
a row ──applications.ErrorMaps──► what the model sees, makes of it, and where they differ
a verdict ──► the column ``verdict`` of the collection: ``anomaly`` or ``normal``
verdicts, or a column ──applications.cross_validated_scores──► which score finds most
a mask of the true flaw ──masks.py──► a PNG beside the collection ──localisation──► AUROC of pixels, IoU
uploads, or files that came meanwhile (watch.py) ──Outliers.judge, extended──► the same scores, nothing fitted again
"""

from __future__ import annotations

import base64
import binascii
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from .. import outliers
from ..applications import ErrorMaps, FalseAlarms, Outliers, cross_validated_scores, decide
from ..applications.decisions import attainable
from ..applications.opening import opened, opened_images
from ..applications.outliers import NORMAL
from ..applications.score_choice import FEWEST
from ..autoencoder import Autoencoder
from ..errors import NarrowsError, NoImages
from ..images import Images
from ..measures.calibration import p_values
from ..measures.detection import localisation
from ..measures.scoring import scores_of
from . import masks, wire
from .filters import Condition, ids_in, where
from .map import Key, Row, shown
from .rows import Rows
from .search import Upload
from .session import Progress, Session

__all__ = ["NAME", "VERDICT", "Found", "judge_more", "missing", "queue_of", "routes"]

Array = np.ndarray[Any, Any]

NAME = "outliers"
JOB = "outliers"
VERDICT = "verdict"
VERDICTS = ("anomaly", "normal")
MOST = 10_000  # pictures that are named one by one
BATCH = 32  # uploads that are judged at a time
SHEET = 64  # pictures whose heat is asked for at a time
MASKS = 200  # of which a score over all pixels is taken
SLOW = ("likelihood-regret",)  # scores that take minutes, which nobody asks for with one click

Rate = Annotated[float, Query(ge=1e-4, le=0.5, allow_inf_nan=False)]
Score = Annotated[str, Query(max_length=60)]


class Question(BaseModel):
    """Which pictures are normal, and which are in question."""

    key: str = Field(max_length=64)
    normal: list[Condition] = Field(default_factory=list, max_length=12)
    normal_rows: list[Row] = Field(default_factory=list, max_length=MOST)
    among: Literal["all", "others"] = "all"
    every: bool = Field(False, description="all scores that the model has, not the usual ones")


class Mask(BaseModel):
    """Where the true flaw of a picture is, over what the model sees of it: a bit for each pixel."""

    key: str = Field(max_length=64)
    bits: Annotated[str, Field(max_length=1 << 20)] | None = Field(
        description="base64 of ceil(H W / 8) bytes, the first pixel the lowest bit; none: no mask"
    )


class Batch(BaseModel):
    """Uploads that are judged as the pictures in question were."""

    key: str = Field(max_length=64)
    uploads: list[Upload] = Field(min_length=1, max_length=BATCH)
    score: str = Field("", max_length=60)


class Sheet(BaseModel):
    """Rows whose heat is asked for."""

    key: str = Field(max_length=64)
    rows: list[Row] = Field(min_length=1, max_length=SHEET)


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
        wrote: whether scores became columns.
        came: ids of pictures that came while this was there.
    """

    result: Outliers
    number: int
    maps: ErrorMaps | None = None
    wrote: bool = True
    came: frozenset[str] = frozenset()


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
            names = None
            if asked.every:
                names = [name for name in scores_of(session.model) if name not in SLOW]
            result = outliers(
                rows.collection, normal=normal, where=among, score=names, write=write,
                progress=progress,
            )  # fmt: skip
            written = {f"score_{n.replace('/', '_')}": v for n, v in result.scores.items()}
            if write:
                rows.took(result.ids, written)
            found[:] = [Found(result, found[-1].number + 1 if found else 1, wrote=write)]

        return {"job": session.jobs.again(JOB, "looking for outliers", work, stops=True).name}

    @router.get("")
    def queue(key: Key, score: Score = "", rate: Rate = 0.01) -> Response:
        """Rows from the most anomalous on, scores, p-values and verdicts; normal scores in ascending order.

        The number is 0 where nothing has been looked for. The threshold is that of a false-alarm rate.
        """
        rows = session.shown(key)
        if not found:
            return wire.columns({"number": 0, "enough": FEWEST})
        last = found[-1]
        result = last.result
        decision = _by(result, score, rate)
        by = decision.by
        places, there = queue_of(rows, decision, result)
        head = {
            "number": last.number, "by": by, "names": result.whole, "rule": decision.rule,
            "threshold": decision.threshold if np.isfinite(decision.threshold) else None,
            "judged": result.judged.name, "decodes": isinstance(session.model, Autoencoder),
            "notes": [session.said(note) for note in result.notes], "enough": FEWEST,
        }  # fmt: skip
        came = np.array([result.ids[i] in last.came for i in places], np.uint8)
        return wire.columns(
            head, rows=there, scores=decision.scores[by][places], p=decision.p_values[places],
            normal=np.sort(decision.normal[by]), verdicts=_verdicts(rows)[there], came=came,
        )  # fmt: skip

    @router.get("/choice")
    def choice(
        key: Key,
        rate: Rate = 0.01,
        column: Annotated[str, Query(max_length=200)] = "",
        normal: Annotated[str, Query(max_length=200)] = "",
    ) -> dict[str, Any]:
        """What each score is expected to find, by cross-validation over verdicts, or over a column's values.

        Where too few are known, ``why`` says how many it takes.
        """
        rows = session.shown(key)
        result = _last(found).result
        known = _known(rows, result, column, normal)
        truth = known == 1
        # what counts as normal and was said to be an anomaly sets no threshold
        odd = {result.ids[i] for i in np.flatnonzero(truth).tolist()}
        usual = np.array([id_ not in odd for id_ in _ids(result.judged.images)], bool)
        repeated = {*_ids(result.judged.images)}
        mine = np.array(
            [bool(k) and (k == 1 or result.ids[i] not in repeated) for i, k in enumerate(known)]
        )
        head = {
            "anomalies": int(truth.sum()), "looked": int((known > 0).sum()), "enough": FEWEST,
            "now": result.by,
        }  # fmt: skip
        if truth.sum() < FEWEST or usual.sum() + (mine & ~truth).sum() < FEWEST:
            what = f"{FEWEST} confirmed anomalies" if not column else f"{FEWEST} anomalies"
            return {
                **head,
                "rows": [],
                "why": f"A score is chosen by at least {what}; there are {int(truth.sum())}",
            }
        made = cross_validated_scores(
            {name: values[usual] for name, values in result.normal.items() if "/" not in name},
            {name: values[mine] for name, values in result.scores.items() if "/" not in name},
            truth[mine],
            rate=rate,
        )
        return {**head, "why": "", **made.document()}

    @router.get("/csv")
    def exported(
        key: Key,
        score: Score = "",
        threshold: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    ) -> Response:
        """The queue as CSV: id, score, p-value, whether it lies above the threshold, and what was said of it."""
        rows = session.shown(key)
        result = _last(found).result
        decision = _by(result, score)
        least = decision.threshold if threshold is None else threshold
        said = _verdicts(rows)
        lines: list[list[Any]] = [["id", decision.by, "p", "above", "verdict"]]
        for place, row in zip(*queue_of(rows, decision, result), strict=True):
            value = float(decision.scores[decision.by][place])
            p = f"{decision.p_values[place]:.6g}"
            word = ("", *VERDICTS)[int(said[row])]
            lines.append([rows.ids[int(row)], f"{value:.6g}", p, value > least, word])
        return wire.csv_file(lines, "outliers.csv")

    def maps_of(last: Found) -> ErrorMaps:
        """The error maps of what was found, made once; the model is in use."""
        if last.maps is None:
            last.maps = ErrorMaps.of(session.autoencoder(), last.result.judged.images)
        return last.maps

    def place_of(last: Found, rows: Rows, row: int) -> tuple[str, int]:
        """A row's id, and its place among the pictures in question."""
        id_ = rows.ids[rows.checked(row)]
        place = {name: i for i, name in enumerate(last.result.ids)}.get(id_)
        if place is None:
            raise ValueError("this picture was not among those in question")
        return id_, place

    @router.get("/seen/{row}")
    def seen(row: int, key: Key) -> Response:
        """Three frames: a picture as the model takes it, its reconstruction, and where they differ.

        With them the mask of its flaw, where there is one, and how well the map finds that.
        """
        rows = session.shown(key)
        last = _last(found)
        id_, place = place_of(last, rows, row)
        session.autoencoder()
        with session.in_use, lock:
            maps = maps_of(last)
            x = last.result.images.batch(torch.tensor([place])).cpu()
            made, hot = maps(x)
            mask = _mask(rows, id_)
            errors = None if mask is None else maps.errors(x)
        frames = [shown(torch.as_tensor(each) / 255) for each in (made, hot)]
        head: dict[str, Any] = {"id": id_, "pixels": None}
        arrays = {"frames": np.concatenate([shown(x), *frames])}
        if mask is not None and errors is not None and mask.shape == errors.shape[1:]:
            arrays["mask"] = mask.astype(np.uint8)
            head["pixels"] = _pixels(errors, mask[None], maps.usual)
        return wire.columns(head, **arrays)

    @router.post("/sheet")
    def sheet(asked: Sheet) -> Response:
        """Two frames of each row, for a report: the picture as the model takes it, and its heat."""
        rows = session.shown(asked.key)
        last = _last(found)
        places = [place_of(last, rows, row)[1] for row in asked.rows]
        session.autoencoder()
        with session.in_use, lock:
            x = last.result.images.batch(torch.tensor(places)).cpu()
            hot = maps_of(last)(x)[1]
        ids = [rows.ids[row] for row in asked.rows]
        return wire.columns({"ids": ids}, given=shown(x), hot=shown(torch.as_tensor(hot) / 255))

    @router.get("/masks")
    def masked(key: Key) -> dict[str, Any]:
        """The rows that have a mask, and how well the maps of those in question find all of their pixels."""
        rows = session.shown(key)
        last = _last(found)
        there = [
            (place, mask)
            for place, id_ in enumerate(last.result.ids)
            if rows.row_of(id_) is not None and masks.has_mask(rows.collection, id_)
            and (mask := _mask(rows, id_)) is not None
        ][:MASKS]  # fmt: skip
        head = {"rows": [rows.row_of(last.result.ids[place]) for place, _ in there], "pixels": None}
        if not there:
            return head
        session.autoencoder()
        with session.in_use, lock:
            maps = maps_of(last)
            x = last.result.images.batch(torch.tensor([place for place, _ in there])).cpu()
            errors = maps.errors(x)
        return {**head, "pixels": _pixels(errors, np.stack([m for _, m in there]), maps.usual)}

    @router.put("/masks/{row}")
    def mask(row: int, asked: Mask) -> dict[str, Any]:
        """Keep where the flaw of a picture is, beside the collection; none takes it away."""
        rows = session.shown(asked.key)
        last = _last(found)
        id_, _ = place_of(last, rows, row)
        how = rows.collection.about.preprocessing
        height, width = how.size
        bits = None if asked.bits is None else _bits(asked.bits, height, width)
        with session.writing:
            whole = None
            if bits is not None and bits.any():
                whole = masks.onto_picture(bits, how, _size(rows, id_))
            masks.write_mask(rows.collection, id_, whole)
            session.jobs.changes += 1
        return {"kept": whole is not None}

    @router.post("/batch")
    def batch(asked: Batch) -> Response:
        """Uploads by the scores, normal pictures and threshold of what was found; the heat of each."""
        session.shown(asked.key)
        last = _last(found)
        result = last.result
        paths = [session.uploads.path(name) for name in asked.uploads]
        with session.in_use, lock:
            images = opened_images(result.ask.model, paths, progress=False)
            if len(images) != len(paths):
                raise ValueError("some of these pictures cannot be read as the model takes them")
            decision = result.judge(images)
            x = images.batch(torch.arange(len(images))).cpu()
            decodes = isinstance(session.model, Autoencoder)
            hot = torch.as_tensor(maps_of(last)(x)[1]) / 255 if decodes else x
        by = asked.score or result.by
        if by not in decision.scores:
            raise ValueError(f"there is no score {by!r}; there are {', '.join(result.whole)}")
        values = decision.scores[by]
        p = p_values(result.normal[by], values)
        return wire.columns({"by": by}, scores=values, p=p, hot=shown(hot))

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


def queue_of(rows: Rows, decision: Any, result: Outliers) -> tuple[Array, Array]:
    """From the most anomalous on: places among those in question, and rows; those that are gone left out."""
    order = [(int(i), rows.row_of(result.ids[i])) for i in decision.order]
    there = [(i, row) for i, row in order if row is not None]
    places = np.array([i for i, _ in there], np.int64)
    return places, np.array([row for _, row in there], np.uint32)


def judge_more(session: Session, rows: Rows, ids: list[str]) -> int | None:
    """Put pictures that came into the queue, and say how many lie above its threshold; None without a queue."""
    found: list[Found] = session.kept.get(NAME, [])
    chosen = [row for id_ in ids if (row := rows.row_of(id_)) is not None]
    if not found or not chosen:
        return None
    last = found[-1]
    with session.in_use:
        more = last.result.extended(_read(rows, last.result.ask.model, chosen))
    if last.wrote:
        new = more.ids[len(last.result.ids) :]
        written = {
            f"score_{name.replace('/', '_')}": values[len(last.result.ids) :]
            for name, values in more.scores.items()
        }
        rows.collection.update(new, written)
        rows.took(new, written)
    came = last.came | {*more.ids[len(last.result.ids) :]}
    found[:] = [Found(more, last.number + 1, last.maps, last.wrote, came)]
    return int(more.is_outlier[len(last.result.ids) :].sum())


def _read(rows: Rows, model: Any, chosen: list[int]) -> Any:
    """Pictures of rows under their ids: of files these alone, of members of archives all that there are."""
    ids = [rows.ids[row] for row in chosen]
    known = rows.collection.rows(["id", "path"], ids=ids)
    by_id = dict(zip(known["id"].tolist(), known["path"].tolist(), strict=True))
    paths = [Path(str(by_id[id_])) for id_ in ids]
    if all(path.is_file() for path in paths):
        read = opened_images(model, paths, progress=False)
        if len(read) == len(ids):
            return Images(read.pixels, ids=ids)
    return opened(rows.collection, where=ids_in(rows, chosen), progress=False).images


def _last(found: list[Found]) -> Found:
    """What was found last.

    Raises:
        NoImages: nothing was looked for.
    """
    if not found:
        raise NoImages("no outliers have been looked for yet: say which pictures are normal")
    return found[-1]


def _by(result: Outliers, score: str, rate: float = 0.01) -> Any:
    """The same by another of its scores, with a threshold of its own; the one that decides without one."""
    name = score or result.by
    if name not in result.whole:
        raise ValueError(f"there is no score {name!r}; there are {', '.join(result.whole)}")
    if name == result.by and rate == FalseAlarms().rate:
        return result
    rule, _ = attainable(FalseAlarms(rate), len(result.judged), result.judged.name)
    return decide({name: result.normal[name]}, {name: result.scores[name]}, rule)


def _ids(images: Any) -> list[str]:
    return [str(id_) for id_ in getattr(images, "ids", ())] or [""] * len(images)


def _known(rows: Rows, result: Outliers, column: str, normal: str) -> Array:
    """Of each picture in question 1 for a known anomaly, 2 for a known normal one, 0 for neither.

    Raises:
        ValueError: there is no such column.
    """
    at = np.array([-1 if (row := rows.row_of(id_)) is None else row for id_ in result.ids])
    if not column:
        said = _verdicts(rows)
    elif column not in rows.columns:
        raise ValueError(f"there is no column {column!r}")
    else:
        values = [None if value is None else str(value) for value in rows.columns[column].tolist()]
        usual = {normal.lower()} if normal else NORMAL
        said = np.array(
            [0 if v is None or v == "nan" else 2 if v.lower() in usual else 1 for v in values],
            np.uint8,
        )
    known: Array = np.where(at >= 0, said[at], 0)
    return known


def _size(rows: Rows, id_: str) -> tuple[int, int]:
    """Height and width of a row's picture; those of the model's view where nobody knows."""
    known = rows.collection.rows(["width", "height"], ids=[id_])
    size = int(known["height"][0] or 0), int(known["width"][0] or 0)
    return size if min(size) > 0 else rows.collection.about.preprocessing.size


def _mask(rows: Rows, id_: str) -> Array | None:
    """A picture's mask as the model sees it, (H, W); None where there is none, or nothing of it is seen."""
    whole = masks.read_mask(rows.collection, id_)
    if whole is None:
        return None
    seen = masks.in_view(whole, rows.collection.about.preprocessing, _size(rows, id_))
    return seen if seen.any() and not seen.all() else None


def _pixels(errors: Array, mask: Array, level: float) -> dict[str, Any]:
    found = localisation(errors, mask, level)
    return {"auroc": found.auroc, "iou": found.iou, "flaw": found.flaw}


def _bits(text: str, height: int, width: int) -> Array:
    """A mask of the model's view of bits.

    Raises:
        ValueError: it is none of that size.
    """
    try:
        content = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        content = np.zeros(0, np.uint8)
    if len(content) != -(-height * width // 8):
        raise ValueError(
            f"a mask of {height} × {width} bits was wanted; we got {len(content)} bytes"
        )
    bits = np.unpackbits(content, bitorder="little")[: height * width]
    return bits.reshape(height, width).astype(bool)


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
