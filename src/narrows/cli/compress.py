"""``narrows compress`` and ``narrows decompress``: pictures to files of a model, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from torch import Tensor

    from ..applications import Codec, Compressed

__all__ = ["compress", "decompress"]

TABLES = "entropy.safetensors"
COMPARED = 50  # pictures that are written in other formats too
ENDINGS = (".nrw", ".nrws")


@app.command()
def compress(
    model: options.Model,
    pictures: Annotated[
        list[str] | None, typer.Argument(help="Picture files, folders, arrays or named sets.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder, or the file of --together.")
    ] = Path("compressed"),
    quality: Annotated[
        int | None, typer.Option(help="1 to 100. Default: 50, or the smallest if lossless.")
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Every 8-bit value exactly.")
    ] = False,
    max_error: Annotated[
        int | None, typer.Option(help="No 8-bit value further off than this.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="All pictures in one file; they need one size.")
    ] = False,
    fit: Annotated[
        str | None,
        typer.Option(
            help="Pictures to fit the tables to, once: those of the training, of which "
            "the part held out then is left out."
        ),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(help="Read pictures at the model's size, by crop, pad or stretch."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG of originals, what the files give back, and the error.")
    ] = None,
    curve: Annotated[
        Path | None, typer.Option(help="PNG of the PSNR at every tenth quality, ours and others'.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many pictures of each.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Compress pictures by a model, and show JPEG, WebP and AVIF at the same PSNR beside it.

    Pictures keep their size; what is not of the model's is cut into tiles. The tables of codes are
    fitted once, with --fit, and stay with the model: files need them to be read again.

    Example: [bold]narrows compress runs/conv-vae-holiday a.jpg b.png --fit holiday/ -o small/[/]
    """
    from ..applications import rate_distortion
    from ..figures import comparison, rate_curves, save

    if lossless and max_error not in (None, 0):
        raise ValueError(f"--lossless is --max-error 0; we also got --max-error {max_error}")
    bound = 0 if lossless else max_error
    if bound is not None and resize:
        raise ValueError("a bound on the error is for pictures as they are: leave --resize out")
    codec = _codec(model, fit, seed)
    if not pictures:
        if fit is None:
            raise ValueError("name the pictures to compress, or those to --fit the tables to")
        path = model / TABLES
        printed({"tables": str(path)}, as_json, f"the tables are in {path}")
        return
    names, images, skipped = _read(pictures, codec.functions.shape, resize, limit, bound)
    for name, reason in skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    rows, done = [], []
    for group in _groups(images, together):
        _say(images[group[0]], len(group), codec.functions.shape)
        stacked = _stacked([images[i] for i in group])
        with options.counting("compressing") as progress:
            found = codec.compress(
                stacked, quality, max_error=bound, together=together, progress=progress
            )
        done.append(found)
        rows += _written(found, [names[i] for i in group], out, together)
    document: dict[str, Any] = {"files": rows, **_summary(done, bound)}
    document["skipped"] = [list(item) for item in skipped]
    text = _table(document, len(rows), out)
    if sheet is not None:
        before, after = (t[:12].numpy() for t in (done[0].pictures, done[0].decoded))
        save(comparison(before, after, titles={"reconstruction": "from the file"}), sheet)
        document["sheet"] = str(sheet)
        text += f"\nlook at {sheet}"
    if curve is not None:
        curves = rate_distortion(codec, done[0].pictures[:COMPARED])
        save(rate_curves(curves), curve)
        document["curve"] = curves
        text += f"\nlook at {curve}"
    printed(document, as_json, text)


