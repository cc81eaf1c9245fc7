"""Every reader of Narrows: whole files to begin with, how one is read, and what may come of it.

A reader takes a mutant and gives a value, or raises; ``wrong`` then says what is not as it has to be.
A file with a sum of its content gives the value that it had, or is refused. A file without one
(pictures, plain arrays, text) gives what another reader makes of the same bytes.
"""

from __future__ import annotations

import binascii
import contextlib
import gzip
import io
import itertools
import json
import logging.handlers
import random
import shutil
import struct
import tarfile
import tempfile
import threading
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

import narrows as nw
from narrows.applications.codec import Codec, codec_model, load_codec
from narrows.errors import Interrupted, NarrowsError
from narrows.images import folder as pictures_of
from narrows.images import read_mask
from narrows.images.arrays import array_file
from narrows.images.formats import readable
from narrows.images.labels import known_of
from narrows.images.preprocessing import Preprocessing
from narrows.images.read import Wanted, decode
from narrows.images.source import Images
from narrows.priors import fit_prior, load_prior, save_prior
from narrows.training import load
from narrows.training.checkpoints import outline
from narrows.training.run import Run, history_of
from narrows.training.standing import Standing

RNG = np.random.default_rng(0)
SMOOTH = np.add.outer(np.arange(20), np.arange(24))[..., None] * np.array([5, 3, 4]) % 256
PICTURE = (0.8 * SMOOTH + RNG.integers(0, 40, (20, 24, 3))).astype(np.uint8)


class Reader:
    """One kind of file; ``share`` is how often it is tried among all."""

    name = ""
    share = 1
    summed = False  # a sum in the file tells any change
    silent = True  # nothing but Python writes to standard error

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.seeds: list[bytes] = self.made()
        self.values: list[Any] = []

    def made(self) -> list[bytes]:
        """Whole files."""
        raise NotImplementedError

    def begin(self) -> None:
        """Read them, in the process that will read their mutants."""
        self.values = [self.read(seed) for seed in self.seeds]

    def repaired(self, mutant: bytes, rng: random.Random) -> bytes:
        """A mutant whose sums are right again, so that what is behind them is reached."""
        return mutant

    def read(self, content: bytes) -> Any:
        """The value of a file."""
        raise NotImplementedError

    def same(self, value: Any, other: Any) -> bool:
        return bool(value == other)

    def wrong(self, content: bytes, value: Any) -> str:
        """Why a value that was read may not be; empty where it may."""
        if self.summed and not any(self.same(value, one) for one in self.values):
            return "another value than that of the whole file, without a word"
        return ""

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


# ---- pictures ------------------------------------------------------------------------------------


