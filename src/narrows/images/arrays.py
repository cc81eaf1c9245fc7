"""Pictures in array files: .npy, .npz and IDX (the format of MNIST), plain or gzipped.

Nothing is unpickled. What a header claims is compared with what the file can hold before memory is
taken, so that a small file cannot ask for all of it.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BadFile
from .levels import Levels, Measured, chosen, said
from .npy import Npz, npy, npz, refuse_bomb
from .preprocessing import Preprocessing
from .read import Size, fit_pixels, wanted
from .source import Images, in_unit, pixels_of

__all__ = ["array_file", "fitted", "idx_folder", "is_array_file", "read_idx"]

Array = np.ndarray[Any, Any]

PICTURES = ("x", "images", "pixels", "arr_0")
LABELS = ("y", "labels", "label", "arr_1")
_PART = 1 << 24  # values that are brought to bytes at once


def is_array_file(path: Path) -> bool:
    """Whether the name says that a file holds arrays."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".npy", ".npz", ".idx", "-ubyte"))


def array_file(path: str | Path, levels: Levels | None = None) -> Images:
    """The pictures of one .npy, .npz or IDX file.

    Whole numbers above eight bits, and floats outside of [0, 1], are brought to bytes in one range
    for the whole array, as those of a folder are: ``levels``, else the one that they need, which is
    ``levels`` of the result and said in its ``notes``.

    A .npy file of uint8 stays memory-mapped. In a .npz file the pictures are called x, images,
    pixels or arr_0, or are the only array of 3 or 4 dimensions; labels are called y or labels;
    x_train, y_train, x_test and y_test give the official split. With an IDX file of images the
    file of labels next to it is read, too.

    Raises:
        BadFile: the file is missing, damaged, or holds no pictures.
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(f"there is no file {path}")
    name = path.name.lower()
    try:
        if name.endswith(".npy"):
            (pixels,), known = _bytes([npy(path)], levels)
            return Images(pixels, name=path.stem, **known)
        if name.endswith(".npz"):
            return _npz(path, levels)
        return _idx_images(path)
    except ValueError as error:
        raise BadFile(f"{path} cannot be used: {error}") from error


def _bytes(
    arrays: Sequence[Array], levels: Levels | None
) -> tuple[list[torch.Tensor], dict[str, Any]]:
    """Pictures uint8 (N, C, H, W) of each array, in one range, and how that was done."""
    if any(_deep(array) for array in arrays):
        found = [_measured(array) for array in arrays]
        levels = (levels or Levels()).completed(chosen(found))
        count = sum(len(array) for array in arrays)
        pixels = [
            pixels_of(_scaled(array, *((levels.real if one.real else levels.whole) or (0.0, 1.0))))
            for array, one in zip(arrays, found, strict=True)
        ]
        how = Preprocessing(tuple(pixels[0].shape[1:]), levels=levels)
        return pixels, {"notes": said(found, levels, count), "preprocessing": how}
    notes: list[str] = []
    return [pixels_of(array, notes) for array in arrays], {"notes": notes}


def _deep(array: Array) -> bool:
    """Whether these are pictures whose values are no bytes and no floats in [0, 1]."""
    if array.ndim not in (3, 4) or not array.size or array.dtype.kind not in "uif":
        return False
    if array.dtype.kind == "f":
        found = _measured(array)
        finite = math.isfinite(found.low) and math.isfinite(found.high)
        return finite and not in_unit(found.low, found.high)
    return bool(array.dtype != np.uint8)


def _measured(array: Array) -> Measured:
    ends = [(part.min(), part.max()) for part in _parts(array)]
    low, high = min(float(low) for low, _ in ends), max(float(high) for _, high in ends)
    return Measured(array.dtype.kind == "f", low, high)


def _scaled(array: Array, black: float, white: float) -> Array:
    """Values as uint8, black and white and what lies between; part by part, for memory."""
    result = np.empty(array.shape, np.uint8)
    start = 0
    for part in _parts(array):
        scaled = (part.astype(np.float64) - black) * (255.0 / max(white - black, 1e-30))
        result[start : start + len(part)] = np.clip(np.rint(scaled), 0, 255)
        start += len(part)
    return result


def _parts(array: Array) -> Iterator[Array]:
    step = max(1, _PART // max(1, math.prod(array.shape[1:])))
    return (array[start : start + step] for start in range(0, len(array), step))


# ---- npz -----------------------------------------------------------------------------------------


def _npz(path: Path, levels: Levels | None) -> Images:
    with npz(path) as opened:
        arrays = opened.names
        if "x_train" in arrays and "x_test" in arrays:
            return _keras(opened, path, levels)
        key = next((key for key in PICTURES if key in arrays), None)
        if key is None:
            headers = {key: opened.header(key) for key in arrays}
            deep = [key for key, head in headers.items() if head and len(head.shape) in (3, 4)]
            if len(deep) != 1:
                raise BadFile(
                    f"{path} holds {', '.join(arrays[:8]) or 'nothing'}; "
                    "call the array of pictures x, of shape (N, H, W) or (N, C, H, W)"
                )
            key = deep[0]
        (pixels,), known = _bytes([opened.read(key)], levels)
        label = next((k for k in LABELS if k in arrays and k != key), None)
        labels = None if label is None else {"label": _labels(opened, label, len(pixels))}
        return Images(pixels, labels=labels, name=path.stem, **known)


def _labels(opened: Npz, name: str, n: int) -> Array:
    """The first value of each row of an array of labels, (n,)."""
    header = opened.header(name)
    if header is None or header.shape[:1] != (n,) or not header.size:
        found = "no array" if header is None else str(header.shape)
        raise ValueError(f"{name} must hold a label for each of the {n:,} pictures, it is {found}")
    labels: Array = opened.read(name).reshape(n, -1)[:, 0]
    return labels


def _keras(opened: Npz, path: Path, levels: Levels | None) -> Images:
    (train, test), known = _bytes([opened.read("x_train"), opened.read("x_test")], levels)
    if train.shape[1:] != test.shape[1:]:
        shapes = f"{tuple(train.shape)} and {tuple(test.shape)}"
        raise ValueError(f"the pictures of x_train and x_test differ in shape: {shapes}")
    labels = None
    if "y_train" in opened.names and "y_test" in opened.names:
        parts = [_labels(opened, "y_train", len(train)), _labels(opened, "y_test", len(test))]
        labels = {"label": np.concatenate(parts)}
    split = ["train"] * len(train) + ["test"] * len(test)
    return Images(torch.cat([train, test]), labels=labels, split=split, name=path.stem, **known)


# ---- IDX -----------------------------------------------------------------------------------------


def read_idx(path: str | Path) -> Array:
    """The uint8 array of an IDX file; its shape is what the header says, (N, H, W) or (N,).

    Raises:
        BadFile: header and data do not agree, or it is no IDX file of bytes.
    """
    path = Path(path)
    try:
        with open(path, "rb") as handle:
            zipped = handle.read(2) == b"\x1f\x8b"
        stored = os.path.getsize(path)
        with gzip.open(path, "rb") if zipped else open(path, "rb") as opened:
            head = opened.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or not 1 <= head[3] <= 4:
                raise BadFile(f"{path} is no IDX file: it begins with {head.hex() or 'nothing'}")
            if head[2] != 0x08:
                raise BadFile(
                    f"{path} holds no bytes (type 0x{head[2]:02x}); only type 0x08 is read"
                )
            sizes = opened.read(4 * head[3])
            if len(sizes) < 4 * head[3]:
                raise BadFile(f"{path} is truncated: the header stops early")
            shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
            total = math.prod(shape)
            if zipped:
                try:
                    refuse_bomb(total, stored)
                except ValueError as error:
                    raise BadFile(f"{path} cannot be used: {error}") from error
            elif total > stored:
                raise BadFile(_disagree(path, shape, total, stored - 4 - len(sizes)))
            data = opened.read(total + 1)
    except FileNotFoundError as error:
        raise BadFile(f"there is no file {path}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} is damaged or truncated ({error}); get it again") from error
    if len(data) != total:
        raise BadFile(_disagree(path, shape, total, len(data)))
    return np.frombuffer(data, np.uint8).reshape(shape)


def _disagree(path: Path, shape: tuple[int, ...], total: int, count: int) -> str:
    more = "more" if count > total else f"{count:,}"
    return f"{path} is damaged: its header promises {shape}, {total:,} bytes, but it holds {more}"


def _idx_images(path: Path) -> Images:
    array = read_idx(path)
    if array.ndim < 3:
        raise BadFile(f"{path} holds labels, not pictures; name the file of images")
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = None
    if beside != path and beside.is_file():
        labels = _idx_labels(beside, len(array))
    return Images(pixels_of(array.copy()), labels=labels, name=path.name.split(".")[0])


def _idx_labels(path: Path, n: int) -> dict[str, Array]:
    values = read_idx(path)
    if values.shape != (n,):
        raise BadFile(
            f"{path} holds {values.shape} labels for {n:,} pictures; get both files again"
        )
    return {"label": values.astype(np.int64)}


def idx_folder(folder: str | Path, name: str = "") -> Images | None:
    """Train and test pictures of a folder laid out as MNIST, or None where it is not."""
    folder = Path(folder)
    parts: list[tuple[Array, Array, str]] = []
    for stem, split in (("train", "train"), ("t10k", "test")):
        files = [
            next((p for p in (folder / kind, folder / f"{kind}.gz") if p.is_file()), None)
            for kind in (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
        ]
        if files[0] is None or files[1] is None:
            return None
        pictures = read_idx(files[0])
        if pictures.ndim != 3:
            raise BadFile(f"{files[0]} holds {pictures.shape}, not pictures (N, H, W)")
        parts.append((pictures, _idx_labels(files[1], len(pictures))["label"], split))
    if parts[0][0].shape[1:] != parts[1][0].shape[1:]:
        raise BadFile(f"the pictures of {folder} differ in size: {[p[0].shape for p in parts]}")
    ids = [f"{split}/{i}" for pictures, _, split in parts for i in range(len(pictures))]
    return Images(
        np.concatenate([pictures for pictures, _, _ in parts])[:, None],
        ids=ids,
        labels={"label": np.concatenate([labels for _, labels, _ in parts])},
        split=np.concatenate([np.full(len(pictures), split) for pictures, _, split in parts]),
        name=name or folder.name,
    )


# ---- another size --------------------------------------------------------------------------------


def fitted(
    images: Images,
    size: Size | None = None,
    mode: str | None = None,
    fit: str = "crop",
    center_crop: int | None = None,
) -> Images:
    """The same pictures in memory in another size or mode; None keeps what they have."""
    channels = images.shape[0]
    if mode is None and size is None and center_crop is None:
        return images
    if channels not in (1, 3):
        raise ValueError(
            f"only gray and RGB pictures can be changed, these have {channels} channels"
        )
    options = wanted(size, mode or ("gray" if channels == 1 else "rgb"), fit, center_crop)
    if center_crop is None and options.channels == channels:
        if options.size is None or options.size == images.shape[1:]:
            return images
    first = fit_pixels(images.take(torch.zeros(1, dtype=torch.int64)), options)
    result = torch.empty((len(images), *first.shape[1:]), dtype=torch.uint8)
    for part in images.chunks(512):
        result[part[0] : part[-1] + 1] = fit_pixels(images.take(part), options)
    how = Preprocessing(tuple(result.shape[1:]), options.fit, options.center_crop, images.levels)
    return images.with_pixels(result, how)
