"""The rows of a collection as the page counts them: one order for everything that is drawn.

collection ──read once──► ids · codes (N, D) · columns ──by name, by place on the PCA map──► row 0, 1, 2 …

Rows that lie side by side on the plane follow one another, so that a view needs few sheets of thumbnails. The
page knows rows by their numbers only, and what it asks goes with the ``key`` of the rows that it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = ["Rows"]

Array = np.ndarray[Any, Any]

HIDDEN = ("id", "path", "mtime", "hash", "thumbnail", "code")  # columns that a page has no use for
FEW = 4096  # rows up to which they go by their names alone
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
        collection: Collection,
        progress: Callable[[int, int], None] = lambda done, total: None,
        like: Rows | None = None,
    ) -> Rows:
        """Read a collection; where it holds the pictures of ``like``, in the order that they have there.

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
        columns = {n: np.concatenate([p[n] for p in parts]) for n in ("hash", *shown) if parts}
        # a table keeps no order of its own: what is written into a column comes last in it
        places = sorted(range(len(ids)), key=ids.__getitem__)
        ids, codes = [ids[place] for place in places], codes[places]
        columns = {name: values[places] for name, values in columns.items()}
        digest = hashlib.blake2b("\0".join(ids).encode("utf-8", "surrogatepass"), digest_size=12)
        digest.update(np.ascontiguousarray(codes).data)
        digest.update("\0".join(map(str, columns.pop("hash", ()))).encode())
        columns = {name: values for name, values in columns.items() if _says_something(values)}
        flat, note = _flat(codes, collection.about.weights)
        if like is not None and len(like) == len(ids) and set(like.ids) == set(ids):
            numbers = {id_: place for place, id_ in enumerate(ids)}
            order = np.array([numbers[id_] for id_ in like.ids], np.int64)
        elif flat is None or len(ids) <= FEW:
            order = np.arange(len(ids))
        else:
            order = along_the_plane(flat)
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
    def order(self) -> str:
        """Of the ids alone, in their order: rows of the same one have the same numbers."""
        names = "\0".join(self.ids).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(names, digest_size=12).hexdigest()

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {id_: row for row, id_ in enumerate(self.ids)}

    def row_of(self, id_: str) -> int | None:
        """The number of an id; None of one that came later."""
        return self._numbers.get(id_)

    def write(self, name: str, rows: Sequence[int], values: Sequence[Any]) -> None:
        """Set a column of some rows, in the collection and here; one that is not there is made.

        Raises:
            ValueError: a row that there is not, or values of another type than the column's.
            NarrowsError: the collection cannot be written.
        """
        ids = [self.ids[self.checked(row)] for row in rows]
        column = np.array([*values, None], object)[:-1]
        self.collection.update(ids, {name: column})
        self.took(ids, {name: column})

    def took(self, ids: Sequence[str], columns: Mapping[str, Array]) -> None:
        """Know here what was written into columns of the collection: of each the values of these ids."""
        rows = [self.row_of(id_) for id_ in ids]
        there = [place for place, row in enumerate(rows) if row is not None]
        for name, values in columns.items():
            known = self.columns.get(name)
            unknown = np.nan if values.dtype.kind == "f" else None
            column = np.full(len(self), unknown, values.dtype) if known is None else known.copy()
            column[[row for row in rows if row is not None]] = values[there]
            self.columns[name] = column

    def checked(self, row: int) -> int:
        """A row that there is.

        Raises:
            ValueError: there is none of that number.
        """
        if not 0 <= row < len(self.ids):
            raise ValueError(f"there is no picture number {row}; there are {len(self.ids):,}")
        return row


def _flat(codes: Array, weights: Any) -> tuple[Array | None, str]:
    from ..applications import embed_2d

    try:
        made = embed_2d(codes, "pca", weights=weights)
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
