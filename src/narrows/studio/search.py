"""Search: the rows nearest to pictures that are dropped, pasted, picked or clicked.

an upload, a sketch ──the library's reader──► kept for this session under a number drawn at random
a text ──nw.generate──► pictures that the model draws of it, kept as uploads are
rows and uploads, plus and minus, a filter ──nw.search──► rows and distances
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ..errors import NoImages
from ..figures import png
from .filters import Condition, where
from .map import Key, Row, plain
from .rows import Rows
from .session import Session
from .sheets import encoded, opened

__all__ = ["NAME", "ground", "missing", "routes", "unnamed"]

Array = np.ndarray[Any, Any]

NAME = "search"
MOST = 500  # pictures that are found at a time
KEPT, ROOM = 64, 512 << 20  # uploads, and bytes of all of them
DRAWN = 4  # pictures that a text is searched by
EDGES = 24  # pictures whose edges say what they are drawn on
SHOWN = 512  # pixels of the longer side of an upload that is shown

Upload = Annotated[str, Field(max_length=64)]


class Question(BaseModel):
    """What to be like, and what not."""

    key: str = Field(max_length=64)
    like: list[Row] = Field(default_factory=list, max_length=64)
    minus: list[Row] = Field(default_factory=list, max_length=64)
    like_uploads: list[Upload] = Field(default_factory=list, max_length=16)
    minus_uploads: list[Upload] = Field(default_factory=list, max_length=16)
    k: int = Field(48, ge=1, le=MOST)
    conditions: list[Condition] = Field(default_factory=list, max_length=12)


class Words(BaseModel):
    """What pictures are to show."""

    text: str = Field(min_length=1, max_length=200)


class Uploads:
    """Pictures that were sent to this session, the newest ones."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files: OrderedDict[str, tuple[Path, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, content: bytes) -> dict[str, Any]:
        """Keep a picture.

        Raises:
            UnreadableImage: it is none, or too large.
        """
        from ..images import read

        with self._session.decoding:
            pixels = read(content)
            preview = encoded(_smaller(pixels.permute(1, 2, 0).numpy(), SHOWN))
        name = secrets.token_hex(12)
        path = self._session.temporary(name)
        path.write_bytes(content)
        with self._lock:
            self._files[name] = (path, preview)
            self._bytes += len(content)
            while len(self._files) > KEPT or self._bytes > ROOM:
                _, (old, _) = self._files.popitem(last=False)
                self._bytes -= old.stat().st_size
                old.unlink(missing_ok=True)
        return {"upload": name, "width": int(pixels.shape[2]), "height": int(pixels.shape[1])}

    def path(self, name: str) -> Path:
        """Where one lies.

        Raises:
            NoImages: it is not there any more.
        """
        return self._one(name)[0]

    def preview(self, name: str) -> bytes:
        """One as WebP, small."""
        return self._one(name)[1]

    def _one(self, name: str) -> tuple[Path, bytes]:
        with self._lock:
            if name not in self._files:
                raise NoImages("that picture is not here any more: drop it again")
            return self._files[name]


def missing(session: Session) -> str:
    """Why nothing can be searched."""
    return session.missing.get("rows", "")


def routes(session: Session) -> APIRouter:
    """What the search page asks."""
    router = APIRouter(prefix="/api", tags=["search"])
    if session.uploads is None:  # one for all apps of a session
        session.uploads = Uploads(session)
    uploads: Uploads = session.uploads

    @router.post("/uploads")
    async def upload(request: Request) -> dict[str, Any]:
        """A picture as the body, of any format that the library reads."""
        content = await request.body()
        return await run_in_threadpool(uploads.add, content)

    @router.get("/uploads/{name}")
    def preview(name: str) -> Response:
        """An upload as it was understood, small, as WebP."""
        return Response(uploads.preview(name), media_type="image/webp")

    @router.get("/search")
    def about(key: Key) -> dict[str, Any]:
        """Why no text can be searched for, nothing where it can; shape and usual ground of the pictures."""
        rows = session.shown(key)
        return {"no_text": _no_text(session), "ground": ground(rows), "shape": _shape(session)}

    @router.post("/search/text")
    def drawn(asked: Words) -> dict[str, Any]:
        """Pictures that the model draws of a text, as uploads to search with."""
        from .. import generate

        if why := _no_text(session):
            raise NoImages(why)
        with session.in_use:
            made = generate(session.autoencoder(), DRAWN, text=asked.text)
        pixels = made.pictures.permute(0, 2, 3, 1).cpu().numpy()
        return {"uploads": [uploads.add(png(each)) for each in pixels]}

    @router.post("/search")
    def found(asked: Question) -> dict[str, Any]:
        """The nearest rows, their distances, and what was asked with."""
        from .. import search

        rows = session.shown(asked.key)
        given = {
            side: [rows.ids[rows.checked(row)] for row in chosen]
            for side, chosen in (("like", asked.like), ("minus", asked.minus))
        }
        files = {
            "like": [uploads.path(name) for name in asked.like_uploads],
            "minus": [uploads.path(name) for name in asked.minus_uploads],
        }
        if (files["like"] or files["minus"]) and "model" in session.missing:
            if rows.collection.about.features in ("codes", "joined"):
                raise NoImages(session.missing["model"])
        with session.in_use:
            result = search(
                rows.collection, files["like"], ids=given["like"],
                minus=[*files["minus"], *given["minus"]], k=asked.k,
                where=where(rows, asked.conditions), model=session.model, progress=False,
            )  # fmt: skip
        hits = [
            {"row": row, "id": id_, "distance": float(away), "query": id_ in result.own}
            | {"columns": {name: plain(v[place]) for name, v in result.columns.items() if name != "path"}}
            for place, (id_, away) in enumerate(zip(result.ids, result.distances, strict=True))
            if (row := rows.row_of(id_)) is not None
        ]  # fmt: skip
        sent = [*files["like"], *files["minus"]]
        notes = [session.said(unnamed(note, sent)) for note in result.notes]
        return {"hits": hits, "exact": result.exact, "notes": notes}

    return router


def _no_text(session: Session) -> str:
    """Why the model draws nothing of a text; empty where it does."""
    from ..applications.generate import FROM_TEXT
    from ..priors import stored_priors

    folder = session.run_folder
    held = session.missing.get("decoder") or session.missing.get("model")
    if folder is not None and not held and FROM_TEXT in stored_priors(folder):
        return ""
    return "this model reads no captions"


def unnamed(text: str, files: Iterable[Path]) -> str:
    """A sentence without the names that uploads have here."""
    for path in files:
        text = text.replace(str(path), "the picture").replace(path.name, "the picture")
    return text


def _shape(session: Session) -> list[int]:
    """(C, H, W) as the model takes pictures; squares in colour without one."""
    return [3, 1, 1] if session.model is None else list(session.model.shape)


def ground(rows: Rows | None) -> str:
    """The colour that most pictures have along their edges, as a page writes it; white of none."""
    if rows is None or not len(rows):
        return "#ffffff"
    some = rows.ids[:: max(1, len(rows) // EDGES)][:EDGES]
    small = [opened(each) for each in rows.collection.rows(["thumbnail"], ids=some)["thumbnail"]]
    edges = [np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]]) for x in small]
    colour = np.median(np.concatenate(edges), axis=0)
    return "#" + "".join(f"{int(round(float(value))):02x}" for value in colour)


def _smaller(pixels: Array, side: int) -> Array:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side), Image.Resampling.BOX)
    return np.asarray(image)
