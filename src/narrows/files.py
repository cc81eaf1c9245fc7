"""Bytes on disk: atomic writes, safetensors, TOML, fingerprints. Nothing here is ever executed.

A file appears under its name only when it is complete: it is written under a temporary name, flushed
to the disk and renamed, so that a power cut leaves the old file or the new one.

A safetensors file carries a digest of all its bytes, its own sixteen counted as zeros, which is compared
when it is read: no byte of it changes unnoticed. It guards against accidents, not against a forger.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import BadFile, NarrowsError

if TYPE_CHECKING:
    import torch

__all__ = [
    "MOST_TOML",
    "allowed",
    "atomic",
    "failing",
    "fingerprint",
    "fingerprint_of_tensors",
    "flush",
    "leftovers",
    "load_tensors",
    "load_toml",
    "memory",
    "misfit",
    "not_finite",
    "made_folder",
    "part_of",
    "save_tensors",
    "save_toml",
    "shortened",
    "write_bytes",
    "write_text",
]

LONGEST = 255  # bytes of a name, on nearly every file system
WINDOWS = os.name == "nt"
_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE
)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
TOO_MANY = "too many files are open at once (allow more with ulimit -n, or close some)"


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path next to ``path``; on success it is flushed and renamed to ``path``.

    Raises:
        NarrowsError: the folder cannot be written or the disk is full; ``path`` is untouched.
    """
    path = Path(path)
    part = part_of(path)
    with failing(path):
        try:
            made_folder(path.parent)
            yield part
            flush(part)
            os.replace(part, path)
            _flush_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def part_of(path: Path, token: str = "") -> Path:
    """The temporary name of a file that is being written: hidden, and no longer than names may be."""
    ending = f".{token or secrets.token_hex(4)}.part"
    return path.with_name(shortened(f".{path.name}", ending))


def shortened(name: str, ending: str, spare: int = 0) -> str:
    """``name`` and ``ending``, the name cut at its end where both are longer than names may be.

    ``spare`` bytes are left for a number.
    """
    while len(os.fsencode(name + ending)) > LONGEST - spare:
        name = name[:-1]
    return name + ending


def allowed(name: str) -> str:
    """A file's name as this system can hold it: on Windows without ``: * ?`` and the like, dots and
    spaces at its end, and not the name of a device (``CON``, ``aux.png``); elsewhere as it is.

    Two names can become one.
    """
    if not WINDOWS:
        return name
    name = _FORBIDDEN.sub("_", name)
    kept = name.rstrip(". ")
    name = kept + "_" * (kept != name or not kept)
    found = _DEVICES.match(name)
    return f"{name[: found.end(1)]}_{name[found.end(1) :]}" if found else name


def leftovers(path: Path) -> Iterator[Path]:
    """The temporary files of writes of ``path`` that a kill cut short, or that are going on."""
    name, _, end = part_of(path, "=" * 8).name.rpartition("=" * 8)
    return path.parent.glob(glob.escape(name) + "[0-9a-f]" * 8 + end)


def made_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a power cut leaves them; an old one stays as it is."""
    if folder.is_dir():
        return
    made_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def flush(path: Path) -> None:
    """Put on the disk what was written to a file; Windows does so only for one open for writing."""
    try:
        written: BinaryIO = open(path, "r+b")
    except PermissionError:  # a file that may only be read, elsewhere
        written = open(path, "rb")
    with written:
        os.fsync(written.fileno())


def _flush_folder(folder: Path) -> None:
    """Make a rename itself survive a power cut (folders cannot be opened on every system)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def failing(path: Path) -> Iterator[None]:
    """Turn a disk that fails while ``path`` is written into one sentence.

    Raises:
        NarrowsError: it did.
    """
    try:
        yield
    except OSError as error:
        raise NarrowsError(_explain(path, error)) from error


