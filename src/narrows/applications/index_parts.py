"""Index in parts: several processes encode a share of the pictures each, into one version that is told.

    pictures ──as listed──► 1/3 │ 2/3 │ 3/3 ──each encodes its own, appends──► one table ──finish──► a version

Any scheduler may start them, at once or one after another, and again where one was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..collection import About, Collection, Ledger
from ..collection.rows import column_names, type_of
from ..errors import BadFile, NoImages
from ..images import Images, Source, Subset
from ..images.files import PictureFiles
from .indexing import Encode, Indexed, described, index_files, index_source, one_indexer, taken

__all__ = ["finish", "finished_before", "first_codes", "index_part", "part_of"]

LOOKED_AT = 16  # pictures of an array that say whether it is the same


def part_of(text: str | tuple[int, int]) -> tuple[int, int]:
    """``3/16``, or the two numbers.

    Raises:
        ValueError: it is no part of so many.
    """
    try:
        pieces = text.split("/") if isinstance(text, str) else text
        part, of = (int(piece) for piece in pieces)
    except (TypeError, ValueError):
        part, of = 0, 0
    if not 1 <= part <= of:
        raise ValueError(f"a part is one of so many, such as 3/16, the first 1/16; we got {text!r}")
    return part, of


def index_part(
    address: str | Path,
    version: int,
    part: tuple[int, int],
    about: About,
    pictures: PictureFiles | Source,
    encode: Encode,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Collection, Indexed]:
    """Encode one part. Of one that is done nothing is read; of one that was killed, what is missing.

    Raises:
        BadFile: the parts that were begun are of another model or of other pictures.
        ValueError: another version is the next one.
        NarrowsError: a code is not finite, or the disk fails; what was written before stays.
    """
    number, of = part
    ledger = Ledger.begun(address, version, of, about, _digest(pictures), _columns(pictures))
    collection = ledger.collection()
    if (rows := ledger.rows.get(number)) is not None:
        note = f"part {number}/{of} was done before"
        return collection, Indexed(unchanged=rows, skipped=ledger.skipped[number], notes=[note])
    among: Sequence[str] = ()
    n = len(_ids(pictures))
    low, high = n * (number - 1) // of, n * number // of
    if number in ledger.rows:  # begun before: rows of it may be there
        among = _ids(pictures)[low:high]
    else:
        ledger.note(number)
    if low == high:
        done = Indexed()
    elif isinstance(pictures, PictureFiles):
        done = index_files(
            collection, _files(pictures, low, high), encode, among=among, progress=progress
        )
    else:
        some = _items(pictures, low, high)
        done = index_source(collection, some, encode, among=among, progress=progress)
    ledger.note(number, done.added + done.changed + done.unchanged, done.skipped)
    return collection, done


def finish(
    address: str | Path, version: int, about: About, pictures: PictureFiles | Source
) -> tuple[Collection, Indexed]:
    """See that all parts are there, build the index, and make the version the one that opens.

    Raises:
        BadFile: there are no parts, or they are of another model or of other pictures.
        NarrowsError: parts are missing; they are named.
        NoImages: no part has a picture.
    """
    with one_indexer(address):
        ledger = Ledger.open(address, version)
        if ledger is None:
            raise BadFile(
                f"no part of version {version} of {address} was begun: run narrows index with --part 1/2 "
                "and so on first"
            )
        ledger.check(None, about, _digest(pictures))
        collection = ledger.finished()
        if not len(collection):
            raise NoImages(
                f"no part of version {version} of {address} has a picture that can be read"
            )
        collection.optimize()
        collection.commit()
        ledger.drop()
    skipped = [each for part in sorted(ledger.skipped) for each in ledger.skipped[part]]
    notes = list(getattr(pictures, "notes", ()))
    return collection, Indexed(added=len(collection), skipped=skipped, notes=notes)


def finished_before(address: str | Path, version: int, about: About) -> Collection | None:
    """The version where it is complete already; None where it is not.

    Raises:
        BadFile: it is, of another model.
    """
    if not Collection.exists(address):
        return None
    complete = {each.number: each.complete for each in Collection.open(address).versions()}
    if not complete.get(version):
        return None
    collection = Collection.open(address, version)
    collection.check(about.fingerprint, about.model)
    if (left := Ledger.open(address, version)) is not None:  # killed between the two
        left.drop()
    return collection


def first_codes(collection: Collection, pictures: PictureFiles | Source, count: int) -> Any:
    """The codes (n, D) of the first pictures as they are listed, whichever part wrote them first."""
    return collection.rows(["code"], "true", _ids(pictures)[:count])["code"]


def _ids(pictures: PictureFiles | Source) -> Sequence[str]:
    if isinstance(pictures, PictureFiles):
        return [file.id for file in pictures.files]
    return getattr(pictures, "ids", None) or [str(row) for row in range(len(pictures))]


def _columns(pictures: PictureFiles | Source) -> dict[str, Any]:
    """The metadata's columns and types."""
    files = isinstance(pictures, PictureFiles)
    metadata = pictures.metadata if files else described(pictures)  # type: ignore[union-attr, arg-type]
    names = column_names(metadata)
    return {names[name]: type_of(values) for name, values in metadata.items()}


def _digest(pictures: PictureFiles | Source) -> str:
    """Of files their ids and sizes; of an array its ids, shape, and some of its pictures."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(pictures, PictureFiles):
        for file in pictures.files:
            digest.update(f"{file.id}\0{file.size}\0".encode())
        return digest.hexdigest()
    n = len(pictures)
    digest.update(f"{n} {tuple(pictures.shape)}\0".encode())
    for id_ in getattr(pictures, "ids", None) or ():
        digest.update(f"{id_}\0".encode())
    some = torch.from_numpy(np.unique(np.linspace(0, n - 1, LOOKED_AT).astype(np.int64)))
    digest.update(taken(pictures, some).numpy().tobytes())
    return digest.hexdigest()


def _files(pictures: PictureFiles, low: int, high: int) -> PictureFiles:
    return dataclasses.replace(
        pictures,
        files=pictures.files[low:high],
        metadata={name: values[low:high] for name, values in pictures.metadata.items()},
        skipped=pictures.skipped if low == 0 else [],
        notes=pictures.notes if low == 0 else [],
    )


def _items(source: Source, low: int, high: int) -> Source:
    some: Any
    if isinstance(source, Images):
        some = source.select(slice(low, high))
    else:
        some = Subset(source, np.arange(low, high))
        some.ids = _ids(source)[low:high]
    if low and isinstance(source, Images):
        some.skipped, some.notes = [], []
    return some  # type: ignore[no-any-return]