class Pictures(Reader):
    name, share = "pictures", 30

    def made(self) -> list[bytes]:
        Image.init()
        colour = Image.fromarray(PICTURE)
        gray, palette = colour.convert("L"), colour.quantize(32)
        clear = colour.convert("RGBA")
        clear.putalpha(gray)
        deep = Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 17)
        real = Image.fromarray(PICTURE[..., 0].astype(np.float32) / 255)
        exif = Image.Exif()
        exif[0x0112] = 6
        ways: list[tuple[Image.Image, str, dict[str, Any]]] = [
            *(
                (one, "PNG", {})
                for one in (colour, gray, palette, clear, deep, colour.convert("1"))
            ),
            *((colour, "JPEG", how) for how in ({}, {"progressive": True}, {"exif": exif})),
            *((one, "JPEG", {}) for one in (gray, colour.convert("CMYK"))),
            *((one, "TIFF", {}) for one in (colour, deep, real, palette, clear)),
            *((colour, "TIFF", {"compression": c}) for c in ("tiff_lzw", "tiff_deflate", "jpeg")),
            (gray.convert("1"), "TIFF", {"compression": "group4"}),
            *((colour, "WEBP", {"lossless": lossless}) for lossless in (True, False)),
            *((one, "GIF", {}) for one in (palette, gray)),
            *((one, "BMP", {}) for one in (colour, palette, gray)),
            *((one, name, {}) for name in sorted(Image.SAVE) for one in (colour, gray, clear)),
        ]
        found: dict[tuple[str, str], list[bytes]] = {}
        for picture, name, options in ways:
            buffer = io.BytesIO()
            with contextlib.suppress(Exception):  # not every format takes every picture
                picture.save(buffer, name, **options)
                decode(buffer.getvalue(), Wanted(None))
                found.setdefault((name, ""), []).append(buffer.getvalue())
        common = {"PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"}
        most = [each for (name, _), some in found.items() for each in some if name in common]
        rest = [some[0] for (name, _), some in found.items() if name not in common]
        return most + rest

    def repaired(self, mutant: bytes, rng: random.Random) -> bytes:
        if not mutant.startswith(b"\x89PNG") or rng.random() < 0.3:
            return mutant
        content, place = bytearray(mutant), 8
        while place + 12 <= len(content):
            end = place + 8 + int.from_bytes(content[place : place + 4], "big")
            if end + 4 > len(content):
                break
            content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
            place = end + 4
        return bytes(content)

    def read(self, content: bytes) -> torch.Tensor:
        pixels = decode(content, Wanted(None))
        decode(content, Wanted((6, 6), "gray"))
        return pixels

    def same(self, value: Any, other: Any) -> bool:
        return torch.equal(value, other)

    def wrong(self, content: bytes, value: Any) -> str:
        wanted: Any = "refused"
        ends = (content, content + b"\xff\xd9", content.rstrip(b"\0") + b"\xff\xd9")
        for trial in ends if content.startswith(b"\xff\xd8") else ends[:1]:
            with contextlib.suppress(Exception):
                with warnings.catch_warnings(action="ignore"):
                    wanted = _by_pillow(trial)
                break
        if wanted == "refused":
            return "pixels of a file that Pillow refuses"
        if wanted is None:
            return ""
        pixels = value.permute(1, 2, 0).numpy().astype(int)
        near = [
            one.shape == pixels.shape and int(np.abs(one - pixels).max(initial=0)) <= 4
            for one in wanted
        ]
        return "" if any(near) else "other pixels than Pillow's"


def _by_pillow(content: bytes) -> list[Any] | None:
    """What a viewer may show, (H, W, 3) each; None where that is a matter of taste (depth, profiles).

    None also above a million pixels, which take too long to compare.
    """
    with Image.open(io.BytesIO(content), formats=readable()) as image:
        if image.width * image.height > 1 << 20:
            return None
        image.load()
        if image.mode[0] in "IF" or image.mode == "CMYK" or "icc_profile" in image.info:
            return None
        if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
            return None
        found = [image.copy()]
        with contextlib.suppress(Exception):
            found.append(ImageOps.exif_transpose(image))
    flat = []
    for one in found:
        if one.has_transparency_data:
            white = Image.new("RGBA", one.size, "white")
            one = Image.alpha_composite(white, one.convert("RGBA"))
        flat.append(np.asarray(one.convert("RGB")).astype(int))
    return flat


