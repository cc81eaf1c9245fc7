"""Search: the pictures of a collection that are nearest to a picture, or to a sum of codes.

(Σ likes − Σ minus) / (their numbers' difference) ──collection.search──► neighbours

One like is itself and several are their mean; two likes minus one go from the one to the other as
the third does (Kovenko 2020, the arithmetic of codes). The weights always add up to one, so that
the query stays where codes are.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ..collection import Collection, pooled
from ..figures.contact import contact_sheet
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..images.thumbnails import opened_thumbnail, thumbnail
from ..progress import Progress
from ..results import Result
from ..tables import Table
from .indexing import taken
from .kinship import collection_note
from .opening import encoded, model_of_collection, opened_collection

__all__ = ["Hits", "SearchResult", "Term", "combined", "nearest_pictures", "search"]

Array = np.ndarray[Any, Any]

SHOWN = 12  # pictures of the query on the sheet
COLUMNS = ("path", "width", "height", "label")  # of what was found, where the collection has them


@dataclass(frozen=True)
class Term:
    """A picture that was asked with.

    Attributes:
        sign: ``like`` or ``minus``.
        name: its file or id.
        code: (D,), as the collection keeps codes.
        picture: uint8 (C, H, W), small.
    """

    sign: str
    name: str
    code: Array
    picture: Array


@dataclass(frozen=True, repr=False)
class SearchResult(Result):
    """The pictures nearest to a query, the nearest first.

    Attributes:
        query: the pictures that were asked with.
        code: (D,), their sum.
        ids: K names.
        distances: (K,), Euclidean, of the codes.
        columns: what the collection knows of each: path, size in pixels, label, scores.
        thumbnails: K pictures, uint8 (3, H, W).
        exact: whether every code was looked at.
        collection: that was searched.
        where: the filter.
        own: those of ``ids`` that are pictures of the query themselves.
        notes: whether there were fewer than asked for, and what reading the query changed.
        skipped: (file, reason) of pictures of the query that could not be read.
    """

    name: ClassVar[str] = "search"
    query: Sequence[Term]
    code: Array
    ids: Sequence[str]
    distances: Array
    columns: Mapping[str, Array]
    thumbnails: Sequence[Array]
    exact: bool
    collection: Collection
    where: str | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    own: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each picture that was found: id, distance, and what else is known."""
        return [
            {"id": id_, "distance": float(self.distances[place]), "query": id_ in self.own}
            | {name: plain(values[place]) for name, values in self.columns.items()}
            for place, id_ in enumerate(self.ids)
        ]

    def document(self) -> dict[str, Any]:
        """The query and what it found."""
        return {
            "collection": self.collection.address,
            "version": self.collection.version.number,
            "query": [{"sign": term.sign, "picture": term.name} for term in self.query],
            "where": self.where,
            "exact": self.exact,
            "results": self.rows(),
        }

    def table(self) -> Table:
        """A row per picture."""
        rows = self.rows()
        known = {name: [row[name] for row in rows] for name in ("label",) if name in self.columns}
        sizes = [f"{row['width']}x{row['height']}" if row.get("width") else None for row in rows]
        return Table(
            {"picture": list(self.ids), "distance": self._distances()} | known | {"size": sizes}
        )

    def figures(self) -> dict[str, Any]:
        """The query beside what it found."""
        signs = {"like": "+" if len(self.query) > 1 else "query", "minus": "−"}
        asked = [(signs[t.sign], Path(t.name).name, t.picture) for t in self.query[:SHOWN]]
        cells = zip(self.rows(), self._distances(), self.thumbnails, strict=True)
        found = [(away, _caption(row), picture) for row, away, picture in cells]
        title = f"nearest of {len(self.collection):,} pictures, by distance of {self.collection.about.rows}"
        return {"search": contact_sheet(asked, found, title=title + self._among())}

    def _among(self) -> str:
        return f", where {self.where}" if self.where else ""

    def _distances(self) -> list[str]:
        """As text; what the rounding of a code leaves counts as none."""
        farthest = float(self.distances[-1])
        return [f"{away:.3g}" if away > 1e-5 * farthest else "0" for away in self.distances]

    def __str__(self) -> str:
        wide = max(len(name) for name in self.ids)
        lines = [
            f"{away:>10}  {row['id']:<{wide}}  {_about(row)}".rstrip()
            for row, away in zip(self.rows(), self._distances(), strict=True)
        ]
        return "\n".join(lines)


