"""What of a collection is on the disk for certain: its files with their lengths and checksums.

    a commit ──flush new files and folders──► whole.json
                                                 │
    open: the newest version ──all of its files there, as long as written, with their checksums?
              │ yes                              │ what no flush vouches for, or a manifest, is not
              ▼                                  ▼
            that one                           the newest version that is whole, and a sentence

LanceDB flushes nothing: after a power cut its newest manifest may be empty, and then it opens no
version at all. Its files are written once and never changed, so a checksum holds for as long as they
are there. What a manifest names is read from it here (Lance's table format: a protobuf message before
sixteen bytes of footer). At an object store's address there is nothing to flush, and none of this.
"""

from __future__ import annotations

import json
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import flush, write_text

__all__ = ["FILE", "Damage", "Manifest", "State", "forget", "manifests", "seal", "sealed", "state"]

FILE = "whole.json"
AT_ONCE = 1 << 28  # bytes of a table whose checksums are compared whenever it is opened
_MAGIC = b"LANC"
_ENDS = {".lance": _MAGIC, ".idx": _MAGIC, ".arrow": b"ARROW1"}
_BLOCK = 1 << 22
_LARGEST = 1 << 30  # bytes of a manifest
_checked: dict[str, tuple[int, int, int]] = {}  # whose checksum was right, as the file was then

Known = dict[str, tuple[int, int]]  # path below the table's folder → length, checksum


class Damage(Exception):
    """Bytes that are no manifest."""


@dataclass(frozen=True)
class Manifest:
    """One version of a table.

    Attributes:
        version: from 1.
        path: its file, below the table's folder.
        files: what it names: path below the table's folder → its length, 0 where that is not said.
        fragments: number of each piece of rows → the files of it.
    """

    version: int
    path: str
    files: dict[str, int]
    fragments: dict[int, list[str]]


@dataclass
class State:
    """What can be opened of a table.

    Attributes:
        newest: the highest version of which there is a trace; 0 where there is none.
        whole: the newest version that is whole; None where there is none.
        lacking: (file, reason), of the versions after it.
        damaged: (file, reason) of what was whole once: nobody may read it.
        vouched: whether a flush vouches for that version.
    """

    newest: int = 0
    whole: Manifest | None = None
    lacking: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    vouched: bool = False


# ---- writing -------------------------------------------------------------------------------------


def seal(folder: Path, table: str) -> None:
    """Flush what is new of a table, and write down what is whole of it now.

    Raises:
        OSError: the disk fails.
        NarrowsError: it is full, or may not be written.
    """
    root = folder / f"{table}.lance"
    before = sealed(folder, table)
    known = {} if before is None else before[1]
    new_folders: set[str] = set()
    there = set()
    for path, entry in _walk(root):
        there.add(path)
        if path not in known and not _is_past(path, before) and _flushed(entry.path):
            new_folders.add(os.path.dirname(entry.path))
    for each in sorted(new_folders | {os.fspath(root), os.fspath(folder)}):
        _flushed(each)
    if before is None:
        _flushed(os.fspath(folder.parent))
    kept = {path: known[path] for path in there & known.keys()}
    version = 0 if before is None else before[0]
    for number, path in manifests(root).items():
        if path in kept:
            version = max(version, number)
            continue
        try:
            manifest = _manifest(root, path)
        except (Damage, FileNotFoundError):  # not whole, or removed meanwhile
            continue
        found = {name: kept.get(name) or _sum(root / name) for name in (path, *manifest.files)}
        if all(found.values()):
            kept |= {name: each for name, each in found.items() if each}
            version = max(version, number)
    tables = _read(folder)
    tables[table] = {"version": version, "files": kept}
    write_text(folder / FILE, json.dumps({"format": 1, "tables": tables}))


def _is_past(path: str, before: tuple[int, Known] | None) -> bool:
    """Whether a file is the note of a write that was flushed, ``_transactions/VERSION-….txn``: no
    manifest names it, and there is one for each write that ever was."""
    place, _, name = path.partition("/")
    version = name.partition("-")[0]
    if place != "_transactions" or before is None or not version.isdecimal():
        return False
    return int(version) + 1 < before[0]


