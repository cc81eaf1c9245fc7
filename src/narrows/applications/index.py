"""Index: pictures into a collection of their codes, which can be searched.

MODEL, pictures ──encode what is new──► Collection

The work, and what a run that is killed leaves, is in :mod:`narrows.applications.indexing`; how several
processes share it, in :mod:`narrows.applications.index_parts`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ..collection import About, Collection
from ..collection.store import local
from ..errors import BadFile, NoImages
from ..images import Images, Preprocessing, Source, open_source
from ..images.arrays import idx_folder, is_array_file
from ..images.files import PictureFiles, picture_files
from ..images.inputs import Pictures, names_of
from ..images.inputs import pictures as read_pictures
from ..images.levels import Levels
from ..images.walk import Found, is_archive
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table
from ..training import address_of, located
from .features import (
    FITTED_ON,
    Features,
    check_features,
    check_place,
    check_unfitted,
    kept_features,
)
from .index_parts import finish as finish_parts
from .index_parts import finished_before, first_codes, index_part, part_of
from .indexing import (
    WRITTEN_AT_ONCE,
    Indexed,
    collection_for,
    index_files,
    index_source,
    one_indexer,
)
from .opening import encoded, opened_model
from .units import model_weights

__all__ = ["IndexResult", "files_or_source", "index"]

PLAIN = ("codes", "euclidean")  # codes as they are


@dataclass(frozen=True, repr=False)
class IndexResult(Result):
    """What one run did to a collection.

    Attributes:
        collection: as it is now; open for search.
        pictures: how many it holds.
        added, changed, removed, unchanged: how many of them.
        seconds: on the clock.
        skipped: (file, reason) of each that is no readable picture.
        notes: what was ignored, merged or guessed.
        moved: how many lie elsewhere in the folder than before, with all that was known of them.
        part: which of how many parts this was, ``3/16``; empty of a whole collection. Then ``pictures``
            counts those of the part, and nobody can open the collection's version yet.
    """

    name: ClassVar[str] = "index"
    collection: Collection
    pictures: int
    added: int
    changed: int
    removed: int
    unchanged: int
    seconds: float
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    moved: int = 0
    part: str = ""

    def document(self) -> dict[str, Any]:
        """The counts, and what the collection has of each picture."""
        return {
            "collection": self.collection.address,
            "version": self.collection.version.number,
            **({"part": self.part} if self.part else {}),
            "pictures": self.pictures,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "moved": self.moved,
            "skipped": [list(item) for item in self.skipped],
            "notes": list(self.notes),
            "rows": self.collection.about.rows,
            "code": self.collection.about.size,
            "columns": self.collection.columns,
            "seconds": round(self.seconds, 2),
        }

    def table(self) -> Table:
        """One row of counts."""
        counts = ("pictures", "added", "changed", "removed", "unchanged")
        return Table({name: [getattr(self, name)] for name in counts})

    def __str__(self) -> str:
        counts = [f"{getattr(self, n):,} {n}" for n in ("added", "changed", "removed", "unchanged")]
        if self.moved:
            counts.append(f"{self.moved:,} moved")
        if self.skipped:
            counts.append(f"{len(self.skipped):,} skipped")
        address, about = self.collection.address, self.collection.about
        if self.part:
            number = self.collection.version.number
            return (
                f"{self.pictures:,} pictures, part {self.part} of version {number} of {address}\n"
                f"{', '.join(counts)}; {self.seconds:.1f} s\n"
                f"  when all parts are done   the same command, --finish in place of --part {self.part}"
            )
        return (
            f"{self.pictures:,} pictures in {address}, {about.features} of {about.size} "
            f"numbers{about.apart}\n{', '.join(counts)}; {self.seconds:.1f} s\n"
            f"  search it   narrows search {address} --like PICTURE"
        )


def index(
    model: Any,
    pictures: Pictures,
    to: str | Path,
    *,
    metadata: str | Path | None = None,
    pool: str | None = None,
    features: str | None = None,
    distance: str | None = None,
    new_version: bool = False,
    version: int | None = None,
    part: str | tuple[int, int] | None = None,
    finish: bool = False,
    device: str = "auto",
    progress: Progress = None,
) -> IndexResult:
    """Encode pictures into a collection; a second run touches only what is new, changed or gone.

    The pictures become inputs as the model's preprocessing says. Of a folder, an array file or a set
    the collection remembers where it is; of pictures in memory it keeps codes, thumbnails and labels.

    Args:
        model: an ``Autoencoder``, another ``Encoder``, or the folder of a model.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads. What is not among them
            any more leaves the collection.
        to: the collection: a folder, or an object store's address.
        metadata: of a folder, a CSV file whose first column names the picture; labels.csv, split.csv
            and metadata.csv in the folder are read anyway.
        pool: of codes (D, H, W): ``flatten`` them, or take their ``mean`` or ``max`` over the map.
            None: as the collection has it, or ``flatten``.
        features: what is stored of a picture: ``codes``; or ``pca``, ``pixels``, ``colours`` (a
            histogram for each of 4 × 4 cells), ``patches`` (k-means features), ``joined`` (codes and
            the last three, z-scored), of pictures as the model takes them. What is fitted is kept
            beside the collection. None: as the collection has it, or ``codes``.
        distance: ``euclidean``, of the features as they are; ``cosine``, of unit length, or
            ``whitened``, so that every direction in which they vary counts the same. None: as
            ``features``.
        new_version: begin a new version of the collection where it holds codes of another model, or
            of other pictures; the versions before stay.
        version: the number of the version that parts make, the next one that there is none of.
        part: encode only this part, ``"3/16"`` or (3, 16), of the pictures as they are listed. The parts
            may run at the same time, on any machines, and again.
        finish: when all parts are done, build the index and make the version the one that opens.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is no model, or the collection, or its other parts, are of another model or of
            other pictures.
        NoImages: nothing can be read.
        ValueError: a pool that there is not, metadata without a folder, pictures of another shape; a
            part without a version, or what is fitted to all pictures in parts.
        NarrowsError: a code is not finite, or the disk fails; what was written before stays. Parts are
            missing.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nw.index(model, images[:50], f"{folder}/codes").added
        50
    """
    began = time.perf_counter()
    share = None if part is None else part_of(part)
    _check_parts(version, share, finish, new_version)
    new_version = new_version or version is not None
    loaded = opened_model(model, device)
    kind, apart = _wanted(to, features, distance, new_version)
    if version is not None:
        check_unfitted(kind, apart)
    found = loaded
    if (kind, apart) != PLAIN:
        if pool not in (None, "flatten"):
            raise ValueError(f"pool={pool!r} is of codes as they are, not of {kind} ({apart})")
        found = None if new_version else _kept(to, loaded, kind, apart)
    known = loaded if found is None else found
    how = known.preprocessing if new_version else _with_kept_levels(to, known)
    source = files_or_source(pictures, how, metadata, to)
    if (levels := getattr(source, "levels", None)) is not None:
        how = dataclasses.replace(how, levels=levels)
    if found is None:
        some = read_pictures(pictures, how, limit=FITTED_ON)
        found = Features.fit(kind, some, loaded, distance=apart)
    about = About(
        found.fingerprint(), _folder_of(model), tuple(found.code_shape), pool or "flatten",
        _place_of(pictures), features=kind, distance=apart,
        **how.document() | {"shape": how.shape},
    )  # fmt: skip
    stated = [] if pool is None else ["pool"]

    def encode(x: torch.Tensor) -> np.ndarray[Any, Any]:
        return encoded(found, Images(x), progress=False)

    apply: Any = index_files if isinstance(source, PictureFiles) else index_source
    before = None if version is None else finished_before(to, version, about)
    with contextlib.ExitStack() as stack:
        if share is None:
            stack.enter_context(one_indexer(to))
        step = stack.enter_context(stage(progress, "indexing"))
        if before is not None:
            note = f"version {before.version.number} was finished before"
            collection, done = before, Indexed(unchanged=len(before), notes=[note])
            share = None
        elif version is not None and share is not None:
            collection, done = index_part(to, version, share, about, source, encode, step)
        elif version is not None:
            collection, done = finish_parts(to, version, about, source)
        else:
            collection = collection_for(to, about, stated=stated, new_version=new_version)
            if isinstance(found, Features):
                found.save(collection.address)
            done = apply(collection, source, encode, progress=step)
        if share is None and collection.about.weights is None and len(collection):
            first = None if version is None else first_codes(collection, source, WRITTEN_AT_ONCE)
            if weights := _weights(found, collection, first):
                collection.change(weights=weights)
    mine = done.added + done.changed + done.unchanged if share else len(collection)
    return IndexResult(
        collection, mine, done.added, done.changed, done.removed, done.unchanged,
        time.perf_counter() - began, done.skipped, done.notes, done.moved,
        "" if share is None else f"{share[0]}/{share[1]}",
    )  # fmt: skip


def _check_parts(
    version: int | None, part: tuple[int, int] | None, finish: bool, new_version: bool
) -> None:
    """Refuse options that do not go together.

    Raises:
        ValueError: a part without a version, a version without a part.
    """
    if part is not None and finish:
        raise ValueError(
            "--part encodes a part, --finish ends what all parts did: give one of the two"
        )
    if (part is not None or finish) and (version is None or version < 1):
        raise ValueError(
            "all parts are told which version they make: give them --version 1, or the next one that "
            f"the collection has not; we got {version}"
        )
    if version is not None and (new_version or not (part or finish)):
        raise ValueError(
            "--version goes with --part or --finish; in one go a version gets the next number by itself"
        )


def _weights(found: Any, collection: Collection, first: Any = None) -> tuple[float, ...] | None:
    """What each number of a row counts on a map; None where nothing is known of that.

    Args:
        first: codes (n, D) to tell it by; by default those of the first rows.
    """
    if isinstance(found, Features):
        return found.weights()
    if collection.about.size != math.prod(collection.about.code_shape):
        return None  # pooled: no codes any more
    if first is None:
        first = next(collection.iter_batches(["code"]))["code"]
    return model_weights(found, first)


def _wanted(
    to: str | Path, features: str | None, distance: str | None, new_version: bool
) -> tuple[str, str]:
    """The kind and the distance: as asked for, else as the collection has them, else ``PLAIN``.

    Raises:
        BadFile: the collection has others.
        ValueError: there is no such kind or distance, or nowhere to keep it.
    """
    check_features(features or PLAIN[0], distance or PLAIN[1])
    check_place(to, features or PLAIN[0], distance or PLAIN[1])
    before = PLAIN
    if Collection.exists(to):
        about = Collection.open(to).about
        before = (about.features, about.distance)
    if features is None and distance is None:
        return before
    wanted = (features or before[0], distance or before[1])
    if wanted != before and Collection.exists(to) and not new_version:
        raise BadFile(
            f"{to} holds {before[0]} ({before[1]}), not {wanted[0]} ({wanted[1]}): name another "
            "collection, or add --new-version to begin a new version of this one"
        )
    return wanted


def _kept(to: str | Path, model: Any, kind: str, distance: str) -> Features | None:
    """The features that a collection was made with; None where they have to be fitted."""
    if not Collection.exists(to):
        return None
    before = Collection.open(to)
    if not len(before) and (before.about.features, before.about.distance) != (kind, distance):
        return None
    return kept_features(before, model if kind in ("codes", "joined") else None)


def _with_kept_levels(to: str | Path, model: Any) -> Preprocessing:
    """A model's preprocessing, with the range of deep pictures that its collection chose before."""
    how: Preprocessing = model.preprocessing
    if Collection.exists(to):
        before = Collection.open(to, going_on=model.fingerprint()).about
        if before.fingerprint == model.fingerprint():
            kept = before.preprocessing.levels or Levels()
            if how.levels is None or kept.completed(how.levels) == kept:
                return dataclasses.replace(how, levels=(how.levels or Levels()).completed(kept))
    return how


