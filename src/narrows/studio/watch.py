"""Watching: pictures that come into the folder of what is open are found, indexed and scored.

the folder, every few seconds ──names, sizes, times of its files──► others than before, and at rest since the last look?
   └─► nw.index takes in what is new ──► rows are read again ──► outliers.judge_more puts them into the queue

The folder is the one that the studio was opened with, or that the collection was made of: no page names one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import NarrowsError
from ..tables import counted
from .outliers import judge_more
from .session import WRITES, Session

__all__ = ["JOB", "Watch", "watch_folder"]

JOB = "watching"
EVERY = 3.0  # seconds between two looks

Seen = dict[str, tuple[int, int]]


def watch_folder(session: Session) -> None:
    """Begin to watch as soon as the pictures are there, where that was asked for."""
    if session.watch:
        session.once_open.append(lambda: Watch(session).start())


class Watch:
    """The folder of a session, and what was in it when it was taken in last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ends = threading.Event()
        self._known: Seen = {}
        self._before: Seen | None = None  # as it was at the last look
        self._count = 0

    @property
    def folder(self) -> Path | None:
        """That of what is open; None where it is no folder of this machine."""
        session = self._session
        what = session.subject if session.kind == "pictures" else None
        if what is None and session.collection is not None:
            what = session.collection.about.pictures
        path = Path(str(what)).expanduser() if what else None
        return path if path is not None and path.is_dir() else None

    def start(self) -> None:
        """Look every few seconds, in a thread of its own, until the studio ends."""
        if self.folder is None or self._session.model is None:
            self._session.missing["watch"] = "what is open has no folder here that could be watched"
            return
        self._known = self._files()
        self._session.at_end.append(self._ends.set)
        threading.Thread(target=self._go_on, name="studio watch", daemon=True).start()

    def _go_on(self) -> None:
        while not self._ends.wait(EVERY):
            with contextlib.suppress(
                NarrowsError, ValueError, OSError
            ):  # said by the job, tried again
                self.look()

    def look(self) -> bool:
        """Whether something is taken in now: the folder has changed, and is at rest since the last look."""
        now = self._files()
        rests, self._before = now == self._before, now
        if now == self._known or not rests:
            return False
        jobs = self._session.jobs
        if any(jobs.runs(name) for name in (*WRITES, "adopting", "opening")):
            return False  # at the next look
        jobs.again(JOB, "new pictures are taken in", lambda progress: self._take_in(now, progress))
        return True

    def _files(self) -> Seen:
        from ..images.walk import walked

        folder = self.folder
        if folder is None:
            return self._known
        return {one.id: (one.size, one.mtime) for one in walked(folder).files()}

    def _take_in(self, now: Seen, progress: Any) -> None:
        from .. import index

        session = self._session
        assert session.rows is not None and session.collection is not None
        with session.writing:
            before = {*session.rows.ids}
            index(session.model, self.folder, session.collection.address, progress=progress)
            session.read_rows(progress)
            self._known = now
            rows = session.rows
            new = [id_ for id_ in rows.ids if id_ not in before]
            above = judge_more(session, rows, new) if new else None
        if not new:
            return
        self._count += 1
        said = f"{counted(len(new), 'new picture')}"
        if above is not None:
            said += f", {above:,} above the threshold"
        session.came = {
            "number": self._count, "count": len(new), "above": above, "said": said,
            "when": time.time(),
        }  # fmt: skip
        session.jobs.changes += 1
