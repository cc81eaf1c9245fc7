"""One reader for every picture that a viewer can open: bytes in, uint8 (C, H, W) out.

    header ──► too large? refuse ──► JPEG: scaled decoding ─┐
                                └──► the rest: Pillow ──────┴─► upright ─► crop ─► resize ─► sRGB ─► (C, H, W)

Whatever is wrong with a file is one :class:`~narrows.errors.UnreadableImage`, whose sentence ends in
the reason. Of an animation or a file of many pages the first picture counts.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate, pad

from ..errors import UnreadableImage
from ..memory import give_back
from .colour import brought_to_srgb, profile_name, stated_profile, to_srgb
from .formats import RAW, called, is_camera_raw, readable
from .levels import Levels, Measured, chosen, deep, eight_bits, measured
from .wide import Wide, is_wide

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

__all__ = [
    "LIMIT",
    "Fit",
    "Mode",
    "Size",
    "Wanted",
    "measure",
    "pixel_limit",
    "read",
    "read_classes",
]

Mode = Literal["rgb", "gray"]
Fit = Literal["crop", "pad", "stretch"]
Size = int | tuple[int, int]

LIMIT = 89_478_485
"""Pixels allowed by default (JPEG 2000, AVIF and deep TIFF half of it, WebP a third, BLP a quarter,
DDS and QOI an eighth).

