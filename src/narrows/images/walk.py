"""The files below a folder that may be pictures, and what their names and folders made us pass over.

Thumbnails and recycle bins of storage systems are no pictures of the user's; a folder called mask
is one of masks only where it stands beside pictures of the same names.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from ..errors import NoImages

__all__ = ["Found", "Sieve", "archives_below", "is_archive", "natural", "walk", "walked"]

_NO_PICTURE = frozenset(
    """.md .rst .txt .csv .tsv .json .jsonl .toml .yaml .yml .xml .ini .cfg .log .html .htm .tex
    .py .ipynb .sh .sha256 .md5 .db .url .lnk .xmp .aae""".split()
)
_HOLDS_OTHERS = frozenset(
    """.pdf .npy .npz .gz .tgz .tar .zip .bz2 .xz .zst .7z .rar .pkl .pt .pth .safetensors .h5 .hdf5
    .parquet .sqlite .mat .mp4 .mov .avi .mkv .m4v .webm .mpg .mpeg .wmv .3gp .mts .m2ts .lrv
    .xlsx .xls .ods""".split()
)
"""Files that may hold pictures, but are none: that they are passed over is said."""
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
_NO_PICTURE_NAMES = re.compile(
    r"(readme|licen[cs]e|changelog|copying|notice|authors|makefile|(sha\d*|md5)sums?|checksums?)([-_.](mit|bsd|apache|gpl|cc|v?\d)\S*)?",
    re.IGNORECASE,
)
_JUNK = re.compile(
    r"""@eadir|\#recycle|\#snapshot|@recycle|@recently-snapshot|@tmp|\$recycle\.bin|recycler|recycled
    |lost\+found|system\ volume\ information|network\ trash\ folder|found\.\d+|__macosx|~snapshot
    |temporary\ items|_gsdata_|@synoresource|.*\.lrdata""",
    re.IGNORECASE | re.VERBOSE,
)
_OF_LIBRARIES = ("resources", "private", "scopes", "database", "external")
"""Folders of a .photoslibrary that hold smaller copies of the originals beside them."""
_MASKS = re.compile(r"masks?|.*annot(ation)?s?|ground_truth", re.IGNORECASE)
_MASK_OF = re.compile(r"[-_ .]+(masks?|gt|labels?|annot\w*|seg\w*|ground_?truth)$", re.IGNORECASE)
_NEVER_PRINTED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LOOKED_AT = 3  # pictures of a folder by which colour pictures are told from masks


class Found(NamedTuple):
    """A file that may be a picture, or a member of an archive that may be one.

    ``member`` gives the first bytes of a member, or with None all of them; its ``path`` is empty.
    """

    id: str
    path: str
    size: int
    mtime: int
    member: Callable[[int | None], bytes] | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[str | bytes]:
        """What decoders take: the path of a file, the bytes of a member.

        Large members are held one at a time, whatever the number of threads.

        Raises:
            UnreadableImage: a member is damaged; the reason is the message.
            OSError: its archive may not be read.
        """
        if self.member is None:
            yield self.path
            return
        with _one_large if self.size > LARGE else contextlib.nullcontext():
            yield self.member(None)


LARGE = 1 << 24
_one_large = Lock()


class Sieve:
    """What names make of files and folders, on a disk or in an archive: ``found`` may be pictures.

    ``passed`` has why others are passed over, and which; ``archives`` are those among them that are
    read where there is nothing else.
    """

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.archives: list[Found] = []
        self.unreadable: list[tuple[str, str]] = []
        self.passed: dict[str, list[str]] = {}
        self._masks: list[str] = []

    def pass_over(self, why: str, id_: str) -> None:
        """Note what is left out."""
        self.passed.setdefault(why, []).append(id_)

    def named(self, prefix: str, name: str) -> str | None:
        """The id of a file or folder; None of one that is hidden."""
        id_ = prefix + printable(name)
        if id_ != prefix + name and name != "Icon\r":
            self.pass_over(_ESCAPED, id_)
        if not name.startswith("."):
            return id_
        if name not in (".DS_Store", ".localized", ".directory") and name[:2] != "._":
            self.pass_over("hidden", id_)
        return None

    def enters(self, id_: str, name: str, parent: str) -> bool:
        """Whether the pictures of a folder are ours."""
        copies = parent.endswith(".photoslibrary") and name in _OF_LIBRARIES
        if copies or _JUNK.fullmatch(name):
            self.pass_over("thumbnails, snapshots or deleted files", id_)
            return False
        if name.endswith(".narrows"):
            return False
        if _MASKS.fullmatch(name):
            self._masks.append(id_ + "/")
        return True

    def takes(self, id_: str, name: str) -> bool:
        """Whether a file may be a picture."""
        if name.lower().endswith(".thm"):
            self.pass_over("thumbnails, snapshots or deleted files", id_)
        elif _may_be_picture(name):
            return True
        elif (ending := os.path.splitext(name)[1].lower()) in _HOLDS_OTHERS:
            self.pass_over(f"{ending} is no picture file", id_)
        return False

    def files(self) -> list[Found]:
        """Those that may be pictures, without masks, in natural order."""
        found = _distinct(self.found) if _ESCAPED in self.passed else self.found
        if self._masks:
            found = list(_without_masks(found, self._masks, self.passed))
        return sorted(found, key=lambda file: natural(file.id))

    def notes(self) -> list[str]:
        """What was passed over, a sentence for each reason; known once ``files`` were asked for."""
        return [_said(why, sorted(names)) for why, names in self.passed.items()]


def walk(root: Path) -> tuple[list[Found], list[tuple[str, str]], list[str]]:
    """Files that may be pictures, in natural order; what could not be looked at; and notes.

    Raises:
        NoImages: the folder itself cannot be read.
    """
    sieve = walked(root)
    files = sieve.files()
    return files, sieve.unreadable, sieve.notes()


def walked(root: Path) -> Sieve:
    """All that lies below a folder, told apart by its names.

    Raises:
        NoImages: the folder itself cannot be read.
    """
    sieve = Sieve()
    seen: set[tuple[int, int]] = set()
    system = _of_the_system()
    stack = [("", os.fspath(root))]
    while stack:
        prefix, path = stack.pop()
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link back to a folder that was read already
            seen.add((status.st_dev, status.st_ino))
            if status.st_dev in system:
                if not prefix:
                    raise NoImages(f"{root} is a folder of the system, which holds no pictures")
                sieve.pass_over("folders of the system", prefix)
                continue
            entries = list(os.scandir(path))
        except OSError as error:
            if not prefix:
                raise NoImages(f"the folder {root} cannot be read ({error.strerror})") from error
            reason = f"the folder cannot be read ({error.strerror})"
            sieve.unreadable.append((prefix.rstrip("/"), reason))
            continue
        for entry in entries:
            name = entry.name
            id_ = sieve.named(prefix, name)
            if id_ is None:
                continue
            try:
                if entry.is_dir():
                    if sieve.enters(id_, name, prefix.rstrip("/") or root.name):
                        stack.append((id_ + "/", entry.path))
                    continue
                taken = sieve.takes(id_, name)
                if taken or is_archive(name):
                    status = entry.stat()
                    file = Found(id_, entry.path, status.st_size, status.st_mtime_ns)
                    (sieve.found if taken else sieve.archives).append(file)
            except OSError as error:
                why = "a link that leads nowhere" if entry.is_symlink() else str(error.strerror)
                sieve.unreadable.append((id_, why))
    return sieve


def archives_below(root: Path) -> list[Found]:
    """The archives below a folder whose members are read as pictures, in natural order."""
    return sorted(walked(root).archives, key=lambda file: natural(file.id))


def is_archive(path: str | Path) -> bool:
    """Whether the name says that a file is an archive whose members are read as pictures."""
    return os.fspath(path).lower().endswith((".zip", ".parquet", *_TARS))


def _of_the_system() -> set[int]:
    """The numbers of file systems that the kernel makes up: some of their folders have no end."""
    found = set()
    for path in ("/proc", "/sys", "/dev"):
        with contextlib.suppress(OSError):
            if os.path.ismount(path):
                found.add(os.stat(path).st_dev)
    return found


_ESCAPED = "names"


def _said(why: str, names: Sequence[str]) -> str:
    several = len(names) > 1
    first = f"{names[0]} and {len(names) - 1:,} more" if several else names[0]
    if why == _ESCAPED:
        return f"not UTF-8, or with control characters, and so written otherwise: {first}"
    return f"passed over: {first} ({why})"


def printable(name: str) -> str:
    """A name that can be printed and written as UTF-8, whatever bytes the file system holds."""
    if name.isascii() and name.isprintable():
        return name
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return _NEVER_PRINTED.sub(lambda found: ascii(found[0])[1:-1], text)


def _distinct(found: Sequence[Found]) -> list[Found]:
    """No two files of one id, even where what is escaped in one stands so in another."""
    seen: Counter[str] = Counter()
    result = []
    for file in found:
        seen[file.id] += 1
        again = seen[file.id]
        result.append(file if again == 1 else file._replace(id=f"{file.id}~{again}"))
    return result


def _may_be_picture(name: str) -> bool:
    ending = os.path.splitext(name)[1].lower()
    if ending in _NO_PICTURE or ending in _HOLDS_OTHERS or name == "Icon\r":
        return False
    return ending in _endings() or not _NO_PICTURE_NAMES.fullmatch(name)


def _endings() -> dict[str, str]:
    from PIL import Image

    return Image.registered_extensions()


def natural(id_: str) -> tuple[list[int | str], str]:
    """A sort key that puts 2 before 10; the id itself decides between 01 and 1."""
    pieces = re.split(r"(\d+)", id_)  # text and digits take turns
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], id_


# ---- masks ---------------------------------------------------------------------------------------


def _without_masks(
    found: Sequence[Found], prefixes: Sequence[str], passed: dict[str, list[str]]
) -> Iterator[Found]:
    """The files that do not lie in a folder of masks."""
    outer = [one for one in prefixes if not any(one != o and one.startswith(o) for o in prefixes)]
    inside: dict[str, list[Found]] = {prefix: [] for prefix in outer}
    others: list[Found] = []
    for file in found:
        prefix = next((one for one in outer if file.id.startswith(one)), None)
        (others if prefix is None else inside[prefix]).append(file)
    yield from others
    for prefix, files in inside.items():
        parent = prefix.rstrip("/").rpartition("/")[0]
        beside = {_stem(o.id) for o in others if not parent or o.id.startswith(f"{parent}/")}
        same = sum(_stem(file.id) in beside for file in files)
        name = prefix.rstrip("/")
        if not files:
            continue
        if 2 * same < len(files) or all(map(_is_colourful, files[:_LOOKED_AT])):
            yield from files
        else:
            passed.setdefault("masks of the pictures beside", []).append(f"{name}/")


def _stem(id_: str) -> str:
    return _MASK_OF.sub("", os.path.splitext(id_.rpartition("/")[2])[0]).casefold()


def _is_colourful(file: Found) -> bool:
    """Whether a file is a picture of more colours than a mask has classes."""
    from PIL import Image

    from .read import quiet

    try:
        with (
            quiet,
            file.opened() as source,
            Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image,
        ):
            if image.width * image.height > 1 << 24:
                image.draft("RGB", (512, 512))
                if image.width * image.height > 1 << 24:  # no JPEG: not worth its memory
                    return False
            small = image.convert("RGB").resize((64, 64), Image.Resampling.NEAREST)
            colours = small.getcolors(4096) or []
            many = min(256, image.width * image.height // 4)
            return len(colours) > many and any(len(set(colour)) > 1 for _, colour in colours)  # type: ignore[arg-type]
    except Exception:  # a decoder given hostile bytes raises anything at all
        return False
