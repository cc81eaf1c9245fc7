"""A collection for Embedding Atlas, FiftyOne, Lightly and whatever reads Parquet.

COLLECTION, where ──codes──t-SNE──► points ──► collection.bridge ──► a file that opens there
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..collection.bridges import bridge
from ..errors import Unavailable
from ..progress import Progress, stage
from ..results import Result
from .embedding import embed_2d
from .opening import opened_collection

__all__ = ["HandedOver", "export_for"]

OPENS = {
    "embedding-atlas": "embedding-atlas {} --image image --x projection_x --y projection_y --neighbors neighbors",
    "parquet": "",
    "fiftyone": "fiftyone app view --dataset-dir {} --type fiftyone.types.FiftyOneDataset",
    "lightly": "",
}


@dataclass(frozen=True, repr=False)
class HandedOver(Result):
    """What was written for another program.

    Attributes:
        file: the file or folder.
        to: the program.
        pictures: how many.
        opens: the command that shows it; empty where there is none.
        notes: as of every result.
    """

    file: Path
    to: str
    pictures: int
    opens: str
    notes: list[str] = field(default_factory=list)
    name: ClassVar[str] = "export"

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "file": str(self.file), "for": self.to, "pictures": self.pictures, "opens": self.opens,
        }  # fmt: skip

    def __str__(self) -> str:
        told = f"{self.pictures:,} pictures in {self.file}"
        return f"{told}\n  see it   {self.opens}" if self.opens else told


def export_for(
    collection: Any,
    path: str | Path,
    to: str,
    *,
    where: str | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> HandedOver:
    """Write a collection so that another program opens it; see :func:`narrows.collection.bridge`.

    Args:
        collection: a ``Collection``, or its folder or address.
        path: a .parquet file (``embedding-atlas``, ``parquet``), a .csv file (``lightly``) or a folder
            (``fiftyone``).
        to: the program.
        where: only rows that pass this filter.
        seed: of the map.

    Raises:
        ValueError: another program or ending, a filter that does not parse, or too few pictures for a
            map.
        NarrowsError: it cannot be written.
    """
    opened = opened_collection(collection)
    points, notes = None, []
    if to == "embedding-atlas":
        _, codes = opened.codes(where)
        with stage(progress, "making a map") as step:
            try:
                points = embed_2d(codes, "tsne", seed=seed, progress=step).points
            except Unavailable as error:
                points = embed_2d(codes, "pca", weights=opened.about.weights, seed=seed).points
                notes.append(f"the map is of principal components: {error}")
        points = np.asarray(points, np.float32)
    count = bridge(opened, path, to, where, points)
    return HandedOver(Path(path), to, count, OPENS[to].format(path), notes)
