"""One row's picture, as large as its file has it, where that is still there.

row ──the collection's path──► the library's reader ──► WebP of at most 1,600 pixels
   └─no file, or a damaged one──► its thumbnail
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Response

from ..errors import UnreadableImage
from .map import Key
from .session import Changed, Session
from .sheets import encoded, opened

__all__ = ["routes"]

LARGEST = 1600  # pixels of the longer side


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

    return router


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
