"""Pictures with a class for each pixel: two folders, whose files have the same names.

pictures (N, C, H, W) and masks (N, H, W) of class numbers ──stacked──► (N, C + K, H, W)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BadFile, NoImages
from .folder import folder
from .read import Size, read_classes
from .source import Images

__all__ = ["Masked", "masked", "masks_below", "masks_by_name", "read_mask", "stacked"]

VOID = 255
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
    stems = [Path(id_).stem for id_ in images.ids]
    alone = [id_ for id_, stem in zip(images.ids, stems, strict=True) if stem not in there]
    if alone:
        raise BadFile(f"{alone[0]} has no mask in {masks}; give each picture one of the same name")
    unread = {Path(file).stem for file, _ in images.skipped}
    lost = sorted(set(there) - set(stems) - unread)
    if lost:
        raise BadFile(f"the mask {there[lost[0]].name} has no picture in {pictures}")
    height, width = images.shape[1:]
    class_masks = torch.stack(
        [_nearest(read_mask(there[stem], void), height, width) for stem in stems]
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
    """The mask files below a folder by their names, without the ending.

    Raises:
        NoImages: there is none.
    """
    files = {file.stem: file for file in sorted(Path(folder).rglob("*.*")) if file.is_file()}
    if not files:
        raise NoImages(f"there is no mask in {folder}")
    return files


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


def stacked(pairs: Masked) -> Images:
    """Pictures (N, C + K, H, W): behind a picture's channels one for each class, 255 where it is."""
    classes = torch.arange(len(pairs.names), dtype=torch.uint8)[:, None, None]
    pixels = pairs.images.pixels
    masks = (pairs.masks[:, None] == classes).byte() * 255
    return Images(torch.cat([pixels, masks], 1), ids=list(pairs.images.ids), name=pairs.images.name)
