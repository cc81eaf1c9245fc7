"""Reconstruct: pictures to codes and back, with what was lost on the way, beside PCA's.

x ──model──► x̂,  the error of each picture, PSNR
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..bottlenecks import Ordered, first_numbers
from ..figures import comparison
from ..images import named_outputs, write_pictures
from ..images.inputs import Pictures
from ..images.variety import varied
from ..measures import psnr, squared_error
from ..parts import named
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from .beside_pca import Linear, held, linear
from .opening import opened_images, opened_model, run_of

__all__ = ["Reconstructions", "reconstruct", "reconstructed"]

SHOWN = 12  # pictures of the sheet


@dataclass(frozen=True, repr=False)
class Reconstructions(Result):
    """N pictures through a model and back.

    Attributes:
        pictures: what went in, (N, C, H, W) in [0, 1].
        reconstructions: what came out, (N, C, H, W) in [0, 1].
        mse: mean squared error per pixel value, (N,).
        psnr: in dB per picture, (N,).
        pca: the same pictures through PCA, with as many numbers or bits; None where none is known.
        ids: N names.
        skipped: (file, reason) of what could not be read.
        notes: what was guessed or rescaled in reading.
    """

    name: ClassVar[str] = "reconstructions"
    pictures: Tensor
    reconstructions: Tensor
    mse: Tensor
    psnr: Tensor
    pca: Linear | None = None
    ids: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Means, and MSE and PSNR of each picture."""
        rows = zip(self.ids, self.mse.tolist(), self.psnr.tolist(), strict=True)
        beside = {} if self.pca is None else {self.pca.name: float(self.pca.psnr.mean())}
        return {
            "mean_psnr": float(self.psnr.mean()),
            "mean_mse": float(self.mse.mean()),
            "mean_psnr_of_pca": beside,
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
        """Original, reconstruction, PCA's and error of a dozen that differ."""
        some = varied(self.pictures, SHOWN)
        shown = self.pictures[some].numpy(), self.reconstructions[some].numpy()
        return {"comparison": comparison(*shown, beside=self.beside(some))}

    def beside(self, some: Any) -> dict[str, Any]:
        """PCA's reconstructions of some of the pictures, by name; nothing where there are none."""
        if self.pca is None:
            return {}
        return {self.pca.name: self.pca.reconstructions[some].numpy()}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and a PNG of each reconstruction."""
        folder = Path(folder)
        names = named_outputs(self.ids, ("comparison.png",))
        paths = write_pictures(self.reconstructions, names, folder)
        return self._written(folder, {"pictures": paths})

    def __str__(self) -> str:
        count = counted(len(self.mse), "reconstruction")
        text = f"{count}, mean PSNR {self.psnr.mean():.2f} dB"
        pca = self.pca
        return text if pca is None else f"{text} ({pca.name}: {pca.psnr.mean():.2f} dB)"


def reconstruct(
    model: Any,
    pictures: Pictures,
    *,
    split: str | None = None,
    limit: int | None = None,
    numbers: int | None = None,
    batch_size: int = 256,
    device: str = "auto",
    progress: Progress = None,
) -> Reconstructions:
    """Send pictures through a model and back, and measure each.

    PCA stands beside where it is known: the one that a model began as, else, where at least half of the
    pictures of the training are among these, the best that is fitted on them.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        split, limit: only this official part; at most so many, evenly spread.
        numbers: of an ordered code only the first so many; then no PCA stands beside.
        batch_size: pictures at a time.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        BadFile: there is no model.
        NoImages: nothing can be read.
        ValueError: ``numbers`` of a model whose codes are not ordered, or more than a code has.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.reconstruct(model, images, limit=4).reconstructions.shape
        torch.Size([4, 1, 8, 8])
    """
    found = opened_model(model, device)
    source = opened_images(found, pictures, split=split, limit=limit, progress=progress)
    result = reconstructed(found, source, numbers=numbers, batch_size=batch_size, progress=progress)
    if numbers is not None:
        return result
    pca = held(found, result.pictures)
    if pca is None:
        parts = run_of(found).split(source)
        if parts.known and 2 * len(parts.trained) >= len((run_of(found).seen or {})["train"]):
            pca = linear(found, parts.part("trained"), result.pictures)
    return replace(result, pca=pca)


def reconstructed(
    model: Any,
    source: Any,
    *,
    numbers: int | None = None,
    batch_size: int = 256,
    progress: Progress = None,
) -> Reconstructions:
    """A source of pictures in the model's shape through the model and back, without PCA's."""
    if numbers is not None and not isinstance(model.bottleneck, Ordered):
        raise ValueError(
            "only the first numbers of an ordered code are a code; the bottleneck of this model is "
            f"{named(model.bottleneck)!r}: train the recipe ordered-autoencoder, or another with "
            "--set bottleneck=ordered"
        )
    with stage(progress, "reconstructing") as step:
        if numbers is None:
            out = model.reconstruct(source, batch_size=batch_size, progress=step)
        else:
            z = model.encode(source, batch_size=batch_size, progress=step).z
            parts = torch.split(first_numbers(z, numbers), batch_size)
            with model.evaluating():
                out = torch.cat([model.decode(some.to(model.device)).cpu() for some in parts])
        out = out.clamp(0, 1)
    x = source.batch(torch.arange(len(source))).cpu()
    ids = getattr(source, "ids", [str(i) for i in range(len(source))])
    skipped, notes = getattr(source, "skipped", ()), getattr(source, "notes", ())
    errors = squared_error(x, out), psnr(x, out)
    return Reconstructions(x, out, *errors, None, ids, skipped, notes)
