"""What a verb is given: a model or the folder of one, a collection or its folder, and pictures.

MODEL, pictures ──────────► Opened(model, images, run.split …)
COLLECTION [, a filter] ──►   the same: its model, its pictures read again, its stored codes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..encoders import Encoder, onnx
from ..errors import BadFile, NoImages
from ..images import Images, Subset, as_source, open_source
from ..images.arrays import fitted
from ..images.inputs import Pictures, even_rows
from ..images.inputs import pictures as read_pictures
from ..progress import Progress, stage
from ..training import Run, RunSplit, address_of, load, select_device
from .features import kept_features

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = [
    "Opened", "encoded", "is_collection", "joined_notes", "model_of_collection", "opened", "opened_as",
    "opened_autoencoder", "opened_collection", "opened_images", "opened_model", "run_of",
]  # fmt: skip


def opened_as(
    what: Pictures,
    size: Any = None,
    mode: str | None = None,
    fit: str = "crop",
    center_crop: int | None = None,
    progress: Any = None,
) -> Any:
    """Pictures of any kind, brought to what was asked for; see :func:`narrows.images.open_source`.

    Raises:
        ValueError: a size or a mode for a source that has its own.
    """
    if isinstance(what, (str, Path)):
        return open_source(what, size, mode, fit, center_crop, progress)
    images = read_pictures(what, progress=progress)
    if size is None and mode is None and center_crop is None:
        return images
    if not isinstance(images, Images):
        raise ValueError(f"a {type(images).__name__} has its own size; leave size and mode out")
    return fitted(images, size, mode, fit, center_crop)


def opened_model(model: Any, device: str = "auto") -> Any:
    """A model as it is, or read from the folder (or weights file) that names it.

    Args:
        model: an ``Autoencoder`` or another ``Encoder``, or a path; that of an .onnx file is an encoder
            as :func:`narrows.encoders.onnx` makes it, and ``hf://owner/name[@REV]`` is on the hub.
        device: where one that is read goes, in float32; a model that was given stays where it is.

    Raises:
        BadFile: there is no model, or it is damaged.
        ValueError: it is neither a model nor a path.
    """
    if (
        isinstance(model, (str, Path))
        and Path(model).suffix.lower() == ".onnx"
        and address_of(model) is None
    ):
        return onnx(model)
    if isinstance(model, (str, Path)):
        loaded = load(model)
        select_device(device, "float32").place(loaded)
        return loaded
    if not isinstance(model, (Autoencoder, Encoder)):
        raise ValueError(
            "a model, or the folder of one, was wanted (an Encoder has shape, code_shape, "
            f"preprocessing, fingerprint and encode); we got {type(model).__name__}"
        )
    return model


def opened_autoencoder(model: Any, device: str = "auto") -> Autoencoder:
    """An ``Autoencoder`` as it is, or read from its folder: for what needs pictures back from codes.

    Raises:
        BadFile: there is no model, or it is damaged.
        ValueError: it is another kind of encoder.
    """
    found = opened_model(model, device)
    if not isinstance(found, Autoencoder):
        raise ValueError(
            f"an autoencoder, or the folder of one, was wanted; we got {type(found).__name__}, "
            "which makes codes only"
        )
    return found


def encoded(
    model: Any, images: Any, *, batch_size: int = 256, progress: Progress = None
) -> np.ndarray[Any, Any]:
    """Codes of pictures in the model's shape, of any encoder: (N, *code_shape) float32."""
    source = as_source(images)
    found = []
    with stage(progress, "encoding") as step:
        for rows in torch.split(torch.arange(len(source)), batch_size):
            codes = model.encode(Subset(source, rows))
            codes = getattr(codes, "z", codes)
            codes = codes.detach().cpu() if isinstance(codes, torch.Tensor) else codes
            found.append(np.asarray(codes, np.float32))
            step(int(rows[-1]) + 1, len(source))
    return np.concatenate(found)


def run_of(model: Any) -> Run:
    """What a model's training left; of a model that says nothing, one that has seen everything."""
    known = getattr(model, "run", None)
    return known if known is not None else Run(model.preprocessing)


def opened_images(
    model: Any,
    pictures: Pictures,
    *,
    split: str | None = None,
    limit: int | None = None,
    progress: Progress = None,
) -> Any:
    """Pictures as the model takes them; see :func:`narrows.images.inputs.pictures`."""
    with stage(progress, "reading pictures") as step:
        return read_pictures(pictures, model.preprocessing, split=split, limit=limit, progress=step)


def is_collection(what: Any) -> bool:
    """Whether this is a collection, or the folder or address of one."""
    if isinstance(what, (str, Path)):
        return address_of(what) is None and (
            "://" in str(what) or (Path(what).expanduser() / "narrows.lance").is_dir()
        )
    return hasattr(what, "about") and hasattr(what, "rows")


def opened_collection(collection: Any, version: int | None = None) -> Collection:
    """A collection as it is, or of its folder or address."""
    from ..collection import Collection

    if isinstance(collection, (str, Path)):
        return Collection.open(str(collection), version)
    return collection  # type: ignore[no-any-return]


