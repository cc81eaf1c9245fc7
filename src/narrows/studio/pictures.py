"""One row's picture, as large as its file has it, where that is still there.

row ──the collection's path──► the library's reader ──► WebP of at most 1,600 pixels
   └─no file, or a damaged one──► its thumbnail
"""

from __future__ import annotations

import hashlib
import secrets
import zipfile
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from ..errors import NarrowsError, UnreadableImage
from .guard import Refused
from .map import Key, Row
from .session import Changed, Session
from .sheets import encoded, opened

__all__ = ["routes"]

LARGEST = 1600  # pixels of the longer side
MOST = 2000  # pictures of an album
ROOM = 1 << 30  # bytes of all of them


class Album(BaseModel):
    """Pictures that are taken along."""

    key: str = Field(max_length=64)
    rows: list[Row] = Field(min_length=1, max_length=MOST)


def routes(session: Session) -> APIRouter:
    """What every room may ask of a row."""
    router = APIRouter(prefix="/api/pictures", tags=["pictures"])

    @router.get("/{row}")
    def picture(row: int, key: Key, thumbnail: bool = False) -> Response:
        """A row's picture as WebP; of one whose file is gone or changed the thumbnail.

        Nothing (204) where the rows have changed: a page may have asked for it just before it heard so.
        """
        try:
            rows = session.shown(key)
        except Changed:
            return Response(status_code=204)
        wanted = ["path", "hash", "width", "height", "thumbnail"]
        known = rows.collection.rows(wanted, ids=[rows.ids[rows.checked(row)]])
        one = {name: values[0] for name, values in known.items()}
        content = None
        if not thumbnail and one["path"] is not None:
            with session.decoding:
                content = _of_file(Path(str(one["path"])), one["hash"], one["width"], one["height"])
        if content is None:
            content = encoded(opened(one["thumbnail"]), 92)
        kept = {"cache-control": "private, max-age=86400"}
        return Response(content, media_type="image/webp", headers=kept)

    @router.post("/album")
    def album(asked: Album) -> FileResponse:
        """The files of rows in one ZIP, as they are, under names that say where they lay; not read-only."""
        if session.read_only:
            raise Refused(
                403, "this studio is read-only: it shows pictures, and hands out no files"
            )
        rows = session.shown(asked.key)
        ids = [rows.ids[rows.checked(row)] for row in dict.fromkeys(asked.rows)]
        paths = rows.collection.rows(["path"], ids=ids)["path"]
        where = session.temporary(f"album-{secrets.token_hex(8)}.zip")
        try:
            _pack(where, [(id_, path) for id_, path in zip(ids, paths, strict=True) if path])
        except Exception:
            where.unlink(missing_ok=True)
            raise
        gone = BackgroundTask(where.unlink, missing_ok=True)
        return FileResponse(
            where, filename="album.zip", media_type="application/zip", background=gone
        )

    return router


def _pack(where: Path, files: list[tuple[str, str]]) -> None:
    """Files by their ids into a ZIP.

    Raises:
        NarrowsError: none is there, or they are too large together.
    """
    total, names = 0, set()
    with zipfile.ZipFile(where, "w", zipfile.ZIP_STORED, strict_timestamps=False) as album:
        for id_, path in files:
            try:
                total += Path(path).stat().st_size
                if total > ROOM:
                    raise NarrowsError(
                        f"these files are more than {ROOM >> 30} GiB together: select fewer"
                    )
                pieces = [piece for piece in Path(id_).parts if piece not in ("..", "/", "\\")]
                name = "/".join(pieces) or Path(path).name
                album.write(path, name)
                names.add(name)
            except (OSError, ValueError):
                continue  # gone since it was indexed
    if not names:
        raise NarrowsError("none of these pictures is a file that is still there")


def _of_file(path: Path, digest: str | None, width: float, height: float) -> bytes | None:
    """A file as WebP, if it is the one that was indexed."""
    from ..images import read

    try:
        with open(path, "rb") as handle:
            now = hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        if now != digest:  # also what no digest says the content of
            return None
        shrink = min(1.0, LARGEST / max(width, height)) if width and height else 1.0
        size = (max(1, round(height * shrink)), max(1, round(width * shrink))) if width else None
        pixels = read(path, size=size, fit="stretch")
    except (OSError, ValueError, UnreadableImage):
        return None
    return encoded(pixels.permute(1, 2, 0).numpy(), 90)