def files_or_source(
    pictures: Pictures,
    how: Preprocessing | None,
    metadata: str | Path | None = None,
    without: str | Path | None = None,
) -> PictureFiles | Source:
    """The files of a folder or a list, unread; anything else as a source, at its own size if it has one.

    Args:
        how: as pictures of several sizes become those of one source.
        metadata: a CSV file about the files of a folder.
        without: a collection's address, which may be below the folder.

    Raises:
        NoImages: there is nothing to read.
        ValueError: metadata without a folder.
    """
    path = Path(pictures).expanduser() if isinstance(pictures, (str, Path)) else None
    if path is not None and _holds_files(path):
        return picture_files(path, metadata, None if without is None else local(str(without)))
    if metadata is None and _are_files(pictures):
        return _listed([Path(one).expanduser() for one in pictures])
    if metadata is not None:
        raise ValueError(
            f"--metadata goes with a folder or an archive of pictures; {pictures} is none"
        )
    if path is not None and path.is_file() and is_array_file(path):
        return open_source(path, levels=None if how is None else how.levels)
    even = path is not None or hasattr(pictures, "shape")  # one picture, or an array or source
    found: Source = read_pictures(pictures, None if even else how)
    return found


def _holds_files(path: Path) -> bool:
    """Whether a path is an archive or a folder of pictures."""
    if path.is_dir():
        return idx_folder(path) is None
    return path.is_file() and is_archive(path)


