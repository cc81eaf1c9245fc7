"""Share: what is on the page as one file that goes to others.

pictures that a lesson kept ──handout_page──► one page to print
rows ──applications.selection_page──► a map    rows ──morph_page──► a decoder    model ──model_page──► its card
the queue of outliers ──queue_page──► a report
each is made behind, as a file of this session, and goes out as a download
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from ..applications import Kept, handout_page, model_page, morph_page, queue_page, selection_page
from ..applications.onnx_files import available
from ..errors import NoImages
from ..figures import decoder_page_bytes
from ..images import Images
from ..images.inputs import even_rows
from ..images.read import fit_pixels, read
from ..images.thumbnails import opened_thumbnail
from ..recipes import cited
from .map import Row
from .search import Upload
from .session import Session

__all__ = ["NAME", "missing", "routes"]

NAME = "share"
ROWS, FEWEST = 5000, 5  # of a selection
MOST = 16  # pictures of a morph
PARTS = 24  # pictures of a handout
KNOWN = 1000  # codes that the sliders of a morph are of
KEPT = 8  # files that are kept
CODES = 48 + 2 * 10 + MOST  # of a page with a decoder: samples, steps of sliders, pictures
ASKED = 64  # thumbnails by which a size is told

Name = Annotated[str, Query(min_length=1, max_length=64)]


class Part(BaseModel):
    """A picture of a handout, which was sent as an upload."""

    upload: Upload
    title: str = Field(min_length=1, max_length=200)
    text: str = Field("", max_length=1000)


class Wish(BaseModel):
    """What is to be shared."""

    key: str = Field("", max_length=64)
    what: Literal["selection", "morph", "model", "queue", "handout"]
    rows: list[Row] = Field(default_factory=list, max_length=ROWS)
    parts: list[Part] = Field(default_factory=list, max_length=PARTS)
    score: str = Field("", max_length=60, description="of the queue of outliers")
    threshold: float | None = Field(None, allow_inf_nan=False)


def missing(session: Session) -> str:
    """Why nothing can be shared."""
    model = session.missing.get("model", "")
    if session.kind == "run":
        return ""
    return model and session.missing.get("rows", "")


def routes(session: Session) -> APIRouter:
    """What the page asks."""
    router = APIRouter(prefix="/api/share", tags=["share"])
    made: OrderedDict[str, tuple[Path, str]] = OrderedDict()

    @router.post("/size")
    def size(wish: Wish) -> dict[str, Any]:
        """About how many bytes a file would have (None: not known before), or why it cannot be made."""
        why = session.said(_why_not(session, wish))
        return {"why": why, "bytes": None if why else _bytes(session, wish), "decoder": available()}

    @router.post("")
    def make(wish: Wish) -> dict[str, Any]:
        """Begin a file: the name of the work, and the one that the file is asked for by."""
        if why := _why_not(session, wish):
            raise ValueError(why)
        work = _maker(session, wish)
        name = secrets.token_hex(8)

        def written(progress: Any) -> None:
            text = work(progress)
            path = session.temporary(f"{name}.html")
            path.write_text(text, encoding="utf-8")
            made[name] = (path, f"{_plain(session.title)}-{wish.what}.html")
            while len(made) > KEPT:
                made.popitem(last=False)[1][0].unlink(missing_ok=True)

        session.jobs.again("share", f"making a page of the {wish.what}", written)
        return {"job": "share", "file": name}

    @router.get("/file")
    def file(name: Name) -> FileResponse:
        """A file that was made, as a download."""
        if name not in made or not made[name][0].exists():
            raise NoImages("that page is not here any more: make it again")
        path, called = made[name]
        return FileResponse(path, media_type="text/html", filename=called)

    return router


def _why_not(session: Session, wish: Wish) -> str:
    """Why a file cannot be made; else nothing."""
    count = len(wish.rows)
    if wish.what == "model":
        return "" if session.kind == "run" else session.missing.get("model", "")
    if wish.what == "handout":
        decodes = not (session.missing.get("decoder") or session.missing.get("model"))
        return "" if wish.parts or decodes else "a handout is of at least one picture: keep some"
    if session.rows is None:
        return session.missing.get("rows", "") or "the pictures are not read yet"
    if wish.what == "queue":
        return "" if session.kept.get("outliers") else "no outliers have been looked for yet"
    if wish.what == "selection":
        if count < FEWEST:
            return f"a map is of at least {FEWEST} pictures; {count} are selected"
        return ""
    if not 2 <= count <= MOST:
        return f"a morph goes through 2 to {MOST} pictures; {count} are selected"
    return session.missing.get("decoder") or session.missing.get("model", "")


def _maker(session: Session, wish: Wish) -> Callable[[Any], str]:
    """What makes the file, of what is there now."""
    if wish.what == "model":
        subject = session.subject if session.kind == "run" else session.model
        shown = None if session.trained_on else session.pictures_shown or None

        def card(progress: Any) -> str:
            with session.in_use:
                return model_page(subject, shown, progress=progress)

        return card
    if wish.what == "handout":
        return _handout(session, wish)
    rows = session.shown(wish.key)
    if wish.what == "queue":
        return _queue(session, rows, wish)
    chosen = [rows.checked(row) for row in dict.fromkeys(wish.rows)]
    ids = [rows.ids[row] for row in chosen]
    if wish.what == "selection":
        return lambda progress: selection_page(rows.collection, ids, progress=progress)
    model = session.autoencoder()
    some = even_rows(len(rows), KNOWN)

    def morph(progress: Any) -> str:
        images = small(session, rows, ids)
        codes, axes = (
            torch.from_numpy(rows.codes[np.asarray(which)]).reshape(-1, *model.code_shape)
            for which in (chosen, some)
        )
        with session.in_use:
            return morph_page(model, images, codes=codes, axes=axes, progress=progress)

    return morph


def _handout(session: Session, wish: Wish) -> Callable[[Any], str]:
    """What makes the handout; the pictures are read now, since uploads go."""
    kept = [Kept(read(session.uploads.path(one.upload)), one.title, one.text) for one in wish.parts]
    missing = session.missing.get("decoder") or session.missing.get("model")
    model = None if missing else session.model
    codes = None
    if model is not None and session.rows is not None:
        rows = session.shown(wish.key)
        some = even_rows(len(rows), KNOWN)
        codes = torch.from_numpy(rows.codes[some]).reshape(-1, *model.code_shape)

    recipe = getattr(model, "recipe", None)
    paper = "" if recipe is None else cited(recipe)

    def page(progress: Any) -> str:
        with session.in_use:
            return handout_page(
                f"A lesson: {session.title}", kept, model=model, codes=codes, cited=paper
            )

    return page


def _queue(session: Session, rows: Any, wish: Wish) -> Callable[[Any], str]:
    result = session.kept["outliers"][-1].result
    said = rows.columns.get("verdict")
    words = {"anomaly": True, "normal": False}
    verdicts = {
        id_: words[said[row]]
        for id_ in result.ids
        if said is not None and (row := rows.row_of(id_)) is not None and said[row] in words
    }

    def report(progress: Any) -> str:
        with session.in_use:
            return queue_page(
                result, verdicts, score=wish.score, threshold=wish.threshold,
                title=f"Outliers of {session.title}", progress=progress,
            )  # fmt: skip

    return report


def small(session: Session, rows: Any, ids: list[str]) -> Images:
    """Rows by their thumbnails, in the shape of the model."""
    known = rows.collection.rows(["id", "thumbnail"], ids=ids)
    by_id = dict(zip(known["id"].tolist(), known["thumbnail"], strict=True))
    how = session.model.preprocessing.wanted._replace(center_crop=None)
    small = [torch.from_numpy(opened_thumbnail(by_id[id_] or b""))[None] for id_ in ids]
    return Images(
        torch.cat([fit_pixels(each, how) for each in small]), ids=[Path(id_).name for id_ in ids]
    )


def _bytes(session: Session, wish: Wish) -> int | None:
    """About how large a file gets."""
    if wish.what in ("model", "queue", "handout"):
        return None
    rows = session.rows
    assert rows is not None
    if wish.what == "morph":
        if not available():
            return None
        weights = sum(each.numel() for each in session.model.parameters())
        return decoder_page_bytes(4 * weights, 4 * rows.codes.shape[1] * CODES)
    there = [rows.ids[row] for row in wish.rows if row < len(rows.ids)]
    some = there[:: max(1, len(there) // ASKED)][:ASKED]
    if not some:
        return None
    small = rows.collection.rows(["thumbnail"], ids=some)["thumbnail"]
    each = sum(len(one or b"") for one in small) / max(1, len(small))
    return round(len(there) * (each * 4 / 3 + 60)) + 30_000


def _plain(title: str) -> str:
    """A title as the beginning of a file's name."""
    return re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "narrows"
