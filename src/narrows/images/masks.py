"""Pictures with a class for each pixel: two folders, whose files have the same names.

pictures (N, C, H, W) and masks (N, H, W) of class numbers ──stacked──► (N, C + K, H, W)
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from ..errors import BadFile, NoImages
from .folder import folder
from .preprocessing import Preprocessing
from .read import Size, read_classes
from .source import Images
from .walk import walk

__all__ = [
    "Masked", "Stacked", "mask_of", "masked", "masks_below", "masks_by_name", "read_mask", "stacked", "unmasked",
    "usual_size",
]  # fmt: skip

VOID = 255
SIDE, MEASURED = (
    80,
    50,
)  # the side of a square of as many pixels as are learnt; masks that are measured
PICTURES, MASKS = ("images", "pictures"), ("masks", "labels", "annotations")


@dataclass(frozen=True)
class Masked:
    """Pictures and their masks.

    Attributes:
        images: N pictures.
        masks: uint8 (N, H, W): 0 to K - 1, and 255 for void, which is no class.
        names: of the K classes.
    """

    images: Images
    masks: torch.Tensor
    names: tuple[str, ...]

    def select(self, indices: Any) -> Masked:
        """Some of them."""
        chosen = torch.as_tensor(np.asarray(indices))
        return Masked(self.images.select(np.asarray(indices)), self.masks[chosen], self.names)


def masks_below(root: str | Path) -> tuple[Path, Path]:
    """The folders of pictures and of masks in a folder that holds both.

    Raises:
        NoImages: one of them is not there.
    """
    root = Path(root)
    folders = [
        next((root / name for name in names if (root / name).is_dir()), None)
        for names in (PICTURES, MASKS)
    ]
    if folders[0] is None or folders[1] is None:
        missing = PICTURES[0] if folders[0] is None else MASKS[0]
        raise NoImages(
            f"there is no folder {root / missing}: put the pictures in images/ and their masks, "
            "with the same names, in masks/"
        )
    return folders[0], folders[1]


def masked(
    pictures: str | Path,
    masks: str | Path,
    size: Size = 64,
    *,
    void: int | None = None,
    names: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Masked:
    """Read pictures and their masks, both stretched to a size; a mask's numbers are never mixed.

    Args:
        pictures: a folder.
        masks: a folder with a gray or palette file of the same name (but for its ending) for each.
        size: (height, width), or one number.
        void: the number in the files that means no class.
        names: of the classes 0, 1, …; by default their numbers.
        progress: called with (done, total) while pictures are decoded.

    Raises:
        NoImages: a folder is missing or empty.
        BadFile: a picture has no mask, a mask no picture or another size, a number is no class, or
            all is of one class.
        UnreadableImage: a mask cannot be read.
    """
    images = folder(pictures, size, fit="stretch", labels=False, progress=progress)
    there = masks_by_name(masks)
    found = [mask_of(there, id_) for id_ in images.ids]
    for id_, file in zip(images.ids, found, strict=True):
        if file is None:
            raise BadFile(f"{id_} has no mask in {masks}; give each picture one of the same name")
    unread = {mask_of(there, name) for name, _ in images.skipped}
    lost = sorted(set(there.values()) - set(found) - unread)
    if lost:
        raise BadFile(f"the mask {lost[0].name} has no picture in {pictures}")
    height, width = images.shape[1:]
    class_masks = torch.stack(
        [_nearest(read_mask(file, void), height, width) for file in found if file is not None]
    )
    numbers = sorted(set(torch.unique(class_masks).tolist()) - {VOID})
    count = len(names) if names is not None else max(numbers, default=-1) + 1
    if len(numbers) < 2:
        raise BadFile(f"the masks in {masks} show {len(numbers)} class, and segmenting needs two")
    if numbers[-1] >= min(count, 128):
        raise BadFile(
            f"the masks in {masks} have the number {numbers[-1]}, and the classes are 0 to "
            f"{min(count, 128) - 1}; --void says which number is none"
        )
    return Masked(images, class_masks, tuple(names or map(str, range(count))))


def masks_by_name(folder: str | Path) -> dict[str, Path]:
    """The mask files below a folder by their paths there without the ending, and by their names alone.

    A name that several have is left out.

    Raises:
        NoImages: there is none.
    """
    paths = {_bare(file.id): Path(file.path) for file in walk(Path(folder))[0]}
    if not paths:
        raise NoImages(f"there is no mask in {folder}")
    seen = Counter(path.rpartition("/")[2] for path in paths)
    names = {path.rpartition("/")[2]: file for path, file in paths.items()}
    return {name: file for name, file in names.items() if seen[name] == 1} | paths


def mask_of(masks: Mapping[str, Path], id_: str) -> Path | None:
    """The mask of a picture among those of ``masks_by_name``, by its path, else by its name; or None."""
    path = _bare(id_)
    return masks.get(path) or masks.get(path.rpartition("/")[2])


def _bare(id_: str) -> str:
    """A path without its ending, however it is composed."""
    return unicodedata.normalize("NFC", id_.removesuffix(PurePosixPath(id_).suffix))


def usual_size(folder: str | Path) -> tuple[int, int]:
    """A height and width to learn masks at: in the middle of the masks' aspects, of about 80 × 80 pixels
    and in steps of 4; that of the masks themselves where these are smaller.

    Raises:
        NoImages: there is no mask.
    """
    files = sorted(masks_by_name(folder).values())
    sizes = [size for file in files[:: -(-len(files) // MEASURED)] if (size := _size(file))]
    if not sizes:
        return SIDE, SIDE
    height, width = sorted(sizes, key=lambda size: size[0] / size[1])[len(sizes) // 2]
    shrink = min(1.0, SIDE / math.sqrt(height * width))
    if shrink == 1:
        return height, width
    return max(4, 4 * round(height * shrink / 4)), max(4, 4 * round(width * shrink / 4))


def _size(file: Path) -> tuple[int, int] | None:
    """Height and width as the file's header says; None where it says none."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            return opened.height, opened.width
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def read_mask(path: str | Path, void: int | None = None) -> torch.Tensor:
    """The class numbers of a file, uint8 (H, W), with 255 where it has the number ``void``.

    Raises:
        UnreadableImage: it cannot be read, or has colours instead of numbers.
    """
    mask = read_classes(path)
    return mask if void is None else mask.masked_fill(mask == void, VOID)


