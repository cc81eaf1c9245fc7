"""Quarantine: move pictures into another folder, so that nothing is ever overwritten or lost; and back.

FOLDER/
  photos/a.jpg    under the id that it had
  moved.csv       from, to, keeper, all with their whole paths: each line is on the disk before its file
                  is moved

A file gets its new name before it loses the old one, so that a kill or a power cut at any moment leaves it
under one of the two, or both; ``undo`` puts right whatever it finds.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from ..errors import BadFile, NarrowsError
from ..files import allowed, flush
from ..results import Result
from ..tables import Table
from .keepers import outside

__all__ = ["LIST", "Redundant", "Undone", "moved_files", "quarantine", "undo"]

LIST = "moved.csv"
TITLES = ["from", "to", "keeper"]


@dataclass(frozen=True)
class Redundant:
    """A picture to set aside.

    Attributes:
        id: its path below the folder of pictures.
        path, size, mtime: the file as it was when it was looked at, the time in nanoseconds.
        keeper: the file that stays in its place.
        hash, keeper_hash: of their content then; empty where that is not known.
    """

    id: str
    path: str
    size: int
    mtime: int
    keeper: str
    hash: str = ""
    keeper_hash: str = ""


def quarantine(
    redundant_files: Sequence[Redundant],
    folder: str | Path,
    pictures: str | Path,
    *,
    dry_run: bool = False,
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Move files into a folder.

    A file stays where it is if it or its keeper changed or is gone, if it is reached through a link, is
    the file of its keeper under another name, or lies outside of ``pictures``.

    Args:
        folder: where to; outside of ``pictures``, or they would be found there again.
        pictures: the folder that all of them are in; empty where they are of no one folder.
        dry_run: only say what would be moved, and where to.

    Returns:
        (id, new path) of what was moved, and (id, reason) of what was not.

    Raises:
        BadFile: ``folder`` is a file, or inside of ``pictures``.
        NarrowsError: it cannot be written; ``moved.csv`` there says what was moved before.
    """
    folder = Path(os.path.abspath(Path(folder).expanduser()))
    if folder.exists() and not folder.is_dir():
        raise BadFile(f"{folder} is a file; name a folder to move pictures to")
    if pictures and folder.resolve().is_relative_to(Path(pictures).resolve()):
        raise BadFile(
            f"{folder} is inside of {pictures}, where the next `narrows index` would find the "
            "pictures again; name a folder beside it"
        )
    moved: list[tuple[str, str]] = []
    stayed: list[tuple[str, str]] = []
    known: dict[str, bool] = {}
    promised: set[str] = set()
    try:
        for redundant in redundant_files:
            reason = _reason(redundant, os.fspath(pictures), known)
            if reason:
                stayed.append((redundant.id, reason))
                continue
            for target in _names(folder, redundant.id):
                if os.path.lexists(target) or str(target) in promised:
                    continue
                if dry_run:
                    promised.add(str(target))
                    break
                target.parent.mkdir(parents=True, exist_ok=True)
                whole = [
                    os.path.abspath(path) for path in (redundant.path, target, redundant.keeper)
                ]
                _noted(folder / LIST, whole)
                with contextlib.suppress(FileExistsError):  # somebody was faster
                    _move(redundant.path, target)
                    break
            moved.append((redundant.id, str(target)))
    except OSError as error:
        raise NarrowsError(
            f"{error.filename or folder}: {(error.strerror or str(error)).lower()}; "
            f"{len(moved):,} files were moved before, and {folder / LIST} names them"
        ) from error
    return moved, stayed


def _reason(redundant: Redundant, pictures: str, known: dict[str, bool]) -> str:
    """Why a file is to stay; nothing if it may go."""
    path = Path(redundant.path)
    if path.is_symlink():
        return "it is a link"
    if not path.is_file():
        return "it is not there any more"
    if pictures and outside(redundant.path, pictures):
        return f"it is not in {pictures}, or only through a link"
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) != (redundant.size, redundant.mtime):
        return "it changed since it was indexed"
    keeper = Path(redundant.keeper)
    if not keeper.is_file():
        return f"its keeper {redundant.keeper} is not there any more"
    if keeper.resolve() == path.resolve():
        return "its keeper is a link to it"
    if os.path.samefile(keeper, path):
        return "its keeper is the same file under another name"
    if not _is_as_it_was(redundant.path, redundant.hash, known):
        return "it changed since it was indexed"
    if not _is_as_it_was(redundant.keeper, redundant.keeper_hash, known):
        return f"its keeper {redundant.keeper} changed since it was indexed"
    return ""


