"""Keepers: which picture of a group stays, and which files are never redundant, whatever shows the same.

    rows ──what is on the disk now──► best first ──groups──► groups whose others may go

A picture that is reached through a link, or is a file under a second name, takes no room that could be
won; one that changed since it was looked at is not known to show the same any more.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .close_codes import Group

__all__ = ["KEEP", "OnDisk", "best_first", "on_disk", "outside", "settled"]

Array = np.ndarray[Any, Any]

KEEP = ("largest", "oldest", "newest")
_COPY = re.compile(
    r"\(\d{1,3}\)$|(^|[\W_])(copy|kopie|copie|copia|kopia)([\W_]*\d{0,3}\W*)$"
    r"|^(copy of|kopie von|copie de|copia de)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class OnDisk:
    """What became of N pictures' files since they were looked at.

    Attributes:
        linked: (N,) whether a file is reached through a symbolic link, or is outside of the folder.
        file: (N,) numbers, equal for names of one file; −1 for what is no file, or not there.
        stale: (N,) whether it changed or is gone.
    """

    linked: Array
    file: Array
    stale: Array


def on_disk(columns: Mapping[str, Array], root: str) -> OnDisk:
    """Look after the files of pictures, without reading them.

    Args:
        columns: path, size and mtime of N pictures; a path of None is no file.
        root: the folder that they are all in; empty of single files.
    """
    n = len(columns["path"])
    linked, stale, file = np.zeros(n, bool), np.zeros(n, bool), np.full(n, -1)
    numbers: dict[tuple[int, int], int] = {}
    folders: dict[str, bool] = {}
    for row, (path, size, mtime) in enumerate(
        zip(columns["path"], columns["size"], columns["mtime"], strict=True)
    ):
        if path is None:
            continue
        try:
            status = os.lstat(path)
        except (OSError, ValueError):  # gone, or a name that no file can have
            stale[row] = True
            continue
        folder = os.path.dirname(path)
        if folder not in folders:
            folders[folder] = bool(root) and outside(folder, root)
        linked[row] = folders[folder] or stat.S_ISLNK(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            try:
                status = os.stat(path)
            except OSError:
                stale[row] = True
                continue
        file[row] = numbers.setdefault((status.st_dev, status.st_ino), len(numbers))
        stale[row] = not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (
            size,
            mtime,
        )
    if stale.all():  # the drive is not mounted: nothing can go, and all can be looked at
        stale[:] = False
    return OnDisk(linked, file, stale)


def outside(path: str, root: str) -> bool:
    """Whether a path leads out of a folder, by its name or by a link below the folder."""
    below = os.path.relpath(os.path.abspath(path), os.path.abspath(root))
    if below == os.pardir or below.startswith(os.pardir + os.sep):
        return True
    return os.path.realpath(path) != os.path.normpath(os.path.join(os.path.realpath(root), below))


def best_first(columns: Mapping[str, Array], disk: OnDisk, keep: str = "largest") -> Array:
    """The rows (N,) from the one to keep: by ``keep``, then by what speaks for an original.

    ``largest``: of more pixels, then older, then without "(1)" or "copy" in its name, then the larger
    file, then the first one. ``oldest`` and ``newest``: by the time of change before the pixels. What
    is linked comes after all others, and what changed or is gone after that.

    Raises:
        ValueError: another ``keep``.
    """
    if keep not in KEEP:
        raise ValueError(f"what is kept is one of {', '.join(KEEP)}; we got {keep!r}")
    area = np.nan_to_num(columns["width"].astype(float) * columns["height"])
    age = np.nan_to_num(columns["mtime"].astype(float), nan=np.inf)
    copy = np.array([bool(_COPY.search(Path(id_).stem)) for id_ in columns["id"]], bool)
    size = np.nan_to_num(columns["size"].astype(float))
    first = {"largest": (age, -area), "oldest": (-area, age), "newest": (-area, -age)}[keep]
    return np.lexsort((-size, copy, *first, disk.linked, disk.stale))


def settled(
    groups: Sequence[Group], turns: Sequence[Sequence[str]], disk: OnDisk, ids: Array
) -> tuple[list[Group], list[list[str]], list[str]]:
    """Groups whose others may go, how these are turned, and sentences about those that may not.

    Args:
        groups: by the order of :func:`best_first`.
        turns: of each group, of each of its others, how it is turned.
        ids: (N,) names.
    """
    kept: list[Group] = []
    ways: list[list[str]] = []
    same: list[int] = []
    stale: list[int] = []
    for group, words in zip(groups, turns, strict=True):
        if disk.stale[group.keeper]:
            stale += [group.keeper, *group.others]
            continue
        taken = {int(disk.file[group.keeper])} - {-1}
        mine = []
        for place, row in enumerate(group.others):
            number = int(disk.file[row])
            if disk.stale[row]:
                stale.append(row)
            elif disk.linked[row] or number in taken:
                same.append(row)
            else:
                mine.append(place)
                taken |= {number} - {-1}
        if mine:
            others = [group.others[place] for place in mine]
            kept.append(Group(group.keeper, others, [group.distances[place] for place in mine]))
            ways.append([words[place] for place in mine])
    notes = []
    if same:
        notes.append(
            f"{len(same):,} pictures are reached through a link, or are another name of the same file, "
            f"such as {ids[same[0]]}: they are not called redundant"
        )
    if stale:
        notes.append(
            f"{len(stale):,} pictures that looked alike changed or are gone since they were indexed, "
            f"such as {ids[stale[0]]}: they are in no group; index them again"
        )
    return kept, ways, notes
