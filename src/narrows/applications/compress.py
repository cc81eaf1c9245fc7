"""Compress: pictures of any size to files of a model, compared with other formats; and back.

pictures ──sized──► groups of one size ──Codec──► files      tables: fitted once, kept with the model
files ──Codec──► pictures
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from ..measures import formats, psnr
from ..progress import Progress, Step, stage
from ..results import Result
from ..tables import Table, counted
from ..training import located
from .codec import Codec, Compressed, codec_model, load_codec, rate_distortion
from .container import MOST_VALUES
from .opening import opened_images, opened_model, run_of
from .restored import LARGE, MIDDLE, middle, takes_any_size

__all__ = ["CompressedFiles", "Decompressed", "compress", "decompress", "fit_tables"]

EXACT = 100.0  # dB that stand for an exact copy
CLOSE = 0.5  # dB: formats cannot be had at every PSNR
DRAWN = 256  # pixels on a side of a picture of the sheet
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
        rows: our means per picture, and those of other formats at the same PSNR.
        exact: whether every value comes back.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "compressed"
    groups: Sequence[Compressed]
    ids: Sequence[str]
    codec: Codec
    rows: Sequence[Mapping[str, Any]]
    exact: bool = False
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def contents(self) -> list[bytes]:
        """The files' bytes."""
        return [content for group in self.groups for content in group.files]

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
            "rows": [dict(row) for row in self.rows],
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """Means per picture, ours first."""
        told = ["means per picture, headers counted"]
        if self.rows[0]["pictures"] > COMPARED:
            told.append(f"other formats for the first {COMPARED}")
        if any(math.prod(group.pictures.shape[2:]) > LARGE for group in self.groups):
            told.append(f"other formats for the middle {MIDDLE:,}×{MIDDLE:,} of large pictures")
        told += [
            f"{row['name']} {'is' if row['lowest'] == row['pictures'] else 'is in part'} of its lowest "
            "quality, which is better than ours"
            for row in self.rows
            if row.get("lowest")
        ]
        titles = {
            "name": "", "bytes": "bytes", "bits_per_pixel": "bits per pixel", "psnr": "PSNR (dB)",
        }  # fmt: skip
        digits = {"bytes": 1, "bits per pixel": 3}
        rows = [dict(row) | {"psnr": _decibels(row["psnr"])} for row in self.rows]
        return Table.of_rows(rows, titles, digits=digits, notes=[f"({'; '.join(told)})"])

    def figures(self) -> dict[str, Any]:
        """Originals, what the files give back, and the error."""
        first = self.groups[0]
        before, after = (middle(t[:SHOWN], DRAWN).numpy() for t in (first.pictures, first.decoded))
        return {"sheet": comparison(before, after, titles={"reconstruction": "from the file"})}

    def curves(self, progress: Progress = None) -> dict[str, list[tuple[float, float]]]:
        """(bytes, PSNR) at every tenth quality, ours and others'; see ``rate_distortion``."""
        with stage(progress, "the curve") as step:
            some = middle(self.groups[0].pictures[:COMPARED])
            return rate_distortion(self.codec, some, progress=step)

    def curve(self, progress: Progress = None) -> Any:
        """A figure of ``curves``."""
        return rate_curves(self.curves(progress))

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
        told = [str(self.table()), *filter(None, [_verdict(self.rows)])]
        return "\n".join([*told, f"{counted(len(self.ids), 'file')}, {total:,} bytes"])


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
            inside_names = [name] if len(some) == 1 else each
            paths += write_pictures(some, inside_names, folder, replace=False)  # nor an original
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

    Pictures keep their size; what is not of the model's is cut into tiles, and a model of whole
    pictures, which knows little of tiles, says so. Without loss no file is larger than its pixels and a header.

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

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = nw.compress(nw.save(model, folder), images[:4], fit_on=images[:200])
        >>> len(found.contents)
        4
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
    sizes = found.of_one_size()
    if together and len(sizes) > 1:
        shapes = [found.pixels[some[0]].shape for some in sizes[:3]]
        told = ", ".join(f"{shape[2]}×{shape[1]}" for shape in shapes)
        raise ValueError(
            f"pictures in one file have one size; these have {len(sizes)} ({told} …): give "
            "--resize, or leave --together out"
        )
    groups = [found.group(some) for some in sizes]
    done = []
    for group in groups:
        found.notes += _tiled(group, loaded, bound)
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
    with stage(progress, "comparing with other formats") as step:
        rows = _compared(done, bound == 0, step)
    notes, skipped = tuple(dict.fromkeys(found.notes)), tuple(found.skipped)
    return CompressedFiles(done, ids, codec, rows, bound == 0, notes, skipped)


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

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = nw.compress(nw.save(model, folder), images[:4], fit_on=images[:200])
        ...     written = files.save(f"{folder}/small")["pictures"]
        ...     nw.decompress(folder, written).pictures[0].shape
        torch.Size([1, 1, 8, 8])
    """
    loaded = opened_model(model, "cpu")
    codec = load_codec(codec_model(loaded), _tables_of(loaded, model))
    pictures, names, failed = [], [], []
    for path in map(Path, compressed):
        try:
            if path.stat().st_size > MOST_VALUES * 5 // 4:  # noise without loss takes 1.03 bytes
                raise BadFile("this is larger than any file of `narrows compress`")
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
    folder = Path(located(where)) if isinstance(where, (str, Path)) else run_of(model).folder
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
    found.notes = [note for note in found.notes if "read as gray" not in note]  # these are gray


def _tiled(group: Group, model: Any, bound: int | None) -> list[str]:
    """That pictures are cut into tiles, where they are, and what a model of whole pictures makes of them."""
    height, width = group.size
    shape = model.shape
    if (height, width) == tuple(shape[1:]):
        return []
    tiles = -(-height // shape[1]) * -(-width // shape[2])
    told = (
        f"{len(group.places):,} of {width}×{height}: cut into {tiles:,} tiles of "
        f"{shape[2]}×{shape[1]}, the model's size (or --resize them)"
    )
    if bound is None and not takes_any_size(model):
        told += (
            "; it was trained on whole pictures and keeps little of a tile: for pictures of any size "
            "train one with `narrows train PICTURES --patches`"
        )
    return [told]


def _compared(
    groups: Sequence[Compressed], exact: bool, progress: Step | None = None
) -> list[dict[str, Any]]:
    """Our means, and those of other formats at the same PSNR."""
    count = sum(len(group.pictures) for group in groups)
    total = sum(len(content) for group in groups for content in group.files)
    ours = torch.cat([group.psnr for group in groups])
    pixels = sum(group.pictures[:, 0].numel() for group in groups)
    rows = [_row("narrows", count, total, pixels, ours)]
    kinds = ("PNG", "WebP lossless") if exact else formats.LOSSY
    most, done = len(kinds) * min(count, COMPARED), 0
    for kind in kinds:
        sizes, reached, area, lowest, left = 0.0, [], 0, 0, COMPARED
        for group in groups:
            for before, after in zip(group.pictures[:left], group.decoded[:left], strict=True):
                some, made = middle(before[None]), middle(after[None])
                share = before[0].numel() / some[0, 0].numel()
                other = (
                    formats.written(some, kind)
                    if exact
                    else formats.nearest(some, psnr(some, made), kind)
                )
                done += 1
                if progress is not None:
                    progress(done, most)
                if other is not None:
                    sizes += share * float(other.bytes)
                    reached.append(other.psnr)
                    area += before[0].numel()
                    lowest += other.lowest
            left = max(0, left - len(group.pictures))
        if reached:
            row = _row(kind, len(reached), sizes, area, torch.cat(reached))
            rows.append(row | {"lowest": lowest})
    return rows


def _row(name: str, count: int, total: float, pixels: int, reached: Tensor) -> dict[str, Any]:
    return {
        "name": name,
        "pictures": count,
        "bytes": total / count,
        "bits_per_pixel": 8 * total / pixels,
        "psnr": float(reached.mean()),
    }


def _decibels(value: float) -> str:
    return "lossless" if value >= EXACT else f"{value:.2f}"


def _verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """The sentence where another format does better: fewer bits at no less PSNR; else nothing."""
    ours, best = rows[0], min(rows, key=lambda row: row["bits_per_pixel"])
    if best is ours or best["psnr"] < ours["psnr"] - CLOSE:
        return ""
    return (
        f"for these pictures {best['name']} does better: {best['bits_per_pixel']:.3f} bits per pixel "
        f"against {ours['bits_per_pixel']:.3f}, at {_decibels(best['psnr'])}"
        f"{'' if best['psnr'] >= EXACT else ' dB'}"
    )
