"""What a collection knows of its codes: which model made them, of which pictures, and how they were taken."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadFile

if TYPE_CHECKING:
    from ..images import Preprocessing

__all__ = ["DISTANCES", "FEATURES", "POOLS", "About", "pooled"]

Array = np.ndarray[Any, Any]

FORMAT = 1
POOLS = ("flatten", "mean", "max")
FEATURES = ("codes", "pca", "pixels", "colours", "patches", "joined")  # what the rows are
DISTANCES = ("euclidean", "cosine", "whitened")  # what Euclidean distances of the rows are
INPUTS = ("shape", "fit", "center_crop", "levels", "patches")  # what a preprocessing's document has
FITS = ("crop", "pad", "stretch")  # as images/read.py has them


@dataclasses.dataclass(frozen=True)
class About:
    """One version of a collection, in words and numbers.

    Attributes:
        fingerprint: of the model that made the codes.
        model: where that model lay when it was last used; empty of one that lay in memory.
        code_shape: (D,) or (D, H, W) of one code as the model gives it.
        pool: what becomes of a map: ``flatten``, or the ``mean`` or ``max`` over its positions.
        pictures: the folder, file or set that the pictures come from; empty of those in memory.
        shape, fit, center_crop, levels, patches: how a picture becomes an input, as the document of
            :class:`narrows.images.Preprocessing` has it; see ``preprocessing``.
        trained: how many codes the index was made of; 0 while there is none.
        probes: how many cells of the index a search visits.
        features: what the rows are: ``codes`` of the model, or other numbers of its inputs.
        distance: what their Euclidean distances are: of the features as they are, of unit length, or
            whitened.
        weights: what each number of a code changes in the picture; None where that is not known.
    """

    fingerprint: str
    model: str
    code_shape: tuple[int, ...]
    pool: str = "flatten"
    pictures: str = ""
    shape: tuple[int, ...] = ()
    fit: str = "crop"
    trained: int = 0
    probes: int = 0
    center_crop: int | None = None
    levels: dict[str, list[float]] | None = None
    patches: bool = False
    features: str = "codes"
    distance: str = "euclidean"
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}; we got {self.pool!r}")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}; we got {self.fit!r}")
        if not self.code_shape or min(self.code_shape) < 1:
            raise ValueError(f"a code has at least one number; we got the shape {self.code_shape}")

    @property
    def size(self) -> int:
        """How many numbers of a code are stored."""
        whole = len(self.code_shape) == 1 or self.pool == "flatten"
        return math.prod(self.code_shape) if whole else self.code_shape[0]

    @property
    def whose(self) -> str:
        """The model in one phrase."""
        return f"{self.model or 'a model'} ({self.fingerprint})"

    @property
    def plain(self) -> bool:
        """Whether the rows are the model's codes as they are."""
        return self.features == "codes" and self.distance == "euclidean"

    @property
    def rows(self) -> str:
        """What the rows are in one phrase."""
        return f"{self.features}{self.apart}"

    @property
    def apart(self) -> str:
        """What their distances are, where these are not those of the features as they are."""
        how = {"euclidean": "", "cosine": ", by the cosine", "whitened": ", whitened"}
        return how[self.distance]

    @property
    def inputs(self) -> str:
        """Shape and fit of the model's inputs in one phrase, without loading what reads them."""
        first = f", of the central {self.center_crop} pixels" if self.center_crop else ""
        return f"{'×'.join(map(str, self.shape))}, {self.fit}{first}"

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes an input of the model."""
        from ..images.preprocessing import Preprocessing

        return Preprocessing.of_document({name: getattr(self, name) for name in INPUTS})

    def text(self) -> str:
        """As JSON."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)})

    @staticmethod
    def read(text: str, address: str) -> About:
        """Of what :meth:`text` wrote.

        Raises:
            BadFile: it is none of ours, or from a newer version.
        """
        try:
            document = json.loads(text)
            version = document.pop("format")
            if isinstance(version, int) and version > FORMAT:
                raise BadFile(
                    f"the collection {address} is of version {version}; this Narrows reads up to "
                    f"version {FORMAT}: install a newer one, or index the pictures again"
                )
            names = {field.name for field in dataclasses.fields(About)}
            document = {key: value for key, value in document.items() if key in names}
            for key in ("code_shape", "shape"):
                document[key] = tuple(document[key])
            if document.get("weights") is not None:
                document["weights"] = tuple(document["weights"])
            about = About(**document)
            for name, fits in _KINDS.items():
                if not fits(getattr(about, name)):
                    raise ValueError(f"{name} is {str(getattr(about, name))[:60]!r}")
            if about.weights is not None and len(about.weights) != about.size:
                raise ValueError(f"weights are of {len(about.weights)} numbers")
            return about
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadFile(
                f"the collection {address} does not say which model made it ({error}); "
                "index the pictures again into another one"
            ) from error


def _text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 40


def _weights(value: Any) -> bool:
    return value is None or all(
        type(each) in (int, float) and 0 <= each < float("inf") for each in value
    )


def _sides(value: Any) -> bool:
    return all(type(side) is int and 0 < side <= 1 << 24 for side in value)


def _levels(value: Any) -> bool:
    pairs = value.values() if isinstance(value, dict) else []
    return (
        value is None
        or isinstance(value, dict)
        and all(
            isinstance(pair, list) and all(isinstance(end, (int, float)) for end in pair)
            for pair in pairs
        )
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    "fingerprint": _text,
    "model": _text,
    "pictures": _text,
    "code_shape": lambda value: len(value) in (1, 3) and _sides(value),
    "shape": _sides,
    "trained": _count,
    "probes": _count,
    "center_crop": lambda value: value is None or (_count(value) and value > 0),
    "levels": _levels,
    "patches": lambda value: type(value) is bool,
    "features": lambda value: value in FEATURES,
    "distance": lambda value: value in DISTANCES,
    "weights": _weights,
}
"""What a collection of another maker may say of itself."""


def pooled(codes: Array, pool: str) -> Array:
    """Codes (N, D) or (N, D, H, W) as rows (N, D'), float32; see :class:`About`."""
    if pool not in POOLS:
        raise ValueError(f"pool must be one of {', '.join(POOLS)}; we got {pool!r}")
    codes = np.asarray(codes, np.float32)
    if codes.ndim < 2:
        raise ValueError(f"codes must have shape (N, D) or (N, D, H, W); we got {codes.shape}")
    if codes.ndim == 2 or pool == "flatten":
        return codes.reshape(len(codes), math.prod(codes.shape[1:]))
    places = codes.reshape(*codes.shape[:2], -1)
    result: Array = places.mean(2) if pool == "mean" else places.max(2)
    return result