What decoders and conversions take for so many stays below 1 GiB, all threads together."""
HIGHEST_LIMIT = (1 << 31) - 1
HEAD = 26  # bytes by which a picture may be deeper than eight bits

_HUNGRY = {
    "JPEG2000": 2,
    "AVIF": 2,
    "WEBP": 3,
    "BLP": 4,
    "DDS": 8,
    "QOI": 8,
}  # decoders of 20 bytes a pixel or more, or of a microsecond: a part of it
_HEADROOM = 3.0  # a JPEG is decoded at no less than this many times the size wanted
_STRIP = 1 << 22  # pixels that are converted at once
_LARGE = 1 << 23  # pixels: before so many are decoded, what other threads left is given back
_BYTES = 9  # a pixel that is decoded and converted takes about so many
_REDUCED = 4  # times the limit: a JPEG that is decoded at a smaller scale may have
_REDUCED_PROGRESSIVE = 1.5  # of these, all coefficients are held in memory
_JPEG, _END = b"\xff\xd8\xff", b"\xff\xd9"  # its first and last bytes
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_FAST_BYTES = 1 << 28  # larger JPEG files are read by Pillow, which does not hold them in memory


class _Room:
    """For pictures that are being decoded, in all threads together; what is larger goes alone."""

    def __init__(self, pixels: int) -> None:
        self._pixels, self._used = pixels, 0
        self._turn, self._change = Lock(), Condition()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        with self._turn, self._change:  # the first to wait is the first to go on
            self._change.wait_for(lambda: not self._used or self._used + pixels <= self._pixels)
            self._used += pixels
        if pixels > _LARGE:
            give_back()
        try:
            yield
        finally:
            with self._change:
                self._used -= pixels
                self._change.notify_all()


_room = _Room(LIMIT)


class Wanted(NamedTuple):
    """What a picture shall become. ``size`` is (height, width), or None to keep its own."""

    size: tuple[int, int] | None
    mode: Mode = "rgb"
    fit: Fit = "crop"
    center_crop: int | None = None
    limit: int = LIMIT
    levels: Levels | None = None

    @property
    def channels(self) -> int:
        return 3 if self.mode == "rgb" else 1


def wanted(
    size: Size | None,
    mode: str,
    fit: str,
    center_crop: int | None,
    limit: int | None = None,
    levels: Levels | None = None,
) -> Wanted:
    """Check the options of reading; ``ValueError`` names the one that cannot work."""
    if mode not in ("rgb", "gray"):
        raise ValueError(f"mode must be 'rgb' or 'gray', got {mode!r}")
    if fit not in ("crop", "pad", "stretch"):
        raise ValueError(f"fit must be 'crop', 'pad' or 'stretch', got {fit!r}")
    if center_crop is not None and not (_whole(center_crop) and center_crop >= 1):
        raise ValueError(f"center_crop must be a number of pixels from 1, got {center_crop!r}")
    limit = pixel_limit() if limit is None else limit
    if not (_whole(limit) and 1 <= limit <= HIGHEST_LIMIT):
        raise ValueError(f"limit must be 1 to {HIGHEST_LIMIT:,} pixels, got {limit!r}")
    pair: Any = (size, size) if _whole(size) else size
    if pair is not None:
        fine = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(_whole, pair))
        if not fine or min(pair) < 1 or max(pair) > 16384:
            raise ValueError(
                f"size must be one number or (height, width), 1 to 16384, got {size!r}"
            )
        pair = (int(pair[0]), int(pair[1]))
    return Wanted(pair, mode, fit, center_crop, limit, levels)  # type: ignore[arg-type]


def pixel_limit() -> int:
    """The most pixels of a picture where no limit is given: NARROWS_PIXEL_LIMIT, else ``LIMIT``.

    Raises:
        ValueError: the variable holds no number from 1 to 2^31 - 1.
    """
    text = os.environ.get("NARROWS_PIXEL_LIMIT", "").strip()
    if not text:
        return LIMIT
    try:
        limit = float(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= HIGHEST_LIMIT:
        raise ValueError(f"a pixel limit is 1 to {HIGHEST_LIMIT:,}, such as 200e6; we got {text!r}")
    return int(limit)


def _whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def read(
    source: str | Path | bytes,
    size: Size | None = None,
    mode: Mode = "rgb",
    fit: Fit = "crop",
    center_crop: int | None = None,
    limit: int | None = None,
    levels: Levels | None = None,
) -> torch.Tensor:
    """Read one picture as a viewer shows it: upright, in sRGB, first frame, transparency on white.

    Args:
        source: a path, or the bytes of a file.
        size: (height, width), or one number for a square; None keeps the picture's own size.
        mode: 'rgb' gives three channels, 'gray' one (ITU-R 601 luma).
        fit: 'crop' covers the size and cuts what hangs over, 'pad' fits inside and adds black,
            'stretch' ignores the aspect.
        center_crop: take the central square of so many pixels of the picture first.
        limit: refuse a picture of more pixels before it is decoded; a JPEG that is decoded at a
            reduced scale may have four times as many. None takes NARROWS_PIXEL_LIMIT, else
            89,478,485.
        levels: which values of a picture deeper than 8 bits become black and white; None takes the
            range that its own values need (one for all, see :func:`narrows.images.folder`).

    Returns:
        uint8 (C, H, W).

    JPEG files are decoded at a reduced scale when the size wanted is at least 6 times smaller;
    on noisy photographs the result is 38 dB or more from decoding everything, mostly above 50.

    Raises:
        UnreadableImage: the file is missing, damaged, too large, or no picture.
        ValueError: an option that cannot work.
    """
    options = wanted(size, mode, fit, center_crop, limit, levels)
    name = "these bytes" if isinstance(source, bytes) else str(source)
    try:
        return decode(source, options)
    except UnreadableImage as error:
        raise UnreadableImage(f"cannot read {name}: {error}") from error


def decode(
    source: str | Path | bytes, options: Wanted, told: set[str] | None = None
) -> torch.Tensor:
    """Like :func:`read`, with the bare reason as the message of its UnreadableImage.

    What was given up on the way (a profile, transparency, more frames) is added to ``told``.
    """
    told = set() if told is None else told
    with quiet:
        try:
            if isinstance(source, bytes):
                return _decode(io.BytesIO(source), len(source), options, told)
            with _open(source) as handle:
                return _decode(handle, os.fstat(handle.fileno()).st_size, options, told)
        except UnreadableImage:
            raise
        except Exception as error:  # a decoder given hostile bytes raises anything at all
            raise UnreadableImage(_reason(error)) from error


def measure(source: str | Path | bytes, limit: int | None = None) -> Measured | None:
    """The range of values of a picture deeper than eight bits; None of any other.

    Raises:
        UnreadableImage: it cannot be read; the reason is the message.
    """
    with quiet:
        try:
            opened = io.BytesIO(source) if isinstance(source, bytes) else _open(source)
            with opened as handle:
                head = handle.read(HEAD)
                if not may_be_deep(head):
                    return None
                handle.seek(0)
                limit = pixel_limit() if limit is None else limit
                with _opened(handle, limit) as image:
                    wide = is_wide(image)
                    if not (deep(image) or wide):
                        return None
                    rows = max(1, _STRIP // image.width)
                    with _room.taken(_checked_size(image, limit)):
                        if wide:
                            return Wide(image, handle, _again).measured(rows)
                        image.load()
                        return measured(image, rows)
        except UnreadableImage:
            raise
        except Exception as error:  # as above
            raise UnreadableImage(_reason(error)) from error


def may_be_deep(head: bytes) -> bool:
    """By its first bytes, ``HEAD`` of them: all but JPEG, GIF, WebP, and PNG that has not 16 bits."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return head[24:25] == b"\x10"
    return not head.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM"))


