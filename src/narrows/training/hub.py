"""Models on the Hugging Face hub: what of a model goes there and comes from there, and where it is kept.

    hf://OWNER/NAME[@REV] ──located──► <cache>/models/OWNER/NAME/<commit>/
                                         recipe.toml, model.safetensors, …
                                       <cache>/models/OWNER/NAME/revisions.json    main → <commit>

What was pulled once is read without a network from then on; ``pull`` asks the hub anew. Only files of
known names come, none larger than its limit, and each with the digest that the hub names; nothing is
executed or unpickled. The folder of a commit appears when all of it is there and can be read.

The hub is the one that HF_ENDPOINT names, else https://huggingface.co.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import BadFile, NarrowsError, Unavailable
from ..images.cache import place
from ..locks import locked
from ..progress import Progress, stage

__all__ = ["Address", "address_of", "asking", "client", "limit_of", "pulled", "quietly"]

MAIN = "main"
WAIT = 30.0  # seconds without an answer
MOST_WEIGHTS = 4 << 30  # bytes of a file of weights
MOST_FILES = 64
LIMITS = {
    "recipe.toml": files.MOST_TOML,
    "run.toml": files.MOST_TOML,
    "metrics.jsonl": 64 << 20,
    "README.md": 1 << 20,
    "losses.png": 16 << 20,
    "reconstructions.png": 16 << 20,
}
NEVER = ("checkpoint.safetensors", "last.safetensors")  # for going on where it was trained
NEEDED = ("recipe.toml", "model.safetensors")
_WEIGHTS = re.compile(r"[a-z][a-z0-9_-]{0,60}\.safetensors")
_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
_ADDRESS = re.compile(
    rf"(?P<name>{_NAME}/{_NAME})(?:@(?P<revision>[\w][\w./-]{{0,127}}))?", re.ASCII
)
_PREFIX = re.compile(r"hf:[/\\]{1,2}")  # a Path has one / of two
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """A model on the hub.

    Attributes:
        name: ``owner/name``.
        revision: a branch, a tag or a commit; None: the main branch.
    """

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")

    @staticmethod
    def read(text: str) -> Address:
        """``owner/name[@REV]``, with or without ``hf://``.

        Raises:
            ValueError: it is none.
        """
        plain = _PREFIX.sub("", text, count=1).replace("\\", "/")
        found = _ADDRESS.fullmatch(plain)
        if found is None or ".." in plain or "--" in found["name"]:
            raise ValueError(
                f"a model on the hub is owner/name or owner/name@REVISION; we got {text!r}"
            )
        return Address(found["name"], found["revision"])


def address_of(what: Any) -> Address | None:
    """The model that ``hf://owner/name[@REV]`` names; None of anything else.

    Raises:
        ValueError: it begins so, and goes on otherwise.
    """
    if not isinstance(what, (str, Path)) or not _PREFIX.match(str(what)):
        return None
    return Address.read(str(what))


def limit_of(name: str) -> int | None:
    """Bytes that a file of a model may have on the hub; None where it is none that goes there."""
    if name in LIMITS:
        return LIMITS[name]
    return MOST_WEIGHTS if _WEIGHTS.fullmatch(name) and name not in NEVER else None


# ---- asking the hub ------------------------------------------------------------------------------


def client() -> Any:
    """``huggingface_hub.HfApi`` of the hub in question.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise Unavailable(
            "models on the hub need huggingface_hub, which is not installed: pip install 'narrows[hub]'"
        ) from error
    from .. import __version__

    endpoint = os.environ.get("HF_ENDPOINT") or None
    return HfApi(endpoint, library_name="narrows", library_version=__version__)


