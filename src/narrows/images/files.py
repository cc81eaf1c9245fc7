"""The picture files below a folder, unread, with what tables and folders' names say of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NoImages
from .labels import folder_known, known_of
from .walk import Found, walk

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
    """Walk a folder as :func:`narrows.images.folder` does, without opening a picture.

    Args:
        root: the folder.
        table: a CSV file; None looks for labels.csv, split.csv and metadata.csv in the folder.
        without: a folder below that is passed over.

    Raises:
        NoImages: there is no such folder, or no file in it that may be a picture.
        BadFile: the table cannot be read.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise NoImages(f"there is no folder {root}")
    files, skipped, notes = walk(root)
    if without is not None:
        out = Path(without).expanduser().resolve()
        inside = root.resolve()
        if out.is_relative_to(inside) and out != inside:
            prefix = f"{out.relative_to(inside).as_posix()}/"
            files = [file for file in files if not file.id.startswith(prefix)]
    known, masks = known_of(root, table, [file.id for file in files])
    files = [file for file in files if file.id not in masks]
    if not files:
        raise NoImages(f"there is no picture in {root}")
    metadata = dict(known.metadata)
    taken = {name.lower() for name in metadata}
    named = folder_known([file.id for file in files])
    if "label" not in taken and "folder" in named.labels:
        metadata["label"] = named.labels["folder"]
    if known.split is not None:
        metadata["split"] = known.split
    return PictureFiles(files, metadata, skipped, notes + known.notes)
