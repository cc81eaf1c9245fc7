"""The one reader: whatever a person calls pictures becomes a Source in the shape that a model takes.

    a file · files · a folder · an archive · an array file · a named set ─┐
    an array · a tensor · a Source                                       ─┼─► Images (or the Source itself)
    a Dataset · a DataLoader · an iterable of pictures                   ─┘

What cannot be read is in ``skipped`` with its reason; if nothing can, the last reason is raised.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from ..errors import NoImages, UnreadableImage
from .arrays import fitted, is_array_file
from .changes import Changes, with_one_range
from .levels import Levels
from .named import names, unknown
from .open import open_source
from .preprocessing import Preprocessing
from .read import Wanted, decode, fit_pixels, flattened, wanted
from .source import SPLITS, Images, Source, as_source, pixels_of
from .views import Subset
from .walk import is_archive, printable

__all__ = [
    "Pictures",
    "are_files",
    "distinct",
    "even_rows",
    "evenly",
    "joined",
    "names_by_path",
    "names_of",
    "pictures",
    "prefixed",
    "was_read",
]

Pictures: TypeAlias = Any
"""A path or a name, several of them, an array, a Source, a Dataset, or an iterable of pictures."""

Progress = Callable[[int, int], None]

_read: set[str] = set()  # the files and folders that were named, over which nothing is written


def pictures(
    what: Pictures,
    like: Preprocessing | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """Pictures of any kind as one Source.

    Args:
        what: a file, a folder, an archive (.zip, .tar, .parquet), an array file (.npy, .npz, IDX)
            or the name of a set; several of them; an array (N, H, W), (N, C, H, W) or (N, H, W, C); a Source; a torch ``Dataset`` or
            ``DataLoader``; an iterable of PIL images or arrays (H, W) or (H, W, C). Of pairs the
            second is taken for a label, of mappings what is called image and label.
        like: how pictures become inputs; None opens them as :func:`narrows.images.open_source` does,
            and lone pictures at the size of the first.
        split: only this official part: ``train``, ``validation`` or ``test``.
        limit: at most so many, evenly spread over the whole.
        progress: called with (done, total) while files are decoded.

    Returns:
        ``Images`` with ids, labels and ``skipped``; a Source of another kind is returned as it is.

    Raises:
        NoImages: there is nothing that can be read; the sentence ends in the last reason.
        ValueError: an unknown name, a shape that does not fit, a part that is not there.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1; we got {limit}")
    if split is not None and split not in SPLITS:
        raise ValueError(f"a part is {', '.join(SPLITS)}; we got {split!r}")
    if are_files(what):
        paths = [what] if isinstance(what, (str, os.PathLike)) else list(what)
        _read.update(os.path.realpath(os.path.expanduser(path)) for path in paths)
        source = _opened(paths, like, progress)
    elif isinstance(what, (np.ndarray, torch.Tensor)):
        source = _fitted(as_source(what), like)
    elif isinstance(what, Source):
        source = _fitted(what, like)
    else:
        source = _iterated(what, like, limit)
    if split is not None:
        parts = getattr(source, "split", None)
        if parts is None or split not in parts:
            raise ValueError(f"these pictures have no official {split} part; leave split out")
        source = source.select(parts == split)
    return evenly(source, limit)


def was_read(path: Path) -> bool:
    """Whether a path is a file that pictures were read from, or lies below such a folder."""
    whole = path.expanduser().resolve()
    return not _read.isdisjoint(map(str, (whole, *whole.parents)))


def evenly(images: Any, limit: int | None) -> Any:
    """At most ``limit`` of a source's items, at even steps: the first ones are often of one kind."""
    if limit is None or limit >= len(images):
        return images
    rows = even_rows(len(images), limit)
    return images.select(rows) if isinstance(images, Images) else Subset(images, rows)