def search(
    collection: Any,
    like: Pictures = (),
    *,
    ids: Sequence[str] | str = (),
    minus: Pictures = (),
    k: int = 12,
    where: str | None = None,
    exact: bool = False,
    model: Any = None,
    version: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> SearchResult:
    """Find the pictures of a collection whose codes are nearest to a query.

    Codes can be added and taken away: ``like=["smiling.jpg", "plain2.jpg"], minus=["plain.jpg"]``
    asks for what is to plain2 as smiling is to plain. Pictures that are named by their ids are not
    found themselves; a file that is in the collection, too, is marked as the query.

    Args:
        collection: a ``Collection``, or its folder or address.
        like: a picture to be like, or a list of them: files, folders, PIL images, arrays (an array
            (H, W), (H, W, C) or (C, H, W) is one picture, one with four axes several), Sources.
        ids: pictures of the collection to be like.
        minus: as ``like``, or ids: whose codes are taken away. Text that names no file is an id.
        k: how many are found.
        where: a filter such as ``label = 'cat' and width > 500``.
        exact: look at every code, also where there is an index.
        model: which made the collection, where it moved or lay in memory; only needed for pictures
            that are not in the collection.
        version: of the collection; None takes the newest that is complete.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is no such collection, or its model cannot be read or is another.
        NoImages: a picture of the query cannot be read.
        ValueError: nothing to search for, an id or a column that is not there, nothing found.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = nw.index(model, images[:50], f"{folder}/codes").collection
        ...     nw.search(found, images[:1], k=3, model=model).ids[0]
        '0'
    """
    opened = opened_collection(collection, version)
    terms = [("like", one, False) for one in _items(like)]
    terms += [("like", one, True) for one in _items(ids)]
    terms += [("minus", one, _is_id(one)) for one in _items(minus)]
    if not any(sign == "like" for sign, _, _ in terms):
        raise ValueError("say what to search for: --like PICTURE or --id ID (like=, ids=)")
    if k < 1:
        raise ValueError(f"k is at least 1; we got {k}")
    if not len(opened):
        raise ValueError(f"{opened.address} holds no picture yet: index the pictures again")
    read = _Reader(opened, model, device, progress)
    query = [term for sign, one, stored in terms for term in read(sign, one, stored)]
    signed = {s: [term.code for term in query if term.sign == s] for s in ("like", "minus")}
    minuses = np.stack(signed["minus"]) if signed["minus"] else None
    code = combined(np.stack(signed["like"]), minuses)
    own = [str(one) for _, one, stored in terms if stored]
    hits = nearest_pictures(opened, code, k, where=where, exact=exact, without=own)
    if not hits.ids:
        raise ValueError(
            f"no picture of {opened.address} beside the query passes the filter {where!r}"
            if where
            else f"{opened.address} holds no picture beside the query"
        )
    notes = read.notes + collection_note(opened)
    if hits.fewer:
        among = " that pass the filter" if where else ""
        notes.append(f"asked for {k} pictures; there are {len(hits.ids)}{among} beside the query")
    shown = [name for name in COLUMNS if name in opened.columns] + opened.scores
    rows = opened.rows(["thumbnail", "hash", *shown], ids=hits.ids)
    asked = _contents([one for _, one, stored in terms if not stored])
    own = [id_ for id_, digest in zip(hits.ids, rows["hash"], strict=True) if digest in asked]
    small = [opened_thumbnail(content or b"") for content in rows["thumbnail"]]
    return SearchResult(
        query, code, hits.ids, np.asarray(hits.distances), {name: rows[name] for name in shown},
        small, hits.exact, opened, where, notes, read.skipped, own,
    )  # fmt: skip


class _Reader:
    """Terms of pictures that the collection holds, and of others by its model, read when needed."""

    def __init__(self, collection: Collection, model: Any, device: str, progress: Progress) -> None:
        self.collection, self.model = collection, model
        self.device, self.progress = device, progress
        self.skipped: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self._checked: Any = None

    def __call__(self, sign: str, one: Any, stored: bool) -> list[Term]:
        if stored:
            rows = self.collection.rows(["code", "thumbnail"], ids=[str(one)])
            picture = opened_thumbnail(rows["thumbnail"][0] or b"")
            return [Term(sign, str(one), rows["code"][0], picture)]
        about = self.collection.about
        given = [one] if hasattr(one, "ndim") and one.ndim < 4 else one  # an array of one picture
        found = read_pictures(given, about.preprocessing)
        self.skipped += getattr(found, "skipped", ())
        self.notes += getattr(found, "notes", ())
        if self._checked is None:
            self._checked = model_of_collection(self.collection, self.model, self.device)
        codes = pooled(encoded(self._checked, found, progress=self.progress), about.pool)
        names = [str(id_) for id_ in getattr(found, "ids", None) or range(len(found))]
        own = found
        if len(found) == 1:
            names = [str(one) if isinstance(one, (str, Path)) else "picture"]
            own = read_pictures(given)  # at its own size, to be shown
        small = [opened_thumbnail(thumbnail(x)) for x in taken(own, torch.arange(len(own)))]
        return [Term(sign, *row) for row in zip(names, codes, small, strict=True)]


def _contents(asked: Sequence[Any]) -> set[str]:
    """The hashes of the single files among what was asked with, as a collection keeps them."""
    found = set()
    for one in asked:
        if isinstance(one, (str, Path)) and Path(one).expanduser().is_file():
            with contextlib.suppress(OSError), open(Path(one).expanduser(), "rb") as opened:
                digest = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16))
                found.add(digest.hexdigest())
    return found


