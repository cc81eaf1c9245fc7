"""Sets of pictures by name: looked for in NARROWS_DATA first, else downloaded once.

named("mnist") ──► $NARROWS_DATA/mnist/ ──► <cache>/data/mnist/ ──► download, if it may be
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import Unavailable
from ..near import meant
from .arrays import fitted, idx_folder
from .bundled import clothes, digits
from .cache import cache_root
from .fetch import downloaded, unpacked
from .folder import folder
from .masks import Masked, masked
from .read import Size
from .registry import SETS, NamedSet
from .source import SPLITS, Images, Source
from .splits import split as divide
from .sprites import Sprites

__all__ = [
    "Description",
    "describe",
    "named",
    "named_folder",
    "named_masks",
    "names",
    "photographs",
    "unknown",
    "verify",
]

Progress = Callable[[int, int], None]

# sets with a class for each pixel: the number that is none, and what the others are called
MASKED = {
    "camvid": (
        11,
        ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
         "bicyclist"),
    ),
}  # fmt: skip
PHOTOGRAPHS = ("kodak", "restoration")
BUNDLED = {"clothes": clothes, "digits": digits}
PARTS = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Description:
    """What ``narrows data`` shows of a set. ``where`` is None while it is not on this machine."""

    name: str
    about: str
    number: int
    origin: str
    licence: str
    where: str | None
    can_download: bool


def names() -> list[str]:
    """Every name that :func:`named` knows."""
    return list(SETS)


def photographs(name: str) -> Path | None:
    """The folder of a named set of photographs, which differ in size and are not of one object."""
    if name not in PHOTOGRAPHS:
        return None
    return named_folder(name)


def named_folder(name: str) -> Path:
    """The folder of a named set that is files, whatever their sizes.

    Raises:
        ValueError: an unknown name, or a set that is no folder.
        Unavailable: the set is not here and cannot be got; the message says how.
    """
    row = _row(name)
    if row.kind in ("bundled", "generated"):
        raise ValueError(f"{name} is {row.kind}: it has no folder of files")
    return _own(row) or downloaded(row)


def unknown(name: str) -> str:
    """The end of a sentence about a name that is none: the nearest, or all."""
    return meant(name, SETS).removeprefix("; ") or f"the names are {', '.join(SETS)}"


def _row(name: str) -> NamedSet:
    if name not in SETS:
        raise ValueError(f"there is no set called {name!r}; {unknown(name)}")
    return SETS[name]


def describe(name: str) -> Description:
    """Origin, licence, number, and where it is."""
    row = _row(name)
    if row.kind in ("bundled", "generated"):
        where: str | None = row.kind
    else:
        folder = _own(row) or _cached(row)
        where = None if folder is None else str(folder)
    return Description(
        row.name, row.about, row.number, row.origin, row.licence, where, bool(row.mirrors)
    )


def _own(row: NamedSet) -> Path | None:
    """The set's folder below NARROWS_DATA, if it is there."""
    root = os.environ.get("NARROWS_DATA")
    if not root:
        return None
    path = Path(root).expanduser() / row.name
    return path if path.is_dir() else None


def _cached(row: NamedSet) -> Path | None:
    path = cache_root() / "data" / row.name
    whole = bool(row.files) and all((path / file).is_file() for file, _ in row.files)
    return path if whole else None


def named(
    name: str,
    split: str | None = None,
    size: Size | None = None,
    mode: str | None = None,
    progress: Progress | None = None,
    *,
    fit: str = "crop",
    center_crop: int | None = None,
) -> Images | Sprites | Source:
    """A named set, or one part of it.

    Args:
        name: one of :func:`names`.
        split: 'train', 'validation' or 'test': the official part; where a set has no official
            split, the part that :func:`narrows.images.split` gives.
        size, mode: None takes the set's own.
        progress: called with (done, total) while pictures are decoded.
        fit, center_crop: as in :func:`narrows.images.read`.

    Raises:
        ValueError: an unknown name, or a part that the set does not have.
        Unavailable: the set is not here and cannot be got; the message says how.
    """
    row = _row(name)
    if split not in (None, *SPLITS):
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if row.kind == "generated":
        if (
            size not in (None, 64, (64, 64))
            or mode not in (None, "gray")
            or center_crop is not None
        ):
            raise ValueError("sprites are 64x64 and gray; leave size, mode and center_crop out")
        whole: Images | Sprites = Sprites()
    elif row.kind == "bundled":
        whole = fitted(BUNDLED[row.name](), size, mode, fit, center_crop)
    else:
        whole = _load(row, size, mode, progress, fit, center_crop)
        whole.name = row.name
    return whole if split is None else _part(whole, split)