def model_of_collection(collection: Collection, model: Any = None, device: str = "auto") -> Any:
    """What made a collection's rows, checked by its fingerprint: the model, or the features it holds.

    Args:
        model: the model, or where it lies now; None: where it lay when it was last used. Features
            without codes need none.

    Raises:
        BadFile: it cannot be read, or is another model.
    """
    about = collection.about
    if about.features not in ("codes", "joined"):
        return kept_features(collection, None)
    whose = model if model is not None else about.model
    if model is None and not collection.about.model:
        raise BadFile(
            f"{collection.address} was made with a model in memory; give that model as model= "
            "(--model)"
        )
    try:
        found = opened_model(whose, device)
    except BadFile as error:
        raise BadFile(
            f"the model of this collection cannot be read ({error}); where it moved, say so with "
            "--model (model=)"
        ) from error
    if not about.plain:
        return kept_features(collection, found)
    collection.check(found.fingerprint(), _named(whose))
    return found


def joined_notes(*read: Any) -> list[str]:
    """What is to be said of sources and splits, each sentence once."""
    said = [note for each in read for note in getattr(each, "notes", ())]
    said += [each.note for each in read if getattr(each, "note", "")]
    return list(dict.fromkeys(said))


@dataclass(frozen=True)
class Opened:
    """A model and pictures, given one after the other or together as a collection.

    Attributes:
        model: on its device.
        images: in the shape that the model takes, with labels and metadata.
        codes: (N, D) as they are stored; None where no collection was given.
        collection: None where a model was given.
        notes: what has to be said of it.
    """

    model: Any
    images: Any
    codes: Any = None
    collection: Collection | None = None
    notes: list[str] = field(default_factory=list)

    def split(self) -> RunSplit:
        """Which of the pictures the model's training has seen."""
        return run_of(self.model).split(self.images)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(file, reason) of what could not be read."""
        return list(getattr(self.images, "skipped", ()))


def opened(
    subject: Any,
    pictures: Pictures | None = None,
    *,
    where: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Opened:
    """What MODEL|COLLECTION and PICTURES mean.

    The pictures of a collection are read again from where they were indexed, those that pass the
    filter and are still there; its columns are their labels and metadata.

    Raises:
        ValueError: a model without pictures, or a collection or a filter that does not go with them.
        NoImages: none of the collection's pictures passes or is there any more.
    """
    if not is_collection(subject):
        if where is not None:
            raise ValueError(f"a filter chooses rows of a collection; {_named(subject)} is none")
        if pictures is None:
            raise ValueError(
                f"say which pictures: {_named(subject)} is no collection, which has its own"
            )
        model = opened_model(subject, device)
        images = opened_images(model, pictures, split=split, limit=limit, progress=progress)
        return Opened(model, images, notes=list(getattr(images, "notes", ())))
    if pictures is not None:
        raise ValueError(
            f"{_named(subject)} is a collection and has its own pictures; leave {pictures!r} out"
        )
    if split is not None:
        raise ValueError(f"of a collection a part is a filter: where=\"split = '{split}'\"")
    collection = opened_collection(subject)
    model = model_of_collection(collection, None, device)
    own = ("path", "size", "mtime", "hash", "thumbnail")
    rows = collection.rows([name for name in collection.columns if name not in own], where)
    if not len(rows["id"]):
        among = f"passes the filter {where!r}" if where else "is in it"
        raise NoImages(f"no picture of {_named(subject)} {among}")
    if not collection.about.pictures:
        raise NoImages(
            f"the pictures of {_named(subject)} were given in memory and cannot be read again: give "
            "the model and the pictures instead"
        )
    from .indexing import found_again

    if Path(collection.about.pictures).is_dir() and not any(
        found_again(collection.about.pictures, collection)
    ):  # before a whole folder is read that another may have named
        raise NoImages(
            f"none of the pictures is in {collection.about.pictures} any more: index them again"
        )
    with stage(progress, "reading pictures") as step:
        source = read_pictures(
            collection.about.pictures, collection.about.preprocessing, progress=step
        )
    places = {id_: place for place, id_ in enumerate(getattr(source, "ids", ()))}
    there = [row for row, id_ in enumerate(rows["id"]) if id_ in places]
    if not there:
        raise NoImages(
            f"none of the pictures is in {collection.about.pictures} any more: index them again"
        )
    notes = list(getattr(source, "notes", ()))
    if gone := len(rows["id"]) - len(there):
        notes.append(f"{gone:,} pictures are gone since they were indexed")
    there = [there[place] for place in even_rows(len(there), limit)]
    images = source.select([places[rows["id"][row]] for row in there])
    columns = {name: rows[name][there] for name in rows if name not in ("id", "code")}
    images.metadata = {
        **{name: values for name, values in columns.items() if name != "label"},
        **images.metadata,
    }
    if "label" in columns and not images.labels:
        images.labels = {"label": columns["label"]}
    return Opened(model, images, rows["code"][there], collection, notes)


def _named(subject: Any) -> str:
    return str(subject) if isinstance(subject, (str, Path)) else f"this {type(subject).__name__}"
