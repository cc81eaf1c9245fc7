"""Compress: pictures of any size to files of a model, compared with other formats; and back.

pictures ──sized──► groups of one size ──Codec──► files      tables: fitted once, kept with the model
files ──Codec──► pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import files
from ..errors import BadFile, NarrowsError, NoImages
from ..figures import comparison, rate_curves
from ..images import Images, named_outputs, read, write_pictures
from ..images.inputs import Pictures, names_of
from ..images.sizes import Group, Sized, sized
from ..measures import formats
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from .codec import Codec, Compressed, codec_model, load_codec, rate_distortion
from .opening import opened_images, opened_model, run_of

__all__ = ["CompressedFiles", "Decompressed", "compress", "decompress", "fit_tables"]

TABLES = "entropy.safetensors"
COMPARED = 50  # pictures that are written in other formats too
SHOWN = 12
ENDINGS = (".nrw", ".nrws")


@dataclass(frozen=True, repr=False)
class CompressedFiles(Result):
    """Pictures as files of a model.

    Attributes:
        groups: those of each size.
        ids: of the files, in the order of the groups; one where all pictures are in one file.
        codec: what wrote them.
        exact: whether every value comes back.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "compressed"
    groups: Sequence[Compressed]
    ids: Sequence[str]
    codec: Codec
    exact: bool = False
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def contents(self) -> list[bytes]:
        """The files' bytes."""
        return [content for group in self.groups for content in group.files]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Our means per picture, and those of other formats at the same PSNR."""
        return _compared(self.groups, self.exact)

    def document(self) -> dict[str, Any]:
        """Bytes and PSNR of every file, and the means beside those of other formats."""
        psnr = [
            db
            for group in self.groups
            for db in (
                group.psnr.tolist()
                if len(group.files) == len(group.pictures)
                else [float(group.psnr.mean())]
            )
        ]
        rows = zip(self.ids, self.contents, psnr, strict=True)
        return {
            "pictures": [{"id": id_, "bytes": len(c), "psnr": db} for id_, c, db in rows],
            "rows": self.rows,
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """Means per picture, ours first."""
        some = f"; other formats for the first {COMPARED}"
        more = some if self.rows[0]["pictures"] > COMPARED else ""
        titles = {
            "name": "", "bytes": "bytes", "bits_per_pixel": "bits per pixel", "psnr": "PSNR (dB)",
        }  # fmt: skip
        digits = {"bytes": 1, "bits per pixel": 3, "PSNR (dB)": 2}
        note = f"(means per picture, headers counted{more})"
        return Table.of_rows(self.rows, titles, digits=digits, notes=[note])

    def figures(self) -> dict[str, Any]:
        """Originals, what the files give back, and the error."""
        first = self.groups[0]
        before, after = (t[:SHOWN].numpy() for t in (first.pictures, first.decoded))
        return {"sheet": comparison(before, after, titles={"reconstruction": "from the file"})}

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """(bytes, PSNR) at every tenth quality, ours and others'; see ``rate_distortion``."""
        return rate_distortion(self.codec, self.groups[0].pictures[:COMPARED])

    def curve(self) -> Any:
        """A figure of ``curves``."""
        return rate_curves(self.curves())

    def save(self, folder: Path | str) -> dict[str, Any]:
        """Write the files to a folder; one that holds all pictures may be named itself."""
        folder = Path(folder)
        lone = len(self.ids) == 1 and folder.suffix in ENDINGS
        places = [folder] if lone else [folder / id_ for id_ in self.ids]
        for place, content in zip(places, self.contents, strict=True):
            files.write_bytes(place, content)
        return {"pictures": list(map(str, places))}

    def __str__(self) -> str:
        total = sum(map(len, self.contents))
        return f"{self.table()}\n{counted(len(self.ids), 'file')}, {total:,} bytes"