def _items(given: Any) -> list[Any]:
    """One thing or several as a list."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _is_id(one: Any) -> bool:
    return isinstance(one, str) and not Path(one).is_file()


def plain(value: Any) -> Any:
    """A value of a row as JSON has it: None where it is not known."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value


def _caption(row: Mapping[str, Any]) -> str:
    label = row.get("label")
    name = Path(row["id"]).name + (" (the query itself)" if row["query"] else "")
    return name if label is None else f"{label} · {name}"


def _about(row: Mapping[str, Any]) -> str:
    pieces = [str(row["label"])] if row.get("label") is not None else []
    if row.get("width"):
        pieces.append(f"{row['width']}x{row['height']}")
    if row["query"]:
        pieces.append("(the query itself)")
    return "  ".join(pieces)


# ---- of codes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hits:
    """What one query found.

    Attributes:
        ids: the nearest first.
        distances: Euclidean, of the codes.
        exact: whether every code was looked at.
        fewer: whether there were not as many as asked for.
    """

    ids: list[str]
    distances: list[float]
    exact: bool
    fewer: bool


def combined(likes: Array, minus: Array | None = None) -> Array:
    """One query (D,) of codes (P, D) to be near to and codes (M, D) to be taken away.

    Raises:
        ValueError: not more likes than are taken away: the weights could not add up to one.
    """
    likes = np.asarray(likes, np.float32)
    less = np.zeros((0, likes.shape[1]), np.float32) if minus is None else np.asarray(minus)
    if len(likes) <= len(less):
        raise ValueError(
            f"a search needs more pictures to be like than to take away; we got {len(likes)} and "
            f"{len(less)}: A is to B as C is to … is --like B --like C --minus A"
        )
    total = likes.sum(0, dtype=np.float64) - less.sum(0, dtype=np.float64)
    query: Array = (total / (len(likes) - len(less))).astype(np.float32)
    return query


def nearest_pictures(
    collection: Collection,
    query: Array,
    k: int = 12,
    *,
    where: str | None = None,
    exact: bool = False,
    without: Sequence[str] = (),
) -> Hits:
    """The k pictures nearest to a code.

    Args:
        query: (D,).
        where, exact: as :meth:`Collection.search` takes them.
        without: ids that are not to be found, such as those that were asked with.
    """
    found = collection.search(query[None], k + len(set(without)), where=where, exact=exact)
    pairs = [
        (str(id_), float(distance))
        for id_, distance in zip(found.ids[0], found.distances[0], strict=True)
        if id_ is not None and id_ not in set(without)
    ][:k]
    return Hits([a for a, _ in pairs], [b for _, b in pairs], found.exact, len(pairs) < k)
