"""Do codes find pictures of one kind better than what needs no model? By labels, where there are some.

codes, small pictures, labels ──► the same label among the nearest: of codes, of pixels, of colours
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..collection import Collection
from ..images.thumbnails import opened_thumbnail
from ..measures.features import colours, pixels
from ..measures.neighbourhoods import neighbourhoods
from ..randomness import permutation
from ..training.standing import ERRORS, difference_error
from .embedding import embed_2d
from .features import TITLES

__all__ = ["collection_note", "kinship_note", "of_kinds", "plane_note"]

Array = np.ndarray[Any, Any]

NEAREST = 5
ASKED = 300  # pictures, among themselves
FEWEST = 20
MOST = 50_000  # pictures of a collection, whose labels are read in a moment
FREE = {"pixels": pixels, "colours": colours}
PLANE = 0.02  # of the neighbours on a map, below which it is none


def of_kinds(values: Array) -> bool:
    """Whether labels are kinds that several pictures share, and no numbers such as an age."""
    return values.dtype.kind != "f" and 1 < len(np.unique(values)) <= max(20, len(values) / 20)


@functools.lru_cache(maxsize=16)
def _of_version(collection: _Version) -> str:
    return kinship_note(*collection.sample, collection.kind)


class _Version:
    """A version of a collection, as a key that is looked at once."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.kind = collection.about.features
        self.key = (collection.address, collection.version.number, self.kind)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Version) and self.key == other.key

    @property
    def sample(self) -> tuple[Array, list[Array], Array]:
        """Codes, pictures and labels of some labelled rows."""
        known = self.collection.rows(["id", "label"])
        there = [i for i, one in enumerate(known["label"]) if one is not None and one == one]
        chosen = permutation(0, "kinship", len(there))[:ASKED].sort().values
        ids = [str(known["id"][there[i]]) for i in chosen.tolist()]
        if len(ids) < FEWEST:
            return np.zeros((0, 1)), [], np.zeros(0)
        rows = self.collection.rows(["code", "thumbnail", "label"], ids=ids)
        small = [opened_thumbnail(content or b"") for content in rows["thumbnail"]]
        return rows["code"], small, rows["label"]


def collection_note(collection: Collection) -> list[str]:
    """That features without a model find the same label better than what a collection holds.

    By its column ``label`` and the thumbnails; nothing without them. It is measured once for a version.
    """
    if "label" not in collection.columns or not FEWEST <= len(collection) <= MOST:
        return []
    said = _of_version(_Version(collection))
    return [said] if said else []


def kinship_note(codes: Array, pictures: Sequence[Array], labels: Array, kind: str) -> str:
    """The sentence about it; empty where codes are as good, or labels are no kinds.

    Args:
        codes: (N, D), compared by their Euclidean distances.
        pictures: N uint8 (C, h, w), small.
        labels: (N,).
        kind: what the codes are, a name of features.
    """
    names = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
    numbers = np.asarray(labels)
    if len(names) < FEWEST or not of_kinds(numbers if numbers.dtype.kind == "f" else names):
        return ""
    x = [torch.from_numpy(each)[None].float() / 255 for each in pictures]
    own = _same(torch.as_tensor(np.asarray(codes, np.float64)), names)
    best, share = "", own
    for name, change in FREE.items():
        if name != kind:
            found = _same(torch.cat([change(each) for each in x]).double(), names)
            if found.mean() > share.mean():
                best, share = name, found
    error = difference_error(own.tolist(), share.tolist())
    if not best or float((share - own).mean()) <= ERRORS * error:
        return ""
    return (
        f"{TITLES[best]} find the same label better than {TITLES[kind]} "
        f"({share.mean():.0%} against {own.mean():.0%} of the {NEAREST} nearest, over {len(own)} "
        f"pictures): index with --features {best}"
    )


def _same(rows: torch.Tensor, names: Array) -> torch.Tensor:
    """The share of the nearest rows with a row's own label, (N,)."""
    away = torch.cdist(rows, rows)
    away.fill_diagonal_(torch.inf)
    nearest = away.topk(min(NEAREST, len(rows) - 1), 1, largest=False).indices
    known = torch.from_numpy(names)
    return (known[nearest] == known[:, None]).double().mean(1)


def plane_note(pictures: Array, labels: Array | None, shown: float | None, seed: int) -> list[str]:
    """That a plane of pixels keeps labels together better than a map does.

    Args:
        pictures: uint8 (N, C, h, w), small.
        labels: (N,) kinds, or None.
        shown: of the map, the share of neighbours with the same label.
    """
    if labels is None or shown is None:
        return []
    parts = torch.split(torch.from_numpy(pictures), 512)
    rows = torch.cat([pixels(part.float() / 255) for part in parts]).numpy()
    if (rows == rows[0]).all():
        return []
    plane = neighbourhoods(rows, embed_2d(rows, "pca", seed=seed).points, labels, seed=seed)
    share = plane.same_label
    if share is None or share <= shown + PLANE:
        return []
    return [
        f"PCA of the pixels alone keeps pictures of one label together better ({share:.0%} of the "
        f"neighbours on it against {shown:.0%} on t-SNE): map with --features pixels"
    ]
