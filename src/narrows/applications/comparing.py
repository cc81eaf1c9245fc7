"""Pictures to compare with each other: those of a collection, or some that are given and read once.

collection ──codes, thumbnails as they are stored──┐
pictures [, model] ──decode (threads), encode──────┴─► PicturesToCompare
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..collection import Collection, nearest, pooled
from ..errors import NoImages
from ..images import Images, Preprocessing
from ..images.changes import Changes, with_one_range
from ..images.files import PictureFiles
from ..images.inputs import Pictures
from ..images.read import Wanted, fit_pixels
from ..images.thumbnails import SIDE, Seen, opened_thumbnail, thumbnail
from ..images.walk import Found
from ..progress import Progress, stage
from .index import files_or_source
from .indexing import ENCODED_AT_ONCE, Look, ahead, brought, look_at, taken
from .near_duplicates import signatures
from .opening import encoded, model_of_collection

__all__ = ["Given", "PicturesToCompare", "Stored"]

Array = np.ndarray[Any, Any]

BATCH, AT_ONCE = 1000, 125  # rows of a collection; thumbnails that a thread opens
KNOWN = ("id", "path", "size", "mtime", "hash", "width", "height")
NUMBERS = ("size", "mtime", "width", "height")
POOL = "flatten"


class PicturesToCompare(Protocol):
    """What the comparison needs of pictures.

    Attributes:
        columns: id, path, size, mtime, hash, width, height, each (N,).
        codes: (N, D); None where there is no model.
        collection, source, skipped, notes: whose they are, what they are called, what could not be
            read, and what reading changed.
    """

    columns: dict[str, Array]
    codes: Array | None
    collection: Collection | None
    source: str
    skipped: Sequence[tuple[str, str]]
    notes: Sequence[str]

    def signatures(self, progress: Progress) -> Array:
        """Small pictures (N, 3, S, S) uint8."""
        ...

    def nearest(self, queries: Array, k: int) -> tuple[Array, Array]:
        """Rows (Q, k') and distances of the nearest codes; −1 for what is none of these rows."""
        ...

    def thumbnails(self, rows: Sequence[int]) -> list[bytes]:
        """JPEG files of some rows; empty where there is none."""
        ...

    def encode(self, pictures: Sequence[Array]) -> Array:
        """Pictures uint8 (C, H, W) of any sizes → codes (P, D)."""
        ...


def _codes_of(model: Any, how: Preprocessing, pool: str, pictures: Sequence[Array]) -> Array:
    pixels = [fit_pixels(torch.from_numpy(each.copy())[None], how.wanted) for each in pictures]
    return pooled(encoded(model, Images(torch.cat(pixels)), progress=False), pool)


class Stored:
    """Of a collection."""

    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def __init__(self, collection: Collection, where: str | None, model: Any, device: str) -> None:
        self.collection: Collection | None = collection
        self._opened, self._where, self._given = collection, where, (model, device)
        rows = collection.rows([*KNOWN, "code"], where)
        self.codes: Array | None = rows.pop("code")
        self.columns: dict[str, Array] = rows
        self.source = collection.address
        self._places = {id_: row for row, id_ in enumerate(rows["id"])}

    def signatures(self, progress: Progress) -> Array:
        n = len(self._places)
        small = np.zeros((n, *_signatures([]).shape[1:]), np.uint8)
        done = 0
        with stage(progress, "looking") as step:
            for batch in self._opened.iter_batches(["id", "thumbnail"], self._where, BATCH):
                there = [i for i, id_ in enumerate(batch["id"]) if id_ in self._places]
                contents = [batch["thumbnail"][i] for i in there]
                if any(content is None for content in contents):
                    raise ValueError(
                        "this collection has pictures without a thumbnail: compare codes, with "
                        "--by codes"
                    )
                at = [self._places[batch["id"][i]] for i in there]
                small[at] = _signatures(contents)
                step(done := done + len(batch["id"]), max(n, done))
        return small

    def nearest(self, queries: Array, k: int) -> tuple[Array, Array]:
        found = self._opened.search(queries, k, where=self._where)
        rows = [[self._places.get(id_, -1) for id_ in ids] for ids in found.ids]
        return np.array(rows, np.int64).reshape(found.ids.shape), found.distances

    def thumbnails(self, rows: Sequence[int]) -> list[bytes]:
        ids = [self.columns["id"][row] for row in rows]
        return [
            content or b"" for content in self._opened.rows(["thumbnail"], ids=ids)["thumbnail"]
        ]

    def encode(self, pictures: Sequence[Array]) -> Array:
        about = self._opened.about
        model = model_of_collection(self._opened, *self._given)
        return _codes_of(model, about.preprocessing, about.pool, pictures)


class Given:
    """Of pictures that were given, read once: thumbnails, and codes where there is a model."""

    collection: Collection | None = None

    def __init__(self, pictures: Pictures, model: Any, progress: Progress) -> None:
        how = Preprocessing((3, SIDE, SIDE)) if model is None else model.preprocessing
        found = files_or_source(pictures, how)
        self._model, self._how = model, how
        self.source = str(pictures) if isinstance(pictures, (str, Path)) else "these pictures"
        skipped: list[tuple[str, str]] = list(getattr(found, "skipped", ()))
        rows: list[dict[str, Any]] = []
        self._thumbnails: list[bytes] = []
        codes: list[Array] = []
        waiting: list[torch.Tensor] = []
        total = len(found.files) if isinstance(found, PictureFiles) else len(found)
        files: Sequence[Found] = getattr(found, "files", ())
        options, deep = with_one_range(files, how.wanted, lambda f, some: ahead(f, some, None))
        changes = Changes()
        with stage(progress, "looking") as step:
            for done, look in enumerate(_looks(found, how, options), 1):
                step(done, total)
                if look.picture is None:
                    skipped.append((look.file.id, look.reason))
                    continue
                changes.add(look.file.id, look.told, deep.get(look.file.id))
                rows.append(_row(look, look.picture))
                self._thumbnails.append(look.picture.thumbnail)
                if model is not None:
                    waiting.append(look.picture.pixels)
                if len(waiting) == ENCODED_AT_ONCE:
                    codes.append(self._encoded(waiting))
                    waiting = []
        if waiting:
            codes.append(self._encoded(waiting))
        if not rows:
            reason = f": {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
            raise NoImages(f"none of {self.source} is a picture that can be read{reason}")
        self.columns: dict[str, Array] = {
            name: np.array([row[name] for row in rows], None if name in NUMBERS else object)
            for name in KNOWN
        }
        self.codes: Array | None = np.concatenate(codes) if codes else None
        self.skipped: Sequence[tuple[str, str]] = skipped
        self.notes: Sequence[str] = [
            *getattr(found, "notes", ()), *changes.notes(options.levels)
        ]  # fmt: skip

    def _encoded(self, pixels: Sequence[torch.Tensor]) -> Array:
        return pooled(encoded(self._model, Images(torch.stack(list(pixels))), progress=False), POOL)

    def signatures(self, progress: Progress) -> Array:
        return _signatures(self._thumbnails)

    def nearest(self, queries: Array, k: int) -> tuple[Array, Array]:
        assert self.codes is not None
        return nearest([self.codes], queries, k)

    def thumbnails(self, rows: Sequence[int]) -> list[bytes]:
        return [self._thumbnails[row] for row in rows]

    def encode(self, pictures: Sequence[Array]) -> Array:
        return _codes_of(self._model, self._how, POOL, pictures)


def _row(look: Look, picture: Seen) -> dict[str, Any]:
    file = look.file
    return {
        "id": file.id,
        "path": str(Path(file.path).absolute()) if file.path else None,
        "size": file.size,
        "mtime": file.mtime,
        "hash": look.digest,
        "width": picture.width,
        "height": picture.height,
    }


def _looks(found: Any, how: Preprocessing, options: Wanted) -> Iterator[Look]:
    """Each picture of a folder's files or of a source, hashed and small."""
    if isinstance(found, PictureFiles):
        yield from ahead(lambda item: look_at(*item, (), options), enumerate(found.files), None)
        return
    ids = [str(id_) for id_ in getattr(found, "ids", None) or range(len(found))]
    for rows in torch.split(torch.arange(len(found)), ENCODED_AT_ONCE):
        pixels = taken(found, rows)
        for row, mine, whole in zip(rows.tolist(), brought(pixels, how), pixels, strict=True):
            content = whole.numpy().tobytes()
            digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            height, width = whole.shape[1:]
            file = Found(ids[row], "", len(content), 0)
            yield Look(row, file, digest, Seen(mine, thumbnail(whole), width, height))


def _signatures(thumbnails: Sequence[bytes]) -> Array:
    """Of thumbnails as they are kept, some in each thread."""
    some = [thumbnails[low : low + AT_ONCE] for low in range(0, len(thumbnails), AT_ONCE)]
    made = ahead(lambda part: signatures(map(opened_thumbnail, part)), some, None)
    return np.concatenate([signatures(()), *made])
