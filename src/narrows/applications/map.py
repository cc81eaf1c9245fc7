"""Map: the codes of pictures as points of the plane.

codes (N, D) ──PCA───► points (N, 2)     a straight view, the same every time
             └─t-SNE─► points (N, 2)     neighbours beside neighbours; distances afar mean little

Either map places codes that it was not made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from .. import files
from ..collection import Collection, pooled
from ..errors import NoImages, Unavailable
from ..figures import map_page
from ..figures import maps as drawn
from ..images import Images, Source, as_source
from ..images.inputs import Pictures, even_rows, evenly
from ..images.labels import known_labels
from ..images.read import Wanted, fit_pixels
from ..images.thumbnails import SIDE, opened_thumbnail
from ..measures import Neighbourhoods, neighbourhoods
from ..progress import Progress as Shown
from ..progress import stage
from ..randomness import permutation
from ..results import Result
from ..tables import Table
from .opening import (
    Opened,
    encoded,
    is_collection,
    model_of_collection,
    opened,
    opened_collection,
    opened_images,
)

__all__ = ["METHODS", "Embedding", "Maps", "code_rows", "embed_2d", "map", "thumbnails"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

METHODS = ("pca", "tsne")
NAMES = {"tsne": "t-SNE", "pca": "PCA"}
FEWEST = 5  # pictures of a map
PERPLEXITY = 30.0
FITTED = 10_000  # codes that t-SNE moves about; the others are placed among them
ITERATIONS = 750  # 250 exaggerated and 500 more: openTSNE's own
TOGETHER = 20_000  # codes that are placed at a time
ROOM = 40_000_000  # pixels of all thumbnails together
LARGEST, SMALLEST = 64, 16  # sides of a thumbnail


@dataclass(frozen=True)
class Embedding:
    """Codes as points of the plane.

    Attributes:
        method: ``pca`` or ``tsne``.
        points: (N, 2) float32.
        transform: codes (M, *code) → their points (M, 2) on the same map.
        fitted_on: how many of the codes made the map; the others were placed on it.
        note: what a reader of the map has to know.
    """

    method: str
    points: Array
    transform: Callable[[Any], Array]
    fitted_on: int
    note: str


def code_rows(codes: Any) -> Array:
    """Codes (N, *code) of any kind, an array or a tensor → (N, D) float32.

    Raises:
        ValueError: no code, or one that is not finite.
    """
    rows = np.asarray(codes.detach().cpu() if isinstance(codes, torch.Tensor) else codes)
    if rows.ndim < 2 or 0 in rows.shape:
        raise ValueError(f"codes (N, D) were wanted; we got {rows.shape}")
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1), np.float32)
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise ValueError(
            f"{len(bad):,} of {len(rows):,} codes are NaN or infinite, the first at {bad[0]}: "
            "the model that made them is damaged or did not learn"
        )
    return rows


def embed_2d(
    codes: Any,
    method: str = "tsne",
    *,
    perplexity: float = PERPLEXITY,
    fit_size: int = FITTED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Embedding:
    """A map of codes.

    Args:
        codes: (N, *code).
        method: ``pca``, or ``tsne`` (van der Maaten & Hinton 2008, as in openTSNE, begun at PCA).
        perplexity: of t-SNE, about how many neighbours count; at most (N − 1) / 3.
        fit_size: t-SNE is made of so many codes, drawn by the seed; the others are placed.
        progress: called with (done, total).

    Raises:
        ValueError: no such method, fewer than five codes, all codes the same, or not finite.
        Unavailable: openTSNE is not installed.
    """
    rows = code_rows(codes)
    if method not in METHODS:
        raise ValueError(f"a map is one of {', '.join(METHODS)}; we got {method!r}")
    if not perplexity > 1 or fit_size < FEWEST:
        raise ValueError(
            f"perplexity is above 1 and fit_size at least {FEWEST}; we got {perplexity} and "
            f"{fit_size}"
        )
    if len(rows) < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} pictures; we got {len(rows)}")
    if (rows == rows[0]).all():
        raise ValueError(f"all {len(rows):,} codes are the same: there is nothing to map")
    if method == "pca":
        return _pca(rows, seed)
    return _tsne(rows, perplexity, fit_size, seed, progress)


def _pca(rows: Array, seed: int) -> Embedding:
    from sklearn.decomposition import PCA

    wide = rows if rows.shape[1] > 1 else np.pad(rows, ((0, 0), (0, 1)))
    fitted = PCA(2, random_state=seed).fit(wide)
    share = fitted.explained_variance_ratio_
    note = f"{share.sum():.0%} of the variance ({share[0]:.0%} and {share[1]:.0%})"

    def transform(more: Any) -> Array:
        given = _as_many(code_rows(more), rows.shape[1])
        given = given if rows.shape[1] > 1 else np.pad(given, ((0, 0), (0, 1)))
        return np.asarray(fitted.transform(given), np.float32)

    return Embedding("pca", transform(rows), transform, len(rows), note)


def _tsne(
    rows: Array, perplexity: float, fit_size: int, seed: int, progress: Progress | None
) -> Embedding:
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise Unavailable(
            "t-SNE needs openTSNE, which is not installed: pip install 'narrows[maps]'"
        ) from error
    n = len(rows)
    chosen = permutation(seed, "t-sne", n)[:fit_size].sort().values.numpy()
    used = min(perplexity, (len(chosen) - 1) / 3)
    every = 25
    done = 0

    def moved(*_: Any) -> None:
        nonlocal done
        done = min(done + every, ITERATIONS)
        if progress is not None:
            progress(done, ITERATIONS)

    made = TSNE(
        perplexity=used,
        initialization="pca",
        n_jobs=torch.get_num_threads(),
        random_state=seed,
        callbacks=[moved],
        callbacks_every_iters=every,
    ).fit(rows[chosen])

    def transform(more: Any) -> Array:
        given = _as_many(code_rows(more), rows.shape[1])
        near = min(5.0, (len(chosen) - 1) / 3)
        return np.concatenate(
            [
                np.asarray(made.transform(part, perplexity=near), np.float32)
                for part in np.split(given, range(TOGETHER, len(given), TOGETHER))
            ]
        )

    points = np.empty((n, 2), np.float32)
    points[chosen] = made
    left = np.setdiff1d(np.arange(n), chosen)
    if len(left):
        points[left] = transform(rows[left])
    note = f"perplexity {used:.3g}"
    if len(left):
        note += f", made of {len(chosen):,} codes; the other {len(left):,} were placed"
    return Embedding("tsne", points, transform, len(chosen), note)


def _as_many(rows: Array, width: int) -> Array:
    if rows.shape[1] != width:
        raise ValueError(f"this map is of codes of {width} numbers; we got {rows.shape[1]}")
    return rows


def thumbnails(images: Source | Any, side: int | None = None) -> Array:
    """Small pictures, uint8 (N, C, h, w): the longer side at most ``side``, never enlarged.

    By default 64 pixels, and fewer of more than 10,000 pictures, so that a page can hold them all.
    """
    source = as_source(images)
    n, (_, height, width) = len(source), source.shape
    if side is None:
        side = int(np.clip((ROOM / n) ** 0.5, SMALLEST, LARGEST))
    shrink = min(1.0, side / max(height, width))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    found = []
    for rows in torch.split(torch.arange(n), 512):
        x = source.batch(rows).cpu()
        if size != (height, width):
            x = torch.nn.functional.interpolate(x, size, mode="bilinear", antialias=True)
        found.append((x.clamp(0, 1) * 255).round().byte())
    return torch.cat(found).numpy()


# ---- the verb ------------------------------------------------------------------------------------


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
        """Both maps, coloured by label, or with the pictures where they stand."""
        small = self.thumbnails if self.labels is None else None
        figure = drawn(
            self.points,
            self.labels,
            notes=self._notes(),
            title=self.label_name,
            pictures=small,
            new=dict(self.projected),
        )
        return {"map": figure}

    def page(self) -> str:
        """One HTML file to move about in: drag, zoom, and the picture under the pointer is shown."""
        return map_page(
            self.title,
            self.points,
            self.thumbnails,
            self.ids,
            self.labels,
            notes=self._notes(),
            label_name=self.label_name,
        )

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The figure, the document, and the page to move about in."""
        page = Path(folder) / "map.html"
        files.write_text(page, self.page())
        return self._written(Path(folder), {"page": str(page)})