@dataclass(frozen=True, repr=False)
class Decompressed(Result):
    """The pictures of files.

    Attributes:
        pictures: of each file that could be read, uint8 (N, C, H, W).
        names: of those files.
        skipped: (file, reason) of the others.
    """

    name: ClassVar[str] = "decompressed"
    pictures: Sequence[Tensor]
    names: Sequence[str]
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """How many pictures each file holds, and what failed."""
        rows = zip(self.names, self.pictures, strict=True)
        return {
            "pictures": [{"of": name, "pictures": len(some)} for name, some in rows],
            "failed": [list(item) for item in self.skipped],
        }

    def save(self, folder: Path | str) -> dict[str, Any]:
        """A PNG of each picture; those of one file in a folder of its name."""
        folder, paths = Path(folder), []
        names = named_outputs(names_of([Path(name) for name in self.names]))
        for name, some in zip(names, self.pictures, strict=True):
            digits, inside = len(str(len(some) - 1)), Path(name).with_suffix("")
            each = [str(inside / f"{number:0{digits}}.png") for number in range(len(some))]
            paths += write_pictures(some, [name] if len(some) == 1 else each, folder)
        return {"pictures": paths}

    def __str__(self) -> str:
        count = sum(map(len, self.pictures))
        return f"{counted(count)} out of {len(self.names):,} files"


