"""What a collection holds, for people and machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..results import Result
from ..tables import Table
from .store import Version

__all__ = ["CollectionInfo"]


@dataclass(frozen=True, repr=False)
class CollectionInfo(Result):
    """One version of a collection.

    Attributes:
        address: where it is.
        pictures: how many it holds.
        version: its number, whether it is complete, and in ``about`` whose codes they are.
        columns: each column's type.
        versions: all there are, the oldest first.
    """

    name: ClassVar[str] = "collection"
    address: str
    pictures: int
    version: Version
    columns: Mapping[str, str]
    versions: Sequence[Version]

    def document(self) -> dict[str, Any]:
        """What there is to say, by name."""
        about = self.version.about
        return {
            "collection": self.address,
            "pictures": self.pictures,
            "of": about.pictures,
            "model": about.model,
            "fingerprint": about.fingerprint,
            "inputs": about.inputs,
            "rows": about.rows,
            "code": f"{about.size} numbers, {about.pool} of {'×'.join(map(str, about.code_shape))}",
            "search": f"by index, {about.probes} cells" if about.trained else "exact",
            "columns": dict(self.columns),
            "version": self.version.number,
            "complete": self.version.complete,
            "versions": [
                {"version": each.number, "model": each.about.whose, "complete": each.complete}
                for each in self.versions
            ],
        }

    def table(self) -> Table:
        """A row per column."""
        return Table({"column": list(self.columns), "type": list(self.columns.values())})

    def __str__(self) -> str:
        document = self.document()
        lines = [f"{k:<12} {v}" for k, v in document.items() if k not in ("columns", "versions")]
        lines.append(f"{'columns':<12} {', '.join(self.columns)}")
        for each in self.versions:
            state = "" if each.complete else ", not complete yet"
            lines.append(f"version {each.number:<4} {each.about.whose}{state}")
        return "\n".join(lines)
