"""Segment: a class for each pixel, by a model that finds the hidden mask of a picture.

    pictures with masks ──train_segmentation──► model
    x (N, C, H, W) ──K empty channels behind──► model ──► K probabilities ──argmax──► (N, H, W)

The model is an autoencoder of pictures with their masks, trained with the masks hidden.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..errors import NarrowsError, NoImages
from ..figures import loss_curves, mask_png, overlays
from ..files import write_bytes
from ..images import (
    Masked,
    Preprocessing,
    masked,
    masks_below,
    masks_by_name,
    named_outputs,
    read_mask,
    spared,
    split,
    stacked,
    unmasked,
    usual_size,
)
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..images.masks import mask_of
from ..images.read import Size
from ..images.resizing import enlarged, reduced
from ..images.sizes import Sized, sized
from ..measures import class_weights, intersection_over_union, pixel_confusion, position_prior
from ..progress import Progress, stage
from ..recipes.lingrand import lingrand_2021_segmentation
from ..results import Result
from ..tables import Table, counted
from ..training import fit
from .fine_tune import Steps
from .opening import opened_autoencoder, run_of
from .restored import through

__all__ = [
    "Segmentation", "Segments", "TrainedSegmentation", "segment", "segment_batch",
    "train_segmentation",
]  # fmt: skip

SHOWN = 6  # pictures of the sheet
BATCH = 8
IOU = "(intersection over union)"


@dataclass(frozen=True)
class Segments:
    """What each pixel shows.

    Attributes:
        classes: uint8 (N, H, W).
        certainty: (N, H, W), the probability of that class.
    """

    classes: Tensor
    certainty: Tensor


# ---- find ----------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Segmentation(Result):
    """N pictures of any sizes and the class of each of their pixels.

    Attributes:
        names: of the K classes.
        pictures: uint8 (C, H, W) each.
        masks: what the model found, uint8 (H, W) each.
        truths: the masks given, uint8 (H, W) each, 255 for void; None where none were.
        seen: N booleans: the model's training had the picture, or may have had it; with truths only.
        ids: N names.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "segments"
    names: Sequence[str]
    pictures: Sequence[Tensor]
    masks: Sequence[Tensor]
    truths: Sequence[Tensor] | None = None
    seen: Sequence[bool] = ()
    ids: Sequence[str] = ()
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def shares(self) -> Tensor:
        """Of each class in each picture, (N, K)."""
        counts = [torch.bincount(mask.flatten().long(), minlength=self._k) for mask in self.masks]
        return torch.stack([count / count.sum() for count in counts])

    def scores(self, held_out: bool = False) -> dict[str, Any]:
        """Intersection over union of each class and their mean; nothing without truths.

        Args:
            held_out: only over pictures that the model's training had not; nothing where there are
                none.
        """
        if self.truths is None:
            return {}
        confusion = torch.zeros(self._k, self._k, dtype=torch.int64)
        rows = [i for i in range(len(self.masks)) if not (held_out and self.seen[i])]
        for i in rows:
            confusion += pixel_confusion(self.truths[i], self.masks[i], self._k)
        return _scored(confusion) if rows else {}

    @property
    def _k(self) -> int:
        return len(self.names)

    def document(self) -> dict[str, Any]:
        """The share of each class in each picture, and with truths how right they are."""
        rows = zip(self.ids, self.shares().tolist(), strict=True)
        document: dict[str, Any] = {
            "classes": list(self.names),
            "pictures": [{"id": id_, "shares": shares} for id_, shares in rows],
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }
        if self.truths is not None:
            document |= self.scores() | {"seen_in_training": sum(self.seen)}
            document["held_out"] = self.scores(held_out=True) or None
        return document

    def table(self) -> Table:
        """A row for each class and their mean; empty without truths."""
        if self.truths is None:
            return Table({})
        rows = {"all" if any(self.seen) else "held-out": self.scores()}
        if any(self.seen) and not all(self.seen):
            rows["held-out"] = self.scores(held_out=True)
        return _table(rows, self.names, IOU)

    def figures(self) -> dict[str, Any]:
        """Pictures of one size with their classes laid over them, and the truth where it is known."""
        size = self.pictures[0].shape
        alike = [i for i, picture in enumerate(self.pictures) if picture.shape == size][:SHOWN]
        shown = {"model": np.stack([self.masks[i].numpy() for i in alike])}
        if self.truths is not None:
            shown = {"truth": np.stack([self.truths[i].numpy() for i in alike]), **shown}
        pictures = torch.stack([self.pictures[i] for i in alike]).numpy()
        return {"comparison": overlays(pictures, shown, list(self.names))}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and for each picture a palette PNG of class numbers."""
        folder = Path(folder)
        names = named_outputs(self.ids, ("comparison.png",))
        paths = [str(spared(folder / name)) for name in names]
        for path, mask in zip(paths, self.masks, strict=True):
            write_bytes(path, mask_png(mask.numpy(), self._k))
        return self._written(folder, {"pictures": paths})

    def __str__(self) -> str:
        count = len(self.masks)
        lines = [str(self.table())] if self.truths is not None else []
        return "\n".join([*lines, counted(count, "mask")])


def segment(
    model: Any,
    pictures: Pictures,
    *,
    masks: Any = None,
    void: int | None = None,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Segmentation:
    """Find the class of every pixel of pictures, in each one's own size.

    Args:
        model: trained by :func:`train_segmentation`, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads; they keep their size.
        masks: the truth, to say how right they are: a folder with a file of the same name for each
            picture, or an array (H, W) of class numbers for each, in their order.
        void: the number in ``masks`` that is no class.
        limit: at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a model that was not trained on masks.
        NoImages: nothing can be read, or no picture has its mask.

    Examples:
        >>> import narrows as nw
        >>> from narrows.applications.segment import train_segmentation
        >>> digits = nw.images.named("digits", size=16)[:24]
        >>> ink = (digits.pixels[:, 0] > 127).byte()  # class 1 of each pixel (24, 16, 16)
        >>> masked = nw.images.Masked(digits, ink, ("paper", "ink"))
        >>> trained = train_segmentation(masked, epochs=1, progress=False)
        >>> nw.segment(trained.model, digits[:2], progress=False).masks[0].shape
        torch.Size([16, 16])
    """
    autoencoder = opened_autoencoder(model, device)
    names = class_names_of(autoencoder)
    height, width = autoencoder.shape[1:]
    how = autoencoder.preprocessing
    like = Preprocessing(
        (autoencoder.shape[0] - len(names), height, width), how.fit, how.center_crop, how.levels
    )
    if not isinstance(pictures, (str, os.PathLike, list, tuple)):
        pictures = read_pictures(pictures, limit=limit)  # what can be read once only
    given = sized(pictures, like, limit=limit)
    truths = _truths(given, masks, void)
    kept = [i for i in range(len(given)) if truths is None or truths[i] is not None]
    if not kept:
        name, reason = given.skipped[-1]
        raise NoImages(f"none of the pictures could be segmented: {name}: {reason}")
    out: dict[int, Tensor] = {}
    with stage(progress, "segmenting") as step, autoencoder.evaluating():
        for some in _batches(given, kept):
            x = torch.stack([given.pixels[i] for i in some]).float() / 255
            classes = segment_batch(through(autoencoder), x, len(names), (height, width)).classes
            out.update(zip(some, classes, strict=True))
            step(len(out), len(kept))
    ids = [given.ids[i] for i in kept]
    seen: list[bool] = []
    notes = list(given.notes)
    if truths is not None:
        seen, more = _seen(autoencoder, pictures, like, len(names), ids)
        notes += more
    return Segmentation(
        names,
        [given.pixels[i] for i in kept],
        [out[i] for i in kept],
        None if truths is None else [each for i in kept if (each := truths[i]) is not None],
        seen,
        ids,
        tuple(notes),
        tuple(given.skipped),
    )


def class_names_of(model: Autoencoder) -> tuple[str, ...]:
    """The classes of a model that was trained on masks.

    Raises:
        ValueError: it was not.
    """
    count = getattr(model.likelihood, "classes", None)
    if count is None:
        raise ValueError(
            "this model was not trained on masks; train_segmentation (narrows segment train) makes "
            "one that was"
        )
    names = tuple(str(name) for name in run_of(model).facts.get("classes", ()))
    return names if len(names) == count else tuple(map(str, range(count)))


def _truths(given: Sized, masks: Any, void: int | None) -> list[Tensor | None] | None:
    """The mask of each picture; None, and a reason in ``skipped``, for one that has none."""
    if masks is None:
        return None
    by_name: dict[str, Path] | None = None
    if isinstance(masks, (str, os.PathLike)):
        by_name = masks_by_name(Path(masks))
    elif len(masks) != len(given):
        raise ValueError(
            f"a mask for each picture was wanted; we got {len(masks)} and {len(given)}"
        )
    truths: list[Tensor | None] = []
    for place, id_ in enumerate(given.ids):
        size = tuple(given.pixels[place].shape[1:])
        try:
            if by_name is not None:
                file = mask_of(by_name, id_)
                if file is None:
                    raise NoImages(f"no mask of that name in {masks}")
                truth = read_mask(file, void)
            else:
                one = masks[place]
                whole = one if isinstance(one, Tensor) else torch.from_numpy(np.asarray(one))
                truth = whole.to(torch.uint8)
                truth = truth if void is None else truth.masked_fill(truth == void, 255)
            if tuple(truth.shape) != size:
                raise NoImages(f"its mask is {'×'.join(map(str, truth.shape))} pixels")
            truths.append(truth)
        except NarrowsError as error:
            given.skipped.append((id_, str(error)))
            truths.append(None)
    return truths


def _batches(given: Sized, kept: Sequence[int]) -> list[list[int]]:
    """Places of pictures of one size, a few at a time."""
    wanted = set(kept)
    places = [[i for i in group.places if i in wanted] for group in given.groups()]
    return [some[a : a + BATCH] for some in places for a in range(0, len(some), BATCH)]


def _seen(
    model: Autoencoder, pictures: Pictures, like: Preprocessing, classes: int, ids: Sequence[str]
) -> tuple[list[bool], list[str]]:
    """Which pictures the model's training had: they are read again as its own were."""
    images = read_pictures(pictures, like)
    parts = run_of(model).split(unmasked(images, classes))
    new = {images.ids[row] for row in parts.new.tolist()}
    seen = [id_ not in new for id_ in ids]
    if parts.note or not any(seen):
        return seen, [parts.note] if parts.note else []
    return seen, [
        f"the model has seen {sum(seen):,} of the {counted(len(ids))} with their masks in training: "
        "scores flatter it"
    ]