def even_rows(count: int, limit: int | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most ``limit`` positions of ``count``, at even steps.

    Raises:
        ValueError: a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1; we got {limit}")
    if limit is None or limit >= count:
        return np.arange(count)
    return np.linspace(0, count - 1, limit).round().astype(np.int64)


def distinct(ids: Sequence[str], taken: Sequence[str] = (), *, fold: bool = False) -> list[str]:
    """The ids, those that are there already (or ``taken``) with a number.

    ``fold``: for a file system that knows no case.
    """
    key: Callable[[str], str] = str.casefold if fold else str
    used, counts = set(map(key, taken)), dict.fromkeys(map(key, taken), 1)
    out = []
    for id_ in ids:
        stem, dot, suffix = id_.rpartition(".")
        name = id_
        while key(name) in used:
            number = counts[key(id_)] = counts.get(key(id_), 1) + 1
            name = f"{stem}-{number}{dot}{suffix}" if dot else f"{id_}-{number}"
        used.add(key(name))
        out.append(name)
    return out


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its own, or as much of its path's end as no other file has.

    Of x/1.png and y/1.png that is x/1.png and y/1.png, so that what is written about them lies apart.
    """
    whole = [Path(os.path.abspath(path)).parts for path in paths]
    tails: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for parts in set(whole):
        for length in range(1, len(parts) + 1):
            tails.setdefault(_folded(parts[-length:]), set()).add(parts)
    names = []
    for parts in whole:
        alone = (n for n in range(1, len(parts)) if len(tails[_folded(parts[-n:])]) == 1)
        names.append("/".join(parts[-next(alone, len(parts) - 1 or 1) :]))
    return distinct(list(map(printable, names)))


def names_by_path(paths: Sequence[Path]) -> dict[Path, str]:
    """The names of files or folders, of which some may be given twice."""
    once = list(dict.fromkeys(paths))
    return dict(zip(once, names_of(once), strict=True))


def prefixed(ids: Sequence[Sequence[str]], places: Sequence[str]) -> list[str]:
    """The ids of several sources; what two of them have stands behind the place of its own."""
    seen = Counter(id_ for some in ids for id_ in set(some))
    return distinct(
        [
            f"{place}/{id_}" if place and seen[id_] > 1 else id_
            for some, place in zip(ids, places, strict=True)
            for id_ in some
        ]
    )


def _path(one: Any) -> Path:
    return Path(one).expanduser()


def _folded(parts: Sequence[str]) -> tuple[str, ...]:
    """For file systems that know no case."""
    return tuple(part.casefold() for part in parts)


# ---- paths and names -----------------------------------------------------------------------------


def are_files(what: Any) -> bool:
    """Whether these are a path or a name, or some of them, and no pictures in memory."""
    if isinstance(what, (str, os.PathLike)):
        return True
    several = isinstance(what, (list, tuple)) and len(what) > 0
    return several and all(isinstance(one, (str, os.PathLike)) for one in what)


def _opened(what: list[Any], like: Preprocessing | None, progress: Progress | None) -> Any:
    """Files, folders, array files and sets as one source, in their order."""
    sources: list[Any] = []
    skipped: list[tuple[str, str]] = []
    lone: list[tuple[str, torch.Tensor]] = []  # a run of single files
    changes = Changes()
    files = [path for path in map(_path, what) if _is_picture_file(path)]
    ranged, deep = with_one_range(files, _wanted_of(like))
    called = names_by_path([path for path in map(_path, what) if path.exists()])
    places: list[str] = []  # of each source, what its ids may be told apart by

    def flush() -> None:
        if lone:
            sources.append(_of_files(lone, like, ranged.levels))
            places.append("")
            lone.clear()

    for one in what:
        path, text = Path(one).expanduser(), os.fspath(one)
        if path.is_dir() or path.is_file() and (is_array_file(path) or is_archive(path)):
            flush()
            try:
                sources.append(_fitted(_open(one, like, progress), like))
                places.append(called[path])
            except NoImages as error:
                skipped.append((text, str(error)))
        elif path.is_file():  # a lone picture
            try:
                told: set[str] = set()
                lone.append((called[path], _decoded(path, ranged, like, lone, told)))
                changes.add(called[path], told, deep.get(str(path)))
            except UnreadableImage as error:
                skipped.append((text, str(error)))
        elif text in names() and not isinstance(one, Path):
            flush()
            sources.append(_fitted(_open(one, like, progress), like))
            places.append(text)
        elif isinstance(one, Path) or path.suffix or os.sep in text or "/" in text:
            skipped.append((text, "there is no such file or folder"))
        else:
            raise ValueError(
                f"there is neither a file, a folder nor a set called {text!r}; {unknown(text)}"
            )
    flush()
    if not sources:
        name, reason = skipped[-1]
        alone = len(what) == 1
        if alone and reason.startswith(("there is no", "none of")):
            whole = f"there is no file or folder {name}" if "such file" in reason else reason
            raise NoImages(whole)
        head = (
            f"cannot read {name}: {reason}"
            if alone
            else f"none of the {len(what)} can be read; {name}: {reason}"
        )
        raise NoImages(head)
    result = joined(sources, skipped, places)
    if notes := changes.notes(ranged.levels):
        result.notes = [*getattr(result, "notes", ()), *notes]
    return result


def _is_picture_file(path: Path) -> bool:
    return path.is_file() and not is_array_file(path) and not is_archive(path)


def _wanted_of(like: Preprocessing | None) -> Wanted:
    """What a lone file's decoder is asked for; without a ``like`` at the picture's own size."""
    if like is None or like.mode is None:
        return wanted(None, "rgb", "crop", None)
    return like.wanted


def _open(one: Any, like: Preprocessing | None, progress: Progress | None) -> Any:
    if like is None or like.mode is None:
        return open_source(one, progress=progress, levels=None if like is None else like.levels)
    return open_source(one, like.size, like.mode, like.fit, like.center_crop, progress, like.levels)


def _decoded(
    path: Path,
    options: Wanted,
    like: Preprocessing | None,
    before: list[tuple[str, torch.Tensor]],
    told: set[str],
) -> torch.Tensor:
    """One file as uint8 (C, H, W); without a ``like`` at its own size, or that of those before."""
    if like is not None and like.mode is None:
        raise UnreadableImage(f"no file holds pictures of {like.shape[0]} channels")
    if like is None and before:
        height, width = before[0][1].shape[1:]
        options = options._replace(size=(height, width))
    return decode(path, options, told)


def _of_files(
    lone: list[tuple[str, torch.Tensor]], like: Preprocessing | None, levels: Levels | None
) -> Images:
    pixels = torch.stack([picture for _, picture in lone])
    how = like if like is None else replace(like, levels=levels)
    return Images(
        pixels, ids=distinct([name for name, _ in lone]), name=lone[0][0], preprocessing=how
    )


def joined(
    sources: Sequence[Any],
    skipped: Sequence[tuple[str, str]] = (),
    places: Sequence[str] = (),
) -> Any:
    """Several sources of one shape as one, with the columns that all of them have.

    Args:
        places: what stands before an id that two of them have; nothing for some or all.

    Raises:
        ValueError: their shapes differ.
    """
    if len(sources) == 1:
        if skipped:
            sources[0].skipped = [*getattr(sources[0], "skipped", ()), *skipped]
        return sources[0]
    shapes = {tuple(images.shape) for images in sources}
    if len(shapes) > 1:
        raise ValueError(f"pictures of one collection have one shape; we got {sorted(shapes)}")
    sets = [_as_images(images) for images in sources]
    columns = [{**images.metadata, **images.labels} for images in sets]
    common = [name for name in columns[0] if all(name in each for each in columns)]
    hows = [images.preprocessing for images in sets]
    return Images(
        torch.cat([images.pixels for images in sets]),
        ids=prefixed([images.ids for images in sets], places or [""] * len(sets)),
        labels={name: np.concatenate([each[name] for each in columns]) for name in common},
        skipped=[item for images in sets for item in images.skipped] + list(skipped),
        notes=[note for images in sets for note in images.notes],
        preprocessing=_common(hows),
    )


def _common(hows: Sequence[Preprocessing | None]) -> Preprocessing | None:
    """How all of them were read, None where they differ."""
    first = hows[0]
    for how in hows[1:]:
        if first is None or how is None or not first.agrees(how):
            return None
        levels = (first.levels or Levels()).completed(how.levels or Levels())
        first = replace(first, levels=levels)
    return first


def _as_images(source: Any) -> Images:
    """A source with its pixels in memory."""
    if isinstance(source, Images):
        return source
    x = source.batch(torch.arange(len(source)))
    return Images((x.clamp(0, 1) * 255).round().to(torch.uint8))


# ---- what is in memory ---------------------------------------------------------------------------


def _fitted(source: Any, like: Preprocessing | None) -> Any:
    """A source in the shape of ``like``: as it is, or Images brought to it.

    Raises:
        ValueError: it has another shape and cannot be brought to it.
    """
    if like is None or tuple(source.shape) == like.shape:
        return source
    if isinstance(source, Images) and like.mode is not None and source.shape[0] in (1, 3):
        return fitted(source, like.size, like.mode, like.fit, like.center_crop)
    raise ValueError(
        f"pictures of shape {like.shape} were wanted; we got {tuple(source.shape)}, which cannot be "
        "brought to it"
    )


def _iterated(what: Any, like: Preprocessing | None, limit: int | None) -> Images:
    """Pictures of a Dataset, a DataLoader or any iterable, read one by one."""
    count = None
    if _is_dataset(what):
        count = len(what)
        items: Iterable[Any] = (what[int(row)] for row in even_rows(count, limit))
    elif hasattr(what, "dataset") and hasattr(what, "__iter__"):
        items = _unbatched(what)
    elif hasattr(what, "convert"):  # one PIL image
        items = [what]
    elif hasattr(what, "__iter__"):
        items = what
    else:
        raise ValueError(
            "pictures are a path, a name, an array, a Source, a Dataset or an iterable of pictures; "
            f"we got {type(what).__name__}"
        )
    pixels: list[torch.Tensor] = []
    labels: list[Any] = []
    skipped: list[tuple[str, str]] = []
    size = None if like is None else like.size
    mode: str | None = None if like is None else like.mode
    for number, item in enumerate(items):
        if limit is not None and count is None and len(pixels) >= limit:
            break
        picture, label = _pair(item)
        try:
            one = _picture(picture, None if like is None else like.levels)
        except ValueError as error:
            skipped.append((str(number), str(error)))
            continue
        if like is None:
            size, mode = size or (one.shape[1], one.shape[2]), mode or _mode(one)
        if like is not None and tuple(one.shape) == like.shape:
            pixels.append(one)
        else:
            fit, crop = ("crop", None) if like is None else (like.fit, like.center_crop)
            how = wanted(size, mode or "rgb", fit, crop)
            pixels.append(fit_pixels(one[None], how)[0])
        labels.append(label)
    if not pixels:
        reason = f"; item {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
        raise NoImages(f"a {type(what).__name__} holds no picture that can be used{reason}")
    columns = None if any(label is None for label in labels) else {"label": np.asarray(labels)}
    return Images(torch.stack(pixels), labels=columns, skipped=skipped, preprocessing=like)


def _is_dataset(what: Any) -> bool:
    """Whether items are had by their number: a torch Dataset, a list."""
    return hasattr(what, "__len__") and hasattr(what, "__getitem__") and not hasattr(what, "keys")


def _unbatched(loader: Any) -> Iterator[Any]:
    """Pairs (picture, label) of a DataLoader's batches, each batch's first two columns."""
    for batch in loader:
        if isinstance(batch, dict):
            picture, label = _pair(batch)
        elif isinstance(batch, (list, tuple)):
            picture, label = batch[0], batch[1] if len(batch) > 1 else None
        else:
            picture, label = batch, None
        for place in range(len(picture)):
            yield picture[place], None if label is None else label[place]


def _pair(item: Any) -> tuple[Any, Any]:
    """The picture and the label of an item; None for a label that is no number or text."""
    if isinstance(item, dict):
        key = next((k for k in ("image", "img", "x", "pixel_values", "picture") if k in item), None)
        if key is None:
            raise ValueError(f"an item has no image; it has {', '.join(map(str, item))}")
        picture, label = item[key], item.get("label", item.get("y"))
    elif isinstance(item, (tuple, list)) and len(item) > 1 and not np.isscalar(item[0]):
        picture, label = item[0], item[1]
    else:
        picture, label = item, None
    if label is not None and hasattr(label, "tolist"):  # a number of NumPy or torch
        label = label.tolist()
    return picture, label if isinstance(label, (int, float, str)) else None


def _picture(one: Any, levels: Levels | None = None) -> torch.Tensor:
    """A PIL image, or an array (H, W), (H, W, C) or (C, H, W): uint8 (C, H, W).

    Raises:
        ValueError: it is none of them.
    """
    if hasattr(one, "convert"):
        return torch.from_numpy(flattened(one, levels, set())).permute(2, 0, 1).contiguous()
    if not isinstance(one, (np.ndarray, torch.Tensor)) or one.ndim not in (2, 3):
        raise ValueError(
            f"a PIL image or an array (H, W[, C]) was wanted; we got {type(one).__name__}"
        )
    return pixels_of(one[None])[0]


def _mode(one: torch.Tensor) -> str:
    return "gray" if one.shape[0] == 1 else "rgb"
