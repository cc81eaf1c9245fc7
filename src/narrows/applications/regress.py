"""Regress: a number that is known of pictures, such as an age, read off their codes.

codes of pictures with a number ──ridge regression──► R² and mean error on pictures that were not fitted
     └── beside PCA, the pixels, and the mean
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..figures import scatter
from ..files import write_text
from ..images import as_source
from ..results import Result
from ..tables import Table, counted
from ..training import Portion
from .cluster import Clusters

__all__ = [
    "FEW",
    "PIXELS",
    "ReadOff",
    "Regression",
    "is_number",
    "pixels",
    "read_off",
    "table_file",
]

Array = np.ndarray[Any, Any]

FEW = 20  # different numbers up to which they are taken for the names of classes
PIXELS = 32  # a picture's longer side, at most, as the baseline sees it
ALPHAS = tuple(10.0**power for power in range(-2, 6))


@dataclass(frozen=True)
class ReadOff:
    """How well a number is read off rows that were not fitted.

    Attributes:
        r2: the share of its variance that is explained: 1 at most, 0 for its mean, below for worse.
        error: the mean absolute error, in its unit.
        predicted: (M,).
    """

    r2: float
    error: float
    predicted: Array


@dataclass(frozen=True, repr=False)
class Regression(Result):
    """A number read off codes, and what that is compared with.

    Attributes:
        labels: what the number is, such as a column's name.
        fitted: the pictures that were fitted to, a Source.
        judged: those that it was judged by, and what the model knows of them.
        truth: their numbers, (M,).
        tested: how well, by what codes are compared with; ours first.
        mean_error: the mean absolute error of always saying the mean.
        predictor: pictures (M, C, H, W) to numbers (M,).
        predictions: (id, number) of the pictures that had none.
        groups: found without labels, by kind of clustering; empty where none were asked for.
        assigned: (id, group from 1) of every picture, where groups were asked for.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "numbers"
    labels: str
    fitted: Any
    judged: Portion
    truth: Array
    tested: Mapping[str, ReadOff]
    mean_error: float
    predictor: Callable[[Any], Array]
    predictions: Sequence[tuple[str, float]] = ()
    groups: Mapping[str, Clusters] = field(default_factory=dict)
    assigned: Sequence[tuple[str, int]] = ()
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """R² and errors, predictions."""
        return {
            "labels": self.labels,
            "fitted_on": len(self.fitted),
            "tested_on": len(self.judged),
            "judged_on": self.judged.name,
            "read_off": {
                name: {"r2": each.r2, "mean_absolute_error": each.error}
                for name, each in self.tested.items()
            },
            "mean_absolute_error_of_the_mean": self.mean_error,
            "predictions": dict(self.predictions),
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """R² and mean absolute error by what it is read off."""
        columns: dict[str, list[Any]] = {
            f"{self.labels}, read off": [*self.tested, "nothing: the mean"],
            "R²": [*(each.r2 for each in self.tested.values()), 0.0],
            "mean absolute error": [
                *(each.error for each in self.tested.values()),
                self.mean_error,
            ],
        }
        note = (
            f"(of {counted(len(self.judged), f'{self.judged.name} picture')}, by ridge regression "
            f"fitted to {counted(len(self.fitted), 'other')})"
        )
        return Table(columns, digits={"R²": 3, "mean absolute error": 3}, notes=[note])

    def figures(self) -> dict[str, Any]:
        """The number that is read off codes over the true one."""
        ours = next(iter(self.tested.values()))
        title = f"{self.labels} read off codes: R² {ours.r2:.2f}, {self.judged.name} pictures"
        return {
            "numbers": scatter(self.truth, ours.predicted, title, self.labels, "read off codes")
        }

    def save(self, folder: Path | str) -> dict[str, Any]:
        """Figure and document; ``predictions.csv`` and ``clusters.csv`` where there are any."""
        written = {}
        if self.predictions:
            written["predictions"] = table_file(
                Path(folder) / "predictions.csv", (self.labels, self.predictions)
            )
        if self.assigned:
            written["clusters"] = table_file(
                Path(folder) / "clusters.csv", ("cluster", self.assigned)
            )
        return self._written(Path(folder), written)

    def __str__(self) -> str:
        lines = [str(self.table())]
        if self.predictions:
            lines.append(f"{counted(len(self.predictions))} without {self.labels} got one")
        return "\n".join(lines)


def table_file(path: Path, column: tuple[str, Sequence[tuple[str, Any]]]) -> str:
    """A CSV of files and one column; gives its path."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", column[0]), *column[1]])
    write_text(path, text.getvalue())
    return str(path)


def is_number(values: Any) -> bool:
    """Whether labels are numbers of a scale, such as ages, and no names: more than 20 different ones,
    or some that are not whole."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        known = [v for v in array.tolist() if v is not None and v != ""]
        if not known or not all(
            isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in known
        ):
            return False
        array = np.asarray(known, np.float64)
    if array.dtype.kind not in "iuf":
        return False
    finite = array[np.isfinite(array.astype(np.float64))]
    different = np.unique(finite)
    return len(different) > FEW or bool(len(different) > 2 and (different % 1 != 0).any())


def read_off(
    rows: Mapping[str, tuple[Callable[[Tensor], Any], Any, Any]], y: Array, truth: Array
) -> tuple[dict[str, ReadOff], Callable[[Any], Array]]:
    """Ridge regression of a number on several kinds of rows, and the predictor of the first kind.

    Args:
        rows: by name a function of pictures, and its rows (N, …) to learn from and (M, …) to test on.
        y, truth: (N,) and (M,).
    """
    from sklearn.linear_model import RidgeCV

    tested: dict[str, ReadOff] = {}
    spread = float(np.square(truth - truth.mean()).mean()) or 1e-12
    first: Callable[[Any], Array] | None = None
    for name, (function, known, other) in rows.items():
        x = np.asarray(known, np.float64)
        mean, scale = x.mean(0), float(x.std(0).mean()) or 1.0
        ridge = RidgeCV(alphas=ALPHAS).fit((x - mean) / scale, y)
        predicted = ridge.predict((np.asarray(other, np.float64) - mean) / scale)
        missed = predicted - truth
        r2 = 1 - float(np.square(missed).mean()) / spread
        tested[name] = ReadOff(r2, float(np.abs(missed).mean()), predicted)
        if first is None:
            first = _predictor(ridge, function, mean, scale)
    assert first is not None
    return tested, first


def _predictor(
    ridge: Any, function: Callable[[Tensor], Any], mean: Array, scale: float
) -> Callable[[Any], Array]:
    def told(images: Any) -> Array:
        source = as_source(images)
        found = [np.zeros(0)]
        for some in torch.split(torch.arange(len(source)), 256):
            rows = np.asarray(function(source.batch(some)).cpu(), np.float64)
            found.append(ridge.predict((rows - mean) / scale))
        return np.concatenate(found)

    return told


def pixels(x: Tensor) -> Tensor:
    """Pictures (B, C, H, W) at no more than 32 pixels a side, as rows."""
    side = (min(PIXELS, x.shape[2]), min(PIXELS, x.shape[3]))
    return torch.nn.functional.adaptive_avg_pool2d(x, side).flatten(1)