def _is_as_it_was(path: str, digest: str, known: dict[str, bool]) -> bool:
    """Whether a file has the content that it had, where that is known."""
    if digest and path not in known:
        with open(path, "rb") as opened:
            now = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        known[path] = now == digest
    return known.get(path, True)


def _names(folder: Path, id_: str) -> Iterator[Path]:
    """Names for a file, inside the folder whatever its id says: its own, then with a number."""
    pieces = [allowed(piece) for piece in PurePosixPath(id_).parts if piece not in ("/", "..", ".")]
    wanted = folder.joinpath(*pieces or ["picture"])
    yield wanted
    for number in itertools.count(2):
        ending = f"-{number}{wanted.suffix}"
        stem = os.fsencode(wanted.stem)[
            : 255 - len(os.fsencode(ending))
        ]  # as long as a name may be
        yield wanted.with_name(os.fsdecode(stem) + ending)


def _move(path: str | Path, target: str | Path) -> None:
    """Give a file another name, which nobody has; the old one goes last.

    Raises:
        FileExistsError: somebody has the name.
        OSError: it cannot be moved; it is where it was.
    """
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        _copy(path, target)  # another disk, or one without links
    os.unlink(path)


def _copy(path: str | Path, target: str | Path) -> None:
    """A copy that is there under its name only as a whole."""
    part = Path(target).with_name(f".{secrets.token_hex(8)}.part")
    try:
        shutil.copy2(path, part)
        flush(part)
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        os.rename(part, target)
    finally:
        part.unlink(missing_ok=True)


def _noted(path: Path, line: list[str]) -> None:
    """Add a line to the list, and put it on the disk."""
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8", errors="surrogateescape") as opened:
        lines = csv.writer(opened)
        if new:
            lines.writerow(TITLES)
        lines.writerow(line)
        opened.flush()
        os.fsync(opened.fileno())


# ---- and back ------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Undone(Result):
    """What was brought back.

    Attributes:
        log: the list that was gone by.
        restored: where the files are again.
        skipped: (file, reason) of what stays where it is.
    """

    name: ClassVar[str] = "undo"
    log: str
    restored: Sequence[str]
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, object]:
        """The files."""
        return {
            "log": self.log,
            "restored": list(self.restored),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """A row per file."""
        return Table({"restored": list(self.restored)})

    def __str__(self) -> str:
        return (
            f"{len(self.restored):,} files are where they were; narrows index takes them up again"
            if self.restored
            else f"nothing that {self.log} names is to be brought back"
        )


def moved_files(path: Path) -> list[tuple[str, str, str]]:
    """Of each file that a ``moved.csv`` names: where it was, where it went, and the keeper.

    Raises:
        BadFile: there is no such list, or it is another one.
    """
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as opened:
            rows = list(csv.reader(opened))
    except (OSError, csv.Error) as error:
        raise BadFile(
            f"{path} cannot be read as a list of moved files ({error}); name the {LIST} in the folder "
            "that they were moved to"
        ) from error
    if not rows or rows[0] != TITLES:
        raise BadFile(f"{path} is no list of moved files: its first line is not {','.join(TITLES)}")
    # of the last one a cut may have left a part
    return [(row[0], row[1], row[2]) for row in rows[1:] if len(row) == 3]


def undo(log: str | Path) -> Undone:
    """Bring back what :func:`quarantine` moved, by its list; what is back already is passed over.

    Args:
        log: ``moved.csv``, or the folder that it is in.

    Raises:
        BadFile: there is no such list, or it is another one.
        NarrowsError: a folder cannot be written; what was brought back before stays.
    """
    path = Path(log).expanduser()
    path = path / LIST if path.is_dir() else path
    rows = moved_files(path)
    folder = os.fspath(path.absolute().parent)
    restored: list[str] = []
    skipped: list[tuple[str, str]] = []
    try:
        for before, now, _ in reversed(rows):
            if not os.path.lexists(now) or before in restored:
                continue  # it never left, or is back
            if outside(now, folder) or os.path.islink(now) or not os.path.isfile(now):
                skipped.append((now, f"it is not a file in {folder}"))
            elif not os.path.lexists(before):
                os.makedirs(os.path.dirname(before), exist_ok=True)
                _move(now, before)
                restored.append(before)
            elif os.path.samefile(now, before):  # killed between its two names
                os.unlink(now)
            else:
                skipped.append((now, f"there is another file at {before}"))
    except OSError as error:
        raise NarrowsError(
            f"{error.filename or folder}: {(error.strerror or str(error)).lower()}; "
            f"{len(restored):,} files were brought back before"
        ) from error
    return Undone(str(path), restored, skipped)
