"""Reconstruct: pictures to codes and back, with what was lost on the way.

x ──model──► x̂,  the error of each picture, PSNR
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..figures import comparison
from ..images import named_outputs, write_pictures
from ..images.inputs import Pictures
from ..images.variety import varied
from ..measures import psnr, squared_error
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from .opening import opened_images, opened_model

__all__ = ["Reconstructions", "reconstruct"]

SHOWN = 12  # pictures of the sheet


@dataclass(frozen=True, repr=False)
class Reconstructions(Result):
    """N pictures through a model and back.

    Attributes:
        pictures: what went in, (N, C, H, W) in [0, 1].
        reconstructions: what came out, (N, C, H, W) in [0, 1].
        mse: mean squared error per pixel value, (N,).
        psnr: in dB per picture, (N,).
        ids: N names.
        skipped: (file, reason) of what could not be read.
        notes: what was guessed or rescaled in reading.
    """

    name: ClassVar[str] = "reconstructions"
    pictures: Tensor
    reconstructions: Tensor
    mse: Tensor
    psnr: Tensor
    ids: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Means, and MSE and PSNR of each picture."""
        rows = zip(self.ids, self.mse.tolist(), self.psnr.tolist(), strict=True)
        return {
            "mean_psnr": float(self.psnr.mean()),
            "mean_mse": float(self.mse.mean()),
            "pictures": [{"id": id_, "mse": mse, "psnr": db} for id_, mse, db in rows],
            "skipped": [list(item) for item in self.skipped],
            "notes": list(self.notes),
        }

    def table(self) -> Table:
        """A row per picture."""
        columns = {"picture": list(self.ids), "MSE per pixel": self.mse.tolist()}
        return Table(
            columns | {"PSNR (dB)": self.psnr.tolist()}, digits={"MSE per pixel": 5, "PSNR (dB)": 2}
        )

    def figures(self) -> dict[str, Any]:
        """Original, reconstruction and error of a dozen that differ."""
        some = varied(self.pictures, SHOWN)
        shown = self.pictures[some].numpy(), self.reconstructions[some].numpy()
        return {"comparison": comparison(*shown)}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and a PNG of each reconstruction."""
        folder = Path(folder)
        names = named_outputs(self.ids, ("comparison.png",))
        paths = write_pictures(self.reconstructions, names, folder)
        return self._written(folder, {"pictures": paths})

    def __str__(self) -> str:
        count = counted(len(self.mse), "reconstruction")
        return f"{count}, mean PSNR {self.psnr.mean():.2f} dB"


def reconstruct(
    model: Any,
    pictures: Pictures,
    *,
    split: str | None = None,
    limit: int | None = None,
    batch_size: int = 256,
    device: str = "auto",
    progress: Progress = None,
) -> Reconstructions:
    """Send pictures through a model and back, and measure each.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        split, limit: only this official part; at most so many, evenly spread.
        batch_size: pictures at a time.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is no model.
        NoImages: nothing can be read.
    """
    found = opened_model(model, device)
    source = opened_images(found, pictures, split=split, limit=limit, progress=progress)
    with stage(progress, "reconstructing") as step:
        out = found.reconstruct(source, batch_size=batch_size, progress=step).clamp(0, 1)
    x = source.batch(torch.arange(len(source))).cpu()
    ids = getattr(source, "ids", [str(i) for i in range(len(source))])
    skipped, notes = getattr(source, "skipped", ()), getattr(source, "notes", ())
    return Reconstructions(x, out, squared_error(x, out), psnr(x, out), ids, skipped, notes)
