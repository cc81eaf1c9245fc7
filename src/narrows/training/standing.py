"""How a model does what it may be asked for, beside methods that need none: kept with its run.

validation pictures ──corrupted as a verb finds them──► the model, free methods ──► Standing
                                                     run.toml ◄── kept ── a verb quotes it
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..tables import Table, spread

__all__ = ["ERRORS", "MODEL", "Standing", "difference_error", "standings_of"]

MODEL = "model"  # the name of its row
ERRORS = 2.0  # standard errors of the mean difference that count as one
MEASURES = {"psnr": ("PSNR (dB)", "dB", 2), "coverage": ("coverage", "of the pictures", 2)}
VERBS = ("denoise", "upscale", "inpaint", "generate", "morph")
LONGEST = 200  # characters of a name
MOST = 20  # standings of a model, and rows of one
LARGE = 1e6  # what no number of a row reaches


@dataclass(frozen=True)
class Standing:
    """How a model does what a verb asks of it, beside methods without a model.

    Attributes:
        purpose: a verb.
        rows: of each method, the model among them, its ``name``; mean and deviation of the measure
            (``psnr`` in dB, of a hole in it; ``coverage``); and ``error``, the standard error of the
            mean difference from the model.
        judged: how many pictures, and whether they were of ``validation`` or of ``training``.
        task: what was asked, such as ``a hole of 26×26 filled``.
        measure: a name of ``MEASURES``; more is better.
    """

    purpose: str
    rows: Sequence[Mapping[str, Any]]
    judged: str
    task: str = ""
    measure: str = "psnr"

    @property
    def own(self) -> float:
        """The model's mean."""
        return next(float(row[self.measure]) for row in self.rows if row["name"] == MODEL)

    @property
    def rival(self) -> Mapping[str, Any] | None:
        """The best of the others; None where there is none."""
        others = [row for row in self.rows if row["name"] != MODEL]
        return max(others, key=lambda row: float(row[self.measure]), default=None)

    @property
    def beaten_by(self) -> str:
        """The method that is better than the model; empty where none is."""
        rival, digits = self.rival, MEASURES[self.measure][2]
        if rival is None or round(rival[self.measure], digits) <= round(self.own, digits):
            return ""
        return str(rival["name"])

    @property
    def equalled_by(self) -> str:
        """The method that is as good or worse, but by no more than chance may do; empty where none is."""
        rival = self.rival
        if rival is None or self.beaten_by:
            return ""
        near = self.own - rival[self.measure] <= ERRORS * rival["error"]
        return str(rival["name"]) if near else ""

    def table(self) -> Table:
        """A row per method."""
        title, _, digits = MEASURES[self.measure]
        cells = [
            spread(row[self.measure], row[f"{self.measure}_deviation"], digits) for row in self.rows
        ]
        names = [row["name"] for row in self.rows]
        return Table({"": names, f"{self.purpose}: {title}": cells}, notes=[f"({self.judged})"])

    @property
    def said(self) -> str:
        """The comparison in a sentence, for who has just trained the model."""
        if self.beaten_by:
            return f"{self._sentence()}: train longer (--minutes), or on more pictures"
        rival = self.rival
        if rival is None:
            return ""
        _, unit, digits = MEASURES[self.measure]
        ahead = self.own - float(rival[self.measure])
        return (
            f"better than {rival['name']}, the best without a model, by {ahead:.{digits}f} {unit}"
        )

    @property
    def note(self) -> str:
        """A sentence where a method without a model is better, or as good; empty where none is."""
        if not self.beaten_by and not self.equalled_by:
            return ""
        return f"{self._sentence()}: {self.task}, {self.judged}"

    def _sentence(self) -> str:
        rival = self.rival
        assert rival is not None
        _, unit, digits = MEASURES[self.measure]
        pair = f"{rival[self.measure]:.{digits}f} against {self.own:.{digits}f} {unit}"
        how = "does better than" if self.beaten_by else "is as good as"
        return f"{rival['name']} {how} this model ({pair})"

    def document(self) -> dict[str, Any]:
        """What ``run.toml`` keeps, numbers to four digits."""
        rows = [
            {key: value if key == "name" else round(float(value), 4) for key, value in row.items()}
            for row in self.rows
        ]
        words = {"purpose": self.purpose, "task": self.task, "judged": self.judged}
        return {**words, "measure": self.measure, "rows": rows}

    @staticmethod
    def of_document(found: Any) -> Standing:
        """Read what ``document`` gave.

        Raises:
            ValueError: it is not what that gives.
        """
        texts = {"purpose", "task", "judged", "measure"}
        if not isinstance(found, dict) or found.keys() != texts | {"rows"}:
            raise ValueError("a standing has purpose, task, judged, measure and rows")
        if not all(type(found[key]) is str and len(found[key]) <= LONGEST for key in texts):
            raise ValueError("a text of a standing is none, or too long")
        if found["purpose"] not in VERBS or found["measure"] not in MEASURES:
            raise ValueError(f"no standing is of {found['purpose']!r} by {found['measure']!r}")
        rows, measure = found["rows"], found["measure"]
        if type(rows) is not list or not 1 <= len(rows) <= MOST:
            raise ValueError("a standing has a row for each method")
        numbers = (measure, f"{measure}_deviation", "error")
        for row in rows:
            if not isinstance(row, dict) or row.keys() != {"name", *numbers}:
                raise ValueError("a row of a standing is none")
            if type(row["name"]) is not str or len(row["name"]) > LONGEST:
                raise ValueError("a method of a standing has no name")
            if not all(type(row[key]) is float and abs(row[key]) < LARGE for key in numbers):
                raise ValueError(f"a number of {row['name']!r} is none")
        if [row["name"] for row in rows].count(MODEL) != 1:
            raise ValueError("a standing has one row of the model")
        return Standing(found["purpose"], rows, found["judged"], found["task"], found["measure"])


def standings_of(found: Any) -> tuple[Standing, ...]:
    """Those of ``run.toml``.

    Raises:
        ValueError: they are none.
    """
    if type(found) is not list or len(found) > MOST:
        raise ValueError("standings are a list")
    return tuple(Standing.of_document(one) for one in found)


def difference_error(own: Sequence[float], other: Sequence[float]) -> float:
    """The standard error of the mean of ``other`` − ``own``, picture by picture."""
    apart = [b - a for a, b in zip(own, other, strict=True)]
    if len(apart) < 2:
        return 0.0
    mean = math.fsum(apart) / len(apart)
    variance = math.fsum((each - mean) ** 2 for each in apart) / (len(apart) - 1)
    return math.sqrt(variance / len(apart))
