"""What a verb answers: numbers for machines, a table and figures for people, files on request.

    result.document()   what --json prints, with notes and what was skipped: plain values
    result.table()      a Table; str(result) is its text
    result.figure()     a matplotlib figure or a PIL image, which a notebook shows
    result.figures()    all of them by name
    result.save(folder) document and figures as files

In a notebook a result shows its table and its figure.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from . import files
from .figures import png, save
from .tables import Table

__all__ = ["Result"]


class Result:
    """The base of every verb's result; a subclass gives ``document``, and what else it has.

    Attributes:
        name: what its files are called.
        notes: sentences that a reader of the numbers has to know.
        skipped: (file, reason) of what could not be read.
    """

    name: ClassVar[str] = "result"
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """Plain values: numbers, text, lists and dicts."""
        raise NotImplementedError

    def whole_document(self) -> dict[str, Any]:
        """``document``, and whatever it says: ``notes`` and ``skipped``."""
        told = {"notes": list(self.notes), "skipped": [list(item) for item in self.skipped]}
        return self.document() | told

    def table(self) -> Table:
        """What a person reads first; a result without rows has an empty one."""
        return Table({})

    def figures(self) -> dict[str, Any]:
        """Matplotlib figures or arrays (H, W[, 3]) by name; made when they are asked for."""
        return {}

    def figure(self) -> Any:
        """The first of ``figures``: a matplotlib figure, or of an array a PIL image.

        Raises:
            ValueError: this result has none.
        """
        found = self.figures()
        if not found:
            raise ValueError(f"a {type(self).__name__} has no figure; see its table()")
        first = next(iter(found.values()))
        if hasattr(first, "savefig"):
            return first
        from PIL import Image

        return Image.open(io.BytesIO(png(first)))

    def save(self, folder: Path | str) -> dict[str, Any]:
        """Write NAME.json and a PNG of each figure to a folder.

        Returns:
            The paths by the figure's name, and ``document``; of verbs that write a file for each
            picture, ``pictures`` is the list of them.

        Raises:
            NarrowsError: the folder cannot be written.
        """
        return self._written(Path(folder), {})

    def _written(self, folder: Path, others: Mapping[str, Any]) -> dict[str, Any]:
        """Figures and document, which names ``others`` that a subclass wrote before."""
        written: dict[str, Any] = {
            name: str(save(each, folder / f"{name}.png")) for name, each in self.figures().items()
        }
        return self._documented(folder, {**written, **others})

    def _documented(self, folder: Path, written: Mapping[str, Any]) -> dict[str, Any]:
        """The document, which names the files that were ``written`` before."""
        path = folder / f"{self.name}.json"
        files.write_text(path, json_text(self.whole_document() | {"files": written}))
        return {**written, "document": str(path)}

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        table, text = self.table(), str(self)
        parts = []
        if len(table) and str(table) in text:
            parts.append(table._repr_html_())
            text = text.replace(str(table), "", 1).strip("\n")
        if text:
            parts.append(f"<pre>{html.escape(text)}</pre>")
        for picture in list(self.figures().values())[:1]:
            data = base64.b64encode(png(picture)).decode()
            parts.append(f'<img src="data:image/png;base64,{data}">')
        return "".join(parts)


def json_text(document: Mapping[str, Any]) -> str:
    """A document as JSON, numbers of NumPy and paths made plain."""
    return json.dumps(document, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
