"""What a folder holds, before anything is made of it: counts by its names, sizes by its headers.

folder ──walk──► how many, what was passed over ──headers of some──► sizes, formats ──files of one size
compared──► copies ──decoded──► unreadable
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NoImages

if TYPE_CHECKING:
    from ..images.walk import Found

__all__ = ["checked", "copies", "counted", "headers"]

LOOKED_AT = 2000  # headers, evenly spread
LISTED = 50  # files that could not be read


def checked(text: str) -> list[Found] | None:
    """Whether there may be pictures under a path or a name: the files of a folder, None of anything else.

    Raises:
        NoImages: there is nothing of that name, or no picture in it.
        UnreadableImage: it is a file and no picture.
    """
    from ..images import names, read
    from ..images.arrays import is_array_file
    from ..images.walk import is_archive, walked

    path = Path(text).expanduser()
    if not path.exists():
        if text in names():
            return None
        raise NoImages(
            f"there is no model, collection, run or folder {text}; `narrows studio` alone opens what "
            "`narrows demo` made"
        )
    if path.is_dir():
        sieve = walked(path)
        found = sieve.files()
        if not found and not sieve.archives:
            raise NoImages(f"there is no picture in {text}: name a folder that holds some")
        return found
    if not is_archive(path) and not is_array_file(path):
        read(path, size=8)
    return None


def headers(found: Sequence[Found]) -> dict[str, Any]:
    """How many files there are, and of what sizes and formats by the headers of some of them."""
    from PIL import Image

    chosen = found[:: max(1, -(-len(found) // LOOKED_AT))]
    formats: Counter[str] = Counter()
    sizes: list[tuple[int, int]] = []
    for one in chosen:
        try:
            with warnings.catch_warnings(), one.opened() as source:
                warnings.simplefilter("ignore")
                if isinstance(source, bytes):
                    continue
                with Image.open(source) as image:
                    formats[image.format or "?"] += 1
                    sizes.append(image.size)
        except (
            Exception
        ):  # a decoder given hostile bytes raises anything at all; it is counted later
            continue
    return {
        "pictures": len(found),
        "unreadable": None,
        "formats": dict(formats.most_common(8)),
        "sizes": _sizes(sizes),
        "looked_at": len(chosen),
        "copies": None,
        "copied": [],
        "notes": [],
        "skipped": [],
    }


def copies(
    found: Sequence[Found], progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """How many files are byte by byte copies of another, and the names of some of them.

    Only files of one length are read; what cannot be read is no copy.
    """
    lengths: dict[int, list[Found]] = {}
    for one in found:
        if one.member is None:
            lengths.setdefault(one.size, []).append(one)
    asked = [one for some in lengths.values() if len(some) > 1 for one in some]
    groups: dict[bytes, list[str]] = {}
    for done, one in enumerate(asked, 1):
        with contextlib.suppress(OSError), open(one.path, "rb") as handle:
            digest = hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16))
            groups.setdefault(digest.digest(), []).append(Path(one.path).name)
        progress(done, len(asked))
    same = [names for names in groups.values() if len(names) > 1]
    return {"copies": sum(len(names) - 1 for names in same), "copied": same[:LISTED]}


def counted(before: dict[str, Any] | None, images: Any) -> dict[str, Any]:
    """The same once all of them were decoded: what could be read, and why the rest could not."""
    skipped = list(getattr(images, "skipped", ()))
    known = before or {"formats": {}, "sizes": "", "looked_at": 0, "copies": None, "copied": []}
    return {
        **known,
        "pictures": len(images),
        "unreadable": len(skipped),
        "notes": [str(note) for note in getattr(images, "notes", ())][:8],
        "skipped": [[Path(name).name, why] for name, why in skipped[:LISTED]],
    }


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    """In a phrase, width × height."""
    if not sizes:
        return ""
    (usual, many), *_ = Counter(sizes).most_common(1)
    said = f"{usual[0]}×{usual[1]}"
    if many == len(sizes):
        return f"all {said}"
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    low, high = by_area[0], by_area[-1]
    most = f", most of them {said}" if 2 * many > len(sizes) else ""
    return f"from {low[0]}×{low[1]} to {high[0]}×{high[1]}{most}"
