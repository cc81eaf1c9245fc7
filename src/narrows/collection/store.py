"""The database under a collection: LanceDB, embedded, in one folder or at an object store's address.

    ADDRESS/
      narrows.lance            a row per version: its table, what it is, whether it is complete
      pictures-N-….lance       the rows of version N

A table is made before the listing names it, so that a kill leaves at most a table that nobody sees.
Every write is one commit; a reader sees the rows of the last one.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadFile, NarrowsError, Unavailable
from .about import About
from .rows import schema_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "Version", "guarded", "local", "look"]

LISTING = "narrows"


@dataclass(frozen=True)
class Version:
    """One version of a collection: the rows that one model made of one set of pictures.

    Attributes:
        number: from 1.
        table: its table in the database.
        about: whose codes they are.
        complete: whether an index run came to its end.
    """

    number: int
    table: str
    about: About
    complete: bool


def local(address: str) -> Path | None:
    """The folder that an address means; None for an object store."""
    if "://" in address:
        return None
    return Path(address).expanduser()


def look(address: str) -> bool:
    """Whether there may be a collection at an address: False of a folder without one.

    Raises:
        NarrowsError: a file, or a folder of other things.
    """
    folder = local(address)
    if folder is None or (folder / f"{LISTING}.lance").is_dir():
        return True
    if folder.is_file():
        raise BadFile(f"{folder} is a file, not a collection; name a folder")
    left = (".", "lock", "pictures-")  # of an index run that was killed as it began
    foreign = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    foreign = [name for name in foreign if not name.startswith(left)]
    if foreign:
        raise BadFile(
            f"there is no collection in {folder}, which holds other things ({min(foreign)}): "
            "name another folder, or make one with `narrows index MODEL PICTURES --to FOLDER`"
        )
    return False


@contextlib.contextmanager
def guarded(address: str) -> Iterator[None]:
    """Turn what the database raises into one sentence.

    Raises:
        NarrowsError: the disk is full, or may not be written.
        BadFile: anything else: a file of the collection is missing or damaged.
    """
    try:
        yield
    except (NarrowsError, MemoryError, TypeError, AttributeError, NameError):
        raise
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"  # the engine's own, and no Exception
        if not (isinstance(error, Exception) or panic):
            raise
        reason = brief(error)
        if "No space left" in str(error):
            raise NarrowsError(
                f"the disk is full: what {address} held before is unchanged; free some space and "
                "run again"
            ) from error
        if "ermission denied" in str(error) or "Read-only file system" in str(error):
            raise NarrowsError(
                f"{address} may not be written ({reason}); choose another folder"
            ) from error
        raise BadFile(
            f"the collection {address} is damaged or cannot be reached ({reason}); copy it again, "
            "or index the pictures into another one"
        ) from error


def brief(error: BaseException) -> str:
    """The reason without the places in the engine's source, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.split(r", /\S*\.rs", text)[0].removeprefix("lance error: ")[:160]


def _lancedb() -> Any:
    os.environ.setdefault("LANCE_LOG", "error")  # its log is not for the terminal
    try:
        import lancedb
    except ImportError as error:
        raise Unavailable(
            "collections need LanceDB: run pip install 'narrows[collections]'"
        ) from error
    return lancedb


class Store:
    """The tables at one address, and the listing of versions."""

    def __init__(self, address: str, make: bool = False) -> None:
        self.address = address
        lancedb = _lancedb()
        folder = local(address)
        if not look(address) and not make:
            raise BadFile(
                f"there is no collection in {address}: make one with "
                f"`narrows index MODEL PICTURES --to {address}`"
            )
        with guarded(address):
            # zero: each read sees the last commit, of whatever process
            self.database = lancedb.connect(
                address if folder is None else str(folder),
                read_consistency_interval=timedelta(0),
            )

    def table(self, name: str) -> Any:
        """An open table.

        Raises:
            BadFile: it is missing or damaged.
        """
        with guarded(self.address):
            return self.database.open_table(name)

    def versions(self) -> list[Version]:
        """All versions, the oldest first; none of a collection that has yet to be made."""
        with guarded(self.address):
            try:
                listing = self.database.open_table(LISTING)
            except (ValueError, FileNotFoundError) as error:
                if "not found" in str(error):  # never committed
                    return []
                raise
            rows = listing.search().limit(None).to_list()
        try:
            listed = [
                Version(
                    int(r["version"]),
                    r["table"],
                    About.read(r["about"], self.address),
                    r["complete"],
                )
                for r in rows
            ]
        except (KeyError, TypeError) as error:
            raise BadFile(
                f"{self.address} is no collection that this Narrows reads: its listing has other columns; "
                "name another folder"
            ) from error
        return sorted(listed, key=lambda version: version.number)

    def make(self, about: About) -> Version:
        """An empty new version, not complete yet."""
        number = max((version.number for version in self.versions()), default=0) + 1
        version = Version(number, f"pictures-{number}-{secrets.token_hex(4)}", about, False)
        with guarded(self.address):
            self.database.create_table(version.table, schema=schema_of(about.size))
        self.write(version)
        return version

    def write(self, version: Version) -> None:
        """Put a version's line into the listing, in place of the one that it has."""
        row, there = _line(version), bool(self.versions())
        with guarded(self.address):
            if there:
                listing = self.database.open_table(LISTING)
                merge = listing.merge_insert("version").when_matched_update_all()
                merge.when_not_matched_insert_all().execute(row)
            else:
                self.database.create_table(LISTING, row)

    def drop(self, version: Version) -> None:
        """Remove a version: first from the listing, then its rows."""
        with guarded(self.address):
            self.database.open_table(LISTING).delete(f"version = {version.number}")
            self.database.drop_table(version.table)

    def clear(self) -> None:
        """Remove what is left of a collection without a version."""
        with guarded(self.address):
            self.database.drop_table(LISTING)
        folder = local(self.address)
        if folder is not None:
            (folder / "lock").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()


def _line(version: Version) -> pa.Table:
    import pyarrow as pa

    kinds = {
        "version": pa.int64(),
        "table": pa.string(),
        "about": pa.string(),
        "complete": pa.bool_(),
    }
    row = {
        "version": version.number,
        "table": version.table,
        "about": version.about.text(),
        "complete": version.complete,
    }
    return pa.Table.from_pylist([row], pa.schema(list(kinds.items())))
