"""One writer at a time: a lock that the system gives back when its process dies.

The file goes with the lock. One that a dead process left is no lock, and never in the way. Readers
need none: whatever they read appears whole.

Where the system has ``flock`` that is what locks; elsewhere (Windows) ``filelock`` does, and the file
stays (decision 14).
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from .files import made_folder

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

    FLOCK = True
except ImportError:  # Windows
    FLOCK = False

__all__ = ["Taken", "held", "locked"]

_NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_HELD = (errno.EAGAIN, errno.EACCES)


class Taken(Exception):
    """Another process, or another thread of this one, holds the lock."""


@contextlib.contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Be the only one that writes in ``folder``, which is made where there is none.

    Where a file system has no locks nothing is locked.

    Args:
        wait: for whoever holds it.

    Raises:
        Taken: somebody holds it, and ``wait`` is not set.
        OSError: the folder cannot be written.
    """
    path = folder / "lock"
    if not FLOCK:
        with _kept(path, wait):
            yield
        return
    while True:
        made_folder(folder)
        with open(path, "ab") as handle:
            _take(handle.fileno(), wait)
            if _is(handle.fileno(), path):
                try:
                    yield
                finally:
                    with contextlib.suppress(OSError):
                        os.unlink(path)  # whoever waits for it finds that out, and makes another
                return


def held(folder: Path) -> bool:
    """Whether somebody holds the lock of ``folder``; nothing is made or removed there."""
    try:
        if not FLOCK:
            if (folder / "lock").is_file():
                with _kept(folder / "lock", wait=False):
                    pass
            return False
        with open(folder / "lock", "rb") as handle:
            flock(handle.fileno(), LOCK_SH | LOCK_NB)
    except Taken:
        return True
    except OSError as error:
        return error.errno in _HELD
    return False


@contextlib.contextmanager
def _kept(path: Path, wait: bool) -> Iterator[None]:
    """A lock of filelock's, whose file stays: on Windows one that is open cannot be removed."""
    from filelock import FileLock, Timeout

    made_folder(path.parent)
    lock = FileLock(path, blocking=wait, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise Taken from error
    try:
        yield
    finally:
        lock.release()


def _take(descriptor: int, wait: bool) -> None:
    try:
        flock(descriptor, LOCK_EX | (0 if wait else LOCK_NB))
    except OSError as error:
        if error.errno in _HELD:
            raise Taken from error
        if error.errno not in _NONE:
            raise


def _is(descriptor: int, path: Path) -> bool:
    """Whether the open file still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