def compress(
    model: Any,
    pictures: Pictures,
    *,
    quality: int | None = None,
    lossless: bool = False,
    max_error: int | None = None,
    together: bool = False,
    fit_on: Pictures | None = None,
    resize: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> CompressedFiles:
    """Compress pictures by a model; JPEG, WebP and AVIF at the same PSNR are compared.

    Pictures keep their size; what is not of the model's is cut into tiles.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads, of any sizes.
        quality: 1 to 100; None is 50, or the smallest if lossless.
        lossless: every 8-bit value exactly: the same as ``max_error=0``.
        max_error: no 8-bit value further off than this.
        together: all pictures in one file; they need one size.
        fit_on: pictures to fit the tables to first; see ``fit_tables``.
        resize: read pictures at the model's size: ``crop``, ``pad`` or ``stretch``.
        limit: at most so many pictures, evenly spread.
        seed: of the fit.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: options that do not go together, or pictures of several sizes for one file.
        BadFile: no tables were fitted yet, or they are of another model.
        NoImages: nothing can be read.
        NarrowsError: tables are there and others would be fitted.
    """
    if lossless and max_error not in (None, 0):
        raise ValueError(f"--lossless is --max-error 0; we also got --max-error {max_error}")
    bound = 0 if lossless else max_error
    if bound is not None and resize:
        raise ValueError("a bound on the error is for pictures as they are: leave --resize out")
    loaded = opened_model(model, "cpu")
    if fit_on is None:
        codec = load_codec(codec_model(loaded), _tables_of(loaded, model))
    else:
        codec = fit_tables(model, fit_on, seed=seed, progress=progress)
    found = sized(pictures, loaded.preprocessing, resize=resize, limit=limit)
    if bound is not None and loaded.shape[0] == 1:
        _leave_colours_out(found)
    groups = found.groups()
    if together and len(groups) > 1:
        sizes = ", ".join(f"{group.size[1]}x{group.size[0]}" for group in groups[:3])
        raise ValueError(
            f"pictures in one file have one size; these have {len(groups)} ({sizes} …): give "
            "--resize, or leave --together out"
        )
    done = []
    for group in groups:
        found.notes += _tiled(group, loaded.shape)
        with stage(progress, "compressing") as step:
            done.append(
                codec.compress(
                    Images(group.pixels), quality, max_error=bound, together=together, progress=step
                )
            )
    if together:
        ids = [f"pictures{ENDINGS[1]}"]
    else:
        order = [place for group in groups for place in group.places]
        png = named_outputs([found.ids[place] for place in order])
        ids = [str(Path(name).with_suffix(ENDINGS[0])) for name in png]
    return CompressedFiles(done, ids, codec, bound == 0, tuple(found.notes), tuple(found.skipped))


def fit_tables(model: Any, fit_on: Pictures, *, seed: int = 0, progress: Progress = None) -> Codec:
    """Fit the tables of a model's codes, once; they stay with it, and its files need them.

    They are fitted to those of the pictures that the model was trained on (see
    :meth:`narrows.training.RunSplit.fitting`): what it has not seen stays for judging.

    Args:
        model: an ``Autoencoder`` with a run on disk, or the folder of one.
        fit_on: best the pictures of the training.
        seed: of the choice among many pictures.

    Raises:
        NarrowsError: there are tables already.
        ValueError: a model in memory only, which has no place to keep them.
    """
    loaded = opened_model(model, "cpu")
    tables = _tables_of(loaded, model)
    if tables.exists():
        raise NarrowsError(
            f"{tables} is there already, and files made with it need it; leave --fit-on out, or "
            "move it away to fit others"
        )
    images = opened_images(loaded, fit_on, progress=progress)
    fitting, _ = run_of(loaded).split(images).fitting(0.1, seed)
    with stage(progress, "fitting tables") as step:
        codec = Codec.fit(codec_model(loaded), fitting, seed=seed, progress=step)
    codec.save(tables)
    return codec


def decompress(
    model: Any, compressed: Sequence[Path | str], *, progress: Progress = None
) -> Decompressed:
    """The pictures of compressed files; one that is damaged or of another model is skipped.

    Args:
        model: the model that wrote them, or its folder.
        compressed: files that ``compress`` wrote.

    Raises:
        BadFile: none of them can be read; or the model has no tables.
    """
    loaded = opened_model(model, "cpu")
    codec = load_codec(codec_model(loaded), _tables_of(loaded, model))
    pictures, names, failed = [], [], []
    for path in map(Path, compressed):
        try:
            content = path.read_bytes()
            with stage(progress, "decompressing") as step:
                pictures.append(codec.decompress(content, step))
            names.append(str(path))
        except BadFile as error:
            failed.append((str(path), str(error)))
        except OSError as error:
            failed.append((str(path), error.strerror or str(error)))
    if failed and not names:
        raise BadFile(f"{failed[0][0]}: {failed[0][1]}")
    return Decompressed(pictures, names, failed)


def _tables_of(model: Any, where: Any) -> Path:
    """Where a model's tables are."""
    folder = Path(where) if isinstance(where, (str, Path)) else run_of(model).folder
    if folder is None:
        raise ValueError(
            "tables of codes are kept with a model on disk: save it, and name its folder"
        )
    return (folder.parent if folder.suffix == ".safetensors" else folder) / TABLES


def _leave_colours_out(found: Sized) -> None:
    """Coloured pictures cannot come back from a gray model: they are skipped."""
    reason = (
        "it has colours, and this model's pictures are gray: without loss they cannot come back"
    )
    kept = []
    for place, file in enumerate(found.files):
        colours = None if file is None else read(file)
        if colours is None or bool((colours == colours[:1]).all()):
            kept.append(place)
        else:
            found.skipped.append((str(file), reason))
    if not kept:
        raise NoImages(f"none of the pictures can be compressed: {'; '.join(found.skipped[-1])}")
    for name in ("ids", "pixels", "files"):
        values = getattr(found, name)
        setattr(found, name, [values[place] for place in kept])
    found.notes.clear()


def _tiled(group: Group, shape: tuple[int, ...]) -> list[str]:
    """That pictures are cut into tiles, where they are."""
    height, width = group.size
    tiles = -(-height // shape[1]) * -(-width // shape[2])
    if (height, width) == tuple(shape[1:]):
        return []
    return [
        f"{len(group.places):,} of {width}x{height}: cut into {tiles:,} tiles of "
        f"{shape[2]}x{shape[1]}, the model's size (or --resize them)"
    ]


def _compared(groups: Sequence[Compressed], exact: bool) -> list[dict[str, Any]]:
    """Our means, and those of other formats at the same PSNR."""
    count = sum(len(group.pictures) for group in groups)
    total = sum(len(content) for group in groups for content in group.files)
    psnr = torch.cat([group.psnr for group in groups])
    pixels = sum(group.pictures[:, 0].numel() for group in groups)
    rows = [_row("narrows", count, total, pixels, psnr)]
    for kind in ("PNG", "WebP lossless") if exact else formats.LOSSY:
        written: list[formats.Written] = []
        area = 0
        for group in groups:
            some = group.pictures[: max(0, COMPARED - sum(len(each.bytes) for each in written))]
            if not len(some):
                continue
            wanted = group.psnr[: len(some)]
            other = formats.written(some, kind) if exact else formats.nearest(some, wanted, kind)
            if other is not None:
                written.append(other)
                area += some[:, 0].numel()
        if written:
            sizes = torch.cat([each.bytes for each in written])
            reached = torch.cat([each.psnr for each in written])
            rows.append(_row(kind, len(sizes), float(sizes.sum()), area, reached))
    return rows


def _row(name: str, count: int, total: float, pixels: int, psnr: Tensor) -> dict[str, Any]:
    return {
        "name": name,
        "pictures": count,
        "bytes": total / count,
        "bits_per_pixel": 8 * total / pixels,
        "psnr": float(psnr.mean()),
    }
