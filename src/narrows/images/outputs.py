"""Pictures out: names that stay inside their folder, and PNG files that are whole or not there.

What was read is never overwritten, also where the folder to write to is that of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..figures import png, save
from .inputs import distinct, was_read

__all__ = ["named_outputs", "spared", "write_pictures"]


def spared(path: Path) -> Path:
    """A path, or one with a number where a picture lies that was read."""
    target, number = path, 2
    while target.exists() and was_read(target):
        target, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return target


def named_outputs(ids: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A PNG's relative path for each id, inside the output folder whatever the id says.

    Args:
        taken: names that the verb itself writes there, such as its sheet.
    """
    names = []
    for id_ in ids:
        pieces = [p for p in Path(id_.replace("\\", "/")).parts if p not in ("/", "..", ".")]
        names.append(str(Path(*pieces).with_suffix(".png")) if pieces else "picture.png")
    return distinct(names, taken)


def write_pictures(
    pictures: Iterable[Any], names: Sequence[str], folder: Path, *, replace: bool = True
) -> list[str]:
    """A PNG of each picture (C, H, W), uint8 or floats in [0, 1] (others are cut); gives the paths.

    A name gets a number where a picture lies that was read, and, without ``replace``, where any other
    file does.

    Raises:
        NarrowsError: the folder cannot be written.
    """
    paths = []
    for picture, name in zip(pictures, names, strict=True):
        whole = torch.as_tensor(picture)
        if whole.dtype != torch.uint8:
            whole = (whole.clamp(0, 1) * 255).round().to(torch.uint8)
        array, target, number = whole.permute(1, 2, 0).cpu().numpy(), spared(folder / name), 2
        while not replace and target.exists() and target.read_bytes() != png(array):
            target = spared((folder / name).with_stem(f"{Path(name).stem}-{number}"))
            number += 1
        paths.append(str(save(array, target)))
    return paths
