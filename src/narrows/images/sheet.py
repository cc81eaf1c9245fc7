"""What a set holds at one look: some of its pictures in rows by class, with counts and sizes.

files · folders · sets ──pictures──► classes, counts ┐
                       └─headers───► sizes           ┴─► set_sheet
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import NoImages, UnreadableImage
from ..figures.contact import set_sheet
from ..near import meant
from .inputs import Pictures, even_rows, pictures
from .preprocessing import Preprocessing
from .read import pixel_limit
from .sizes import listed_pictures, sized
from .thumbnails import size_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["sheet"]

COLUMNS, CLASSES = 10, 12
PLAIN_ROWS = 6  # of a set without classes
LOOKED = 1000  # files whose sizes are read


def sheet(
    what: Pictures,
    *,
    label: str | None = None,
    split: str | None = None,
    columns: int = COLUMNS,
    name: str | None = None,
) -> Figure:
    """A sheet of a set or a folder: pictures in a row for each class, how many there are, and their sizes.

    Without classes (no labels, or one for nearly every picture) rows are pictures evenly spread. Of more
    than twelve classes the largest twelve are shown, and how many are left out is said. Pictures of a
    folder without classes keep their form.

    Args:
        what: anything that :func:`narrows.images.inputs.pictures` reads.
        label: the column that rows are of; None: the first whose values are classes.
        split: only this official part.
        columns: pictures in a row.
        name: what to call it; None: the path or the set's name, where it is one.

    Raises:
        NoImages: nothing can be read.
        ValueError: no such label, or no column.
    """
    if columns < 1:
        raise ValueError(f"a row has at least one picture; we got columns={columns}")
    images = pictures(what, split=split)
    found: dict[str, Any] = {**getattr(images, "metadata", {}), **getattr(images, "labels", {})}
    if label is not None and label not in found:
        there = f"they have {', '.join(found)}" if found else "they have none"
        raise ValueError(f"the pictures have no label {label!r}; {there}{meant(label, found)}")
    values = None if label is None else np.asarray(found[label]).astype(str)
    if label is None:
        label, values = _classes(getattr(images, "labels", {}))
    title = name or (Path(what).name if isinstance(what, (str, Path)) else "")
    details, rows = _sizes(what) if split is None else [], []
    said = f"{len(images):,} pictures"
    if not details:  # of files, what they are brought to says nothing of them
        said = getattr(images, "description", said)
    if values is None:
        rows = [("", "", row) for row in _plain(what, images, columns, split)]
    else:
        counts = Counter(values.tolist())
        shown = [value for value, _ in counts.most_common(CLASSES)]
        if len(shown) == len(counts):
            shown.sort(key=lambda value: (len(value), value) if value.isdigit() else (0, value))
        for value in shown:
            places = np.flatnonzero(values == value)
            some = places[even_rows(len(places), columns)]
            rows.append((value, f"{counts[value]:,}", list(images.batch(torch.as_tensor(some)))))
        rest = len(counts) - len(shown)
        left = f"; {rest} smaller ones are not shown" if rest else ""
        details.append(f"rows: {label}, {len(counts)} values{left}")
    if skipped := len(getattr(images, "skipped", ())):
        details.append(f"{skipped:,} files could not be read")
    return set_sheet(rows, title=f"{title}: {said}" if title else said, details=details)


def _classes(labels: Any) -> tuple[str | None, Any]:
    """The first column of few values, else the first whose values are shared; and its values as text."""
    columns = {name: np.asarray(each).astype(str) for name, each in labels.items()}
    for most in (CLASSES, None):
        for name, texts in columns.items():
            if 1 < len(np.unique(texts)) <= (most or len(texts) // 3):
                return name, texts
    return None, None


def _plain(what: Any, images: Any, columns: int, split: str | None) -> list[list[Any]]:
    """Rows of pictures evenly spread, each in its own form where it is a file."""
    most = columns * PLAIN_ROWS
    some: list[Any] = []
    if split is None and isinstance(what, (str, Path)):
        try:
            own = sized(what, Preprocessing(tuple(images.shape)), limit=most)
            some = list(own.pixels)
        except NoImages:
            some = []
    if not some:
        some = list(images.batch(torch.as_tensor(even_rows(len(images), most))))
    return [some[start : start + columns] for start in range(0, len(some), columns)]


def _sizes(what: Any) -> list[str]:
    """The sizes of files, the most frequent first; nothing of what is no file."""
    listed = None
    if isinstance(what, (str, Path)):
        listed = listed_pictures(what, Preprocessing((3, 1, 1)), [])
    files = [file for _, file, _, _ in listed or [] if file is not None]
    if not files:
        return []
    sizes: Counter[tuple[int, int]] = Counter()
    rows = even_rows(len(files), LOOKED)
    for row in rows:
        try:
            with files[row].opened() as source:
                sizes[size_of(source, pixel_limit())] += 1
        except (OSError, UnreadableImage):  # counted among the files that cannot be read
            continue
    if not sizes:
        return []
    frequent = [f"{w}×{h} ({count:,})" for (w, h), count in sizes.most_common(4)]
    more = f" and {len(sizes) - 4:,} others" if len(sizes) > 4 else ""
    of = f" of {len(rows):,} files looked at" if len(rows) < len(files) else ""
    return [f"sizes{of}, width×height: {', '.join(frequent)}{more}"]