# ---- train ---------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class TrainedSegmentation(Result):
    """A model that segments, and how well it does on pictures that it was not trained on.

    Attributes:
        model: trained.
        names: of the K classes.
        fitted: the pictures and masks that it was trained on.
        judged: those that it is judged by.
        judged_on: ``held-out``, or ``training`` where there were too few to keep any.
        found: its masks of the pictures that it is judged by, uint8 (M, H, W).
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "segments"
    model: Autoencoder
    names: Sequence[str]
    fitted: Masked
    judged: Masked
    judged_on: str
    found: Tensor
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def scores(self) -> dict[str, dict[str, Any]]:
        """``model``, and ``prior``: the most frequent class of each position in the training masks."""
        truth, count = self.judged.masks, len(self.names)
        blind = position_prior(self.fitted.masks, count).expand(truth.shape)
        return {
            name: _scored(pixel_confusion(truth, masks, count))
            for name, masks in {"model": self.found, "prior": blind}.items()
        }

    def document(self) -> dict[str, Any]:
        """Intersection over union of each class."""
        return {
            "classes": list(self.names),
            "fitted_on": len(self.fitted.masks),
            "judged_on": len(self.judged.masks),
            "held_out": self.judged_on == "held-out",
            **self.scores(),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """A row for each class and their mean: the model, and the blind guess."""
        explained = (
            f"(intersection over union, {counted(len(self.judged.masks), f'{self.judged_on} picture')}; "
            "prior: the most frequent class of each position)"
        )
        return _table(self.scores(), self.names, explained)

    def figures(self) -> dict[str, Any]:
        """Pictures with truth and answer laid over them, and the loss."""
        masks = {"truth": self.judged.masks[:SHOWN].numpy(), "model": self.found[:SHOWN].numpy()}
        pictures = self.judged.images.batch(torch.arange(min(SHOWN, len(self.found)))).numpy()
        drawn = {"segments": overlays(pictures, masks, list(self.names))}
        return drawn | ({"losses": loss_curves(self.model.history)} if self.model.history else {})


def train_segmentation(
    pictures: Any,
    masks: Path | str | None = None,
    *,
    size: Size | None = None,
    names: Sequence[str] | None = None,
    void: int | None = None,
    epochs: float | None = None,
    balanced: bool = True,
    validation: float = 0.15,
    to: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    facts: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> TrainedSegmentation:
    """Train a SegNet on pictures and their masks (Badrinarayanan et al. 2017).

    A share of the pictures is kept out of the training, by content, to judge by; weights of rare
    classes are those of the training masks alone. The model remembers the pictures without their
    masks.

    Args:
        pictures: a folder with images/ and masks/; a folder of pictures, with ``masks``; or
            :class:`narrows.images.Masked`, as it is.
        masks: a folder with a gray or palette picture of class numbers for each picture.
        size: (height, width) that the model takes, or one number; None: in the pictures' aspect, about
            80 × 80 pixels.
        names: of the classes 0, 1, …
        void: the number in the masks that is no class.
        epochs: passes over the pictures, instead of the recipe's.
        balanced: weigh rare classes up, by the median of all frequencies.
        validation: share of the pictures kept to judge by.
        to: a folder for the run; None keeps nothing on disk.
        seed: of every draw.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.
        facts: what else the run shall say.

    Raises:
        NoImages: a folder is missing or empty.
        BadFile: pictures and masks do not belong together.
        RunExists: ``to`` holds a run.
    """
    about = dict(facts or {})
    if isinstance(pictures, Masked):
        given = pictures
    else:
        where = (pictures, masks) if masks is not None else masks_below(pictures)
        about |= {"pictures": str(where[0]), "masks": str(where[1])}
        with stage(progress, "reading pictures") as step:
            wanted = usual_size(where[1]) if size is None else size
            given = masked(where[0], where[1], wanted, void=void, names=names, progress=step)
    count, parts = len(given.names), split(given.images, validation=validation, seed=seed)
    places = {id_: place for place, id_ in enumerate(given.images.ids)}
    fitted = given.select([places[id_] for id_ in parts.train.ids])
    weights = class_weights(fitted.masks, count).tolist() if balanced else None
    recipe = lingrand_2021_segmentation(given.images.shape, count, weights=weights)
    about |= {
        "classes": list(given.names),
        "trained_on": f"{len(fitted.masks):,} of {len(given.masks):,} pictures with masks",
    }
    with stage(progress, "training") as step:
        report: Any = "auto" if progress is None else Steps(step)
        model = fit(
            recipe, stacked(fitted), epochs=epochs, to=to, seed=seed, device=device, report=report,
            facts=about,
        )  # fmt: skip
    seen = run_of(model).split(stacked(given))
    held_out = len(seen.new) > 0
    judged = given.select(seen.new if held_out else seen.trained)
    x = judged.images.batch(torch.arange(len(judged.masks))).cpu()
    with model.evaluating():
        found = segment_batch(through(model), x, count, given.images.shape[1:]).classes
    return TrainedSegmentation(
        model, given.names, fitted, judged, "held-out" if held_out else "training", found,
        tuple(given.images.skipped), tuple(given.images.notes),
    )  # fmt: skip


def _scored(confusion: Tensor) -> dict[str, Any]:
    """Intersection over union of each class, and their mean."""
    each = intersection_over_union(confusion)
    return {"iou": each.tolist(), "mean_iou": float(each.mean())}


def _table(rows: Mapping[str, Mapping[str, Any]], names: Sequence[str], explained: str) -> Table:
    """A row for each class and their mean, a column for each of ``rows``."""
    columns: dict[str, list[Any]] = {"": [*names, "mean"]}
    columns |= {title: [*each["iou"], each["mean_iou"]] for title, each in rows.items()}
    return Table(columns, notes=[explained])


# ---- of functions --------------------------------------------------------------------------------


def segment_batch(
    through: Callable[[Tensor], Tensor],
    x: Tensor,
    classes: int,
    size: tuple[int, int],
    *,
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Segments:
    """Find the class of every pixel of pictures of one size.

    Args:
        through: (B, C + K, h, w) with empty masks → the same with probabilities for them.
        x: (N, C, H, W).
        classes: K.
        size: (h, w) that ``through`` takes. Pictures of another size are brought to it, and the
            probabilities back.
        batch_size: pictures at once.
        progress: called with (done, total).
    """
    own = (x.shape[2], x.shape[3])
    found, certain = [], []
    for batch in torch.split(x, batch_size):
        small = batch if own == size else _resized(batch, size).clamp(0, 1)
        empty = small.new_zeros(len(small), classes, *size)
        with torch.no_grad():
            likely = through(torch.cat([small, empty], 1))[:, -classes:].float()
        if own != size:
            likely = _resized(likely, own)
        most, which = likely.max(1)
        found.append(which.byte().cpu())
        certain.append(most.clamp(0, 1).cpu())
        if progress is not None:
            progress(sum(map(len, found)), len(x))
    return Segments(torch.cat(found), torch.cat(certain))


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    smaller = size[0] <= x.shape[2] and size[1] <= x.shape[3]
    return reduced(x, size) if smaller else enlarged(x, size)
