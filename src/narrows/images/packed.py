"""Decoded pictures on disk: one file of uint8 rows, memory-mapped, and one JSON index.

    <cache>/<key>.narrows/
      pixels-<token>.bin    4096 bytes of header, then rows of C*H*W bytes; only ever appended to
      index.json            what lies in which row; replaced as a whole, after the rows are on disk
      lock                  held while somebody appends

A row that no index names does not exist, so a kill or a power cut costs at most what was decoded
since the last index. A reader maps the rows that its index names and needs no lock.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import NarrowsError
from ..files import TOO_MANY, write_text

__all__ = ["Entry", "Pack", "Writer", "load"]

VERSION = 1
HEADER = 4096
CHECKPOINT_EVERY = 5.0  # seconds between indexes while packing


class Entry(NamedTuple):
    """What the index knows of one file: its key, its content, and its row or why it has none."""

    size: int
    mtime: int
    digest: str
    slot: int  # -1: not readable
    reason: str
    told: str = ""  # what was given up to read it, as images/read.py calls it, by commas
    deep: tuple[bool, float, float, int] | None = None  # its range of values, if above eight bits


@dataclass
class Pack:
    """The index in memory. ``entries`` maps a relative path to its Entry.

    ``levels`` is the range of values with which the deep ones among them were decoded.
    """

    folder: Path
    shape: tuple[int, int, int]
    token: str = ""
    slots: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    levels: list[list[float] | None] | None = None

    @property
    def data(self) -> Path:
        return self.folder / f"pixels-{self.token}.bin"

    @property
    def row(self) -> int:
        """Bytes of one picture."""
        return math.prod(self.shape)

    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """uint8 (slots, C, H, W), memory-mapped for reading."""
        if not self.slots:
            return np.zeros((0, *self.shape), np.uint8)
        shape = (self.slots, *self.shape)
        return np.memmap(self.data, np.uint8, "r", offset=HEADER, shape=shape)


def _header(pack: Pack) -> bytes:
    head = {"narrows": "pixels", "version": VERSION, "token": pack.token, "shape": pack.shape}
    return json.dumps(head).encode().ljust(HEADER - 1) + b"\n"


def load(folder: Path, shape: tuple[int, int, int]) -> Pack | None:
    """The pack of ``folder``, or None where there is none that can be trusted."""
    for _ in range(3):  # between reading the index and the data another process may replace both
        try:
            document = json.loads((folder / "index.json").read_bytes())
            pack = _pack_of(folder, shape, document)
            with open(pack.data, "rb") as opened:
                fine = opened.read(HEADER) == _header(pack)
                length = os.fstat(opened.fileno()).st_size
            return pack if fine and length >= HEADER + pack.slots * pack.row else None
        except FileNotFoundError:
            if not (folder / "index.json").exists():
                return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None  # damaged or not ours: it is made again
    return None


def _pack_of(folder: Path, shape: tuple[int, int, int], document: Any) -> Pack:
    """Read an index; ``ValueError`` or the like where it is not one."""
    if document["version"] != VERSION or tuple(document["shape"]) != shape:
        raise ValueError("another version or shape")
    token, slots = document["token"], document["slots"]
    if not (isinstance(token, str) and token.isalnum() and type(slots) is int and slots >= 0):
        raise ValueError("no token")
    entries = {path: Entry(*values) for path, values in document["files"].items()}
    if any(type(e.slot) is not int or not -1 <= e.slot < slots for e in entries.values()):
        raise ValueError("a row that is not there")
    levels = document.get("levels")
    if levels is not None:
        levels = [None if pair is None else [float(end) for end in pair] for pair in levels]
    return Pack(folder, shape, token, slots, entries, levels)


@contextlib.contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """Turn a failing disk into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"the disk is full: the decoded pictures did not fit in {folder}; free some space, or set NARROWS_CACHE to another disk"
        elif error.errno in (errno.EMFILE, errno.ENFILE):
            message = f"the decoded pictures were not written to {folder}, because {TOO_MANY}"
        else:
            message = f"cannot write the decoded pictures to {folder} ({error.strerror or error}); set NARROWS_CACHE to a folder that can be written"
        raise NarrowsError(message) from error


class Writer:
    """Appends rows to a pack and writes its index now and then. Use it under a lock (locks.py)."""

    def __init__(self, pack: Pack | None, folder: Path, shape: tuple[int, int, int]) -> None:
        self.pack = pack or _fresh(folder, shape)
        self._file: BinaryIO = open(self.pack.data, "r+b")
        end = HEADER + self.pack.slots * self.pack.row
        self._file.truncate(end)  # rows that no index names: a process was killed
        self._file.seek(end)
        self._last = time.monotonic()

    def append(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
        """Write one uint8 (C, H, W); returns its row."""
        if pixels.shape != self.pack.shape or pixels.dtype != np.uint8:
            raise ValueError(f"a row is uint8 {self.pack.shape}, got {pixels.dtype} {pixels.shape}")
        self._file.write(pixels.tobytes())
        self.pack.slots += 1
        return self.pack.slots - 1

    def checkpoint(self, force: bool = False) -> None:
        """Put rows and index on the disk, if the last time is some seconds ago."""
        if not force and time.monotonic() - self._last < CHECKPOINT_EVERY:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        _write_index(self.pack)
        self._last = time.monotonic()

    def close(self) -> None:
        """Close the file; what was appended after the last checkpoint is forgotten."""
        with contextlib.suppress(OSError):
            self._file.close()


def _write_index(pack: Pack) -> None:
    document = {
        "version": VERSION,
        "token": pack.token,
        "shape": pack.shape,
        "slots": pack.slots,
        "levels": pack.levels,
        "files": pack.entries,
    }
    write_text(pack.folder / "index.json", json.dumps(document))


def _fresh(folder: Path, shape: tuple[int, int, int]) -> Pack:
    """An empty pack under a new token; what lay there before is removed."""
    pack = Pack(folder, shape, secrets.token_hex(8))
    with open(pack.data, "xb") as created:
        created.write(_header(pack))
        os.fsync(created.fileno())
    _write_index(pack)
    _sweep(pack)
    return pack


def compact(pack: Pack) -> Pack:
    """The same pack without the rows that no entry names, in the order of the entries."""
    entries: dict[str, Entry] = {}
    moved: dict[int, int] = {}
    smaller = Pack(pack.folder, pack.shape, secrets.token_hex(8), 0, entries, pack.levels)
    old = pack.pixels()
    with open(smaller.data, "xb") as created:
        created.write(_header(smaller))
        for path, entry in pack.entries.items():
            slot = entry.slot
            if slot >= 0 and slot not in moved:
                created.write(old[slot].tobytes())
                moved[slot] = len(moved)
            entries[path] = entry._replace(slot=moved.get(slot, -1))
        created.flush()
        os.fsync(created.fileno())
    smaller.slots = len(moved)
    _write_index(smaller)
    _sweep(smaller)
    return smaller


def _sweep(pack: Pack) -> None:
    """Remove data files of other tokens; who has one mapped keeps it until the map is closed."""
    for path in pack.folder.glob("pixels-*.bin"):
        if path != pack.data:
            with contextlib.suppress(OSError):
                path.unlink()


def wasteful(slots: int, entries: Mapping[str, Entry]) -> bool:
    """More than half of the rows belong to files that are gone."""
    live = len({entry.slot for entry in entries.values() if entry.slot >= 0})
    return slots > 2 * live + 64