def _nearest(mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(h, w) → (height, width), each value one that was there."""
    rows, columns = (
        ((torch.arange(to) + 0.5) * (side / to)).long().clamp_max(side - 1)
        for to, side in ((height, mask.shape[0]), (width, mask.shape[1]))
    )
    return mask[rows][:, columns]


class Stacked:
    """Pictures with a channel for each class behind theirs, 255 where it is: a Source (C + K, H, W).

    Which item is which is told by the pictures alone, so that a model which was trained on them
    recognises them whatever their masks say.
    """

    def __init__(self, pairs: Masked) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C + K, H, W)."""
        channels, height, width = self.pairs.images.shape
        return channels + len(self.pairs.names), height, width

    @property
    def preprocessing(self) -> Preprocessing | None:
        """That of the pictures, for as many channels as there are here."""
        how = self.pairs.images.preprocessing
        return None if how is None else replace(how, shape=self.shape)

    @property
    def content(self) -> Images:
        """The pictures without their masks."""
        return self.pairs.images

    @property
    def ids(self) -> Sequence[str]:
        """N names."""
        return self.pairs.images.ids

    def on(self, device: torch.device | str) -> Stacked:
        """The same with its pixels on ``device``, as far as they fit there."""
        images = self.pairs.images.on(device)
        return Stacked(replace(self.pairs, images=images, masks=self.pairs.masks.to(images.device)))

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Pictures and masks by their positions (B,) int64: uint8 (B, C + K, H, W)."""
        pixels = self.pairs.images.take(indices)
        masks = self.pairs.masks[indices.to(self.pairs.masks.device)].to(pixels.device)
        classes = torch.arange(len(self.pairs.names), dtype=torch.uint8, device=pixels.device)
        return torch.cat([pixels, (masks[:, None] == classes[:, None, None]).byte() * 255], 1)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """The same, float32 in [0, 1]."""
        return self.take(indices).to(torch.float32).mul_(1 / 255)


def stacked(pairs: Masked) -> Stacked:
    """Pictures (N, C + K, H, W): behind a picture's channels one for each class, 255 where it is."""
    return Stacked(pairs)


def unmasked(images: Images, classes: int) -> Stacked:
    """Pictures whose masks are not known, as ``stacked`` has them: K empty channels behind each."""
    masks = torch.full((len(images), *images.shape[1:]), VOID, dtype=torch.uint8)
    return Stacked(Masked(images, masks, tuple(map(str, range(classes)))))