@contextlib.contextmanager
def asking(address: Address, api: Any) -> Iterator[None]:
    """Turn what the hub and the network answer into one sentence.

    Raises:
        NarrowsError: it refused; Unavailable: it was not reached, or has no such model.
    """
    import httpx2
    from huggingface_hub import errors

    where = api.endpoint
    try:
        yield
    except errors.GatedRepoError as error:
        raise Unavailable(
            f"{address.name} is given to those only whom its owner lets in: ask on "
            f"{where}/{address.name}, then log in with `hf auth login`"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise Unavailable(
            f"{address.name} has no revision {address.revision or MAIN!r}; see "
            f"{where}/{address.name}/commits/main"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise Unavailable(
            f"there is no model {address.name} on {where}, or it is not for you: look at the name, or "
            "log in with `hf auth login` (or HF_TOKEN)"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        told = " ".join(str(error.server_message or error.response.reason_phrase).split())[:200]
        if status in (401, 403):
            raise NarrowsError(
                f"{where} does not let you do that with {address.name} ({status} {told}): log in with "
                "`hf auth login`, or set HF_TOKEN to a token that may write there"
            ) from error
        raise NarrowsError(f"{where} refused {address.name} ({status} {told})") from error
    except errors.OfflineModeIsEnabled as error:
        raise Unavailable(
            f"{address} cannot be asked for: HF_HUB_OFFLINE says that there is no network"
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ConnectionError) as error:
        raise Unavailable(
            f"{where} cannot be reached ({type(error).__name__}): {address} needs a network until it "
            "has been pulled once"
        ) from error
    except RuntimeError as error:  # what becomes of an upload that failed
        told = " ".join(str(error.__cause__ or error).split())[:200]
        raise NarrowsError(f"{where} did not take {address.name} ({told}): try again") from error


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without the bars of ``huggingface_hub``, beside ours."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    if shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


# ---- from the hub --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file as the hub names it: its bytes, and their digest (SHA-256, or SHA-1 as git has it)."""

    name: str
    size: int
    digest: str


def pulled(
    address: Address,
    read: Callable[[Path], Any],
    refresh: bool = False,
    progress: Progress = None,
) -> Path:
    """The folder in the cache that holds a model of the hub.

    Args:
        read: reads the folder of a model, or raises ``BadFile``: what it cannot read is not kept.
        refresh: ask the hub what the revision is now, and fetch that.

    Raises:
        Unavailable: it is not there yet, and there is no such model, no network or no
            ``huggingface_hub``.
        BadFile: it is no model of Narrows, a file of it is too large, or damaged.
        NarrowsError: the hub refused, or the disk.
    """
    home = place("models")[0].joinpath(*address.name.split("/"))
    wanted = address.revision or MAIN
    commit = _revisions(home).get(wanted, wanted)
    if _COMMIT.fullmatch(commit) and (home / commit).is_dir() and (not refresh or commit == wanted):
        return home / commit
    api = client()
    commit, found = _listed(api, address)
    with files.failing(home / "lock"), locked(home):
        for left in home.glob(".*.part"):  # of a kill
            shutil.rmtree(left, ignore_errors=True)
        if not (home / commit).is_dir():
            _fetch(api, address, commit, found, home, read, progress)
        known = _revisions(home) | {wanted: commit}
        files.write_text(home / "revisions.json", json.dumps(known, indent=2))
    return home / commit


def _revisions(home: Path) -> dict[str, str]:
    """Which commit each revision was when it was pulled."""
    try:
        found = json.loads((home / "revisions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _listed(api: Any, address: Address) -> tuple[str, list[_File]]:
    """The commit that a revision is, and the files of it that may come."""
    with asking(address, api):
        info = api.model_info(
            address.name, revision=address.revision, files_metadata=True, timeout=WAIT
        )
    there = {one.rfilename for one in info.siblings or ()}
    for name in NEEDED:
        if name not in there:
            raise BadFile(f"{address} is no model of Narrows: it has no {name}")
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise BadFile(f"{address} names no commit, so that nobody could tell which model this is")
    found = []
    for one in info.siblings or ():
        limit = limit_of(one.rfilename)
        if limit is None:
            continue
        size = one.size
        if not isinstance(size, int) or size > limit:
            told = f"{size:,} bytes" if isinstance(size, int) else "a size that nobody says"
            raise BadFile(f"{one.rfilename} of {address} has {told}; at most {limit:,} are taken")
        digest = one.lfs.sha256 if one.lfs is not None else one.blob_id
        found.append(_File(one.rfilename, size, str(digest)))
    if len(found) > MOST_FILES:
        raise BadFile(f"{address} has {len(found):,} files; at most {MOST_FILES} are taken")
    return info.sha, found


def _fetch(
    api: Any,
    address: Address,
    commit: str,
    found: list[_File],
    home: Path,
    read: Callable[[Path], Any],
    progress: Progress,
) -> None:
    """Bring a commit's files to ``home / commit``: all of them, readable, or none."""
    part = Path(tempfile.mkdtemp(prefix=f".{commit}.", suffix=".part", dir=home))
    total, done = sum(one.size for one in found), 0
    try:
        with stage(progress, f"pulling {address.name}") as step:
            for one in found:
                with files.failing(home / commit / one.name), asking(address, api):
                    for count in _downloaded(api, address, commit, one, part / one.name):
                        done += count
                        step(done, total)
                    files.flush(part / one.name)
        try:
            read(part)
        except BadFile as error:
            raise BadFile(
                f"{address} cannot be used: {str(error).replace(str(part) + os.sep, '')}"
            ) from error
        os.replace(part, home / commit)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _downloaded(api: Any, address: Address, commit: str, one: _File, to: Path) -> Iterator[int]:
    """Write one file, and give the bytes of each piece; no more than it is said to have are taken."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    url = f"{api.endpoint}/{address.name}/resolve/{commit}/{one.name}"
    headers = build_hf_headers(library_name=api.library_name, library_version=api.library_version)
    digest = hashlib.sha256()
    if len(one.digest) == 40:
        digest = hashlib.sha1(f"blob {one.size}\0".encode(), usedforsecurity=False)
    size = 0
    headers |= {"Accept-Encoding": "identity"}
    with get_session().stream("GET", url, headers=headers, timeout=WAIT) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        with open(to, "wb") as written:
            for piece in answer.iter_bytes(1 << 18):
                size += len(piece)
                if size > one.size:
                    break
                digest.update(piece)
                written.write(piece)
                yield len(piece)
    if size != one.size or digest.hexdigest() != one.digest:
        raise BadFile(
            f"{one.name} of {address} did not come as the hub has it ({one.size:,} bytes, digest "
            f"{one.digest[:12]}…): pull it again"
        )
