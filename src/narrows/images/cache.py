"""Where Narrows keeps what it can make again, how much of it, and who may see it.

    <cache>/packed/<key>.narrows/    decoded pictures of a folder (packed.py)
    <cache>/data/<name>/             named sets that were downloaded

Packed folders are for their owner alone. When they come to more than a limit (5 GB, or what
NARROWS_CACHE_LIMIT says), those go first that were not used for longest.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..files import made_folder
from ..locks import Taken, locked

__all__ = ["LIMIT", "Kept", "cache_root", "clear", "kept", "limit", "place", "trim", "used"]

LIMIT = 5 * 10**9  # bytes of packed folders
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class Kept:
    """One packed folder.

    Attributes:
        folder: where it lies.
        size: in bytes.
        used: when it was last read or written, in seconds since 1970.
    """

    folder: Path
    size: int
    used: float


def cache_root() -> Path:
    """NARROWS_CACHE, else the user's cache folder as the system has it (or ``XDG_CACHE_HOME``).

    Raises:
        RuntimeError: the user has no home.
    """
    if root := os.environ.get("NARROWS_CACHE"):
        return Path(root).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("narrows", appauthor=False)


def place(name: str) -> tuple[Path, str]:
    """A folder of the cache that can be written, for its owner alone, and a note if it is another.

    Where the user's own cache folder cannot be written (no home, or a read-only one), it is below
    the system's folder for temporary files. What NARROWS_CACHE names is taken as it is.
    """
    root = cache_root()
    if os.environ.get("NARROWS_CACHE"):
        with contextlib.suppress(OSError):  # the sentence comes from whoever writes there
            _own(root, name)
        return root / name, ""
    try:
        return _own(root, name), ""
    except (OSError, RuntimeError) as error:
        other = _temporary()
        why = getattr(error, "strerror", None) or str(error)
        note = f"the cache {root} cannot be written ({why}): decoded pictures are kept in {other}"
        return _own(other, name), f"{note}; NARROWS_CACHE names another folder"


def _own(root: Path, name: str) -> Path:
    """``root / name``, made and tried, with no rights for others."""
    folder = root / name
    made_folder(root)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
    handle, tried = tempfile.mkstemp(prefix=".tried-", dir=folder)
    os.close(handle)
    os.unlink(tried)
    return folder


def _temporary() -> Path:
    """One folder of ours below the temporary ones: the next run finds what this one decoded."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"narrows-{user}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022:
            return folder
    return Path(tempfile.mkdtemp(prefix="narrows-"))  # somebody else's has that name


# ---- how much ------------------------------------------------------------------------------------


def limit() -> int:
    """Bytes that packed folders may take: NARROWS_CACHE_LIMIT (``5G``, ``800M``, ``0``: none), else LIMIT.

    Raises:
        ValueError: it says something else.
    """
    said = os.environ.get("NARROWS_CACHE_LIMIT", "").strip()
    if not said:
        return LIMIT
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", said.lower())
    if found is None:
        raise ValueError(f"NARROWS_CACHE_LIMIT is a size such as 5G or 800M; we got {said!r}")
    return int(float(found[1]) * _UNITS[found[2]])


def kept(root: Path) -> list[Kept]:
    """The packed folders of a cache, the one used last first."""
    where, found = root / "packed", []
    with contextlib.suppress(OSError):
        for folder in where.glob("*.narrows"):
            with contextlib.suppress(OSError):
                size = sum(path.stat().st_size for path in folder.iterdir())
                found.append(Kept(folder, size, folder.stat().st_mtime))
    return sorted(found, key=lambda one: -one.used)


def used(folder: Path) -> None:
    """Note that a packed folder is of use."""
    with contextlib.suppress(OSError):
        now = time.time()
        os.utime(folder, (now, now))


def trim(current: Path) -> None:
    """Remove what was not used for longest until all is within the limit; ``current`` stays."""
    most = limit()
    total = 0
    for one in kept(current.parent.parent):
        total += one.size
        if total > most and one.folder != current:
            total -= one.size if _removed(one.folder) else 0


def clear(root: Path) -> tuple[int, int]:
    """Remove every packed folder that nobody writes to now; gives how many, and their bytes."""
    gone = [one.size for one in kept(root) if _removed(one.folder)]
    return len(gone), sum(gone)


def _removed(folder: Path) -> bool:
    """Remove a packed folder; who has it mapped keeps it until the map is closed."""
    try:
        with locked(folder, wait=False):
            (folder / "index.json").unlink(missing_ok=True)  # first: a row is what an index names
            shutil.rmtree(folder)
    except (Taken, OSError):
        return False
    return True
