"""Bytes on disk: atomic writes, safetensors, TOML, fingerprints. Nothing here is ever executed.

A file appears under its name only when it is complete: it is written under a temporary name, flushed
to the disk and renamed, so that a power cut leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadFile, NarrowsError

if TYPE_CHECKING:
    import torch

__all__ = [
    "atomic",
    "fingerprint",
    "fingerprint_of_tensors",
    "load_tensors",
    "load_toml",
    "save_tensors",
    "save_toml",
    "write_bytes",
    "write_text",
]


_HEADER = 8 << 20  # bytes of a safetensors header: more than a hundred thousand tensors


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path next to ``path``; on success it is flushed and renamed to ``path``.

    Raises:
        NarrowsError: the folder cannot be written or the disk is full; ``path`` is untouched.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise NarrowsError(_explain(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut (folders cannot be opened on every system)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explain(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk is full: {path} was not written and what was there before is unchanged; free some space and run again"
    reason = error.strerror or str(error)
    return f"cannot write {path}: {reason}; choose a folder that can be written"


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a whole file, or leave the old one."""
    with atomic(path) as part:
        part.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write a whole UTF-8 text file, or leave the old one."""
    write_bytes(path, content.encode())


def save_tensors(
    path: Path | str,
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write tensors as safetensors; ``metadata`` travels in the header as JSON."""
    from safetensors.torch import save

    header = {"narrows": json.dumps(dict(metadata or {}), sort_keys=True)}
    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(dense, header))


def load_tensors(path: Path | str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read (tensors, metadata) back; nothing in the file is executed.

    Raises:
        BadFile: there is no such file, or it is truncated, damaged or not safetensors.
    """
    from safetensors import SafetensorError

    path = Path(path)
    if not path.is_file():
        raise BadFile(f"there is no file {path}; name the folder that `narrows train` wrote")
    try:
        tensors, header = _in_memory(path)
        metadata = json.loads(header.get("narrows", "{}"))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise BadFile(
            f"{path} is damaged or no safetensors file ({_brief(error)}); "
            "copy it again or train the model again"
        ) from error
    if not isinstance(metadata, dict):
        raise BadFile(f"{path} carries a foreign header; it was not written by Narrows")
    return tensors, metadata


def _in_memory(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file, read as a whole.

    A file that is mapped and cut short by another program would end this one by a signal. What is no
    header of ours is refused before it is parsed.
    """
    from safetensors.torch import load

    with open(path, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > _HEADER:
            raise ValueError(f"its header claims {length:,} bytes")
        opened.seek(0)
        content = opened.read()
    tensors = load(content)  # it has checked the header when this is parsed again
    return tensors, json.loads(content[8 : 8 + length]).get("__metadata__") or {}


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
        BadFile: there is no such file, or it does not parse.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadFile(f"there is no file {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
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
