"""Set aside: move pictures into another folder, so that nothing is ever overwritten or lost.

FOLDER/
  photos/a.jpg    under the id that it had
  moved.csv       from, to, keeper: a line per file, written before the next one is moved
"""

from __future__ import annotations

import contextlib
import csv
import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import BadFile, NarrowsError

__all__ = ["LIST", "Redundant", "quarantine"]

LIST = "moved.csv"


@dataclass(frozen=True)
class Redundant:
    """A picture to set aside.

    Attributes:
        id: its path below the folder of pictures.
        path, size, mtime: the file as it was when it was looked at, the time in nanoseconds.
        keeper: the file that stays in its place.
    """

    id: str
    path: str
    size: int
    mtime: int
    keeper: str


def quarantine(
    redundant_files: Sequence[Redundant], folder: str | Path, pictures: str | Path
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Move files into a folder.

    A file stays where it is if it has changed, is gone or a link, or if its keeper is gone.

    Args:
        folder: where to; outside of ``pictures``, or they would be found there again;
            empty where they are of no one folder.

    Returns:
        (id, new path) of what was moved, and (id, reason) of what was not.

    Raises:
        BadFile: ``folder`` is a file, or inside of ``pictures``.
        NarrowsError: it cannot be written; ``moved.csv`` there says what was moved before.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise BadFile(f"{folder} is a file; name a folder to move pictures to")
    if pictures and folder.resolve().is_relative_to(Path(pictures).resolve()):
        raise BadFile(
            f"{folder} is inside of {pictures}, where the next `narrows index` would find the "
            "pictures again; name a folder beside it"
        )
    moved: list[tuple[str, str]] = []
    stayed: list[tuple[str, str]] = []
    try:
        for redundant in redundant_files:
            reason = _reason(redundant)
            if reason:
                stayed.append((redundant.id, reason))
                continue
            target = _moved(redundant, folder)
            moved.append((redundant.id, str(target)))
            _noted(folder / LIST, [redundant.path, str(target), redundant.keeper])
    except OSError as error:
        raise NarrowsError(
            f"{error.filename or folder}: {(error.strerror or str(error)).lower()}; "
            f"{len(moved):,} files were moved before, and {folder / LIST} names them"
        ) from error
    return moved, stayed


def _reason(redundant: Redundant) -> str:
    """Why a file is to stay; nothing if it may go."""
    path = Path(redundant.path)
    if path.is_symlink():
        return "it is a link"
    if not path.is_file():
        return "it is not there any more"
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) != (redundant.size, redundant.mtime):
        return "it changed since it was indexed"
    keeper = Path(redundant.keeper)
    if not keeper.is_file():
        return f"its keeper {redundant.keeper} is not there any more"
    if keeper.resolve() == path.resolve():
        return "its keeper is a link to it"
    return ""


def _moved(redundant: Redundant, folder: Path) -> Path:
    target = _reserved(folder, redundant.id)
    try:
        try:
            os.replace(redundant.path, target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # another disk
                raise
            shutil.copy2(redundant.path, target)
            with open(target, "rb") as written:
                os.fsync(written.fileno())
            os.unlink(redundant.path)
    except BaseException:
        if os.path.exists(redundant.path):
            target.unlink(missing_ok=True)
        raise
    return target


def _reserved(folder: Path, id_: str) -> Path:
    """An empty file of a name that nobody has, inside the folder whatever the id says."""
    pieces = [piece for piece in PurePosixPath(id_).parts if piece not in ("/", "..", ".")]
    wanted = folder.joinpath(*pieces or ["picture"])
    wanted.parent.mkdir(parents=True, exist_ok=True)
    target, number = wanted, 2
    while True:
        with contextlib.suppress(FileExistsError):
            target.open("xb").close()
            return target
        target, number = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}"), number + 1


def _noted(path: Path, line: list[str]) -> None:
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8", errors="surrogateescape") as opened:
        lines = csv.writer(opened)
        if new:
            lines.writerow(["from", "to", "keeper"])
        lines.writerow(line)