def _are_files(pictures: Pictures) -> bool:
    """Whether these are paths of picture files, which may be missing."""
    if not isinstance(pictures, (list, tuple)) or not pictures:
        return False
    paths = [Path(one).expanduser() for one in pictures if isinstance(one, (str, Path))]
    fine = (
        path.suffix and not (path.is_dir() or is_array_file(path) or is_archive(path))
        for path in paths
    )
    return len(paths) == len(pictures) and all(fine)


def _listed(paths: Sequence[Path]) -> PictureFiles:
    """Single files, by their names."""
    skipped = [(str(p), "there is no such file or folder") for p in paths if not p.is_file()]
    there = [path for path in paths if path.is_file()]
    if not there:
        raise NoImages(f"none of the {len(paths)} files is there; the first is {paths[0]}")
    files = []
    for name, path in zip(names_of(there), there, strict=True):
        state = path.stat()
        files.append(Found(name, str(path), state.st_size, state.st_mtime_ns))
    return PictureFiles(files, {}, skipped)


def _folder_of(model: Any) -> str:
    """Where a model lies; nothing of one that lies in memory only."""
    if (address := address_of(model)) is not None:
        return f"hf://{address.name}@{located(model).name}"  # the commit, which stays what it is
    if isinstance(model, (str, Path)):
        return str(Path(model).expanduser().resolve())
    folder = getattr(getattr(model, "run", None), "folder", None)
    return "" if folder is None else str(Path(folder).resolve())


def _place_of(pictures: Pictures) -> str:
    """What a collection remembers of where its pictures are."""
    if not isinstance(pictures, (str, Path)):
        return ""
    path = Path(pictures).expanduser()
    return str(path.resolve()) if path.exists() else str(pictures)
