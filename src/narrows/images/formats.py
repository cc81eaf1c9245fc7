"""What a file is that Pillow does not read as a picture: its name, and what to do about it."""

from __future__ import annotations

import ctypes.util
import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["called", "is_camera_raw", "readable"]

RAW = "a camera's raw photograph, whose pixels are not read; develop it to JPEG, PNG or TIFF"
_REFUSED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}  # programs, or no pixels of their own
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_VIDEO = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5")
_BEGINNINGS = (
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"BPG\xfb", "a BPG picture"),
)
_RAW = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")


@lru_cache(maxsize=1)
def readable() -> tuple[str, ...]:
    """The formats that are tried; HEIC is one of them where pillow-heif is installed."""
    from PIL import Image

    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]

        register_heif_opener()
    except Exception:  # not installed, or not for this Pillow
        pass
    Image.init()
    _white_is_zero_too()
    _keep_quiet()
    return tuple(name for name in Image.ID if name not in _REFUSED)


def _white_is_zero_too() -> None:
    """Let Pillow open TIFFs above eight bits whose zero is white as it opens those whose zero is black.

    It knows some of them, and turns none: images/levels.py does.
    """
    from PIL import TiffImagePlugin

    known: dict[Any, Any] = TiffImagePlugin.OPEN_INFO
    for key, how in list(known.items()):
        if key[1] == 1 and (how[0].startswith("I") or how[0] == "F"):
            known.setdefault((key[0], 0, *key[2:]), how)


def _keep_quiet() -> None:
    """What is wrong with a TIFF is one sentence of ours, not ten lines of libtiff on standard error.

    Pillow turns its warnings off itself, but logs some words of its own. Where the library is not
    found (Windows), it goes on talking.
    """
    import PIL

    logging.getLogger("PIL").addHandler(logging.NullHandler())
    folder = Path(PIL.__file__).parent
    bundled = [*folder.parent.glob("pillow.libs/libtiff*"), *folder.glob(".dylibs/libtiff*")]
    for name in [*map(str, bundled), *filter(None, [ctypes.util.find_library("tiff")])][:1]:
        try:
            ctypes.CDLL(name).TIFFSetErrorHandler(None)
        except (OSError, AttributeError):
            pass


def called(head: bytes) -> str:
    """What the first bytes of a file (at least 132) say that it is, as a reason not to read it."""
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, 64, 4))]
        if head[8:12] == b"crx ":
            return RAW
        if head[8:12] in _VIDEO:
            return "a video, not a picture"
        if any(brand in _HEIC for brand in brands):
            return "HEIC, which needs pillow-heif (pip install pillow-heif), or save it as JPEG"
    if head[128:132] == b"DICM":
        return "DICOM, which is not read; save it as a 16-bit PNG or TIFF"
    if head.startswith(_RAW):
        return RAW
    start = head.lstrip()[:16].lower()
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning) or (beginning[:1] == b"<" and start.startswith(beginning)):
            return f"{name}, which is not read; save it as PNG or JPEG"
    if start.startswith(b"<?xml") and b"<svg" in head:
        return "an SVG drawing, which is not read; save it as PNG or JPEG"
    return "not a picture"


def is_camera_raw(image: PilImage, head: bytes) -> bool:
    """Whether a TIFF is a raw photograph, of which Pillow would show the thumbnail.

    Canon's mark, Adobe's DNG version, sensor values as pixels, or a first picture that calls itself
    a reduced one of others.
    """
    if image.format not in ("TIFF", "MPO"):
        return False
    if head[8:10] == b"CR" and head[:2] in (b"II", b"MM"):
        return True
    tags = getattr(image, "tag_v2", None) or {}
    photometric = tags.get(262)
    reduced = int(tags.get(254, 0) or 0) & 1 and 330 in tags
    return 50706 in tags or photometric in (32803, 34892) or bool(reduced)
