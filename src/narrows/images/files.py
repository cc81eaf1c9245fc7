"""The picture files below a folder or in an archive, unread, with what tables and folders' names say of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NoImages
from .archives import listed
from .walk import Found, is_archive

__all__ = ["PictureFiles", "picture_files"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PictureFiles:
    """N files in natural order.

    Attributes:
        files: their ids (relative paths), paths, sizes and times of change.
        metadata: column → N values; ``label`` and ``split`` are of folders' names where no table
            has a column of that name.
        skipped: (file, reason) of what could not be looked at.
        notes: sentences about what tables and names made us leave out or guess.
    """

    files: list[Found]
    metadata: dict[str, Array]
    skipped: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)


def picture_files(
    root: str | Path, table: str | Path | None = None, without: str | Path | None = None
) -> PictureFiles:
    """Walk a folder or an archive as :func:`narrows.images.folder` does, without opening a picture.

    Args:
        root: the folder, or a .zip, .tar or .parquet file.
        table: a CSV file; None looks for labels.csv, split.csv and metadata.csv in the folder.
        without: a folder below that is passed over.

    Raises:
        NoImages: there is no such folder, or no file in it that may be a picture.
        BadFile: the archive or the table cannot be read.
    """
    root = Path(root).expanduser()
    if not root.is_dir() and not (root.is_file() and is_archive(root)):
        raise NoImages(f"there is no folder {root}")
    inside = None
    if without is not None:
        out, whole = Path(without).expanduser().resolve(), root.resolve()
        if out.is_relative_to(whole) and out != whole:
            inside = out.relative_to(whole).as_posix()
    found = listed(root, table, inside)
    if not found.files:
        raise NoImages(f"there is no picture in {root}")
    metadata = dict(found.known.metadata)
    taken = {name.lower() for name in metadata}
    if "label" not in taken and "folder" in found.folders.labels:
        metadata["label"] = found.folders.labels["folder"]
    if found.known.split is not None:
        metadata["split"] = found.known.split
    return PictureFiles(found.files, metadata, found.skipped, found.notes + found.known.notes)
