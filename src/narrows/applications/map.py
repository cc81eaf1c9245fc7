"""Map: pictures where their codes lie, by t-SNE and by PCA, as a figure and as a page to move about in.

MODEL, pictures ──encode──┐
                          ├──► codes ──embed_2d──► two maps, and how much of the neighbourhoods they keep
COLLECTION [, a filter] ──┘
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from .. import files
from ..collection import Collection, pooled
from ..errors import NoImages
from ..figures import map_page
from ..figures import maps as drawn
from ..images import Images
from ..images.inputs import Pictures, even_rows, evenly
from ..images.labels import known_labels
from ..images.read import Wanted, fit_pixels
from ..images.thumbnails import SIDE, opened_thumbnail
from ..measures import Neighbourhoods, neighbourhoods
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table
from .embedding import FITTED, PERPLEXITY, Embedding, code_rows, embed_2d, thumbnails
from .features import Features, check_features
from .kinship import plane_note
from .opening import (
    Opened,
    encoded,
    is_collection,
    joined_notes,
    model_of_collection,
    opened,
    opened_collection,
    opened_images,
)
from .units import model_weights

__all__ = ["Maps", "map", "map_rows"]

Array = np.ndarray[Any, Any]

NAMES = {"tsne": "t-SNE", "pca": "PCA"}


@dataclass(frozen=True, repr=False)
class Maps(Result):
    """N pictures where their codes lie, by t-SNE and by PCA.

    Attributes:
        embeddings: ``t-SNE`` and ``PCA``: points (N, 2), and how more codes are placed.
        neighbourhoods: of either, how many of a picture's nearest codes are its nearest on the map.
        codes: (N, D) float32.
        ids: N names.
        labels: (N,) what is coloured by; None without.
        label_name: what they are.
        thumbnails: uint8 (N, C, h, w).
        projected: of either map, the points (M, 2) of more pictures.
        projected_ids: their names.
        title: whose pictures they are, by which model.
        root: the folder that the ids are files of; None where there is none.
        notes, skipped: of what was read.
    """

    name: ClassVar[str] = "map"
    embeddings: Mapping[str, Embedding]
    neighbourhoods: Mapping[str, Neighbourhoods]
    codes: Array
    ids: Sequence[str]
    labels: Array | None
    label_name: str
    thumbnails: Array
    projected: Mapping[str, Array]
    projected_ids: Sequence[str]
    title: str
    root: Path | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def points(self) -> dict[str, Array]:
        """Of either map its points (N, 2)."""
        return {name: embedding.points for name, embedding in self.embeddings.items()}

    def document(self) -> dict[str, Any]:
        """How much of the neighbourhoods either map keeps, and where more pictures were placed."""
        return {
            "pictures": len(self.ids),
            "labels": self.label_name or None,
            "maps": {
                name: {"fitted_on": embedding.fitted_on, "note": embedding.note}
                | vars(self.neighbourhoods[name])
                for name, embedding in self.embeddings.items()
            },
            "placed": {
                id_: {name: [float(v) for v in at[i]] for name, at in self.projected.items()}
                for i, id_ in enumerate(self.projected_ids)
            },
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """A row for either map, and one for the codes themselves where there are labels."""
        found = self.neighbourhoods
        first = next(iter(found.values()))
        labelled = first.same_label is not None
        rows: dict[str, list[Any]] = {
            "": list(found),
            "trustworthiness": [f"{each.trustworthiness:.3f}" for each in found.values()],
            "neighbours kept": [f"{each.kept:.1%}" for each in found.values()],
        }
        if labelled:
            own = [each.same_label for each in found.values()] + [first.same_label_of_codes]
            rows = {name: [*cells] for name, cells in rows.items()}
            for cells, cell in zip(rows.values(), ("codes", "1.000", "100.0%"), strict=True):
                cells.append(cell)
            rows["of the same label"] = [f"{share:.1%}" for share in own]
        note = (
            f"(of the {first.k} nearest of a picture, over {first.asked:,} of {first.of:,} "
            "pictures; trustworthiness is 0.5 by chance)"
        )
        return Table(rows, notes=[note])

    def _notes(self) -> dict[str, str]:
        """What stands below either map."""
        return {
            name: f"{embedding.note} · trustworthiness {self.neighbourhoods[name].trustworthiness:.3f}"
            f", {self.neighbourhoods[name].kept:.0%} of neighbours kept"
            for name, embedding in self.embeddings.items()
        }

    def figures(self) -> dict[str, Any]:
        """Both maps with the pictures where they stand, framed in the colours of the labels."""
        figure = drawn(
            self.points,
            self.labels,
            notes=self._notes(),
            title=self.label_name,
            pictures=self.thumbnails,
            new=dict(self.projected),
        )
        return {"map": figure}

    def page(self, folder: Path | str | None = None) -> str:
        """One HTML file to move about in: drag, zoom, and the picture under the pointer is shown.

        Args:
            folder: where the file will lie; a click on a picture then opens its file from there.
        """
        root = None
        if folder is not None and self.root is not None:
            root = _relative(self.root, Path(folder))
        return map_page(
            self.title,
            self.points,
            self.thumbnails,
            self.ids,
            self.labels,
            notes=self._notes(),
            label_name=self.label_name,
            root=root,
        )

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The figure, the document, and the page to move about in."""
        page = Path(folder) / "map.html"
        files.write_text(page, self.page(folder))
        return self._written(Path(folder), {"page": str(page)})