def forget(folder: Path, table: str) -> None:
    """A table is no more."""
    tables = _read(folder)
    if tables.pop(table, None) is not None:
        write_text(folder / FILE, json.dumps({"format": 1, "tables": tables}))


def _flushed(path: str) -> bool:
    """Flush one file, or the names in a folder; False where it is gone, or is a folder that cannot be."""
    try:
        if not os.path.isdir(path):
            flush(Path(path))
            return True
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except PermissionError:  # folders on Windows
        if os.path.isdir(path):
            return False
        raise
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def _sum(path: Path) -> tuple[int, int] | None:
    """A file's length and checksum; None where it is not there."""
    length, checksum = 0, 0
    try:
        with open(path, "rb") as opened:
            while block := opened.read(_BLOCK):
                length, checksum = length + len(block), zlib.crc32(block, checksum)
    except FileNotFoundError:
        return None
    return length, checksum


# ---- reading -------------------------------------------------------------------------------------


def sealed(folder: Path, table: str) -> tuple[int, Known] | None:
    """The newest version that was flushed, and its files; None where nothing is said of the table."""
    try:
        entry = _read(folder)[table]
        files = {str(path): (int(size), int(crc)) for path, (size, crc) in entry["files"].items()}
        return int(entry["version"]), files
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read(folder: Path) -> dict[str, Any]:
    """All tables of the file; none where it is missing or damaged: then nothing is vouched for."""
    try:
        document = json.loads((folder / FILE).read_bytes())
        tables = document["tables"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return tables if isinstance(tables, dict) else {}


def state(folder: Path, table: str, *, thorough: bool = False) -> State:
    """What can be opened of a table.

    Args:
        thorough: compare the checksums of all files, however large and however often they were
            compared before; otherwise of tables up to 256 MiB, and of each file once.

    Raises:
        OSError: the system says why it cannot be read, which is no damage.
    """
    root = folder / f"{table}.lance"
    before = sealed(folder, table)
    known = {} if before is None else before[1]
    found = State(newest=0 if before is None else before[0])
    there = manifests(root)
    found.newest = max([found.newest, *there])
    if before is not None and before[0] > max(there, default=0):
        found.lacking.append((f"the manifest of version {before[0]}", "is gone"))
    for number in sorted(there, reverse=True):
        path = there[number]
        reason = _wrong(root, path, known.get(path), True)
        try:
            if reason:
                raise Damage(reason)
            manifest = _manifest(root, path)
            if manifest.version != number:
                raise Damage("is of another version")
        except (Damage, FileNotFoundError) as error:
            found.lacking.append((path, str(error) if isinstance(error, Damage) else "is gone"))
            continue
        large = sum(manifest.files.values()) > AT_ONCE
        wrong = [
            (name, reason, name in known)
            for name, size in manifest.files.items()
            if (
                reason := _wrong(root, name, known.get(name), thorough or not large, size, thorough)
            )
        ]
        if any(was_whole for *_, was_whole in wrong):  # going back would lose rows that are there
            found.damaged = [(name, reason) for name, reason, _ in wrong]
        if wrong and not found.damaged:
            found.lacking += [(name, reason) for name, reason, _ in wrong]
            continue
        found.whole, found.vouched = manifest, path in known
        return found
    return found


def _wrong(
    root: Path,
    name: str,
    expected: tuple[int, int] | None,
    compare: bool,
    size: int = 0,
    again: bool = False,
) -> str:
    """What is wrong with one file; nothing if it is as it was written, as far as anybody knows."""
    path = root / name
    try:
        status = path.stat()
        if expected is not None:
            if status.st_size != expected[0]:
                return f"has {status.st_size:,} bytes of {expected[0]:,}"
            now = (status.st_size, status.st_mtime_ns, status.st_ino)
            if compare and (again or _checked.get(str(path)) != now):
                if _sum(path) != expected:
                    return "holds other bytes than were written"
                _checked[str(path)] = now
            return ""
        if not status.st_size or (size and status.st_size != size):
            return f"has {status.st_size:,} bytes" + (f" of {size:,}" if size else "")
        end = _ENDS.get(path.suffix)
        if end is not None:
            with open(path, "rb") as opened:
                opened.seek(-min(len(end), status.st_size), os.SEEK_END)
                if opened.read() != end:
                    return "has no end"
    except FileNotFoundError:
        return "is gone"
    return ""


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files below a table's folder."""
    stack = [("", os.fspath(root))]
    while stack:
        prefix, path = stack.pop()
        try:
            entries = list(os.scandir(path))
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                stack.append((f"{prefix}{entry.name}/", entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield prefix + entry.name, entry


def manifests(root: Path) -> dict[int, str]:
    """Version → its manifest, below a table's folder."""
    found = {}
    try:
        names = os.listdir(root / "_versions")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for name in names:
        stem, dot, ending = name.partition(".")
        if ending == "manifest" and stem.isascii() and stem.isdigit():
            number = int(stem)
            found[2**64 - 1 - number if number >= 2**63 else number] = f"_versions/{name}"
    return found


# ---- Lance's manifest ----------------------------------------------------------------------------


def _manifest(root: Path, path: str) -> Manifest:
    """Read a manifest.

    Raises:
        Damage: it is none, or has no end.
        OSError: it cannot be read.
    """
    status = os.stat(root / path)
    if status.st_size > _LARGEST:
        raise Damage("is too large")
    content = (root / path).read_bytes()
    if len(content) < 20 or content[-4:] != _MAGIC:
        raise Damage(f"has {len(content):,} bytes and no end")
    try:
        version, indices = 0, None
        files: dict[str, int] = {}
        fragments: dict[int, list[str]] = {}
        for number, value in _message(
            content, struct.unpack_from("<Q", content, len(content) - 16)[0]
        ):
            if number == 2:
                which, names = _fragment(value)
                fragments[which] = list(names)
                files |= names
            elif number == 3:
                version = int(value)
            elif number == 6:
                indices = int(value)
        if indices is not None:
            for number, value in _message(content, indices):
                if number == 1:
                    files |= dict.fromkeys(_index(root, value), 0)
    except (struct.error, IndexError, ValueError, TypeError, OverflowError) as error:
        raise Damage(f"is no manifest ({error})") from error
    return Manifest(version, path, files, fragments)


def _fragment(content: bytes) -> tuple[int, dict[str, int]]:
    """A piece of rows: its number, and its files with their lengths."""
    files: dict[str, int] = {}
    which, removed = 0, None
    for number, value in _fields(content):
        if number == 1:
            which = int(value)
        elif number == 2:
            file = dict(_fields(value))
            files[f"data/{_text(file[1])}"] = int(file.get(6, 0))
        elif number == 3:
            removed = dict(_fields(value))
    if removed is not None:
        ending = "bin" if removed.get(1, 0) else "arrow"
        name = f"{which}-{removed.get(2, 0)}-{removed.get(3, 0)}.{ending}"
        files[f"_deletions/{name}"] = 0
    return which, files


def _index(root: Path, content: bytes) -> list[str]:
    """The files of an index."""
    name = str(uuid.UUID(bytes=dict(_fields(dict(_fields(content))[1]))[1]))
    try:
        there = sorted(os.listdir(root / "_indices" / name))
    except FileNotFoundError:
        there = ["index.idx"]  # which is not there
    return [f"_indices/{name}/{each}" for each in there]


def _text(content: bytes) -> str:
    name = content.decode()
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError("a file outside of the table")
    return name


def _message(content: bytes, at: int) -> Iterator[tuple[int, Any]]:
    (length,) = struct.unpack_from("<I", content, at)
    if at + 4 + length > len(content):
        raise ValueError("it is cut off")
    return _fields(content[at + 4 : at + 4 + length])


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The numbers and values of a protobuf message: whole numbers, or bytes."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(content, at)
        elif tag & 7 in (1, 5):
            width = 8 if tag & 7 == 1 else 4
            value, at = content[at : at + width], at + width
        elif tag & 7 == 2:
            length, at = _varint(content, at)
            if at + length > len(content):
                raise ValueError("it is cut off")
            value, at = content[at : at + length], at + length
        else:
            raise ValueError(f"a field of the kind {tag & 7}")
        yield tag >> 3, value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        result |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return result, at
    raise ValueError("a number without an end")
