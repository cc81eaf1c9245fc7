"""Compress: pictures to a file as small as the model makes it, and back.

x ──encode──► z ──trellis──► whole numbers ──range coder──► file ──► whole numbers ──► ẑ ──decode──► x̂
                                                              └─ what x̂ leaves of x, if a bound is asked for

The format of a file is in ``container``. A picture larger or smaller than the model's is
cut into tiles of its size, the last of which repeat the border.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .. import files
from ..bottlenecks import Quantised
from ..errors import BadFile, NarrowsError
from ..images import Source, as_source
from ..measures import Pca, formats, psnr
from ..randomness import generator, permutation
from .container import MOST_VALUES, Header, least, opened, packed
from .entropy import Reader, Writer
from .quantisers import QUALITIES, Codebook, Indices, Quantiser, Uniform
from .residual import Residual

__all__ = [
    "Codec",
    "CodecModel",
    "Compressed",
    "codec_for",
    "codec_model",
    "load_codec",
    "pca_codec_model",
    "rate_distortion",
]

Pixels = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]

TABLES_VERSION = 2
BATCH = 256
SPARE = 4  # bytes, a word of the coder: a stream may be so much longer than its pixels
FITTED_ON = 20_000  # pictures at most
PROBED, PROBES = 64, 16  # pictures and directions that tell the gains
FITTED_ON_VALUES, JUDGED_ON = 8_000_000, 500_000  # pixel values
ALONE = 4  # tiles: threads for fewer cost more than they save
SHOWN = (10, 30, 50, 70, 90)  # qualities that residuals are learnt at


@dataclass(frozen=True)
class CodecModel:
    """What a codec needs of a model.

    Attributes:
        shape: (C, H, W) of the pictures.
        encode: x (B, C, H, W) float32 in [0, 1] → z (B, *code).
        decode: z (B, *code) → pictures (B, C, H, W), differentiable; always on the processor.
        book: of codes that are entries of a code book.
        fingerprint: sixteen hexadecimal digits that name the two functions.
    """

    shape: tuple[int, ...]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    book: Codebook | None = None
    fingerprint: str = "0" * 16


def codec_model(model: Any) -> CodecModel:
    """What a codec needs of an autoencoder, of which it keeps a copy on the processor."""
    here = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
    here = here.to(memory_format=torch.channels_last)

    def encode(x: Tensor) -> Tensor:
        found: Tensor = here.posterior(x).z
        return found

    book, bottleneck = None, here.bottleneck
    if isinstance(bottleneck, Quantised):
        book = Codebook(bottleneck.nearest, bottleneck.lookup, _radices(bottleneck.digits))
    return CodecModel(tuple(here.shape), encode, here.decode, book, model.fingerprint())


def pca_codec_model(pca: Pca) -> CodecModel:
    """What a codec needs of PCA: the baseline, with the same quantiser, coder and header."""

    def decode(z: Tensor) -> Tensor:
        return torch.addmm(pca.mean, z, pca.components).reshape(-1, *pca.shape)

    name = files.fingerprint_of_tensors({"mean": pca.mean, "components": pca.components})
    return CodecModel(tuple(pca.shape), pca.encode, decode, None, name)


def _radices(digits: Sequence[int]) -> tuple[int, ...]:
    """Digits joined while their product is at most 4,096."""
    found: list[int] = []
    for levels in digits:
        if found and found[-1] * levels <= 4096:
            found[-1] *= levels
        else:
            found.append(levels)
    return tuple(found)


@dataclass(frozen=True)
class Compressed:
    """N pictures of one shape as files.

    Attributes:
        files: the bytes of each, or of one that holds them all.
        pictures: what went in, uint8 (N, C, H, W).
        decoded: what the files give back, uint8 (N, C, H, W).
    """

    files: list[bytes]
    pictures: Tensor
    decoded: Tensor

    @cached_property
    def psnr(self) -> Tensor:
        """In dB per picture, (N,); 100 for an exact copy."""
        return psnr(self.pictures, self.decoded)

    @property
    def bytes(self) -> float:
        """Bytes per picture, headers counted."""
        return sum(map(len, self.files)) / len(self.pictures)

    @property
    def bits_per_pixel(self) -> float:
        """Bits per pixel, of all channels together."""
        return 8 * self.bytes / math.prod(self.pictures.shape[2:])


@dataclass(frozen=True)
class Codec:
    """Two functions, tables fitted to their codes, and a format.

    Attributes:
        functions: the model's.
        quantiser: of its codes.
        residual: tables of what decoded pictures leave.
        lossless_quality: of the codes under a residual, where it is smallest.
    """

    functions: CodecModel
    quantiser: Quantiser
    residual: Residual
    lossless_quality: int = 50

    @staticmethod
    def fit(
        functions: CodecModel,
        images: Source | Any,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Codec:
        """Fit the tables to pictures, best to those that the model was trained on.

        At most 20,000 pictures are looked at, chosen by the seed. A unit's gain is the root of
        the mean squared change of a picture's length per unit, from products with random signs:
        E (vᵀJ)_i² = ‖J e_i‖² (Bekas et al. 2007).

        Raises:
            ValueError: pictures of another shape, or codes that are not finite.
            Unavailable: constriction is not installed.
        """
        Writer()  # without the coder there is nothing to fit for
        source = as_source(images)
        if tuple(source.shape) != functions.shape:
            raise ValueError(
                f"tables are fitted to pictures of the model's shape {functions.shape}; "
                f"we got {tuple(source.shape)}"
            )
        chosen = permutation(seed, "compress", len(source))[:FITTED_ON]
        x = torch.cat([_bytes(source.batch(rows)) for rows in torch.split(chosen, BATCH)])
        z = torch.cat(
            [functions.encode(_floats(part)).float() for part in torch.split(x, BATCH)]
        ).detach()
        quantiser: Quantiser
        if functions.book is not None:
            quantiser = Indices.fit(z, functions.book)
        else:
            quantiser = Uniform.fit(z, _gain(functions.decode, z[:PROBED], seed), seed)
        tried = (0,) if quantiser.one_rate else SHOWN
        most = max(8, FITTED_ON_VALUES // math.prod(functions.shape))
        x, z = x[:most], z[:most]
        qualities = np.array(tried)[np.arange(len(x)) % len(tried)]
        decoded = torch.empty_like(x)
        done = 0
        for quality in tried:
            mine = torch.from_numpy(np.flatnonzero(qualities == quality))
            for rows in torch.split(mine, BATCH):
                symbols = quantiser.symbols(z[rows], quality)
                decoded[rows] = _decoded(functions, quantiser.values(symbols, quality))
                done += len(rows)
                if progress is not None:
                    progress(done, len(x))
        residual = Residual.fit(x.numpy(), decoded.numpy(), qualities, seed)
        few = slice(0, max(8, JUDGED_ON // math.prod(functions.shape)))
        costs = {
            quality: _nats(functions, quantiser, residual, x[few], z[few], quality)
            for quality in tried
        }
        return Codec(functions, quantiser, residual, min(costs, key=costs.__getitem__))

    @property
    def one_rate(self) -> bool:
        """Whether the quality changes nothing."""
        return self.quantiser.one_rate

    @cached_property
    def fingerprint(self) -> bytes:
        """Four bytes that name the model and the tables together."""
        tables = files.fingerprint_of_tensors(dict(sorted(self._state().items())))
        return bytes.fromhex(files.fingerprint(self.functions.fingerprint, tables))[:4]

    def _state(self) -> dict[str, Tensor]:
        return {**self.quantiser.state(), **self.residual.state()}

    def save(self, path: Path | str) -> None:
        """Write the tables as safetensors."""
        about = {
            "version": TABLES_VERSION,
            "model": self.functions.fingerprint,
            "lossless_quality": self.lossless_quality,
        }
        files.save_tensors(path, self._state(), about)

    def quantised(self, z: Tensor, quality: int = 50) -> Tensor:
        """z (B, *code) → the codes that a file of this quality holds, float32."""
        quality = self._quality(quality)
        return self.quantiser.values(self.quantiser.symbols(z, quality), quality)

    def compress(
        self,
        images: Source | Any,
        quality: int | None = None,
        *,
        max_error: int | None = None,
        together: bool = False,
        progress: Progress | None = None,
    ) -> Compressed:
        """Pictures to files.

        Args:
            images: pictures of one shape, any height and width, with the model's channels.
            quality: 1 to 100, of the codes; None is 50, or the smallest under a residual.
            max_error: bound on the error of each 8-bit value, 0 for none; None asks for no bound.
            together: one file of all pictures instead of one of each.
            progress: called with (done, total) pictures.

        Raises:
            ValueError: a quality or bound that is none, or pictures of other channels.
            NarrowsError: more pictures than one file takes.
        """
        source = as_source(images)
        shape = tuple(int(side) for side in source.shape)
        count = len(source)
        if len(shape) != 3 or shape[0] != self.functions.shape[0]:
            raise ValueError(
                f"this model's pictures have {self.functions.shape[0]} channels; we got pictures "
                f"of shape {shape}"
            )
        if max_error is not None and not 0 <= max_error <= 127:
            raise ValueError(f"a bound on the error is 0 to 127; we got {max_error}")
        if math.prod(shape) * (count if together else 1) > MOST_VALUES:
            raise NarrowsError(
                f"a file takes {MOST_VALUES:,} pixel values and these are "
                f"{math.prod(shape) * count:,}; make several files"
            )
        if quality is None:
            quality = 50 if max_error is None else self.lossless_quality
        quality = self._quality(quality)
        per = _tiles(shape, self.functions.shape)
        size = max(1, BATCH // per)
        parts = [torch.arange(a, min(a + size, count)) for a in range(0, count, size)]
        symbols, pictures, decoded = [], [], []
        for rows in parts:
            x = _bytes(source.batch(rows))
            with torch.no_grad():
                tiles = torch.split(_cut(x, self.functions.shape), BATCH)
                z = torch.cat([self.functions.encode(_floats(some)).float() for some in tiles])
            own = self.quantiser.symbols(z, quality)
            with _one_thread():  # reading has to find the same sums, whatever the machine
                made = self._decoded(own, quality, shape)
            symbols.append(own)
            pictures.append(x)
            decoded.append(made)
            if progress is not None:
                progress(int(rows[-1]) + 1, count * (1 if max_error is None else 2))
        x, d, all_symbols = torch.cat(pictures), torch.cat(decoded), np.concatenate(symbols)
        groups = [range(count)] if together else [range(i, i + 1) for i in range(count)]
        writers = [Writer() for _ in groups]
        for writer, group in zip(writers, groups, strict=True):
            self.quantiser.write(writer, all_symbols[group.start * per : group.stop * per], quality)
        if max_error is not None:
            each = writers * count if together else writers
            told = None if progress is None else partial(_second, progress)
            result = self.residual.write(each, x.numpy(), d.numpy(), max_error, quality, told)
            d = torch.from_numpy(result)
        out, units = [], all_symbols.shape[1]
        for writer, group in zip(writers, groups, strict=True):
            own = d[group.start : group.stop].numpy()
            header = Header(shape, len(group), quality, max_error, zlib.crc32(own.data))
            stream = writer.bytes().ljust(least(header, len(group) * per, units), b"\0")
            if max_error is not None and len(stream) > own.size + SPARE:
                # what the model cannot tell is kept as it is: nothing grows
                d[group.start : group.stop] = x[group.start : group.stop]
                stream = own.tobytes()
                header = replace(header, sum=zlib.crc32(own.data), stored=True)
            out.append(packed(header, self.fingerprint, self.functions.shape, stream))
        return Compressed(out, x, d)

    def decompress(self, file: bytes, progress: Progress | None = None) -> Tensor:
        """The pictures of a file, uint8 (N, C, H, W).

        Raises:
            BadFile: it is damaged, truncated, foreign or newer, of another model, or this machine's
                arithmetic does not give the pictures that were written.
        """
        header, stream = opened(file, self.fingerprint, self.functions.shape)
        shape, count, quality = header.shape, header.count, header.quality
        if header.stored:
            pixels = np.frombuffer(stream, np.uint8).reshape(count, *shape)
            if zlib.crc32(pixels.data) != header.sum:
                raise BadFile("the pixels of this file are damaged; copy it again")
            return torch.from_numpy(pixels.copy())
        if shape[0] != self.functions.shape[0]:
            raise BadFile(f"this file says {shape[0]} channels, which is not this model's number")
        if (quality == 0) != self.one_rate or (quality and quality not in QUALITIES):
            raise BadFile(f"this file says a quality of {quality}, which this model has not")
        tiles = count * _tiles(shape, self.functions.shape)
        if least(header, tiles, self.quantiser.units) > len(stream):
            raise BadFile(
                f"this file says {count:,} pictures of {shape}, more than {len(stream):,} bytes hold"
            )
        reader = Reader(stream)
        symbols = self.quantiser.read(reader, tiles, quality)
        per = tiles // count
        out = np.empty((count, *shape), np.uint8)
        with _one_thread():
            for number in range(count):
                own = symbols[number * per : (number + 1) * per]
                made = self._decoded(own, quality, shape)[0].numpy()
                if header.error is not None:
                    made = self.residual.read(reader, made, header.error, quality)
                out[number] = made
                if progress is not None:
                    progress(number + 1, count)
        if zlib.crc32(out.data) != header.sum:
            raise BadFile(
                "the pictures decoded here are not those that were written: this machine's "
                "arithmetic differs from that of the one that compressed them; decompress there"
            )
        return torch.from_numpy(out)

    def _quality(self, quality: int) -> int:
        if self.one_rate:
            return 0
        if quality not in QUALITIES:
            raise ValueError(f"a quality is a whole number from 1 to 100; we got {quality}")
        return int(quality)

    def _decoded(self, symbols: Any, quality: int, shape: tuple[int, ...]) -> Tensor:
        """Symbols of the tiles of some pictures → the pictures, uint8; each tile by itself."""
        values = self.quantiser.values(symbols, quality)

        def one(z: Tensor) -> Tensor:
            with torch.no_grad():
                return _bytes(self.functions.decode(z))

        if len(values) <= ALONE:
            return _joined(torch.cat([one(z) for z in torch.split(values, 1)]), shape)
        with ThreadPoolExecutor(_cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return _joined(torch.cat(list(pool.map(one, torch.split(values, 1)))), shape)


def rate_distortion(
    codec: Codec,
    images: Source | Any,
    others: Mapping[str, Codec] = MappingProxyType({}),
    progress: Progress | None = None,
) -> dict[str, list[tuple[float, float]]]:
    """(bytes, PSNR), means over the pictures, at every tenth quality, by name.

    Ours comes first, then ``others``, ours with bounds of 1 to 32 on the error, and JPEG, WebP and
    AVIF, as far as Pillow has them.
    """
    source = as_source(images)
    pictures = torch.cat([_bytes(source.batch(rows)) for rows in _positions(len(source))])

    steps = 10 * (1 + len(others)) + 6 + 10 * len(formats.LOSSY)
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done, steps), steps)

    def points(one: Codec, settings: list[dict[str, Any]]) -> list[tuple[float, float]]:
        found = []
        for each in settings:
            made = one.compress(pictures, **each)
            found.append((made.bytes, float(made.psnr.mean())))
            told()
        return found

    qualities = [{"quality": quality} for quality in range(10, 101, 10)]
    curves = {
        name: points(one, qualities[4:5] if one.one_rate else qualities)
        for name, one in {"narrows": codec, **others}.items()
    }
    bounds = [{"max_error": error} for error in (1, 2, 4, 8, 16, 32)]
    curves["narrows, bounded error"] = points(codec, bounds)
    for name in formats.LOSSY:
        means = []
        for quality in range(5, 96, 10):
            made = formats.written(pictures, name, quality)
            told()
            if made is not None:
                means.append((float(made.bytes.mean()), float(made.psnr.mean())))
        if means:
            curves[name] = means
    return curves


def _second(progress: Progress, done: int, total: int) -> None:
    """The second half of the work on ``total`` pictures."""
    progress(total + done, 2 * total)


def _positions(count: int) -> tuple[Tensor, ...]:
    return torch.split(torch.arange(count), BATCH)


def load_codec(functions: CodecModel, path: Path | str) -> Codec:
    """Read the tables that ``Codec.save`` wrote.

    Raises:
        BadFile: there are none, or they are damaged, newer, or of another model.
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(
            f"there are no tables {path} yet: fit them once with `narrows compress {path.parent} "
            "--fit-on PICTURES`, best with the pictures that the model was trained on"
        )
    tensors, about = files.load_tensors(path)
    version = about.get("version")
    if isinstance(version, int) and version < TABLES_VERSION:
        raise BadFile(
            f"{path} is of version {version}, of an older Narrows; this one reads version "
            f"{TABLES_VERSION}: move it away and fit tables again, with --fit-on PICTURES"
        )
    if version != TABLES_VERSION:
        raise BadFile(
            f"{path} is of version {version}; this Narrows reads up to version {TABLES_VERSION}: "
            "install a newer one"
        )
    if about.get("model") != functions.fingerprint:
        raise BadFile(
            f"{path} was fitted to another model than the one in {path.parent}; move it away and "
            "fit tables to this one"
        )
    quality = about.get("lossless_quality")
    try:
        if any(t.dtype not in (torch.int32, torch.float32) for t in tensors.values()):
            raise ValueError("tables hold int32 and float32")
        if type(quality) is not int or not 0 <= quality <= QUALITIES[-1]:
            raise ValueError(f"it says a quality of {str(quality)[:40]} for lossless files")
        codec = codec_for(functions, tensors, quality)
        if more := tensors.keys() - codec._state().keys():
            raise ValueError(f"it holds {min(more)} too")
        return codec
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise BadFile(f"{path} holds no tables that can be used: {error}") from error