class Masks(Reader):
    name, share = "masks", 6

    def made(self) -> list[bytes]:
        classes = Image.fromarray(PICTURE[..., 0] // 60)
        palette = classes.copy()
        palette.putpalette([value for value in range(256) for _ in "rgb"])
        found = []
        for picture in (classes, palette, classes.convert("1")):
            for name in ("PNG", "TIFF", "BMP", "GIF"):
                picture.save(buffer := io.BytesIO(), name)
                found.append(buffer.getvalue())
        return found

    repaired = Pictures.repaired
    same = Pictures.same

    def read(self, content: bytes) -> torch.Tensor:
        return read_mask(self.put("mask", content), 3)

    def wrong(self, content: bytes, value: Any) -> str:
        with warnings.catch_warnings(action="ignore"):
            with Image.open(io.BytesIO(content), formats=readable()) as image:
                wanted = np.array(image, np.uint8)
        wanted[wanted == 3] = 255
        return "" if np.array_equal(value.numpy(), wanted) else "other classes than Pillow's"


# ---- archives ------------------------------------------------------------------------------------


def _png(value: int) -> bytes:
    Image.fromarray(PICTURE[: 9 + value % 3] // (1 + value)).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


MEMBERS = {f"{kind}/{n}.png": _png(n) for n, kind in enumerate(("cat", "dog", "cat"))}
TABLE = "\n".join(["file,age", *(f"{name},{len(name)}" for name in MEMBERS)]).encode()
BESIDE = {"cat/0.cls": b"3", "cat/0.json": b'{"year": 1999}', "dog/1.txt": b"a dog", "x/y": b""}


class Archives(Reader):
    """The pictures of an archive by their ids, with their columns; those of another reader beside."""

    share = 5

    def read(self, content: bytes) -> Any:
        cache = self.folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        path = self.put(f"a.{self.name}", content)
        images = pictures_of(path, 6, cache=cache, workers=1)
        columns = {name: values.tolist() for name, values in images.metadata.items()}
        return dict(zip(images.ids, images.pixels.clone(), strict=True)), columns

    def same(self, value: Any, other: Any) -> bool:
        (mine, columns), (theirs, others) = value, other
        same = columns == others and mine.keys() == theirs.keys()
        return same and all(torch.equal(x, theirs[id_]) for id_, x in mine.items())

    def wrong(self, content: bytes, value: Any) -> str:
        wanted = []
        with contextlib.suppress(Exception):
            for member in self.others(content):
                with contextlib.suppress(NarrowsError):
                    wanted.append(decode(member, Wanted((6, 6))))
        odd = [id_ for id_, x in value[0].items() if not any(torch.equal(x, y) for y in wanted)]
        return f"{odd[0]!r} has pixels that another reader finds nowhere" if odd else ""

    def others(self, content: bytes) -> Iterator[bytes]:
        """The bytes of members, as a library reads them."""
        raise NotImplementedError


class Zip(Archives):
    name = "zip"

    def made(self) -> list[bytes]:
        found = []
        for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(buffer := io.BytesIO(), "w", how) as archive:
                for name, content in {**MEMBERS, "labels.csv": TABLE}.items():
                    with archive.open(name, "w", force_zip64=how == zipfile.ZIP_STORED) as opened:
                        opened.write(content)
            found.append(buffer.getvalue())
        return found

    def others(self, content: bytes) -> Iterator[bytes]:
        yield from MEMBERS.values()  # a sum tells any other


class Tar(Archives):
    name = "tar"

    def made(self) -> list[bytes]:
        found = []
        for how in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w:", format=how) as archive:
                for name, content in {**MEMBERS, **BESIDE, "é" * 120 + "/9.png": _png(9)}.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
            found.append(buffer.getvalue())
        return found

    def repaired(self, mutant: bytes, rng: random.Random) -> bytes:
        content = bytearray(mutant)
        for place in range(0, len(content) - 511, 512):
            if content[place + 257 : place + 262] == b"ustar" and rng.random() < 0.7:
                content[place + 148 : place + 156] = b" " * 8
                content[place + 148 : place + 156] = b"%06o\0 " % sum(content[place : place + 512])
        return bytes(content)

    def others(self, content: bytes) -> Iterator[bytes]:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for info in archive:
                if info.isreg():
                    yield content[info.offset_data : info.offset_data + info.size]


class Parquet(Archives):
    name = "parquet"

    def made(self) -> list[bytes]:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        rows = [{"bytes": content, "path": name} for name, content in MEMBERS.items()] * 2
        features = {"image": {"_type": "Image"}, "k": {"_type": "ClassLabel", "names": ["a", "b"]}}
        said = {"huggingface": json.dumps({"info": {"features": features}})}
        hub = pa.table({"image": rows, "k": [0, 1] * 3, "t": list("abcdea")})
        plain = pa.table({"image": [row["bytes"] for row in rows], "x": [0.5, None] * 3})
        found = []
        for table, how in (
            (hub.replace_schema_metadata(said), {"compression": "snappy", "row_group_size": 2}),
            (hub, {"compression": "none", "use_dictionary": False}),
            (plain, {"compression": "zstd"}),
        ):
            parquet.write_table(table, buffer := io.BytesIO(), **how)  # type: ignore[arg-type]
            found.append(buffer.getvalue())
        return found

    def others(self, content: bytes) -> Iterator[bytes]:
        import pyarrow.parquet as parquet

        with parquet.ParquetFile(io.BytesIO(content)) as opened:
            leaves = [opened.schema.column(place).path for place in range(len(opened.schema))]
            for group, leaf in itertools.product(range(opened.num_row_groups), leaves):
                with contextlib.suppress(Exception):
                    for column in opened.read_row_group(group, [leaf]).columns:
                        for value in column.to_pylist():
                            each = value.values() if isinstance(value, dict) else (value,)
                            yield from (one for one in each if isinstance(one, bytes))


# ---- arrays --------------------------------------------------------------------------------------

PIXELS = RNG.integers(0, 256, (5, 6, 7), dtype=np.uint8)


def _saved(array: Any) -> bytes:
    np.save(buffer := io.BytesIO(), array)
    return buffer.getvalue()


class Arrays(Reader):
    """The pictures of an array file, as bytes; those of another reader of it beside."""

    same = Pictures.same

    def read(self, content: bytes) -> torch.Tensor:
        images = array_file(self.put(f"a.{self.name}", content))
        return images.pixels.clone()

    def wrong(self, content: bytes, value: Any) -> str:
        try:
            arrays = self.others(content)
            each = [array_file(self.put("b.npy", _saved(a))).pixels.clone() for a in arrays]
            wanted = torch.cat(each)
        except Exception as error:
            return f"pictures of a file that NumPy refuses: {error}"
        return "" if torch.equal(wanted, value) else "other pixels than NumPy's"

    def others(self, content: bytes) -> list[Any]:
        return [np.load(io.BytesIO(content), allow_pickle=False)]


class Npy(Arrays):
    name, share = "npy", 8

    def made(self) -> list[bytes]:
        kinds = (PIXELS / 255).astype(np.float32), PIXELS / 255, PIXELS > 99
        more = (PIXELS / 255).astype(">f4"), np.asfortranarray(PIXELS), PIXELS[:, None], PIXELS.T
        return [_saved(array) for array in (PIXELS, *kinds, *more)]


class Npz(Arrays):
    name, share = "npz", 6

    def made(self) -> list[bytes]:
        found = []
        for save in (np.savez, np.savez_compressed):
            for arrays in (
                {"x": PIXELS, "y": np.arange(5)},
                {"faces": PIXELS / 255, "ages": np.arange(5)},
                {"x_train": PIXELS, "x_test": PIXELS[:2], "y_train": range(5), "y_test": range(2)},
            ):
                save(buffer := io.BytesIO(), **arrays)
                found.append(buffer.getvalue())
        return found

    def others(self, content: bytes) -> list[Any]:
        with np.load(io.BytesIO(content), allow_pickle=False) as opened:
            names = opened.files
            if "x_train" in names and "x_test" in names:
                return [opened["x_train"], opened["x_test"]]
            if "x" in names:
                return [opened["x"]]
            arrays = {name: opened[name] for name in names if name.startswith(("faces", "arr_0"))}
            return list(arrays.values()) or [
                opened[name] for name in names if np.ndim(opened[name]) in (3, 4)
            ]


class Idx(Arrays):
    name, share = "idx", 5

    def made(self) -> list[bytes]:
        plain = struct.pack(">BBBB3I", 0, 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes()
        return [plain, gzip.compress(plain, mtime=0)]

    def others(self, content: bytes) -> list[Any]:
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        sides = struct.unpack_from(f">{plain[3]}I", plain, 4)
        return [np.frombuffer(plain, np.uint8, offset=4 + 4 * plain[3]).reshape(sides)]


# ---- tables --------------------------------------------------------------------------------------


class Tables(Reader):
    name, share = "tables", 10

    IDS = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/10.png", "x.jpg")

    def made(self) -> list[bytes]:
        lines = [
            f'{id_},{n % 2},{"train" if n else "test"},a "b"' for n, id_ in enumerate(self.IDS)
        ]
        plain = "\n".join(["file,label,split,note", *lines]) + "\n"
        semicolons = plain.replace(",", ";")
        bare = "\n".join(lines)
        return [
            plain.encode(), semicolons.encode("utf-16"), bare.encode("cp1252"),
            b"sep=;\r\n" + semicolons.replace("\n", "\r\n").encode(), plain.replace(",", "\t").encode(),
        ]  # fmt: skip

    def read(self, content: bytes) -> Any:
        self.put("labels.csv", content)
        known, masks = known_of(self.folder, None, self.IDS)
        columns = {**known.metadata, **known.labels, "split": known.split, "groups": known.groups}
        return {n: c for n, c in columns.items() if c is not None}, known.notes, sorted(masks)

    def same(self, value: Any, other: Any) -> bool:
        return repr(value) == repr(other)

    def wrong(self, content: bytes, value: Any) -> str:
        columns, notes, masks = value
        odd = [
            name for name, column in columns.items() if len(column) != len(self.IDS) - len(masks)
        ]
        return f"{odd[0]!r} has another length than there are pictures" if odd else ""


# ---- a model and its run -------------------------------------------------------------------------

X = torch.from_numpy(RNG.integers(0, 256, (40, 1, 8, 8), dtype=np.uint8))
SOME = X[:2].float() / 255


def _recipe(epochs: int = 2) -> Any:
    made = nw.recipes.mlp_vae((1, 8, 8), code_size=3, widths=(6,))
    return made.with_(batch_size=16, epochs=epochs)


class OfModel(Reader):
    """A file of a run's folder; the value is what the model makes of two pictures."""

    file = "model.safetensors"
    summed = True

    def made(self) -> list[bytes]:
        self.run = self.folder / "run"
        trained = self.folder.parent / "trained"  # once for all of them
        if not trained.exists():
            data = {"images": Images(X), "validation": X[:9]}
            nw.fit(_recipe(), **data, to=trained, device="cpu", report="quiet")
        shutil.copytree(trained, self.run)
        self.added()
        return [(self.run / self.file).read_bytes()]

    def added(self) -> None:
        """Write what else the folder needs."""

    def read(self, content: bytes) -> Any:
        (self.run / self.file).write_bytes(content)
        return self.value()

    def value(self) -> Any:
        with torch.no_grad():
            return load(self.run)(SOME)

    def same(self, value: Any, other: Any) -> bool:
        return torch.equal(value, other)


class Weights(OfModel):
    name, share = "model.safetensors", 5


class Recipes(OfModel):
    name, share, file = "recipe.toml", 5, "recipe.toml"


class Outlines(OfModel):
    """The recipe alone, as ``outline`` reads it: it may say another model, but has to say one."""

    name, share, file, summed = "recipe.toml alone", 4, "recipe.toml", False

    def value(self) -> Any:
        return repr(outline(self.run))

    def same(self, value: Any, other: Any) -> bool:
        return bool(value == other)


class Seen(OfModel):
    name, share, file = "seen.safetensors", 3, "seen.safetensors"

    def value(self) -> Any:
        return Run.load(self.run, Preprocessing((1, 8, 8))).seen

    def same(self, value: Any, other: Any) -> bool:
        if value is None or other is None:
            return value is other
        return all(np.array_equal(value[name], other[name]) for name in other)


class Facts(OfModel):
    name, share, file, summed = "run.toml", 4, "run.toml", False

    def added(self) -> None:
        run = Run.load(self.run, Preprocessing((1, 8, 8)))
        rows = [
            {"name": name, "psnr": value, "psnr_deviation": 1.0, "error": 0.25}
            for name, value in (("model", 20.5), ("median 3×3", 22.0))
        ]
        run.standings = (Standing("denoise", rows, "9 validation pictures", "noise taken out"),)
        run.save(self.run)

    def value(self) -> Any:
        run = Run.load(self.run, Preprocessing((1, 8, 8)))
        return (
            run.seed,
            run.facts,
            [(one.note, one.said, str(one.table())) for one in run.standings],
        )

    def same(self, value: Any, other: Any) -> bool:
        return repr(value) == repr(other)


class Metrics(OfModel):
    name, share, file, summed = "metrics.jsonl", 6, "metrics.jsonl", False

    def value(self) -> Any:
        history = history_of(self.run)
        return json.dumps(list(history)), repr(history), history._repr_html_()

    same = Facts.same


class Checkpoint(OfModel):
    name, share, file = "checkpoint.safetensors", 3, "checkpoint.safetensors"

    def made(self) -> list[bytes]:
        self.run, self.kept = self.folder / "run", self.folder / "kept"
        stop = threading.Event()
        stop.set()  # after the first step
        with contextlib.suppress(Interrupted):
            self._fit(self.run, stop=stop)
        shutil.copytree(self.run, self.kept)
        return [(self.run / self.file).read_bytes()]

    def _fit(self, to: Path, **options: Any) -> Any:
        data = Images(X[:24])
        return nw.fit(_recipe(1), data, to=to, device="cpu", report="quiet", **options)

    def value(self) -> Any:
        shutil.copytree(self.kept, self.run, dirs_exist_ok=True, ignore=lambda *_: [self.file])
        (self.run / "model.safetensors").unlink(missing_ok=True)
        model = self._fit(self.run, resume=True)
        with torch.no_grad():
            return model(SOME)


class Priors(OfModel):
    name, share = "prior-mixture", 4
    prior: tuple[str, dict[str, Any]] = ("mixture", {"components": 2})

    def added(self) -> None:
        self.model = load(self.run)
        kind, options = self.prior
        self.file = f"prior-{kind}.safetensors"
        save_prior(fit_prior(self.model, Images(X), kind, **options), self.model, self.run)

    def value(self) -> Any:
        return load_prior(self.model, self.run, self.prior[0]).sample(4)


class Entropy(OfModel):
    name, share, file = "entropy.safetensors", 4, "entropy.safetensors"

    def added(self) -> None:
        self.codec_model = codec_model(load(self.run))
        tables = self.folder.parent / "tables"
        if not tables.exists():
            Codec.fit(self.codec_model, Images(X)).save(tables)
        shutil.copy(tables, self.run / self.file)

    def value(self) -> Any:
        codec = load_codec(self.codec_model, self.run / self.file)
        compressed = codec.compress(X[:1], max_error=0)
        return codec.decompress(compressed.files[0]), compressed.files[0], codec.lossless_quality

    def same(self, value: Any, other: Any) -> bool:
        return torch.equal(value[0], other[0]) and value[1:] == other[1:]

    def wrong(self, content: bytes, value: Any) -> str:
        if not torch.equal(value[0], X[:1]):
            return "a lossless file gives other pictures"
        return super().wrong(content, value)


class Compressed(Entropy):
    name, share = "nrw and nrws", 8

    def made(self) -> list[bytes]:
        super().made()
        codec = self.codec = load_codec(self.codec_model, self.run / self.file)
        odd = torch.from_numpy(RNG.integers(0, 256, (2, 1, 5, 11), dtype=np.uint8))
        found = [codec.compress(X[:1], quality=q).files for q in (1, 50, 100)]
        found += [codec.compress(X[:2], max_error=error).files for error in (0, 3)]
        found += [codec.compress(odd, quality=40).files, codec.compress(odd, max_error=0).files]
        found += [codec.compress(X[:9], quality=20, together=True).files]
        return [file for files in found for file in files]

    def repaired(self, mutant: bytes, rng: random.Random) -> bytes:
        if len(mutant) < 14 or rng.random() < 0.3:
            return mutant
        if rng.random() < 0.5:  # also the name of model and tables
            mutant = mutant[:3] + self.codec.fingerprint + mutant[7:]
        check = binascii.crc_hqx(mutant[:7] + mutant[9:], 0).to_bytes(2, "little")
        return mutant[:7] + check + mutant[9:]

    def read(self, content: bytes) -> Any:
        return self.codec.decompress(content)

    def same(self, value: Any, other: Any) -> bool:
        return torch.equal(value, other)

    def wrong(self, content: bytes, value: Any) -> str:
        return Reader.wrong(self, content, value)


# ---- collections ---------------------------------------------------------------------------------


IDS = tuple(f"p{i}" for i in range(12))


class Collections(Reader):
    """A file of a collection; where it was the last that was written, the rows may be those of the
    commit before, if that is said."""

    name, share, summed = "collection", 3, True
    silent = False  # the engine does, and the command line keeps it away: tests/cli/test_hostile.py

    def made(self) -> list[bytes]:
        return [b"made where it is read"]  # the engine's threads do not live through a fork

    def begin(self) -> None:
        import pyarrow as pa

        from narrows.collection import About, Collection

        self.open = Collection.open
        self.said = logging.handlers.BufferingHandler(1 << 20)
        logging.getLogger().addHandler(self.said)
        whole = self.folder / "whole"
        about = About("0123456789abcdef", "runs/a", (4,), shape=(1, 8, 8))
        made = Collection.create(whole, about)
        made.add_columns({"label": pa.string(), "thumbnail": pa.binary()})
        rows = {
            "id": list(IDS),
            "code": np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32),
            "label": ["cat" if i % 2 else "dog" for i in range(12)],
            "thumbnail": [bytes([i] * 40) for i in range(12)],
        }
        for part in (slice(0, 7), slice(7, 12)):
            made.add({name: values[part] for name, values in rows.items()})
        made.commit()
        files = sorted(path for path in whole.rglob("*") if path.is_file() and path.name != "lock")
        self.names = [path.relative_to(whole) for path in files]
        self.whole = [path.read_bytes() for path in files]
        self.seeds = [content for content in self.whole if content]
        self.which = [place for place, content in enumerate(self.whole) if content]
        self.values = [self._rows(self.whole)]

    def read(self, content: bytes) -> Any:
        place = self.which[self.chosen]
        return self._rows([*self.whole[:place], content, *self.whole[place + 1 :]])

    same = Facts.same

    def wrong(self, content: bytes, value: Any) -> str:
        kept = set(value["id"])
        whole = self.values[0]
        for count in (0, 7):  # rows of the commits before
            some = [place for place, id_ in enumerate(whole["id"]) if id_ in IDS[:count]]
            before = {name: [column[place] for place in some] for name, column in whole.items()}
            if len(kept) == count and self.same(value, before) and self.said.buffer:
                return ""
        return super().wrong(content, value)

    chosen = 0  # which seed the mutant is of

    def _rows(self, contents: list[bytes]) -> Any:
        self.said.buffer.clear()
        # another address each time, so that what is said once is said of each
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            for name, content in zip(self.names, contents, strict=True):
                path = Path(place) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            rows = self.open(place).rows()
        order = np.argsort(rows["id"])
        return {name: np.asarray(values)[order].tolist() for name, values in rows.items()}


READERS: tuple[type[Reader], ...] = (
    Pictures, Masks, Npy, Npz, Idx, Tables, Weights, Recipes, Outlines, Seen, Facts, Metrics,
    Checkpoint, Priors, Entropy, Compressed, Collections, Zip, Tar, Parquet,
)  # fmt: skip