def map(
    subject: Any,
    pictures: Pictures | None = None,
    *,
    labels: Any = None,
    project: Pictures | None = None,
    features: str | None = None,
    where: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    fit_size: int = FITTED,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Maps:
    """Put pictures where their codes lie, by t-SNE and by PCA.

    Args:
        subject: a model (an ``Autoencoder``, another ``Encoder``, or a folder), or a collection (or
            its folder), whose stored codes are taken.
        pictures: with a model, anything that :func:`narrows.images.inputs.pictures` reads.
        labels: what to colour by: values (N,); a column of the pictures' labels; FILE.csv,
            FILE.csv:COLUMN or FILE.npy; ``none`` for no colours. None: the main label.
        project: more pictures, placed on the finished maps.
        features: what is drawn in place of codes: ``pca``, ``pixels``, ``colours``, ``patches`` or
            ``joined``, see :func:`narrows.index`. None: codes, or what the collection holds.
        where: of a collection, only the rows that pass this filter.
        split, limit: only this official part; at most so many, evenly spread.
        fit_size: t-SNE is made of so many codes, drawn by the seed; the others are placed on it.
        perplexity: of t-SNE, about how many neighbours of a picture count.
        seed: of every draw.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is no model or collection.
        NoImages: nothing can be read, or nothing passes the filter.
        ValueError: fewer than five pictures, labels that are not there, or not one for each picture.
        Unavailable: openTSNE is not installed.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1; we got {limit}")
    found = _opened(subject, pictures, where, split, device, progress)
    if features is not None:
        found = _with_features(found, features, seed)
    return _mapped(
        found,
        subject,
        pictures,
        labels,
        project,
        limit,
        fit_size,
        perplexity,
        seed,
        device,
        progress,
    )


def map_rows(
    collection: Any,
    ids: Sequence[str],
    *,
    labels: Any = None,
    seed: int = 0,
    progress: Progress = None,
) -> Maps:
    """Some rows of a collection by what it stores of them, thumbnails and codes, without their files.

    Args:
        collection: a collection, or its folder or address.
        ids: of the rows.
        labels, seed, progress: as of ``map``.

    Raises:
        NoImages: none of them is there.
        ValueError: fewer than five.
    """
    opened_one = opened_collection(collection)
    found = _of_thumbnails(opened_one, None, ids)
    return _mapped(
        found, opened_one, None, labels, None, None, FITTED, PERPLEXITY, seed, "auto", progress
    )


def _mapped(
    found: Opened, subject: Any, pictures: Any, labels: Any, project: Any, limit: int | None,
    fit_size: int, perplexity: float, seed: int, device: str, progress: Progress,
) -> Maps:  # fmt: skip
    """Both maps of what was opened."""
    label_name, values = _labels(found.images, labels)
    images = evenly(found.images, limit)
    if images is not found.images and values is not None:
        values = evenly_of(values, limit)
    if found.codes is not None:
        codes = evenly_of(found.codes, limit)
    else:
        codes = code_rows(encoded(found.model, images, progress=progress))
    if found.collection is not None:
        weights = found.collection.about.weights
    elif isinstance(found.model, Features):
        weights = found.model.weights()
    else:
        weights = model_weights(found.model, codes)
    embeddings = {}
    for method, name in NAMES.items():
        with stage(progress, name) as step:
            embeddings[name] = embed_2d(
                codes,
                method,
                weights=weights,
                perplexity=perplexity,
                fit_size=fit_size,
                seed=seed,
                progress=step,
            )
    classes = None if values is None or _continuous(values) else values
    judged = {n: neighbourhoods(codes, e.points, classes, seed=seed) for n, e in embeddings.items()}
    placed, more_ids, more = _projected(found, project, embeddings, device, progress)
    ids = [str(id_) for id_ in getattr(images, "ids", None) or range(len(images))]
    small, shown = thumbnails(images), judged[NAMES["tsne"]].same_label
    return Maps(
        embeddings, judged, codes, ids, values, label_name, small, placed, more_ids,
        _title(subject, pictures, found), _root(pictures, found, ids), [*joined_notes(found, more), *plane_note(small, classes, shown, seed)],
        [*found.skipped, *getattr(more, "skipped", ())],
    )  # fmt: skip


def evenly_of(rows: Array, limit: int | None) -> Array:
    """At most ``limit`` of N rows, those that :func:`narrows.images.inputs.evenly` takes."""
    taken: Array = np.asarray(rows)[even_rows(len(rows), limit)]
    return taken


def _with_features(found: Opened, kind: str, seed: int) -> Opened:
    """The same pictures with other features in place of codes.

    Raises:
        ValueError: no such features, or a collection, which has its own.
    """
    check_features(kind)
    if found.collection is not None:
        own = found.collection.about.features
        if kind == own:
            return found
        raise ValueError(
            f"this collection holds {own}: map the model and the pictures, or index them with --features "
            f"{kind}"
        )
    return replace(found, model=Features.fit(kind, found.images, found.model, seed=seed))


def _opened(
    subject: Any,
    pictures: Any,
    where: str | None,
    split: str | None,
    device: str,
    progress: Progress,
) -> Opened:
    """A model and pictures; of a collection of pictures in memory, its thumbnails stand for them."""
    if is_collection(subject) and pictures is None and split is None:
        collection = opened_collection(subject)
        if not collection.about.pictures:
            return _of_thumbnails(collection, where)
    return opened(subject, pictures, where=where, split=split, device=device, progress=progress)


def _of_thumbnails(
    collection: Collection, where: str | None, only: Sequence[str] | None = None
) -> Opened:
    own = ("path", "size", "mtime", "hash")
    wanted = [name for name in collection.columns if name not in own]
    rows = collection.rows(wanted, where, ids=only)
    ids, codes, small = (rows.pop(name) for name in ("id", "code", "thumbnail"))
    if not len(ids):
        why = f"passes the filter {where!r}" if only is None else "is of those that were named"
        raise NoImages(f"no picture of {collection.address} {why}")
    how = Wanted((SIDE, SIDE), fit="pad")
    pixels = [
        fit_pixels(torch.from_numpy(opened_thumbnail(each or b""))[None], how) for each in small
    ]
    label = {"label": rows.pop("label")} if "label" in rows else None
    images = Images(torch.cat(pixels), ids=ids.tolist(), labels=label, metadata=rows)
    return Opened(None, images, codes, collection)


def _projected(
    found: Opened,
    project: Any,
    embeddings: Mapping[str, Embedding],
    device: str,
    progress: Progress,
) -> tuple[dict[str, Array], list[str], Any]:
    """More pictures on the finished maps: their points, their names, and the pictures."""
    if project is None:
        return {}, [], None
    model, pool = found.model, "flatten"
    if found.collection is not None:
        model = model or model_of_collection(found.collection, None, device)
        pool = found.collection.about.pool
    more = opened_images(model, project, progress=progress)
    own = pooled(encoded(model, more, progress=progress), pool)
    ids = [str(id_) for id_ in getattr(more, "ids", None) or range(len(more))]
    points = {name: embedding.transform(own) for name, embedding in embeddings.items()}
    return points, ids, more


def _labels(images: Any, given: Any) -> tuple[str, Array | None]:
    """What to colour by: its name, and a value for each picture."""
    if given is None or isinstance(given, (str, Path)):
        spec = None if given is None else str(given)
        found = None if spec == "none" else known_labels(images, spec)
        return ("", None) if found is None else (found[0], np.asarray(found[1]))
    values = np.asarray(given)
    if values.shape != (len(images),):
        raise ValueError(
            f"a label for each of the {len(images):,} pictures was wanted; we got {values.shape}"
        )
    return "label", values


def _continuous(values: Array) -> bool:
    """Whether labels are numbers of which neighbours do not share one, such as an age."""
    return bool(values.dtype.kind == "f" or len(np.unique(values)) > max(20, len(values) / 20))


def _root(pictures: Any, found: Opened, ids: Sequence[str]) -> Path | None:
    """The folder that the ids are files of."""
    where = found.collection.about.pictures if found.collection is not None else pictures
    if not isinstance(where, (str, Path)):
        return None
    root = Path(where).expanduser()
    try:
        return root.resolve() if root.is_dir() and (root / ids[0]).is_file() else None
    except (OSError, ValueError):
        return None


def _relative(root: Path, folder: Path) -> str | None:
    """The way from a page's folder to the pictures', as an address; None on another drive."""
    try:
        way = os.path.relpath(root, folder.expanduser().resolve())
    except ValueError:
        return None
    return urllib.parse.quote(way.replace(os.sep, "/"))


def _title(subject: Any, pictures: Any, found: Opened) -> str:
    """Whose pictures, as which model sees them."""
    what, model = pictures, subject
    if found.collection is not None:
        what, model = found.collection.address, found.collection.about.model
    elif not isinstance(subject, (str, Path)):
        model = getattr(getattr(subject, "run", None), "folder", None) or "the model"
    shown = Path(what).name if isinstance(what, (str, Path)) else "pictures"
    return f"{shown or what}, as {Path(model).name or 'the model'} sees it"