def read_classes(path: str | Path, limit: int | None = None) -> torch.Tensor:
    """Read the mask of a picture: a number for each pixel, as the file says it.

    Args:
        path: a palette picture, whose numbers are taken, or a gray one of 8 bits.
        limit: refuse a picture of more pixels before it is decoded.

    Returns:
        uint8 (H, W).

    Raises:
        UnreadableImage: the file is missing, damaged, too large, or has colours instead of numbers.
    """
    with quiet:
        try:
            limit = pixel_limit() if limit is None else limit
            with _open(path) as handle, _opened(handle, limit) as image:
                pixels = _checked_size(image, limit)
                if image.mode not in ("P", "L", "1"):
                    raise UnreadableImage(
                        f"a mask has a number for each pixel (gray or palette), not {image.mode}"
                    )
                with _room.taken(pixels):
                    return torch.from_numpy(np.array(image, np.uint8))
        except UnreadableImage as error:
            raise UnreadableImage(f"cannot read {path}: {error}") from error
        except Exception as error:  # a decoder given hostile bytes raises anything at all
            raise UnreadableImage(f"cannot read {path}: {_reason(error)}") from error


def _open(path: str | Path) -> BinaryIO:
    """Open a regular file; a pipe or a device would block or never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise UnreadableImage("not a file")
    return open(path, "rb")


def _decode(handle: BinaryIO, length: int, options: Wanted, told: set[str]) -> torch.Tensor:
    from PIL import UnidentifiedImageError

    if not length:
        raise UnreadableImage("the file is empty")
    head = handle.read(512)
    handle.seek(0)
    try:
        return _decoded(handle, head, length, options, told)
    except UnidentifiedImageError as error:
        raise UnreadableImage(called(head)) from error
    except OSError:
        handle.seek(0)
        whole = _ended(handle.read()) if head[:3] == _JPEG and length <= _FAST_BYTES else None
        if whole is None:
            raise
        told.add("end")
        return _decoded(io.BytesIO(whole), head, len(whole), options, told)
    except ValueError as error:
        if head[1:4] != b"PNG" or "MAX_TEXT" not in str(error):
            raise
        handle.seek(0)
        told.add("texts")
        return _decoded(io.BytesIO(_without_texts(handle.read())), head, length, options, told)


def _decoded(
    handle: BinaryIO, head: bytes, length: int, options: Wanted, told: set[str]
) -> torch.Tensor:
    with _opened(handle, options.limit) as image:
        if is_camera_raw(image, head):
            raise UnreadableImage(RAW)
        plain = image.mode in ("RGB", "L") and image.format in ("JPEG", "MPO")
        fast = plain and length <= _FAST_BYTES
        share = _checked_size(image, options.limit, options if fast else None)
        profile: bytes | None = image.info.get("icc_profile") or stated_profile(image)
        way = to_srgb(profile, image.mode) if image.mode in ("RGB", "L") and profile else None
        if way is None and profile and image.mode in ("RGBA", "P"):
            way = to_srgb(profile, "RGB")
        if way is not None and profile is not None:
            told.add(f"profile {profile_name(profile)}")
        with _room.taken(share + length // _BYTES):
            pixels = None
            if fast:
                pixels = _fast_jpeg(handle, image, options, way is not None, told)
            if pixels is None:
                _checked_size(image, options.limit)
                pixels = _by_pillow(image, handle, options, told)
            if way is None:
                return fit_pixels(pixels[None], options)[0]
            coloured = options._replace(mode="rgb" if len(pixels) == 3 else "gray")
            moved = brought_to_srgb(fit_pixels(pixels[None], coloured)[0], way)
            return fit_pixels(moved[None], options._replace(size=None, center_crop=None))[0]


def _opened(handle: BinaryIO, limit: int) -> PilImage:
    """A picture by its header. JPEG goes past Pillow's own limit, which knows of no reduced scale."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    head = handle.read(3)
    handle.seek(0)
    if head == _JPEG:
        try:
            return JpegImageFile(handle)
        except SyntaxError as error:
            raise UnreadableImage("damaged (its JPEG header cannot be read)") from error
    if Image.MAX_IMAGE_PIXELS is not None and limit > 2 * Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limit // 2 + 1  # Pillow refuses above twice of it: a person asked
    return Image.open(handle, formats=readable())