def named_masks(name: str, split: str = "train", size: Size | None = None) -> Masked:
    """One part of a named set of pictures with their masks.

    Args:
        name: ``camvid``.
        split: 'train', 'validation' or 'test': the official part.
        size: (height, width), or one number; None takes the set's own.

    Raises:
        ValueError: a set without masks, or a part that it does not have.
        Unavailable: the set is not here and cannot be got; the message says how.
    """
    row = _row(name)
    if name not in MASKED or split not in PARTS:
        raise ValueError(
            f"sets with masks are {', '.join(MASKED)}, each with {', '.join(PARTS)}; "
            f"we got {name!r} and {split!r}"
        )
    root, (void, called) = _own(row) or downloaded(row), MASKED[name]
    part = PARTS[split]
    pairs = masked(root / part, root / f"{part}annot", size or row.size, void=void, names=called)
    pairs.images.name = name
    return pairs


def _part(whole: Images | Sprites, part: str) -> Source:
    official = whole.split if isinstance(whole, Images) else None
    if official is None:
        chosen = getattr(divide(whole), part)
    else:
        assert isinstance(whole, Images)
        chosen = whole.select(official == part) if part in official else None
    if chosen is None:
        raise ValueError(f"{whole.name} has no {part} part; narrows.images.split cuts one")
    result: Source = chosen
    return result


def _load(
    row: NamedSet,
    size: Size | None,
    mode: str | None,
    progress: Progress | None,
    fit: str,
    center_crop: int | None,
) -> Images:
    where = _own(row) or downloaded(row)
    if row.kind == "idx":
        images = idx_folder(where, row.name)
        if images is None:
            raise Unavailable(
                f"{where} does not hold the four files of {row.name} "
                f"({', '.join(file for file, _ in row.files)}, or without .gz)"
            )
        return fitted(images, size, mode, fit, center_crop)
    if row.kind == "people":
        where = _people(row, where)
    images = folder(
        where,
        row.size if size is None else size,
        mode or row.mode,  # type: ignore[arg-type]
        fit,  # type: ignore[arg-type]
        center_crop,
        progress=progress,
    )
    if row.kind == "people":
        people = np.array([id_.rsplit("/", 1)[-1].rsplit("_", 1)[0] for id_ in images.ids])
        images.labels = {"person": people}
        images.groups = people
    return images


def _people(row: NamedSet, where: Path) -> Path:
    """The folder of people: as it lies, or unpacked once from the archive in ``where``."""
    for archive in (where / "lfw-funneled.tgz", where / "lfw.tgz", where / row.files[0][0]):
        if archive.is_file():
            return unpacked(archive, cache_root() / "data" / f"{row.name}-pictures")
    return where


def verify(name: str) -> list[str]:
    """Compare every file of a set with its hash: the list of what is missing or damaged.

    Hashes come from SHA256SUMS in the folder of the set, else from the registry.

    Raises:
        Unavailable: the set is not on this machine.
    """
    row = _row(name)
    if row.kind in ("bundled", "generated"):
        return []
    where = _own(row) or _cached(row)
    if where is None:
        raise Unavailable(f"the set {name} is not on this machine, so that nothing can be verified")
    wrong = []
    for file, digest in _sums(where) or row.files:
        path = where / file
        if not path.is_file():
            wrong.append(f"{file}: missing")
            continue
        with open(path, "rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
                wrong.append(f"{file}: damaged")
    return wrong


def _sums(where: Path) -> list[tuple[str, str]]:
    """(file, hash) of a SHA256SUMS file; lines that name files elsewhere are left out."""
    path = where / "SHA256SUMS"
    if not path.is_file():
        return []
    pairs = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, file = line.partition(" ")
        file = file.strip().lstrip("*").removeprefix("./")
        if len(digest) == 64 and file and not file.startswith("/") and ".." not in file.split("/"):
            pairs.append((file, digest.lower()))
    return pairs