@app.command()
def decompress(
    model: options.Model,
    files: Annotated[list[Path], typer.Argument(help="Files that narrows compress wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures.")] = Path(
        "decompressed"
    ),
    as_json: options.Json = False,
) -> None:
    """Write the pictures of compressed files as PNG.

    A file that is damaged, or of another model, is named and left out; the exit code is then 1.

    Example: [bold]narrows decompress runs/conv-vae-holiday small/*.nrw -o out/[/]
    """
    from ..errors import BadFile
    from ..figures import save

    codec = _codec(model)
    rows, failed = [], []
    stems = options.output_names([path.name for path in files])
    for path, name in zip(files, stems, strict=True):
        try:
            content = path.read_bytes()
            with options.counting("decompressing") as progress:
                made = codec.decompress(content, progress)
        except (BadFile, OSError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            print(f"skipped {path}: {reason}", file=sys.stderr)
            failed.append((path, reason))
            continue
        digits = len(str(len(made) - 1))
        for number, picture in enumerate(made):
            place = out / name
            if len(made) > 1:
                place = out / Path(name).with_suffix("") / f"{number:0{digits}}.png"
            save(picture.permute(1, 2, 0).numpy(), place)
            rows.append({"file": str(place), "of": str(path)})
    if failed and not rows:
        raise BadFile(f"{failed[0][0]}: {failed[0][1]}")
    document = {"pictures": rows, "failed": [[str(path), reason] for path, reason in failed]}
    printed(document, as_json, f"{len(rows):,} pictures in {out}")
    if failed:
        raise BadFile(
            f"{len(failed)} of {len(files)} files could not be decompressed, the first of them "
            f"{failed[0][0]}: {failed[0][1]}"
        )


def _codec(model: Path, fit: str | None = None, seed: int = 0) -> Codec:
    """The codec of a model's folder, whose tables are fitted where that is asked for."""
    from ..applications import Codec, codec_model, load_codec
    from ..errors import NarrowsError
    from ..images import split
    from ..training import facts_of, load

    loaded = load(model)
    tables = (model.parent if model.suffix == ".safetensors" else model) / TABLES
    functions = codec_model(loaded)
    if fit is None:
        return load_codec(functions, tables)
    if tables.exists():
        raise NarrowsError(
            f"{tables} is there already, and files made with it need it; leave --fit out, or move "
            "it away to fit others"
        )
    known = facts_of(tables.parent)
    share, drawn = float(known.get("validation", 0.1)), int(known.get("seed", 0))
    source = split(options.pictures_like(loaded, fit), validation=share, seed=drawn).train
    with options.counting("fitting tables") as progress:
        codec = Codec.fit(functions, source, seed=seed, progress=progress)
    codec.save(tables)
    return codec


def _read(
    what: list[str],
    shape: tuple[int, ...],
    resize: str | None,
    limit: int | None,
    bound: int | None,
) -> tuple[list[str], list[Tensor], list[tuple[str, str]]]:
    """Names, uint8 (C, H, W) pictures of any size, and what was skipped."""
    import torch

    from ..errors import NoImages, UnreadableImage
    from ..images import open_source, read
    from ..images.arrays import is_array_file

    mode: Any = "gray" if shape[0] == 1 else "rgb"
    size: Any = shape[1:] if resize else None
    manner: Any = resize or "crop"
    names: list[str] = []
    images: list[Tensor] = []
    skipped: list[tuple[str, str]] = []
    for name in what:
        path = Path(name)
        inside = _inside(path) if path.is_dir() else None
        if inside is None and (is_array_file(path) or not path.is_file()):
            source = open_source(name, size, mode, manner)
            chosen = torch.arange(min(len(source), limit or len(source)))
            images += list((source.batch(chosen) * 255).round().byte())
            ids = list(getattr(source, "ids", map(str, range(len(source)))))
            names += ids[: len(chosen)]
            continue
        for one in (inside or [path])[:limit]:
            try:
                image = read(one, size, mode, manner)
                if bound is not None and mode == "gray":
                    _check_gray(one)
            except UnreadableImage as error:
                skipped.append((str(one), str(error)))
                continue
            images.append(image)
            names.append(one.name)
    if not images:
        reason = f": {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
        raise NoImages(f"none of the files is a picture that can be read{reason}")
    png = options.output_names(names)
    return [str(Path(name).with_suffix(ENDINGS[0])) for name in png], images, skipped


def _inside(folder: Path) -> list[Path] | None:
    """The files of a folder; None where they are a set of another kind."""
    from ..images.arrays import idx_folder

    if idx_folder(folder) is not None:
        return None
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _check_gray(path: Path) -> None:
    """A coloured picture cannot come back from a gray model."""
    from ..errors import UnreadableImage
    from ..images import read

    colours = read(path)
    if not bool((colours == colours[:1]).all()):
        raise UnreadableImage(
            "it has colours, and this model's pictures are gray: without loss they cannot come back"
        )


def _groups(images: list[Tensor], together: bool) -> list[list[int]]:
    """Positions of the pictures of one shape each."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(images):
        groups.setdefault(tuple(image.shape), []).append(place)
    if together and len(groups) > 1:
        sizes = ", ".join(f"{w}x{h}" for _, h, w in list(groups)[:3])
        raise ValueError(
            f"pictures in one file have one size; these have {len(groups)} ({sizes} …): give "
            "--resize, or leave --together out"
        )
    return list(groups.values())


def _say(image: Tensor, count: int, shape: tuple[int, ...]) -> None:
    """That pictures are cut into tiles, where they are."""
    _, height, width = image.shape
    tiles = -(-height // shape[1]) * -(-width // shape[2])
    if (height, width) != shape[1:]:
        print(
            f"{count:,} of {width}x{height}: cut into {tiles:,} tiles of {shape[2]}x{shape[1]}, "
            "the model's size (or --resize them)",
            file=sys.stderr,
        )


def _stacked(images: list[Tensor]) -> Any:
    import torch

    from ..images import Images

    return Images(torch.stack(images))


def _written(
    found: Compressed, names: list[str], out: Path, together: bool
) -> list[dict[str, Any]]:
    """Put the files where they belong; a row for each."""
    from ..files import write_bytes

    if together:
        places = [out if out.suffix in ENDINGS else out / f"pictures{ENDINGS[1]}"]
    else:
        places = [out / name for name in names]
    psnr = [float(found.psnr.mean())] if together else found.psnr.tolist()
    for place, content in zip(places, found.files, strict=True):
        write_bytes(place, content)
    return [
        {"file": str(place), "bytes": len(content), "psnr": db}
        for place, content, db in zip(places, found.files, psnr, strict=True)
    ]


def _summary(done: list[Compressed], bound: int | None) -> dict[str, Any]:
    """Our means, and those of other formats at the same PSNR."""
    import torch

    from ..measures import formats

    count = sum(len(one.pictures) for one in done)
    pixels = sum(one.pictures[:, 0].numel() for one in done)
    total = sum(len(content) for one in done for content in one.files)
    ours = {
        "name": "narrows",
        "pictures": count,
        "bytes": total / count,
        "bits_per_pixel": 8 * total / pixels,
        "psnr": float(torch.cat([one.psnr for one in done]).mean()),
    }
    rows, exact = [ours], bound == 0
    kinds = ("PNG", "WebP lossless") if exact else formats.LOSSY
    for kind in kinds:
        sizes: list[Tensor] = []
        reached: list[Tensor] = []
        area = 0
        for one in done:
            some = one.pictures[: max(0, COMPARED - sum(map(len, sizes)))]
            if not len(some):
                continue
            wanted = one.psnr[: len(some)]
            found = formats.written(some, kind) if exact else formats.nearest(some, wanted, kind)
            if found is not None:
                sizes.append(found.bytes)
                reached.append(found.psnr)
                area += some[:, 0].numel()
        if sizes:
            each, db = torch.cat(sizes), torch.cat(reached)
            rows.append(
                {
                    "name": kind,
                    "pictures": len(each),
                    "bytes": float(each.mean()),
                    "bits_per_pixel": 8 * float(each.sum()) / area,
                    "psnr": float(db.mean()),
                }
            )
    return {"rows": rows}


def _table(document: dict[str, Any], files: int, out: Path) -> str:
    rows = document["rows"]
    wide = max(len(row["name"]) for row in rows)
    lines = [f"{'':<{wide}}  {'bytes':>9}  {'bits per pixel':>14}  {'PSNR (dB)':>9}"]
    for row in rows:
        lines.append(
            f"{row['name']:<{wide}}  {row['bytes']:>9.1f}  {row['bits_per_pixel']:>14.3f}  "
            f"{row['psnr']:>9.2f}"
        )
    some = f"; other formats for the first {COMPARED}" if rows[0]["pictures"] > COMPARED else ""
    lines.append(f"(means per picture, headers counted{some})")
    where = document["files"][0]["file"] if files == 1 else out
    noun = "file" if files == 1 else "files"
    lines.append(
        f"{files:,} {noun}, {sum(row['bytes'] for row in document['files']):,} bytes: {where}"
    )
    return "\n".join(lines)
