"""The database under a collection: LanceDB, embedded, in one folder or at an object store's address.

    ADDRESS/
      narrows.lance            a row per version: its table, what it is, whether it is complete
      pictures-N-….lance       the rows of version N
      parts-N.lance            while version N is made in parts, see ledger.py
      whole.json               what of them is on the disk for certain, see whole.py
      masks/                   masks of true flaws that were painted in the studio, see studio/masks.py

A table is made before the listing names it, so that a kill leaves at most a table that nobody sees.
Every write is one commit, flushed before it counts; a reader sees the rows of the last one. Where the
newest does not open, the last one that is whole does; the next write puts what is broken aside.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadFile, NarrowsError, Unavailable
from ..locks import locked
from . import whole
from .about import About
from .rows import schema_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "Version", "guarded", "local", "look", "table_name"]

LISTING = "narrows"
SAID = logging.getLogger("narrows")
_said: set[str] = set()  # once is enough
_CONTENT = (
    ".",
    "lock",
    "pictures-",
    "parts-",
    "features-",
    "masks",
    LISTING,
    whole.FILE,
)  # how names in a collection begin


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
    with guarded(address):
        names = os.listdir(folder) if folder.is_dir() else []
    foreign = [name for name in names if not name.startswith(_CONTENT)]  # no run that began here
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
        for what, sentence in _SYSTEM.items():
            if what in _numbers(error):
                raise NarrowsError(sentence.format(address=address, reason=reason)) from error
        raise BadFile(
            f"the collection {address} is damaged or cannot be reached ({reason}); copy it again, "
            "or index the pictures into another one"
        ) from error


_UNCHANGED = "what {address} held before is unchanged"
_SYSTEM = {
    errno.ENOSPC: f"the disk is full: {_UNCHANGED}; free some space and run again",
    errno.EDQUOT: f"your share of the disk is full: {_UNCHANGED}; free some space and run again",
    errno.EFBIG: f"a file grew larger than it may ({{reason}}): {_UNCHANGED}; raise the limit, ulimit "
    "-f, or name a collection on another disk",
    errno.EMFILE: "too many files are open at once to read or write {address}; raise the limit, "
    "ulimit -n, and run again",
    errno.ENFILE: "too many files are open on this machine to read or write {address}; close some "
    "programs and run again",
    errno.EACCES: "{address} may not be read or written ({reason}); choose another folder",
    errno.EPERM: "{address} may not be read or written ({reason}); choose another folder",
    errno.EROFS: "{address} may not be written ({reason}); choose another folder",
    errno.ENAMETOOLONG: "{address} is too long a name ({reason}); choose a shorter one",
    errno.EIO: "the disk under {address} cannot be read or written ({reason}); look after the disk",
}


def _numbers(error: BaseException) -> set[int]:
    """The system's numbers of what went wrong, which the engine writes into its text."""
    found = {int(number) for number in re.findall(r"\(os error (\d+)\)", str(error))}
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            found.add(cause.errno)
        cause = cause.__cause__
    return found


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
    """The tables at one address, and the listing of versions.

    Args:
        make: whether there may be nothing yet.
        ledger: the version that several processes write to at once, a part each; None of a whole one.
    """

    def __init__(self, address: str, make: bool = False, *, ledger: int | None = None) -> None:
        self.address, self.ledger = address, ledger
        lancedb = _lancedb()
        self.folder = folder = local(address)
        self._beside: Path | None = None
        if not look(address) and not make and ledger is None:
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
        """An open table: its newest version, or the last one that is whole.

        Raises:
            BadFile: it is missing or damaged.
        """
        found = self._state(name)
        if found is None or found.whole is not None and not found.lacking:
            with guarded(self.address):
                return self.database.open_table(name)
        if found.whole is None:
            raise BadFile(
                f"the collection {self.address} is damaged or cannot be reached "
                f"({_first(found.lacking, name)}), and nothing older is whole; copy it again, or index "
                "the pictures into another one"
            )
        said = (
            f"{self.address}: the last write did not reach the disk whole "
            f"({_first(found.lacking, name)}); it is opened as it was before, and the next narrows index "
            "writes what is missing"
        )
        if said not in _said:
            _said.add(said)
            SAID.warning("%s", said)
        return self._opened_beside(name, found.whole)

    def _state(self, name: str) -> whole.State | None:
        """What can be opened of a table; None where nobody can tell.

        Raises:
            BadFile: files of it are not as they were written.
        """
        if self.folder is None:
            return None
        with guarded(self.address):
            found = whole.state(self.folder, name)
        if found.damaged:
            raise BadFile(
                f"the collection {self.address} is damaged or cannot be reached "
                f"({_first(found.damaged, name)}); `narrows check {self.address} --repair` removes the "
                "rows that cannot be trusted; or copy it again, or index the pictures into another one"
            )
        return found if found.newest else None

    def _opened_beside(self, name: str, manifest: whole.Manifest) -> Any:
        """A table at a version that is not its newest: the engine reads the newest manifest before all
        else, so it gets a folder of links without those after that one. Nothing of the collection changes."""
        assert self.folder is not None
        with guarded(self.address):
            if self._beside is None:
                self._beside = Path(tempfile.mkdtemp(prefix="narrows-"))
                weakref.finalize(self, shutil.rmtree, self._beside, True)
            root = (self.folder / f"{name}.lance").resolve()
            links = self._beside / f"{name}.lance"
            if not links.exists():
                (links / "_versions").mkdir(parents=True)
                for each in ("data", "_deletions", "_indices", "_transactions"):
                    (links / each).symlink_to(root / each, target_is_directory=True)
                (links / manifest.path).symlink_to(root / manifest.path)
            return _lancedb().connect(str(self._beside)).open_table(name)

    def settle(self, name: str) -> bool:
        """Put aside manifests of versions that did not reach the disk whole, and vouch for the newest.

        Returns:
            Whether the table has to be opened again.
        """
        found = self._state(name)
        if found is None or self.folder is None:
            return False
        with guarded(self.address):
            if found.lacking:
                root = self.folder / f"{name}.lance"
                last = 0 if found.whole is None else found.whole.version
                for number, path in whole.manifests(root).items():
                    if number > last:
                        os.replace(root / path, f"{root / path}.damaged")
                whole.forget(self.folder, name)
            if found.lacking or not found.vouched:
                whole.seal(self.folder, name)
        return bool(found.lacking)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one in a folder that writes a part, for one commit (an object store has no locks).

        Raises:
            NarrowsError: the version was finished meanwhile.
        """
        with contextlib.ExitStack() as stack:
            if self.folder is not None:
                with guarded(self.address):
                    stack.enter_context(locked(self.folder))
            if self.ledger is not None and self.ledger not in self.ledgers():
                raise NarrowsError(
                    f"version {self.ledger} of {self.address} was finished, or removed, while this part "
                    "of it ran once more; nothing else was written"
                )
            yield

    def ledgers(self) -> list[int]:
        """The versions that are being made in parts."""
        if self.folder is not None:
            names = [path.stem for path in self.folder.glob("parts-*.lance")]
        else:
            with guarded(self.address):
                found = self.database.list_tables()
                names = list(found.tables)
                while found.page_token:
                    found = self.database.list_tables(page_token=found.page_token)
                    names += found.tables
        found_in = (re.fullmatch(r"parts-(\d{1,9})", name) for name in names)
        return sorted(int(each[1]) for each in found_in if each)

    def drop_table(self, name: str) -> None:
        """Remove a table that no listing names."""
        with guarded(self.address):
            self.database.drop_table(name)
            if self.folder is not None:
                whole.forget(self.folder, name)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """What is committed to a table inside is on the disk afterwards."""
        with guarded(self.address):
            yield
            if self.folder is not None:
                whole.seal(self.folder, name)

    def versions(self) -> list[Version]:
        """All versions, the oldest first; none of a collection that has yet to be made."""
        if not self._listed():
            return []
        listing = self.table(LISTING)
        with guarded(self.address):
            rows = listing.search().limit(None).to_list()
        try:
            listed = [
                Version(
                    int(r["version"]),
                    table_name(r["table"]),
                    About.read(r["about"], self.address),
                    r["complete"],
                )
                for r in rows
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise BadFile(
                f"{self.address} is no collection that this Narrows reads: its listing has other columns; "
                "name another folder"
            ) from error
        return sorted(listed, key=lambda version: version.number)

    def _listed(self) -> bool:
        """Whether the listing was ever committed: a power cut in the first moments leaves nothing of it."""
        if self.folder is None:
            with guarded(self.address):
                try:
                    self.database.open_table(LISTING)
                except (ValueError, FileNotFoundError) as error:
                    if "not found" in str(error):
                        return False
                    raise
            return True
        found = self._state(LISTING)
        if found is None:
            return False
        if found.whole is not None:
            return True
        with guarded(self.address):
            if whole.sealed(self.folder, LISTING) is not None:
                return True
            tables = [path.stem for path in self.folder.glob("pictures-*.lance")]
            rows = [whole.state(self.folder, name).whole for name in tables]
        return any(each is not None and each.fragments for each in rows)

    def make(self, about: About) -> Version:
        """An empty new version, not complete yet."""
        taken = [*self.ledgers(), *(version.number for version in self.versions())]
        number = max(taken, default=0) + 1
        version = Version(number, f"pictures-{number}-{secrets.token_hex(4)}", about, False)
        with self.writing(version.table):
            self.database.create_table(version.table, schema=schema_of(about.size))
        self.write(version)
        return version

    def write(self, version: Version) -> None:
        """Put a version's line into the listing, in place of the one that it has."""
        row, there = _line(version), bool(self.versions())
        self.settle(LISTING)
        with self.writing(LISTING):
            if there:
                listing = self.database.open_table(LISTING)
                merge = listing.merge_insert("version").when_matched_update_all()
                merge.when_not_matched_insert_all().execute(row)
            else:
                self.database.create_table(LISTING, row)

    def drop(self, version: Version) -> None:
        """Remove a version: first from the listing, then its rows."""
        self.settle(LISTING)
        with self.writing(LISTING):
            self.database.open_table(LISTING).delete(f"version = {version.number}")
        self.drop_table(version.table)

    def clear(self) -> None:
        """Remove what is left of a collection without a version."""
        with guarded(self.address):
            self.database.drop_table(LISTING)
        if self.folder is not None:
            fitted = [path.name for path in self.folder.glob("features-*.safetensors")]
            for name in ("lock", whole.FILE, *fitted):
                (self.folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def table_name(table: object) -> str:
    """The name of a table of rows, and of nothing else."""
    if not isinstance(table, str) or not re.fullmatch(r"pictures-\d+-[0-9a-f]+", table):
        raise ValueError("a table of another name")
    return table


def _first(wrong: list[tuple[str, str]], table: str) -> str:
    """Of some files the first, in a phrase."""
    if not wrong:
        return f"{table}.lance has no version"
    name, reason = wrong[0]
    more = f", and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
    return f"{name} of {table} {reason}{more}"


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
