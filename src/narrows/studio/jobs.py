"""What takes longer than a click: threads that say how far they are."""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import NarrowsError
from ..memory import give_back

__all__ = ["FAILED", "Job", "Jobs", "Stopped"]

FAILED = "something failed inside Narrows; the terminal of the studio says what"

Work = Callable[[Callable[[str, int, int], None]], Any]


class Stopped(Exception):
    """Raised where work says how far it is, once a person has stopped it."""


@dataclass
class Job:
    """One piece of work.

    Attributes:
        name: what it is asked for by.
        title: what a person reads while it goes on.
        stage, done, total: where it is; total 0 while that is not known.
        state: ``running``, ``done``, ``failed`` or ``stopped``.
        message: why it failed.
        stops: whether a person may stop it.
        ends: whether one has, and it is to end where it says next how far it is.
        run: the how many-th of its name; a page that knows the one before tells them apart.
    """

    name: str
    title: str
    stage: str = ""
    done: int = 0
    total: int = 0
    state: str = "running"
    message: str = ""
    stops: bool = False
    ends: bool = False
    run: int = 1


class Jobs:
    """Work in threads, one of a name at a time.

    Args:
        said: makes a sentence for the page of an error.
    """

    def __init__(self, said: Callable[[Exception], str] = str) -> None:
        self._said = said
        self._jobs: dict[str, Job] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._runs: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.changes = 0  # goes up with every change, so that a page knows when to look

    def start(self, name: str, title: str, work: Work, *, stops: bool = False) -> Job:
        """Begin ``work(progress)`` unless it is going on or done; one that failed begins again.

        Where ``stops``, a person may end it: ``progress`` raises :class:`Stopped` then.
        """
        with self._lock:
            known = self._jobs.get(name)
            if known is not None and known.state in ("running", "done"):
                return known
            self._runs[name] += 1
            job = self._jobs[name] = Job(name, title, stops=stops, run=self._runs[name])
            thread = threading.Thread(
                target=self._run, args=(job, work), name=f"studio {name}", daemon=True
            )
            self._threads[name] = thread
        self.changes += 1
        thread.start()
        return job

    def _run(self, job: Job, work: Work) -> None:
        told = 0.0

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal told
            if job.ends:
                raise Stopped
            job.stage, job.done, job.total = stage, done, total
            now = time.monotonic()
            if now - told > 0.1 or done >= total:
                told = now
                self.changes += 1

        try:
            work(progress)
            job.state = "done"
        except Stopped:
            job.state, job.message = "stopped", "it was stopped"
        except (NarrowsError, ValueError) as error:
            job.state, job.message = "failed", self._said(error)
        except Exception:  # a fault of ours: the page is told that much, the terminal all of it
            traceback.print_exc()
            job.state, job.message = "failed", FAILED
        self.changes += 1
        gc.collect()
        give_back()  # what the work held

    def stop(self, name: str) -> Job:
        """End work that a person may stop, where it says next how far it is.

        Raises:
            ValueError: nothing of that name goes on, or it cannot be stopped.
        """
        job = self._jobs.get(name)
        if job is None or job.state != "running":
            raise ValueError("that is over already")
        if not job.stops:
            raise ValueError(f"{job.title} cannot be stopped: wait until it is done")
        job.ends = True
        self.changes += 1
        return job

    def again(self, name: str, title: str, work: Work, *, stops: bool = False) -> Job:
        """Begin work anew, also where it was done before.

        Raises:
            ValueError: it is going on.
        """
        self.forget(name)
        known = self._jobs.get(name)
        if known is not None:
            raise ValueError(f"{known.title} goes on already; wait until it is done")
        return self.start(name, title, work, stops=stops)

    def of(self, name: str) -> Job | None:
        """The work of that name, if it ever began."""
        return self._jobs.get(name)

    def runs(self, name: str) -> bool:
        """Whether it is going on."""
        job = self._jobs.get(name)
        return job is not None and job.state == "running"

    def forget(self, name: str) -> None:
        """So that it may begin again."""
        with self._lock:
            known = self._jobs.get(name)
            if known is not None and known.state != "running":
                del self._jobs[name]

    def going(self) -> bool:
        """Whether any of them is still running."""
        return any(job.state == "running" for job in list(self._jobs.values()))

    def wait(self, name: str, seconds: float | None = 600.0) -> Job:
        """Until it is over; for tests and scripts."""
        self._threads[name].join(seconds)
        return self._jobs[name]

    def document(self) -> list[dict[str, Any]]:
        """All of them, as JSON has them."""
        return [asdict(job) for job in list(self._jobs.values())]