def codec_for(functions: CodecModel, tensors: Mapping[str, Tensor], lossless_quality: int) -> Codec:
    """A codec of tables that were fitted before.

    Raises:
        BadFile: they do not fit the functions.
    """
    with torch.no_grad():
        blank = functions.encode(torch.zeros(1, *functions.shape))
    code_shape = tuple(blank.shape[1:])
    quantiser: Quantiser
    if functions.book is not None:
        quantiser = Indices(tensors, functions.book, code_shape)
    else:
        quantiser = Uniform(tensors, code_shape)
    return Codec(functions, quantiser, Residual(tensors, functions.shape), lossless_quality)


def _tiles(shape: tuple[int, ...], tile: tuple[int, ...]) -> int:
    """How many tiles a picture has."""
    return math.prod(-(-side // own) for side, own in zip(shape[1:], tile[1:], strict=True))


def _cut(x: Tensor, tile: tuple[int, ...]) -> Tensor:
    """x (B, C, H, W) → its tiles (B · T, C, h, w), row by row; the border is repeated."""
    if tuple(x.shape[1:]) == tile:
        return x
    _, h, w = tile
    rows = torch.arange(-(-x.shape[2] // h) * h).clamp(max=x.shape[2] - 1)
    columns = torch.arange(-(-x.shape[3] // w) * w).clamp(max=x.shape[3] - 1)
    whole = x[:, :, rows][:, :, :, columns]
    tiles = whole.unfold(2, h, h).unfold(3, w, w)  # (B, C, down, across, h, w)
    return tiles.permute(0, 2, 3, 1, 4, 5).reshape(-1, *tile)


def _joined(tiles: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The inverse of ``_cut``: (B · T, C, h, w) → (B, C, H, W)."""
    _, c, h, w = tiles.shape
    down, across = -(-shape[1] // h), -(-shape[2] // w)
    grid = tiles.reshape(-1, down, across, c, h, w).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(-1, c, down * h, across * w)[:, :, : shape[1], : shape[2]].contiguous()


def _bytes(x: Tensor) -> Tensor:
    """Floats in [0, 1] → uint8."""
    return (x.detach().float().nan_to_num() * 255).round().clamp(0, 255).byte().cpu()


def _floats(x: Tensor) -> Tensor:
    return x.float().mul_(1 / 255)


def _decoded(functions: CodecModel, values: Tensor) -> Tensor:
    """Codes → pictures as uint8, all at once: as near as learning needs them."""
    with torch.no_grad():
        return _bytes(functions.decode(values))


def _nats(
    functions: CodecModel,
    quantiser: Quantiser,
    residual: Residual,
    x: Tensor,
    z: Tensor,
    quality: int,
) -> float:
    """What lossless files of pictures x and codes z cost at a quality."""
    symbols = quantiser.symbols(z, quality)
    decoded = _decoded(functions, quantiser.values(symbols, quality)).numpy()
    codes = float(quantiser.nats(symbols, quality).sum())
    return codes + residual.nats(x.numpy(), decoded, np.full(len(x), quality))


def _gain(decode: Callable[[Tensor], Tensor], z: Tensor, seed: int) -> Tensor:
    """√E ‖∂x̂/∂z_i‖² over the codes z (B, *code), (*code)."""
    draws = generator(seed, "gain")
    total = torch.zeros(z.shape[1:], dtype=torch.float64)
    for part in torch.split(z, 16):
        at = part.clone().requires_grad_(True)
        out = decode(at)
        for _ in range(PROBES):
            signs = torch.randint(0, 2, out.shape, generator=draws).float() * 2 - 1
            (pulled,) = torch.autograd.grad(out, at, signs, retain_graph=True)
            total += pulled.double().square().sum(0)
    return (total / (PROBES * len(z))).sqrt()


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of torch for as long as it is open: sums in the same order whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
