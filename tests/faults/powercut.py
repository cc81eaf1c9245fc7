"""A disk whose power can be cut: what was written and never flushed is lost, or torn, at random.

    with Disk(folder) as disk:          # what lies in it is on the disk
        …                               # writes, in Python or not; disk.cut() is one more moment
    for number, moment in enumerate(disk.moments):
        disk.restore(moment, other / str(number))

A file's content is on the disk since its last fsync, a name in a folder since the last fsync of that
folder. All else is at the kernel's mercy, as POSIX has it: a file that grew keeps any part of its
tail, or zeros in its place; a file that was never flushed may be empty; a name that was made, moved
or removed since the folder's last flush may be there or not (a name that was replaced is the old
file or the new one). A moment is taken before and after each flush, rename and removal that Python
makes, and wherever ``cut`` is called; what is lost at each is drawn anew.

Writes of libraries that flush without Python count as unflushed unless Python flushes the file
itself. The file system below need only have inodes.
"""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Disk", "Moment"]

Moment = dict[str, bytes | None]  # relative path → content; None for a folder

_WATCHED = ("fsync", "fdatasync", "replace", "rename", "unlink", "remove", "link")


class _Node:
    """A file or folder, whatever its names are: held open, so that its number is not given again."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self.flushed: bytes | None = None  # of a file; None: never
        self.names: dict[str, _Node] = {}  # of a folder, as they were flushed

    def content(self) -> bytes:
        size = os.fstat(self.descriptor).st_size
        return os.pread(self.descriptor, size, 0) if size else b""


class Disk:
    """Watches one folder of a real file system; see the module.

    Args:
        folder: what lies in it already is on the disk.
        seed: of what each cut loses.
        every: take only every so many of the moments that offer themselves.
    """

    def __init__(self, folder: Path | str, seed: int = 0, every: int = 1) -> None:
        self.folder = Path(folder)
        self.random = random.Random(seed)
        self.every = every
        self.moments: list[Moment] = []
        self.offered = 0
        self._nodes: dict[tuple[int, int], _Node] = {}
        self._lock = threading.RLock()
        self._busy = False
        self._before: dict[str, Callable[..., Any]] = {}

    # -- watching --------------------------------------------------------------------------------

    def __enter__(self) -> Disk:
        self._root = self._node(os.fspath(self.folder))
        self._settle(self._root, os.fspath(self.folder))
        for name in _WATCHED:
            if hasattr(os, name):
                self._before[name] = getattr(os, name)
                setattr(os, name, self._watched(name))
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self._before.items():
            setattr(os, name, function)
        self.cut()
        for node in self._nodes.values():
            os.close(node.descriptor)
        self._nodes.clear()

    def _watched(self, name: str) -> Callable[..., Any]:
        before = self._before[name]

        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                if self._busy:
                    return before(*arguments, **options)
                self._offer()
                given = before(*arguments, **options)
                if name in ("fsync", "fdatasync"):
                    self._flushed(arguments[0])
                    self._offer()
                return given

        return call

    def _settle(self, node: _Node, path: str) -> None:
        """All that lies in a folder is on the disk."""
        for entry in os.scandir(path):
            below = self._node(entry.path)
            if below is None:
                continue
            node.names[entry.name] = below
            if below.folder:
                self._settle(below, entry.path)
            else:
                below.flushed = below.content()

    def _node(self, path: str | int) -> _Node | None:
        """The node of a path or an open descriptor; None for what is no file or folder, or gone."""
        try:
            descriptor = (
                os.dup(path)
                if isinstance(path, int)
                else os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            )
        except OSError:
            return None
        status = os.fstat(descriptor)
        key = (status.st_dev, status.st_ino)
        known = self._nodes.get(key)
        if known is not None or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            os.close(descriptor)
            return known
        if isinstance(path, int) and stat.S_ISREG(status.st_mode):
            os.close(descriptor)  # it may be open for writing alone
            descriptor = os.open(f"/proc/self/fd/{path}", os.O_RDONLY)
        self._nodes[key] = _Node(descriptor)
        return self._nodes[key]

    def _flushed(self, file: Any) -> None:
        node = self._node(file if isinstance(file, int) else file.fileno())
        if node is None:
            return
        if not node.folder:
            node.flushed = node.content()
            return
        where = f"/proc/self/fd/{node.descriptor}"
        found = {name: self._node(f"{where}/{name}") for name in os.listdir(where)}
        node.names = {name: below for name, below in found.items() if below is not None}
        self._forget()

    def _forget(self) -> None:
        """Let go of files that have no name any more, neither on the disk nor in memory."""
        if len(self._nodes) < 200:
            return
        kept: set[int] = set()
        left = [self._root]
        while left:
            node = left.pop()
            if id(node) not in kept:
                kept.add(id(node))
                left += node.names.values()
        for key, node in list(self._nodes.items()):
            if id(node) not in kept and os.fstat(node.descriptor).st_nlink == 0:
                os.close(node.descriptor)
                del self._nodes[key]

    # -- cutting ---------------------------------------------------------------------------------

    def _offer(self) -> None:
        self.offered += 1
        if self.offered % self.every == 0:
            self.cut()

    def cut(self) -> Moment:
        """What would be on the disk if the power failed now; also the last of ``moments``."""
        with self._lock:
            self._busy = True
            try:
                found: Moment = {}
                self._left(self._root, os.fspath(self.folder), "", found)
            finally:
                self._busy = False
            self.moments.append(found)
            return found

    def _left(self, node: _Node, path: str | None, name: str, found: Moment) -> None:
        """What is left of ``node``, whose folder ``path`` is now (None: gone)."""
        now: dict[str, _Node] = {}
        if path is not None:
            for below in os.listdir(path):
                one = self._node(os.path.join(path, below))
                if one is not None:
                    now[below] = one
        for below in sorted(now.keys() | node.names.keys()):
            one, there = node.names.get(below), now.get(below)
            if one is not there and self.random.random() < 0.5:
                one = there
            if one is None:
                continue
            if one.folder:
                found[name + below] = None
                at = os.path.join(path, below) if path is not None and one is there else None
                self._left(one, at, f"{name}{below}/", found)
            else:
                found[name + below] = self._torn(one)

    def _torn(self, node: _Node) -> bytes:
        flushed, now = node.flushed, node.content()
        if flushed == now:
            return now
        flushed = flushed or b""
        grown = now.startswith(flushed)
        kept = self.random.randrange(len(flushed) if grown else 0, len(now) + 1)
        zeros = bytes(max(0, len(now) - len(flushed)))
        return self.random.choice([flushed, now, now[:kept], flushed + zeros])

    def restore(self, moment: Moment, folder: Path | str) -> Path:
        """Write a moment's files into a new folder."""
        folder = Path(folder)
        folder.mkdir(parents=True)
        for name, content in moment.items():
            if content is None:
                (folder / name).mkdir()
            else:
                (folder / name).write_bytes(content)
        return folder
