"""Models to the Hugging Face hub and from there.

model ──copied, by allowed names──► a folder of what goes ──load──► README.md ──one commit──► hub
hub ──listed, limits, digests──► the cache ──load──► hf://OWNER/NAME wherever a model is taken
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from .. import files
from ..errors import BadFile, NarrowsError
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from ..training import load, located, save
from ..training.card import hub_card
from ..training.hub import Address, address_of, asking, client, limit_of, pulled, quietly
from .check_model import model_files
from .opening import opened_autoencoder

__all__ = ["Pulled", "Pushed", "pull", "push"]

SHOWN = ("losses",)  # PNGs that show no picture of the training
CARD = "README.md"


@dataclass(frozen=True, repr=False)
class Pushed(Result):
    """What went to the hub.

    Attributes:
        to: ``owner/name``.
        revision: the commit.
        address: for a browser.
        files: bytes by name.
        licence: that the card names; None where none is given.
        notes: as of every result.
    """

    to: str
    revision: str
    address: str
    files: dict[str, int]
    licence: str | None = None
    notes: Sequence[str] = field(default_factory=list)
    name: ClassVar[str] = "push"

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "to": self.to, "revision": self.revision, "address": self.address,
            "files": dict(self.files), "licence": self.licence,
        }  # fmt: skip

    def table(self) -> Table:
        """A row per file."""
        return _listing(self.files)

    def __str__(self) -> str:
        total = sum(self.files.values())
        return (
            f"{self.table()}\n{counted(len(self.files), 'file')}, {total:,} bytes, in {self.address}\n"
            f"  use it   narrows info hf://{self.to}"
        )


@dataclass(frozen=True, repr=False)
class Pulled(Result):
    """What came from the hub.

    Attributes:
        of: ``owner/name``.
        revision: the commit.
        folder: where it lies.
        files: bytes by name.
        notes: as of every result.
    """

    of: str
    revision: str
    folder: Path
    files: dict[str, int]
    notes: Sequence[str] = field(default_factory=list)
    name: ClassVar[str] = "pull"

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "of": self.of, "revision": self.revision, "folder": str(self.folder),
            "files": dict(self.files),
        }  # fmt: skip

    def table(self) -> Table:
        """A row per file."""
        return _listing(self.files)

    def __str__(self) -> str:
        return (
            f"{self.table()}\nhf://{self.of}@{self.revision}\n  in {self.folder}, where it needs no "
            f"network any more\n  see it   narrows info hf://{self.of}"
        )


def pull(what: str, *, progress: Progress = None) -> Pulled:
    """Bring a model from the hub into the cache, as its revision is now; nothing of it is executed.

    Whatever takes a model then takes ``hf://owner/name`` too, without a network.

    Args:
        what: ``owner/name``, or ``owner/name@REV`` of a branch, a tag or a commit; ``hf://`` in front
            of it changes nothing.

    Raises:
        ValueError: it names no model so.
        Unavailable: there is no such model or revision, no network, or no ``huggingface_hub``.
        BadFile: it is no model of Narrows, a file is too large, or damaged.

    Examples:
        >>> import narrows as nw
        >>> nw.pull("owner/digits")  # doctest: +SKIP
        >>> nw.load("hf://owner/digits").shape  # doctest: +SKIP
        (1, 8, 8)
    """
    address = Address.read(str(what))
    folder = pulled(address, load, refresh=True, progress=progress)
    return Pulled(address.name, folder.name, folder, _sizes(folder))


def push(
    model: Any,
    to: str,
    *,
    licence: str | None = None,
    private: bool = False,
    show_pictures: bool = False,
    progress: Progress = None,
) -> Pushed:
    """Put a model on the hub, as one commit, with a card that has the header of the hub.

    What goes is what ``docs/files.md`` says goes with a model: no path, no name of a file, no command.
    Names of classes go, and 64 bits of the content of each picture it has seen.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        to: ``owner/name``; made where there is none.
        licence: as the hub writes it, such as ``apache-2.0``. None: that of the card that is there,
            else the card says that none is given.
        private: where it is made, only the owner may see it.
        show_pictures: put ``reconstructions.png`` beside it, which shows a dozen pictures of the
            validation.

    Raises:
        ValueError: ``to`` is no ``owner/name``, or the hub knows no such licence.
        BadFile: there is no finished model, or it is damaged.
        Unavailable: no network, or no ``huggingface_hub``.
        NarrowsError: nobody is logged in, the hub refuses, or another thing than a model of Narrows is
            there.

    Examples:
        >>> import narrows as nw
        >>> nw.push("runs/digits", "owner/digits", licence="apache-2.0")  # doctest: +SKIP
    """
    address = Address.read(to)
    if address.revision is not None or address_of(to) is not None:
        raise ValueError(f"push takes owner/name, and makes the revision itself; we got {to!r}")
    api = client()
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token

    if get_token() is None:
        raise NarrowsError(
            "to push, the hub has to know who you are: log in with `hf auth login`, or set HF_TOKEN"
        )
    with (
        tempfile.TemporaryDirectory(prefix="narrows-push-") as place,
        stage(progress, "pushing") as step,
    ):
        folder = Path(place)
        shown = [*SHOWN, "reconstructions"] if show_pictures else list(SHOWN)
        _gather(model, folder, shown)
        _look(folder)
        step(1, 3)
        with asking(address, api):
            api.create_repo(address.name, private=private or None, exist_ok=True)
            info = api.model_info(address.name)
            there = {one.rfilename for one in info.siblings or ()}
        foreign = sorted(there - {".gitattributes", CARD})
        if foreign and "recipe.toml" not in there:
            raise NarrowsError(
                f"{address.name} holds something else than a model of Narrows ({foreign[0]}): name "
                "another repository"
            )
        known = None if info.card_data is None else info.card_data.get("license")
        said = licence or (known if isinstance(known, str) else None)
        shown = [name for name in shown if (folder / f"{name}.png").is_file()]
        files.write_text(folder / CARD, hub_card(folder, address.name, said, shown))
        sizes = _sizes(folder)
        changes: list[Any] = [CommitOperationAdd(name, str(folder / name)) for name in sizes]
        gone = sorted(n for n in there if limit_of(n) is not None and n not in sizes)
        changes += [CommitOperationDelete(name) for name in gone]
        step(2, 3)
        told = f"Pushed by narrows {api.library_version}"
        try:
            with asking(address, api), quietly():
                done = api.create_commit(address.name, changes, commit_message=told)
        except ValueError as error:  # of the card's header
            raise ValueError(
                f"the hub refuses this card: {' '.join(str(error).split())}"
            ) from error
        step(3, 3)
    notes = (
        []
        if said
        else ["no licence is given, so that others may not use it: --licence ID gives one"]
    )
    where = f"{api.endpoint}/{address.name}"
    return Pushed(address.name, done.oid, where, sizes, said, notes)


def _gather(model: Any, folder: Path, shown: Sequence[str]) -> None:
    """Copy what goes with a model to a folder.

    Raises:
        BadFile: it is not finished; or a file is larger than the hub's may be.
    """
    if not isinstance(model, (str, Path)):
        save(opened_autoencoder(model), folder)
    else:
        of = Path(located(model))
        if not of.is_dir() or not (of / "model.safetensors").is_file():
            raise BadFile(
                f"{of} holds no finished model: name the folder that `narrows train` wrote, when it has "
                "ended"
            )
        with files.failing(folder):
            for path in sorted(of.iterdir()):
                picture = path.suffix == ".png" and path.stem not in shown
                if path.is_file() and path.name != CARD and not picture and limit_of(path.name):
                    shutil.copyfile(path, folder / path.name)
    for name, size in _sizes(folder).items():
        limit = limit_of(name)
        if limit is not None and size > limit:
            raise BadFile(f"{name} has {size:,} bytes; at most {limit:,} go to the hub")


def _look(folder: Path) -> None:
    """Leave out weights that are none of this model's; refuse what is damaged.

    Raises:
        BadFile: a file is.
    """
    own = {"model", "seen", "entropy", *load(folder).auxiliary}
    for path in folder.glob("*.safetensors"):
        if path.stem not in own and not path.stem.startswith("prior-"):
            path.unlink()
    for one in model_files(folder):
        if not one.whole:
            raise BadFile(f"{one.file} is not whole, and nothing was pushed: {one.about}")


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}


def _listing(sizes: dict[str, int]) -> Table:
    return Table({"file": list(sizes), "bytes": list(sizes.values())})