def _explain(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {path} was not written and what was there before is unchanged; free some space and run again"
    if error.errno == errno.EFBIG:
        return f"{path} was not written, as files may not grow so large here ({reason}; ulimit -f); what was there before is unchanged"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{path} was not written, because {TOO_MANY}; what was there before is unchanged"
    return f"cannot write {path}: {reason}; choose a folder that can be written"


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a whole file, or leave the old one."""
    with atomic(path) as part:
        part.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write a whole UTF-8 text file, or leave the old one."""
    write_bytes(path, content.encode())


NO_DIGEST = "0" * 32
MOST_HEADER = 4 << 20  # bytes of a safetensors header: some 40,000 tensors
MOST_TOML = 128 << 10  # bytes: the longest recipe there is has 3 KB
MOST_DOTS = 200  # in a line: a key of n parts takes n² of memory


def save_tensors(
    path: Path | str,
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write tensors as safetensors; ``metadata`` travels in the header as JSON, with a digest of it all."""
    from safetensors.torch import save

    header = json.dumps({**(metadata or {}), "digest": NO_DIGEST}, sort_keys=True)
    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(dense, {"narrows": header})
    place = _place_of_digest(content, NO_DIGEST)
    end = place + len(NO_DIGEST)
    write_bytes(path, b"".join([content[:place], _digest(content, place), content[end:]]))


def load_tensors(path: Path | str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read (tensors, metadata) back; nothing in the file is executed.

    Reading takes about two milliseconds per megabyte, one of them for the digest. Nothing is mapped into memory: a file that is
    changed later changes no tensor.

    Raises:
        BadFile: there is no such file, or it is truncated, damaged, not safetensors, without a digest,
            or larger than the memory.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    if not path.is_file():
        raise BadFile(f"there is no file {path}; name the folder that `narrows train` wrote")
    try:
        content, header = _content(path)
        metadata = json.loads(header.get("narrows", "{}"))
        if not isinstance(metadata, dict):
            raise BadFile(f"{path} carries a foreign header; it was not written by Narrows")
        digest = metadata.pop("digest", None)
        if not isinstance(digest, str) or len(digest) != len(NO_DIGEST):
            raise BadFile(
                f"{path} carries no digest of its content, so that damage would go unnoticed: it is "
                "foreign, or of an older Narrows; train the model again, or fit again what this is"
            )
        if _digest(content, _place_of_digest(content, digest)) != digest.encode():
            raise ValueError("its digest is not that of its content")
        tensors = load(content)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFile(
            f"{path} is damaged or no safetensors file ({_brief(error)}); "
            "copy it again or train the model again"
        ) from error
    return tensors, metadata


def _content(path: Path) -> tuple[bytes, dict[str, Any]]:
    """All bytes of a safetensors file, and the texts in its header."""
    size = path.stat().st_size
    if size > memory():
        raise ValueError(f"its {size:,} bytes are more than the memory of this machine")
    with open(path, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError("it ends within its header")
        if length > MOST_HEADER:
            raise ValueError(f"its header takes {length:,} bytes; at most {MOST_HEADER:,} do")
        opened.seek(0)
        content = opened.read()
    header = json.loads(content[8 : 8 + length])
    texts = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(texts, dict) or not all(isinstance(t, str) for t in texts.values()):
        raise ValueError("its header holds no texts")
    return content, texts


def _place_of_digest(content: bytes, digest: str) -> int:
    """Where a digest stands, within JSON within the JSON of a header."""
    before = b'\\"digest\\": \\"'
    end = 8 + int.from_bytes(content[:8], "little")
    return content.index(before + digest.encode() + b'\\"', 8, end) + len(before)


def _digest(content: bytes, place: int) -> bytes:
    """That of all bytes, where those of the digest at ``place`` count as zeros."""
    found = hashlib.blake2b(digest_size=len(NO_DIGEST) // 2)
    view = memoryview(content)
    for piece in (view[:place], NO_DIGEST.encode(), view[place + len(NO_DIGEST) :]):
        found.update(piece)
    return found.hexdigest().encode()


def memory() -> float:
    """Bytes of memory of this machine; infinite where a system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def misfit(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str:
    """What keeps tensors of a file from being used for others; empty if they fit.

    They fit if they have the names, shapes and kinds of ``wanted`` (which may lie on the meta device)
    and their numbers are finite.
    """
    for name in sorted(found.keys() | wanted.keys()):
        got, expected = found.get(name), wanted.get(name)
        if got is None or expected is None or got.shape != expected.shape:
            shapes = [None if t is None else tuple(t.shape) for t in (expected, got)]
            return f"{name} is wanted as {shapes[0]} and there as {shapes[1]} (None: not there)"
        if got.dtype != expected.dtype:
            kinds = [str(t.dtype).removeprefix("torch.") for t in (expected, got)]
            return f"{name} is wanted as {kinds[0]} and there as {kinds[1]}"
    name = not_finite(found)
    return f"{name} holds numbers that are not finite" if name else ""


def not_finite(tensors: Mapping[str, torch.Tensor]) -> str:
    """The first name whose numbers are not all finite; empty if there is none."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return name
    return ""


def _brief(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:120] if text else type(error).__name__


def save_toml(path: Path | str, document: Mapping[str, Any], comment: str = "") -> None:
    """Write TOML, with ``comment`` on top as # lines. ``None`` has no TOML form: leave keys out."""
    import tomli_w

    head = "".join(f"# {line}\n" for line in comment.splitlines())
    write_text(path, head + tomli_w.dumps(dict(document)))


def load_toml(path: Path | str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        BadFile: there is no such file, it is longer than ``MOST_TOML``, or it does not parse.
    """
    import tomllib

    path = Path(path)
    try:
        if (size := path.stat().st_size) > MOST_TOML:
            raise ValueError(f"its {size:,} bytes are more than {MOST_TOML:,}")
        text = path.read_text(encoding="utf-8")
        if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a line has more than {MOST_DOTS} dots")
        return tomllib.loads(text)
    except FileNotFoundError as error:
        raise BadFile(f"there is no file {path}") from error
    except (ValueError, OSError, RecursionError) as error:
        raise BadFile(f"{path} is no readable TOML ({_brief(error)})") from error


def fingerprint(*pieces: bytes | str) -> str:
    """A short name for content: 16 hexadecimal digits of BLAKE2b over the pieces in order."""
    digest = hashlib.blake2b(digest_size=8)
    for piece in pieces:
        raw = piece.encode() if isinstance(piece, str) else piece
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def fingerprint_of_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """A name that changes with any number, shape or name of tensors, wherever they are."""
    pieces: list[bytes | str] = []
    for name, tensor in tensors.items():
        raw = tensor.detach().cpu().contiguous().reshape(-1).numpy().tobytes()
        pieces += [name, str(tuple(tensor.shape)), raw]
    return fingerprint(*pieces)
