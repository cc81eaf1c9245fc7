"""A run while it goes on, in this process or another: the lines of its metrics as they are written.

metrics.jsonl ──new()──► (line, record), …      a run that was resumed, and lost lines ──► from the first again
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..locks import held
from .run import MOST_METRICS, record_of

__all__ = ["Following", "training_goes_on"]


class Following:
    """Reads on where it was.

    Args:
        folder: of the run, which need not hold any line yet.
        after: the number of the last line that is known already; the first is 1.

    Attributes:
        line: the number of the last line that was read.
    """

    def __init__(self, folder: Path | str, after: int = 0) -> None:
        self.path = Path(folder) / "metrics.jsonl"
        self.line = 0
        self._skip = max(0, after)
        self._at = 0
        self._last = b""

    def new(self) -> tuple[bool, list[tuple[int, dict[str, Any]]]]:
        """What was written since the last time.

        Returns:
            Whether what was known is not there any more (a resumed run writes the lines after its
            checkpoint again), so that ``records`` are all from the first; and the records (line, record).
            Lines that are damaged are counted and left out.
        """
        content, again = self._more()
        if again:
            self.line = self._at = self._skip = 0
            self._last = b""
            content, _ = self._more()
        whole = content[: content.rfind(b"\n") + 1]
        found = []
        for line in whole.split(b"\n")[:-1]:
            self.line += 1
            record = record_of(line)
            if record is not None and self.line > self._skip:
                found.append((self.line, record))
        self._at += len(whole)
        if whole:
            self._last = whole[-min(len(whole), 256) :]
        lost = self.line < self._skip and self._skip > 0
        if lost:  # it was cut before anybody followed it here
            self._skip = self.line = self._at = 0
            self._last = b""
            return True, self.new()[1]
        self._skip = 0
        return again, found

    def _more(self) -> tuple[bytes, bool]:
        """Bytes after those that were read; whether these have changed."""
        try:
            with open(self.path, "rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                opened.seek(self._at - len(self._last))
                before = opened.read(len(self._last))
                content = opened.read(max(0, MOST_METRICS - self._at))
        except OSError:
            return b"", self._at > 0
        return content, size < self._at or before != self._last


def training_goes_on(folder: Path | str) -> bool:
    """Whether a process trains into a folder now, as far as the system tells (its locks)."""
    return held(Path(folder))
