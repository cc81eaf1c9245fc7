"""What a user means by PICTURES: a folder, an archive, a file of arrays, or the name of a set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from ..errors import BadFile, NoImages
from .arrays import array_file, fitted, idx_folder, is_array_file
from .folder import folder
from .levels import Levels
from .named import named, names, unknown
from .read import Fit, Mode, Size
from .source import Images, Source
from .walk import is_archive

__all__ = ["open_source"]

AT_ONCE = 64  # pictures


def open_source(
    spec: str | Path,
    size: Size | None = None,
    mode: str | None = None,
    fit: str = "crop",
    center_crop: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    levels: Levels | None = None,
) -> Images | Source:
    """Open pictures by a path or a name; where both exist, the path counts.

    Args:
        spec: a folder of pictures, an archive of them (.zip, .tar, .parquet, a folder of these), a
            .npy, .npz or IDX file, a folder of the four files of MNIST, or one of :func:`narrows.images.names`.
        size: None takes 64 for a folder or an archive, the set's own for a name, and leaves arrays as they are.
        mode: 'rgb' or 'gray'; None takes what is there: 'gray' where no picture has a colour.
        fit, center_crop: as in :func:`narrows.images.read`.
        progress: called with (done, total) while pictures are decoded.
        levels: as in :func:`narrows.images.folder`.

    Raises:
        NoImages, BadFile, Unavailable: one sentence about what is wrong with it.
        ValueError: it is neither a path nor a name.
    """
    path = Path(spec).expanduser()
    text = os.fspath(spec)
    if path.is_dir() or path.is_file() and is_archive(path):
        images = idx_folder(path)
        if images is not None:
            return fitted(images, size, mode, fit, center_crop)

        def read(channels: Mode) -> Images:
            side, how = 64 if size is None else size, cast(Fit, fit)
            return folder(path, side, channels, how, center_crop, progress=progress, levels=levels)

        found = read(cast(Mode, mode or "rgb"))
        if mode is None and _colourless(found):
            found = read("gray")
            found.notes.append("no picture has a colour: read in one channel")
        return found
    if path.exists():
        if is_array_file(path):
            return fitted(array_file(path, levels), size, mode, fit, center_crop)
        raise BadFile(
            f"{path} is neither a folder nor a .npy, .npz, IDX, .zip, .tar or .parquet file; "
            "name the folder that holds the pictures"
        )
    if text in names():
        return named(text, None, size, mode, progress, fit=fit, center_crop=center_crop)
    if (
        isinstance(spec, Path)
        or "/" in text
        or os.sep in text
        or is_array_file(path)
        or is_archive(path)
    ):
        raise NoImages(f"there is no file or folder {path}")
    raise ValueError(f"there is neither a folder nor a set called {text!r}; {unknown(text)}")


def _colourless(images: Images) -> bool:
    """Whether the three channels of every picture are one."""
    for rows in torch.split(torch.arange(len(images)), AT_ONCE):
        x = images.take(rows)
        if not bool((x == x[:, :1]).all()):
            return False
    return True
