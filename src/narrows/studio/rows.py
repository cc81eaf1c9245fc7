"""The rows of a collection as the page counts them: one order for everything that is drawn.

collection ──read once──► ids · codes (N, D) · columns ──by place on the PCA map──► row 0, 1, 2 …

Rows that lie side by side on the plane follow one another, so that a view needs few sheets of thumbnails. The
page knows rows by their numbers only, and what it asks goes with the ``key`` of the rows that it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = ["Rows"]

Array = np.ndarray[Any, Any]

HIDDEN = ("id", "path", "mtime", "hash", "thumbnail", "code")  # columns that a page has no use for
FEW = 4096  # rows up to which their own order is kept
BLOCK = 16384


@dataclass(frozen=True)
class Rows:
    """A version of a collection as it was when it was read.

    Attributes:
        collection: that was read.
        ids: N names.
        codes: (N, D) float32.
        columns: what is known of each: numbers with NaN, or objects with None.
        flat: the points (N, 2) of PCA; None where there is nothing to map.
        flat_note: what a reader of that map has to know, or why there is none.
        key: of ids, codes and pictures; other rows have another one.
    """

    collection: Collection
    ids: Sequence[str]
    codes: Array
    columns: dict[str, Array]
    flat: Array | None
    flat_note: str
    key: str
    _places: dict[str, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def of(
        collection: Collection, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Rows:
        """Read a collection.

        Raises:
            BadFile: it is damaged.
        """
        total = len(collection)
        shown = [name for name in collection.columns if name not in HIDDEN]
        parts: list[dict[str, Any]] = []
        done = 0
        for batch in collection.iter_batches(["id", "code", "hash", *shown], None, BLOCK):
            parts.append(batch)
            done += len(batch["id"])
            progress(min(done, total), total)
        size = collection.about.size
        codes = np.concatenate([p["code"] for p in parts] or [np.zeros((0, size), np.float32)])
        ids: list[str] = [id_ for part in parts for id_ in part["id"].tolist()]
        digest = hashlib.blake2b("\0".join(ids).encode("utf-8", "surrogatepass"), digest_size=12)
        digest.update(np.ascontiguousarray(codes).data)
        for part in parts:
            digest.update("\0".join(map(str, part["hash"])).encode())
        columns = {name: np.concatenate([p[name] for p in parts]) for name in shown if parts}
        columns = {name: values for name, values in columns.items() if _says_something(values)}
        flat, note = _flat(codes)
        order = np.arange(len(ids)) if flat is None or len(ids) <= FEW else along_the_plane(flat)
        return Rows(
            collection,
            [ids[i] for i in order.tolist()],
            codes[order],
            {name: values[order] for name, values in columns.items()},
            None if flat is None else flat[order],
            note,
            digest.hexdigest(),
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {id_: row for row, id_ in enumerate(self.ids)}

    def row_of(self, id_: str) -> int | None:
        """The number of an id; None of one that came later."""
        return self._numbers.get(id_)

    def checked(self, row: int) -> int:
        """A row that there is.

        Raises:
            ValueError: there is none of that number.
        """
        if not 0 <= row < len(self.ids):
            raise ValueError(f"there is no picture number {row}; there are {len(self.ids):,}")
        return row


def _flat(codes: Array) -> tuple[Array | None, str]:
    from ..applications import embed_2d

    try:
        made = embed_2d(codes, "pca")
    except ValueError as error:
        return None, str(error)
    return np.asarray(made.points, np.float32), made.note


def _says_something(values: Array) -> bool:
    """Whether any value of a column is known."""
    if values.dtype.kind == "f":
        return bool(np.isfinite(values).any())
    return values.dtype != object or any(value is not None for value in values.tolist())


def along_the_plane(points: Array) -> Array:
    """The order of points (N, 2) along a curve that fills the plane (Morton 1966): near ones follow near ones."""
    low, high = points.min(0), points.max(0)
    cells = np.clip((points - low) / np.maximum(high - low, 1e-12) * 65535, 0, 65535)
    x, y = (_apart(cells[:, axis].astype(np.uint64)) for axis in (0, 1))
    order: Array = np.argsort(x | (y << np.uint64(1)), kind="stable")
    return order


def _apart(bits: Array) -> Array:
    """The 16 bits of each number with a gap behind each."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
    return bits
