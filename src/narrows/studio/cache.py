"""How much of what can be made again is kept: sheets, maps, and codes of folders and of models' pictures.

    <cache>/studio/sheets/<key>/       thumbnails of rows, in sheets
    <cache>/studio/maps/<key>-tsne     where t-SNE puts them
    <cache>/studio/collections/<name>  codes of pictures that were opened without a collection
    <cache>/studio/models/<name>       principal components of a folder, which its codes are of

When they come to more than the limit of the cache (``narrows.images.cache.limit``), those go first that were
not used for longest. A collection that holds what a person said (labels, verdicts) stays, and so does one
that was used in the last week: another studio may have it open.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from ..errors import NarrowsError

__all__ = ["trim", "used"]

BY_HAND = ("hand_label", "verdict")  # columns that nobody can make again
WEEK = 7 * 24 * 3600.0


def used(path: Path) -> None:
    """Note that something of the cache is of use."""
    with contextlib.suppress(OSError):
        os.utime(path)


def trim(root: Path, kept: Iterable[Path] = ()) -> None:
    """Remove what was not used for longest until all is within the limit; ``kept`` stays."""
    from ..images.cache import limit

    stay = {path.resolve() for path in kept}
    for path in stay:
        used(path)
    found = sorted(_entries(root), reverse=True)
    most, total = limit(), 0
    for when, size, path in found:
        total += size
        if total > most and path.resolve() not in stay and _can_go(path, when):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
            total -= size if not path.exists() else 0


def _entries(root: Path) -> list[tuple[float, int, Path]]:
    """When each was used last, its bytes, and where it lies."""
    found = []
    for path in root.glob("*/*"):
        with contextlib.suppress(OSError):
            files = (
                [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
            )
            size = sum(each.stat().st_size for each in files)
            found.append((path.stat().st_mtime, size, path))
    return found


def _can_go(path: Path, when: float) -> bool:
    if path.parent.name != "collections":
        return True
    if time.time() - when < WEEK:
        return False
    from ..collection import Collection
    from .masks import FOLDER

    if (path / FOLDER).is_dir():
        return False
    try:
        return not {*BY_HAND} & {*Collection.open(path).columns}
    except NarrowsError:
        return True  # damaged, or no collection
