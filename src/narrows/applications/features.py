"""Features as an encoder: what a collection can hold in place of codes, and a picture be told by.

    model, pictures ──Features.fit──► rows of a kind ──distance──► what is stored and searched
                                      codes · pca · pixels · colours · patches · joined

What is fitted to the pictures is kept beside the collection, so that a new picture gets the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import files
from ..collection.about import DISTANCES, FEATURES
from ..collection.store import local
from ..errors import BadFile
from ..images import Preprocessing, Source, Subset, as_source
from ..images.inputs import evenly
from ..measures import Pca
from ..measures.features import KMeansPatches, ZScores, colours, pixels
from ..near import meant

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = [
    "FITTED_ON", "TITLES", "Features", "check_features", "check_place", "check_unfitted", "kept_features",
]  # fmt: skip

TITLES = {
    "codes": "codes",
    "pca": "PCA",
    "pixels": "pixels, 16×16",
    "colours": "colour histograms",
    "patches": "k-means patches",
    "joined": "joined features",
}
"""What each kind is called in tables and sentences."""

FITTED_ON = 2_000  # pictures
AT_ONCE = 256
JOINED = ("codes", "pixels", "colours", "patches")
SMALLEST = 0.05  # deviation of a direction that is whitened, relative to the largest


@dataclass(frozen=True)
class Features:
    """Rows of numbers of pictures: an ``Encoder``.

    Attributes:
        kind: of ``FEATURES``.
        distance: of ``DISTANCES``: what Euclidean distances of the rows are, those of the features
            as they are, of unit length (they order as the cosine does), or whitened.
        preprocessing: how files become pictures: the model's.
        fitted: tensors that were fitted to pictures, by name.
        model: whose codes they are or hold; None of a kind without codes.
    """

    kind: str
    distance: str
    preprocessing: Preprocessing
    fitted: Mapping[str, Tensor]
    model: Any = None

    @staticmethod
    def fit(
        kind: str, images: Source | Any, model: Any, *, distance: str = "euclidean", seed: int = 0
    ) -> Features:
        """Features of pictures as a model takes them.

        Args:
            kind, distance: of ``FEATURES`` and ``DISTANCES``.
            images: a source or an array in the model's shape; at most 2,000, evenly spread, are
                looked at.
            model: whose codes and preprocessing are taken.

        Raises:
            ValueError: no such kind or distance.
        """
        check_features(kind, distance)
        some = evenly(as_source(images), FITTED_ON)
        fitted: dict[str, Tensor] = {}
        if kind == "pca":
            size = min(torch.Size(model.code_shape).numel(), Pca.most(some))
            pca = Pca.fit(some, size, seed=seed)
            fitted |= {"pca.mean": pca.mean, "pca.components": pca.components}
        if kind in ("patches", "joined"):
            patches = KMeansPatches.fit(some, seed=seed)
            for name in ("mean", "whitening", "centres"):
                fitted[f"patches.{name}"] = getattr(patches, name)
            fitted["patches.side"] = torch.tensor(patches.side)
        whose = model if kind in ("codes", "joined") else None
        made = Features(kind, "euclidean", model.preprocessing, fitted, whose)
        if kind == "joined":
            kinds = [made.rows(name, some) for name in JOINED]
            scores = ZScores.fit(kinds)
            fitted |= {"joined.mean": scores.mean, "joined.scale": scores.scale}
        if distance == "whitened":
            rows = made.encode(some)
            mean = rows.mean(0)
            _, sizes, directions = torch.linalg.svd((rows - mean).double(), full_matrices=False)
            deviations = sizes / max(1, len(rows)) ** 0.5
            large = deviations > SMALLEST * deviations[:1].clamp_min(1e-12)
            fitted["whitened.mean"] = mean
            fitted["whitened.map"] = (directions[large].T / deviations[large]).float()
        return replace(made, distance=distance)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the pictures."""
        return self.preprocessing.shape

    @property
    def code_shape(self) -> tuple[int, ...]:
        """(F,) of a row."""
        return tuple(self.encode(torch.zeros(1, *self.shape)).shape[1:])

    def fingerprint(self) -> str:
        """Changes with what was fitted, with how pictures are read, and with the model of codes."""
        how = {k: v for k, v in self.preprocessing.document().items() if k != "levels"}
        whose = "" if self.model is None else self.model.fingerprint()
        stated = json.dumps([self.kind, self.distance, how, whose], sort_keys=True)
        return files.fingerprint(
            stated, files.fingerprint_of_tensors(dict(sorted(self.fitted.items())))
        )

    def encode(self, images: Any) -> Tensor:
        """Pictures as a source, an array or a tensor (N, C, H, W) → (N, F) float32."""
        if self.kind == "joined":
            scores = ZScores(self.fitted["joined.mean"], self.fitted["joined.scale"])
            found = scores([self.rows(name, images) for name in JOINED])
        else:
            found = self.rows(self.kind, images)
        if self.distance == "cosine":
            return torch.nn.functional.normalize(found, dim=1)
        if self.distance == "whitened":
            return (found - self.fitted["whitened.mean"]) @ self.fitted["whitened.map"]
        return found

    def weights(self) -> tuple[float, ...] | None:
        """Of whitened rows the deviation that each direction had before; None of others."""
        if self.distance != "whitened":
            return None
        return tuple((1 / self.fitted["whitened.map"].double().norm(dim=0)).tolist())

    @property
    def run(self) -> Any:
        """What the training of the model left; None of features that no model made."""
        return getattr(self.model, "run", None)

    def rows(self, kind: str, images: Any) -> Tensor:
        """Those of one kind that is not joined, (N, F)."""
        with torch.no_grad():
            if isinstance(images, Tensor):
                parts = torch.split(images, AT_ONCE)
                return torch.cat([self._of(kind, x, x) for x in parts])
            source = as_source(images)
            indices = torch.split(torch.arange(len(source)), AT_ONCE)
            return torch.cat([self._of(kind, Subset(source, part)) for part in indices])

    def _of(self, kind: str, images: Any, x: Tensor | None = None) -> Tensor:
        if kind == "codes":
            code = self.model.encode(images)
            return torch.as_tensor(getattr(code, "z", code)).detach().cpu().float().flatten(1)
        x = images.batch(torch.arange(len(images))) if x is None else x
        x = x.cpu()
        if kind == "pca":
            return (x.flatten(1) - self.fitted["pca.mean"]) @ self.fitted["pca.components"].T
        if kind == "patches":
            names = ("mean", "whitening", "centres")
            mean, whitening, centres = (self.fitted[f"patches.{name}"] for name in names)
            return KMeansPatches(mean, whitening, centres, int(self.fitted["patches.side"]))(x)
        return {"pixels": pixels, "colours": colours}[kind](x)

    def save(self, folder: Path | str) -> None:
        """Write what was fitted as safetensors, named by the fingerprint; nothing of colours and pixels."""
        path = _path(Path(folder), self.fingerprint())
        if self.fitted and not path.exists():
            files.save_tensors(path, self.fitted, {"kind": self.kind, "distance": self.distance})


