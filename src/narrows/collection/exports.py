"""A collection as one file that other programs read: Parquet, CSV or NumPy."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import files
from .collection import Collection
from .rows import values_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KINDS", "export"]

KINDS = (".parquet", ".csv", ".npz")


def export(collection: Collection, path: str | Path, where: str | None = None) -> int:
    """Write the rows that pass a filter; gives how many.

    - ``.parquet``: every column as it is, thumbnails too.
    - ``.csv``: every column but the thumbnails; the code is code_0, code_1, …
    - ``.npz``: an array per column, ``code`` of shape (N, D); no thumbnails, texts as they are and
      empty where not known, nothing pickled.

    Raises:
        ValueError: another suffix, or a filter that does not parse.
        NarrowsError: the file cannot be written; what was there is unchanged.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"a collection is exported to {', '.join(KINDS)}; we got {path.name!r}")
    columns = [name for name in collection.columns if name != "thumbnail" or kind == ".parquet"]
    table = collection.table(columns, where)
    with files.atomic(path) as part:
        if kind == ".parquet":
            from pyarrow import parquet

            parquet.write_table(table, part)
        elif kind == ".csv":
            _csv(table, part)
        else:
            with open(part, "wb") as opened:
                np.savez(opened, allow_pickle=False, **_arrays(table))
    return len(table)


def _csv(table: pa.Table, path: Path) -> None:
    code = values_of(table.select(["code"]))["code"]
    plain = table.drop_columns(["code"])
    with open(path, "w", newline="", encoding="utf-8") as opened:
        lines = csv.writer(opened)
        lines.writerow([*plain.column_names, *(f"code_{i}" for i in range(code.shape[1]))])
        columns = [column.to_pylist() for column in plain.columns]
        for row, numbers in zip(zip(*columns, strict=True), code, strict=True):
            cells = ["" if value is None else value for value in row]
            lines.writerow([*cells, *(f"{number:.9g}" for number in numbers)])


def _arrays(table: pa.Table) -> dict[str, np.ndarray]:
    arrays = {}
    for name, values in values_of(table).items():
        if values.dtype == object:
            values = np.array(["" if value is None else value for value in values], dtype=str)
        arrays[name] = values
    return arrays