def _without_texts(content: bytes) -> bytes:
    """A PNG without its texts, of which Pillow refuses to read more than a megabyte."""
    kept, place = [content[:8]], 8
    while place + 8 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] not in _TEXTS:
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


def _checked_size(image: PilImage, limit: int, options: Wanted | None = None) -> int:
    """Refuse what is too large; gives what decoding takes, in pixels of a usual picture.

    Args:
        options: of a JPEG that may be reduced while it is decoded.
    """
    width, height = image.size
    if width < 1 or height < 1:
        raise UnreadableImage(f"no pixels ({width} x {height})")
    hungry: float = _HUNGRY.get(image.format or "", 1)
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, 8)
        hungry *= 1 if np.sum(bits) <= 32 else 2
    elif is_wide(image):
        hungry *= 2
    limit = int(limit // hungry)
    if options is not None and (scale := _scale(height, width, options)) > 1:
        progressive = "progressive" in image.info
        limit = int(limit * (_REDUCED_PROGRESSIVE if progressive else _REDUCED))
        hungry = hungry / _REDUCED_PROGRESSIVE if progressive else 1 / scale**2
    if width * height <= limit:
        return int(width * height * hungry)
    raise UnreadableImage(
        f"too large: {width} x {height} is {width * height:,} pixels, the limit is {limit:,} "
        "(a higher --pixel-limit, or NARROWS_PIXEL_LIMIT, reads it)"
    )


def _ended(content: bytes) -> bytes | None:
    """A JPEG in CMYK with its end mark, where that is all that lacks; else None."""
    import simplejpeg

    whole = content + (_END[1:] if content.endswith(b"\xff") else _END)
    if content.endswith(_END):
        return None
    try:
        simplejpeg.decode_jpeg(whole, colorspace="CMYK", strict=True)
    except ValueError:
        return None
    return whole


# ---- JPEG ----------------------------------------------------------------------------------------


def _scale(height: int, width: int, options: Wanted) -> int:
    """The power of two by which a JPEG may be shrunk while it is decoded: 1, 2, 4 or 8.

    At least 3 times the size wanted is decoded, so that the resize after it decides the look. On
    photographs with sensor noise that is 38.5 dB from a full decode at the worst (a quarter of the
    scale, just 3 times the size); a headroom of 2 gives 36 dB.
    """
    if options.size is None or options.center_crop is not None:
        return 1
    ratios = (height / options.size[0], width / options.size[1])
    ratio = max(ratios) if options.fit == "pad" else min(ratios)
    scale = next((k for k in (8, 4, 2) if ratio / k >= _HEADROOM), 1)
    while scale < 8 and height * width > options.limit * scale**2 and ratio >= 2 * scale:
        scale *= 2  # what is too large to be decoded whole may lose some of the headroom
    return scale


def _fast_jpeg(
    handle: BinaryIO, image: PilImage, options: Wanted, coloured: bool, told: set[str]
) -> torch.Tensor | None:
    """uint8 (C, H, W) by libjpeg-turbo, or None where it objects and Pillow shall judge."""
    import simplejpeg

    turn = _orientation(image)
    width, height = image.size
    upright = (width, height) if turn >= 5 else (height, width)
    scale = _scale(*upright, options)
    handle.seek(0)
    gray = image.mode == "L" or (options.mode == "gray" and not coloured)
    content = handle.read()
    whole = [content]
    if content.endswith(b"\xff"):
        whole.append(content + _END[1:])
    elif not content.endswith(_END):  # only the last mark may lack, zeros may follow
        whole += [content + _END, content.rstrip(b"\0") + _END]
    for trial in whole:
        try:
            array = simplejpeg.decode_jpeg(
                trial,
                colorspace="GRAY" if gray else "RGB",
                min_height=-(-height // scale),
                min_width=-(-width // scale),
                strict=True,
            )
            break
        except ValueError:
            continue
    else:
        return None
    if trial is not content:
        told.add("end")
    return _turned(torch.from_numpy(array).permute(2, 0, 1), turn)


def _orientation(image: PilImage) -> int:
    """EXIF (or XMP) orientation 1 to 8; damaged metadata count as upright, as viewers do."""
    if not any(
        key in image.info for key in ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
    ):
        if image.format != "TIFF":
            return 1
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata raise anything; the pixels are still good
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_TURNS: dict[int, Callable[[torch.Tensor], torch.Tensor]] = {
    1: lambda x: x,
    2: lambda x: x.flip(-1),
    3: lambda x: x.flip(-1, -2),
    4: lambda x: x.flip(-2),
    5: lambda x: x.transpose(-1, -2),
    6: lambda x: x.transpose(-1, -2).flip(-1),
    7: lambda x: x.transpose(-1, -2).flip(-1, -2),
    8: lambda x: x.transpose(-1, -2).flip(-2),
}


def _turned(pixels: torch.Tensor, orientation: int) -> torch.Tensor:
    return _TURNS[orientation](pixels)


# ---- everything else -----------------------------------------------------------------------------


def _again(handle: BinaryIO) -> PilImage:
    from PIL import Image

    return Image.open(handle, formats=readable())


def _by_pillow(image: PilImage, handle: BinaryIO, options: Wanted, told: set[str]) -> torch.Tensor:
    """uint8 (C, H, W), upright, by Pillow."""
    if image.format == "JPEG" and options.size is not None and options.center_crop is None:
        least = int(max(options.size) * _HEADROOM) + 1
        image.draft(None, (least, least))
    turn = _orientation(image)
    if image.format in ("GIF", "PNG", "WEBP", "TIFF") and getattr(image, "is_animated", False):
        told.add("frames")
    wide = None
    if is_wide(image):
        wide = Wide(image, handle, _again)
    elif not deep(image) and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        told.add("sixteen")
    image.load()
    _checked_size(image, options.limit)
    if image.format == "TIFF":
        turn = _orientation(image)  # load() has turned it and says so
    if wide is not None:
        rows = max(1, _STRIP // image.width)
        levels = (options.levels or Levels()).completed(chosen([wide.measured(rows)]))
        image = wide.eight_bits(levels, rows)
    array = flattened(image, options.levels, told)
    image.close()
    return _turned(torch.from_numpy(array).permute(2, 0, 1), turn)


def flattened(image: PilImage, levels: Levels | None, told: set[str]) -> Bytes:
    """uint8 (H, W, 1 or 3), on white where the picture is transparent.

    Done in strips, so that beside the decoded picture there is only the result.
    """
    width, height = image.size
    gray = deep(image) or (image.mode in ("L", "1", "LA", "La"))
    result = np.empty((height, width, 1 if gray else 3), np.uint8)
    rows = max(1, _STRIP // width)
    tops = range(0, height, rows)
    if deep(image):
        own = measured(image, rows)  # also of given levels: it refuses NaN
        levels = (levels or Levels()).completed(chosen([own]))
    if image.has_transparency_data:
        told.add("alpha")
    way = to_srgb(image.info.get("icc_profile"), "CMYK") if image.mode == "CMYK" else None
    if image.mode == "CMYK":
        told.add("cmyk")
    for top in tops:
        strip = image if len(tops) == 1 else image.crop((0, top, width, min(top + rows, height)))
        if deep(image):
            assert levels is not None
            clear = image.info.get("transparency")
            part = eight_bits(image, np.asarray(strip), levels, clear)
        elif way is not None:
            part = np.asarray(_through(strip, way))
        else:
            part = np.asarray(_on_white(strip, "L" if gray else "RGB"))
        result[top : top + rows] = part.reshape(part.shape[0], width, -1)
    return result


def _through(image: PilImage, way: Any) -> PilImage:
    from PIL import ImageCms

    moved = ImageCms.applyTransform(image, way)
    assert moved is not None
    return moved


def _on_white(image: PilImage, mode: str) -> PilImage:
    """The picture in mode L or RGB."""
    from PIL import Image

    if not image.has_transparency_data:
        return image if image.mode == mode else image.convert(mode)
    clear = image.convert("LA" if mode == "L" else "RGBA")
    white = Image.new(mode, clear.size, "white")
    white.paste(clear.convert(mode), mask=clear.getchannel("A"))
    return white


# ---- crop and resize -----------------------------------------------------------------------------


def fit_pixels(pixels: torch.Tensor, options: Wanted) -> torch.Tensor:
    """Bring uint8 (B, c, h, w) to the mode and size of ``options``: uint8 (B, C, H, W).

    The resize is torch's antialiased bilinear one, on bytes.
    """
    if options.center_crop is not None:
        pixels = _central(pixels, options.center_crop, options.center_crop)
    if options.size is not None:
        pixels = _resized(pixels, options.size, options.fit)
    if pixels.shape[1] == options.channels:
        return pixels.contiguous()
    if pixels.shape[1] == 1:
        return pixels.expand(-1, 3, -1, -1).contiguous()
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32).view(1, 3, 1, 1)
    luma = (pixels[:, :3].to(torch.int32) * weights).sum(1, keepdim=True) + 0x8000
    return (luma >> 16).to(torch.uint8)


def _central(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The central (height, width) of (B, C, H, W), or less where the picture is smaller."""
    h, w = pixels.shape[-2:]
    top, left = max(0, (h - height) // 2), max(0, (w - width) // 2)
    return pixels[..., top : top + height, left : left + width]


def _resized(pixels: torch.Tensor, size: tuple[int, int], fit: Fit) -> torch.Tensor:
    h, w = pixels.shape[-2:]
    height, width = size
    if fit == "crop" and h * width != w * height:
        if h * width > w * height:  # too tall
            pixels = _central(pixels, max(1, round(w * height / width)), w)
        else:
            pixels = _central(pixels, h, max(1, round(h * width / height)))
    inner = size
    if fit == "pad":
        ratio = min(height / h, width / w)
        inner = (min(height, max(1, round(h * ratio))), min(width, max(1, round(w * ratio))))
    if tuple(pixels.shape[-2:]) != inner:
        pixels = interpolate(pixels, size=inner, mode="bilinear", antialias=True)
    if inner != size:
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        pixels = pad(pixels, (left, width - inner[1] - left, top, height - inner[0] - top))
    return pixels


# ---- reasons and warnings ------------------------------------------------------------------------


def _reason(error: Exception) -> str:
    """Why a picture could not be read, in a few words."""
    from PIL import Image, UnidentifiedImageError

    text = str(error).strip().splitlines()[0][:100] if str(error).strip() else type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, Image.DecompressionBombError):
        return "too large: it claims more pixels than can be decoded"
    if isinstance(error, MemoryError):
        return "too large: the memory does not suffice"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    if "truncated" in text.lower():
        return "truncated: the data stop early"
    return f"damaged ({text})"


class _Quiet:
    """Keep Pillow's warnings to itself, in any number of threads at once.

    ``warnings.catch_warnings`` restores what the thread that entered found, so that two threads
    could leave each other's filters behind; here the first to enter saves and the last restores.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._depth = 0
        self._caught: warnings.catch_warnings[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
                warnings.filterwarnings("ignore", category=ResourceWarning)
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._caught is not None:
                self._caught.__exit__(None, None, None)


quiet = _Quiet()