def check_features(kind: str, distance: str = "euclidean") -> None:
    """Refuse a kind or a distance that there is not.

    Raises:
        ValueError: with what there is.
    """
    for what, name, known in (("features", kind, FEATURES), ("distance", distance, DISTANCES)):
        if name not in known:
            raise ValueError(
                f"{what} is one of {', '.join(known)}; we got {name!r}{meant(name, known)}"
            )


def check_place(address: str | Path, kind: str, distance: str) -> None:
    """Refuse an address where what is fitted could not be kept.

    Raises:
        ValueError: it is an object store's.
    """
    if _is_fitted(kind, distance) and local(str(address)) is None:
        raise ValueError(
            f"what is fitted for {kind} ({distance}) is kept in the collection's folder, and {address} is "
            "an object store: take codes, colours or pixels there, by euclidean or cosine"
        )


def check_unfitted(kind: str, distance: str) -> None:
    """Refuse parts of what is fitted to pictures, as each part would fit it anew.

    Raises:
        ValueError: something is fitted.
    """
    if _is_fitted(kind, distance):
        raise ValueError(
            f"{kind} ({distance}) is fitted to the pictures first, and two machines may round that "
            "differently: index in one go, or take codes, colours or pixels, by euclidean or cosine"
        )


def kept_features(collection: Collection, model: Any) -> Features:
    """The features that a collection holds.

    Args:
        model: whose codes they are or hold; None of a kind without codes.

    Raises:
        BadFile: what was fitted is missing or damaged, or was fitted to something else.
    """
    about, folder = collection.about, local(collection.address)
    fitted: dict[str, Tensor] = {}
    if _is_fitted(about.features, about.distance):
        if folder is None:
            raise BadFile(
                f"{collection.address} does not hold what was fitted for {about.rows}: index the pictures "
                "again into a folder"
            )
        fitted, _ = files.load_tensors(_path(folder, about.fingerprint))
    found = Features(about.features, about.distance, about.preprocessing, fitted, model)
    collection.check(found.fingerprint(), about.model)
    return found


def _is_fitted(kind: str, distance: str) -> bool:
    """Whether anything is fitted to pictures."""
    return kind in ("pca", "patches", "joined") or distance == "whitened"


def _path(folder: Path, fingerprint: str) -> Path:
    return folder / f"features-{fingerprint}.safetensors"
