"""A small table of a result: aligned text, HTML or Markdown.

>>> print(Table({"": ["model", "PCA"], "PSNR (dB)": [20.314, 19.1]}, digits=2))
       PSNR (dB)
model      20.31
PCA        19.10
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["Table", "counted", "spread"]


class Table:
    """Columns of equal length, in their order.

    Args:
        columns: title -> cells: text, numbers, or None for what is not known.
        digits: behind the point of floats; of a mapping, by title.
        notes: sentences below.

    Raises:
        ValueError: columns of different lengths.
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[Any]],
        *,
        digits: int | Mapping[str, int] = 3,
        notes: Iterable[str] = (),
    ) -> None:
        lengths = {title: len(cells) for title, cells in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of a table have one length; we got {lengths}")
        self.columns = {title: list(cells) for title, cells in columns.items()}
        self.notes = list(notes)
        self.digits = digits

    @staticmethod
    def of_rows(
        rows: Sequence[Mapping[str, Any]],
        titles: Mapping[str, str] | None = None,
        *,
        digits: int | Mapping[str, int] = 3,
        notes: Iterable[str] = (),
    ) -> Table:
        """Of rows of the same kind; ``titles`` chooses keys, orders and names them."""
        named = titles or {key: key for row in rows for key in row}
        columns = {title: [row.get(key) for row in rows] for key, title in named.items()}
        return Table(columns, digits=digits, notes=notes)

    def __len__(self) -> int:
        return max(map(len, self.columns.values()), default=0)

    def _cells(self) -> list[list[str]]:
        """Rows of text."""
        columns = [
            [self._text(title, cell) for cell in cells] for title, cells in self.columns.items()
        ]
        return [list(row) for row in zip(*columns, strict=True)]

    def _text(self, title: str, cell: Any) -> str:
        if cell is None or isinstance(cell, float) and cell != cell:
            return "–"
        if isinstance(cell, bool):
            return "yes" if cell else "no"
        if isinstance(cell, int):
            return f"{cell:,}"
        if isinstance(cell, float):
            digits = self.digits if isinstance(self.digits, int) else self.digits.get(title, 3)
            return f"{cell:.{digits}f}"
        return str(cell)

    def _numeric(self) -> list[bool]:
        """Which columns are set flush right: all but those of words."""
        return [
            not any(isinstance(cell, str) and not _like_number(cell) for cell in cells)
            for cells in self.columns.values()
        ]

    def __str__(self) -> str:
        rows, titles, numeric = self._cells(), list(self.columns), self._numeric()
        widths = [
            max([len(title), *(len(row[i]) for row in rows)]) for i, title in enumerate(titles)
        ]
        lines = []
        for row in [titles, *rows]:
            cells = [
                f"{cell:>{wide}}" if right else f"{cell:<{wide}}"
                for cell, wide, right in zip(row, widths, numeric, strict=True)
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__

    def markdown(self) -> str:
        """As a table of Markdown."""
        rule = ["---:" if right else "---" for right in self._numeric()]
        rows = [list(self.columns), rule, *self._cells()]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows, numeric = self._cells(), self._numeric()
        head = "".join(f"<th>{html.escape(title)}</th>" for title in self.columns)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{"right" if right else "left"}">{html.escape(cell)}</td>'
                for cell, right in zip(row, numeric, strict=True)
            )
            + "</tr>"
            for row in rows
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def counted(n: int, noun: str = "picture") -> str:
    """``1 picture``, ``2,000 pictures``."""
    return f"{n:,} {noun}{'s' if n != 1 else ''}"


def spread(mean: float | None, deviation: float | None, digits: int) -> str | None:
    """``20.31 ± 1.20``: a mean and its standard deviation as one cell; None stays None."""
    if mean is None:
        return None
    return f"{mean:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")


def _like_number(cell: str) -> bool:
    return cell.lstrip("+-")[:1].isdigit() or cell in ("–", "")
