"""Thumbnails as sheets of 1,024: made when they are first seen, kept on disk.

1,024 rows' thumbnails ──► 32 × 32 cells, transparent around them ──WebP──► <cache>/sheets/<key>/
"""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np

from .rows import Rows
from .session import Session

__all__ = ["ACROSS", "PER", "Sheets", "encoded", "fitted"]

Array = np.ndarray[Any, Any]

ACROSS = 32
PER = ACROSS * ACROSS
QUALITY = 85
# of so many rows at most, so large a cell: what all sheets take in a browser stays in bounds
SIDES = ((20_000, 64), (60_000, 48), (10**9, 32))


class Sheets:
    """The sheets of a session's rows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.BoundedSemaphore(2)
        self._sides: dict[str, int] = {}

    def side(self, rows: Rows) -> int:
        """Pixels of a cell: as large as the thumbnails, and smaller where there are many."""
        if rows.key not in self._sides:
            most = next(side for count, side in SIDES if len(rows) <= count)
            some = [*rows.ids[:: max(1, len(rows) // 16)]][:16]
            stored = rows.collection.rows(["thumbnail"], ids=some)["thumbnail"] if some else []
            largest = max((max(opened(each).shape[:2]) for each in stored), default=most)
            self._sides = {rows.key: min(most, largest)}
        return self._sides[rows.key]

    def sheet(self, rows: Rows, number: int) -> bytes:
        """One of them, as WebP.

        Raises:
            ValueError: there is no such sheet.
        """
        if not 0 <= number < -(-len(rows) // PER):
            raise ValueError(f"there is no sheet {number} of {len(rows):,} pictures")
        side = self.side(rows)
        kept = self._session.cached("sheets") / rows.key / f"{side}-{number}.webp"
        if (content := _kept(kept)) is not None:
            return content
        with self._lock:
            if (content := _kept(kept)) is not None:
                return content
            ids = rows.ids[number * PER : (number + 1) * PER]
            small = rows.collection.rows(["thumbnail"], ids=ids)["thumbnail"]
            cells = np.zeros((-(-len(ids) // ACROSS) * ACROSS, side, side, 4), np.uint8)
            for place, each in enumerate(small):
                cells[place] = fitted(opened(each), side)
            mosaic = cells.reshape(-1, ACROSS, side, side, 4).transpose(0, 2, 1, 3, 4)
            content = encoded(mosaic.reshape(-1, ACROSS * side, 4))
            from .. import files

            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write_bytes(kept, content)
        return content


def _kept(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def opened(content: bytes | None) -> Array:
    """A stored thumbnail (H, W, 3); of a damaged one a gray square."""
    from ..images.thumbnails import opened_thumbnail

    return opened_thumbnail(content or b"").transpose(1, 2, 0)


def fitted(pixels: Array, side: int) -> Array:
    """A picture (H, W, 3) in the middle of a square (side, side, 4), never enlarged."""
    from PIL import Image

    cell = np.zeros((side, side, 4), np.uint8)
    image = Image.fromarray(pixels)
    if max(image.size) > side:
        shrink = side / max(image.size)
        size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
        image = image.resize(size, Image.Resampling.BOX)
    x, y = (side - image.width) // 2, (side - image.height) // 2
    cell[y : y + image.height, x : x + image.width, :3] = np.asarray(image)
    cell[y : y + image.height, x : x + image.width, 3] = 255
    return cell


def encoded(pixels: Array, quality: int = QUALITY) -> bytes:
    """Pixels (H, W, 3 or 4) as WebP."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        out, format="WEBP", quality=quality, method=2
    )
    return out.getvalue()
