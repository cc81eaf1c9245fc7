"""Pictures at their own sizes: for what restores them and gives them back as large as they were.

files · folders · arrays · sets ──► Sized: ids, uint8 (C, H, W) each ──groups()──► (N, C, H, W) each
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import NoImages, UnreadableImage
from .arrays import is_array_file
from .changes import Changes, with_one_range
from .files import picture_files
from .inputs import Pictures, are_files, distinct, even_rows, names_by_path, pictures, prefixed
from .named import names, photographs
from .open import open_source
from .preprocessing import Preprocessing
from .read import Mode, _opened, decode, pixel_limit, wanted
from .walk import Found, is_archive

__all__ = ["Group", "Sized", "listed_pictures", "sized"]


@dataclass(frozen=True)
class Group:
    """Pictures of one size.

    Attributes:
        places: theirs among all, N.
        pixels: uint8 (N, C, H, W).
    """

    places: list[int]
    pixels: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.pixels.shape[2], self.pixels.shape[3]

    @property
    def floats(self) -> Tensor:
        """float32 (N, C, H, W) in [0, 1]."""
        return self.pixels.float() / 255


@dataclass
class Sized:
    """Pictures of any sizes in one mode.

    Attributes:
        ids: N names.
        pixels: uint8 (C, H, W) each.
        files: where each was read from; None for pictures of an archive, an array or a set.
        skipped: (file, reason) of what could not be read.
        notes: what has to be said of them.
    """

    ids: list[str]
    pixels: list[Tensor]
    files: list[Path | None]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def size_of(self, place: int) -> tuple[int, int]:
        """(H, W) of a picture."""
        return self.pixels[place].shape[1], self.pixels[place].shape[2]

    def of_one_size(self) -> list[list[int]]:
        """The places of the pictures of each size, sizes in the order of their first picture."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, picture in enumerate(self.pixels):
            places.setdefault(tuple(picture.shape), []).append(place)
        return list(places.values())

    def group(self, places: Sequence[int]) -> Group:
        """Pictures of one size together."""
        return Group(list(places), torch.stack([self.pixels[place] for place in places]))

    def groups(self) -> list[Group]:
        """The pictures of each size together, sizes in the order of their first picture."""
        return [self.group(places) for places in self.of_one_size()]

    def portions(self, places: Sequence[int], pixels: int) -> Iterator[Group]:
        """Pictures of one size, at least one and no more than so many pixels at a time."""
        each = math.prod(self.pixels[places[0]].shape[1:])
        count = max(1, pixels // each)
        for first in range(0, len(places), count):
            yield self.group(places[first : first + count])


def sized(
    what: Pictures,
    like: Preprocessing,
    *,
    resize: str | None = None,
    limit: int | None = None,
) -> Sized:
    """Read pictures in a model's mode at their own size.

    Args:
        what: as :func:`narrows.images.inputs.pictures` takes it.
        like: how pictures become the model's inputs; only its mode counts.
        resize: bring each to the model's size after all: ``crop``, ``pad`` or ``stretch``.
        limit: at most so many, evenly spread over all of them.

    Raises:
        NoImages: nothing can be read; the sentence holds the last reason.
        ValueError: an unknown name or an unknown way to resize.
    """
    if resize is not None:
        how = Preprocessing(like.shape, resize, levels=like.levels)  # type: ignore[arg-type]
        return _in_memory(pictures(what, how, limit=limit))
    notes: list[str] = []
    listed = listed_pictures(what, like, notes)
    if listed is None:
        return _in_memory(_of_mode(pictures(what, limit=limit), like))
    result = Sized([], [], [])
    mode: Mode = like.mode or "rgb"
    rows = even_rows(len(listed), limit)
    files = [file for row in rows if (file := listed[row][1]) is not None]
    options, deep = with_one_range(files, wanted(None, mode, "crop", None, levels=like.levels))
    changes, coloured = Changes(), 0
    for row in rows:
        id_, file, pixels, reason = listed[row]
        try:
            if reason:
                raise UnreadableImage(reason)
            if file is not None:
                told: set[str] = set()
                with file.opened() as source:
                    pixels = decode(source, options, told)
                    coloured += mode == "gray" and _has_colour(source)
                changes.add(id_, told, deep.get(file.id))
        except (OSError, UnreadableImage) as error:
            result.skipped.append((file.path if file and file.path else id_, str(error)))
            continue
        assert pixels is not None
        result.ids.append(id_)
        result.pixels.append(pixels)
        result.files.append(Path(file.path) if file and file.path else None)
    if not result.ids:
        last = f": {result.skipped[-1][0]}: {result.skipped[-1][1]}" if result.skipped else ""
        raise NoImages(f"none of the files is a picture that can be read{last}")
    result.ids = distinct(result.ids)
    result.notes += [*notes, *changes.notes(options.levels)]
    if coloured:
        result.notes.append(
            f"{coloured} of the pictures in colour, read as gray: the model takes one channel"
        )
    return result


Listed = tuple[str, Found | None, Tensor | None, str]  # id, file, pixels, why there is no picture


def listed_pictures(what: Any, like: Preprocessing, notes: list[str]) -> list[Listed] | None:
    """Files below folders and in archives, lone ones, and the pictures of sets, unread; None of what
    is in memory.

    Photographs of a named set are its files, at their own size.
    """
    if not are_files(what):
        return None
    paths = [what] if isinstance(what, (str, os.PathLike)) else what
    called = names_by_path([path for path in map(Path, paths) if path.expanduser().exists()])
    parts: list[tuple[str, list[Listed]]] = []  # of each that was given, by its name
    for one in paths:
        path, text = Path(one).expanduser(), os.fspath(one)
        listed: list[Listed] = []
        parts.append(
            ("" if path.is_file() and not is_archive(path) else called.get(Path(one), text), listed)
        )
        archive = path.is_file() and is_archive(path)
        if path.is_file() and not is_array_file(path) and not archive:
            listed.append((called[Path(one)], _lone(path), None, ""))
        elif (below_of := path if archive or path.is_dir() else photographs(text)) is not None:
            below = picture_files(below_of)
            notes += below.notes
            listed += [(file.id, _named_by_place(path, file), None, "") for file in below.files]
            listed += [(name, None, None, reason) for name, reason in below.skipped]
        elif not path.exists() and text not in names() and (path.suffix or os.sep in text):
            listed.append((text, None, None, "there is no such file or folder"))
        else:
            array = path.is_file()  # which is read in the model's range
            own = open_source(path, levels=like.levels) if array else pictures(one)
            whole = _in_memory(_of_mode(own, like))
            notes += whole.notes
            listed += [(id_, None, x, "") for id_, x in zip(whole.ids, whole.pixels, strict=True)]
    ids = prefixed([[id_ for id_, *_ in some] for _, some in parts], [name for name, _ in parts])
    flat = [item for _, some in parts for item in some]
    return [(id_, *item[1:]) for id_, item in zip(ids, flat, strict=True)]


def _lone(path: Path) -> Found:
    """A file that was given; nothing is asked of it before it is read."""
    return Found(str(path), str(path), 0, 0)


def _named_by_place(root: Path, file: Found) -> Found:
    """A file with an id that no other of what was given has."""
    return file._replace(id=file.path or f"{root}/{file.id}")


def _in_memory(source: Any) -> Sized:
    """The pictures of a source, all of one size."""
    if hasattr(source, "take"):
        pixels = source.take(torch.arange(len(source)))
    else:
        x = source.batch(torch.arange(len(source)))
        pixels = (x.clamp(0, 1) * 255).round().to(torch.uint8)
    ids: Sequence[str] = getattr(source, "ids", None) or [str(i) for i in range(len(source))]
    skipped, notes = list(getattr(source, "skipped", ())), list(getattr(source, "notes", ()))
    return Sized(list(ids), list(pixels.cpu()), [None] * len(source), skipped, notes)


def _of_mode(source: Any, like: Preprocessing) -> Any:
    """A source with as many channels as the model takes, at its own size."""
    if source.shape[0] == like.shape[0]:
        return source
    return pictures(source, Preprocessing((like.shape[0], *source.shape[1:])))


def _has_colour(source: str | bytes) -> bool:
    opened = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")
    with opened as handle, _opened(handle, pixel_limit()) as image:
        return image.mode not in ("1", "L", "LA", "La", "I", "F") and not image.mode.startswith(
            "I;"
        )