def map(
    subject: Any,
    pictures: Pictures | None = None,
    *,
    labels: Any = None,
    project: Pictures | None = None,
    where: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    fit_size: int = FITTED,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
    device: str = "auto",
    progress: Shown = None,
) -> Maps:
    """Put pictures where their codes lie, by t-SNE and by PCA.

    Args:
        subject: a model (an ``Autoencoder``, another ``Encoder``, or a folder), or a collection (or
            its folder), whose stored codes are taken.
        pictures: with a model, anything that :func:`narrows.images.inputs.pictures` reads.
        labels: what to colour by: values (N,); a column of the pictures' labels; FILE.csv,
            FILE.csv:COLUMN or FILE.npy; ``none`` for no colours. None: the main label.
        project: more pictures, placed on the finished maps.
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
    label_name, values = _labels(found.images, labels)
    images = evenly(found.images, limit)
    if images is not found.images and values is not None:
        values = evenly_of(values, limit)
    if found.codes is not None:
        codes = evenly_of(found.codes, limit)
    else:
        codes = code_rows(encoded(found.model, images, progress=progress))
    embeddings = {}
    for method, name in NAMES.items():
        with stage(progress, name) as step:
            embeddings[name] = embed_2d(
                codes, method, perplexity=perplexity, fit_size=fit_size, seed=seed, progress=step
            )
    classes = None if values is None or _continuous(values) else values
    judged = {n: neighbourhoods(codes, e.points, classes, seed=seed) for n, e in embeddings.items()}
    placed, more_ids, skipped = _projected(found, project, embeddings, device, progress)
    ids = [str(id_) for id_ in getattr(images, "ids", None) or range(len(images))]
    return Maps(
        embeddings, judged, codes, ids, values, label_name, thumbnails(images), placed, more_ids,
        _title(subject, pictures, found), found.notes, [*found.skipped, *skipped],
    )  # fmt: skip


def evenly_of(rows: Array, limit: int | None) -> Array:
    """At most ``limit`` of N rows, those that :func:`narrows.images.inputs.evenly` takes."""
    taken: Array = np.asarray(rows)[even_rows(len(rows), limit)]
    return taken


def _opened(
    subject: Any, pictures: Any, where: str | None, split: str | None, device: str, progress: Shown
) -> Opened:
    """A model and pictures; of a collection of pictures in memory, its thumbnails stand for them."""
    if is_collection(subject) and pictures is None and split is None:
        collection = opened_collection(subject)
        if not collection.about.pictures:
            return _of_thumbnails(collection, where)
    return opened(subject, pictures, where=where, split=split, device=device, progress=progress)


def _of_thumbnails(collection: Collection, where: str | None) -> Opened:
    own = ("path", "size", "mtime", "hash")
    rows = collection.rows([name for name in collection.columns if name not in own], where)
    ids, codes, small = (rows.pop(name) for name in ("id", "code", "thumbnail"))
    if not len(ids):
        raise NoImages(f"no picture of {collection.address} passes the filter {where!r}")
    how = Wanted((SIDE, SIDE), fit="pad")
    pixels = [
        fit_pixels(torch.from_numpy(opened_thumbnail(each or b""))[None], how) for each in small
    ]
    label = {"label": rows.pop("label")} if "label" in rows else None
    images = Images(torch.cat(pixels), ids=ids.tolist(), labels=label, metadata=rows)
    return Opened(None, images, codes, collection)


def _projected(
    found: Opened, project: Any, embeddings: Mapping[str, Embedding], device: str, progress: Shown
) -> tuple[dict[str, Array], list[str], list[tuple[str, str]]]:
    """More pictures on the finished maps: their points, their names, and what could not be read."""
    if project is None:
        return {}, [], []
    model, pool = found.model, "flatten"
    if found.collection is not None:
        model = model or model_of_collection(found.collection, None, device)
        pool = found.collection.about.pool
    more = opened_images(model, project, progress=progress)
    own = pooled(encoded(model, more, progress=progress), pool)
    ids = [str(id_) for id_ in getattr(more, "ids", None) or range(len(more))]
    points = {name: embedding.transform(own) for name, embedding in embeddings.items()}
    return points, ids, list(getattr(more, "skipped", ()))


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


def _title(subject: Any, pictures: Any, found: Opened) -> str:
    """Whose pictures, as which model sees them."""
    what, model = pictures, subject
    if found.collection is not None:
        what, model = found.collection.address, found.collection.about.model
    elif not isinstance(subject, (str, Path)):
        model = getattr(getattr(subject, "run", None), "folder", None) or "the model"
    shown = Path(what).name if isinstance(what, (str, Path)) else "pictures"
    return f"{shown or what}, as {Path(model).name or 'the model'} sees it"
