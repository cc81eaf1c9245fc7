"""Patches: small pieces of large pictures, for models that are to work on pictures of any size.

files · folders · sets ──one picture at a time──► pieces at random places ──► Images (N, C, h, w)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..errors import NoImages, UnreadableImage
from ..randomness import generator
from .contents import key_of
from .inputs import Pictures
from .preprocessing import Preprocessing
from .read import Size, decode, wanted
from .sizes import listed_pictures
from .source import Images

__all__ = ["patches"]

MOST = 8192  # patches of all pictures together: 100 MB of 64×64 in colour
COVER = 4  # times that a picture's patches cover it, while there are enough


def patches(
    what: Pictures,
    size: Size = 64,
    mode: str = "rgb",
    *,
    most: int = MOST,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Images:
    """Cut pieces out of pictures at random places; those of one picture are of one group.

    Pictures are read one at a time at their own size, so that a folder of photographs of any length
    takes the memory of its patches. Where a picture is cut depends on it and the seed alone: among more
    pictures it has fewer patches, the first of these.

    Args:
        what: files, folders, archives or named sets.
        size: (height, width) of a patch, or one number.
        mode: ``rgb`` or ``gray``.
        most: patches of all pictures together.
        seed: of the places.
        progress: called with (done, total) pictures.

    Raises:
        NoImages: there is no picture as large as a patch; the sentence holds the last reason.
        ValueError: pictures in memory, which have a size already.
    """
    height, width = (size, size) if isinstance(size, int) else size
    how = Preprocessing((1 if mode == "gray" else 3, height, width), patches=True)
    notes: list[str] = []
    listed = listed_pictures(what, how, notes)
    if listed is None:
        raise ValueError("patches are cut out of files, folders or named sets; we got neither")
    share = max(1, most // len(listed))
    pieces: list[torch.Tensor] = []
    ids: list[str] = []
    groups: list[str] = []
    skipped: list[tuple[str, str]] = []
    for number, (id_, file, pixels, reason) in enumerate(listed):
        try:
            if reason:
                raise UnreadableImage(reason)
            if file is not None:
                with file.opened() as source:
                    pixels = decode(source, wanted(None, how.mode or "rgb", "crop", None))
            assert pixels is not None
            if pixels.shape[1] < height or pixels.shape[2] < width:
                raise UnreadableImage(
                    f"{pixels.shape[2]}×{pixels.shape[1]} is smaller than a patch of {width}×{height}"
                )
        except (OSError, UnreadableImage) as error:
            skipped.append((file.path if file and file.path else id_, str(error)))
            continue
        count = min(share, -(-COVER * pixels.shape[1] * pixels.shape[2] // (height * width)))
        for at, (top, left) in enumerate(_places(pixels, height, width, count, seed)):
            pieces.append(pixels[:, top : top + height, left : left + width].clone())
            ids.append(f"{id_}#{at}")
            groups.append(id_)
        if progress is not None:
            progress(number + 1, len(listed))
    if not pieces:
        last = f": {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
        raise NoImages(f"there is no picture that patches can be cut out of{last}")
    return Images(
        torch.stack(pieces), ids=ids, groups=np.asarray(groups), skipped=skipped, preprocessing=how,
        notes=notes, name=f"{len(pieces):,} patches of {len(set(groups)):,} pictures",
    )  # fmt: skip


def _places(
    pixels: torch.Tensor, height: int, width: int, count: int, seed: int
) -> list[tuple[int, int]]:
    """Top and left of ``count`` patches; fewer are the first of more."""
    draws = generator(seed, "patches", key_of(pixels.contiguous().numpy().reshape(-1).data))
    spans = (pixels.shape[1] - height + 1, pixels.shape[2] - width + 1)

    def drawn(span: int) -> int:
        return int(torch.randint(0, span, (), generator=draws))

    return [(drawn(spans[0]), drawn(spans[1])) for _ in range(count)]
