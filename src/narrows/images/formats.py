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
_AVIF = (b"avif", b"avis")
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # that begin older QuickTime files
_VIDEO = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5")
_BEGINNINGS = (
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"%PDF", "a PDF document"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"gimp xcf", "a GIMP project"),
    (b"8BPS", "a Photoshop file that is damaged or of a kind"),
    (b"<svg", "an SVG drawing"),
    (b"<html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"BPG\xfb", "a BPG picture"),
)
_RAW = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
_NO_PICTURE = (
    (b"\x1a\x45\xdf\xa3", "a video, not a picture"),
    (b"FLV\x01", "a video, not a picture"),
    (b"\0\0\x01\xba", "a video, not a picture"),
    (b"\0\0\x01\xb3", "a video, not a picture"),
    (b"PK\x03\x04", "an archive (ZIP, or a document), not a picture; unpack it first"),
    (b"\x1f\x8b", "compressed by gzip, not a picture; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "an archive, not a picture; unpack it first"),
    (b"Rar!", "an archive, not a picture; unpack it first"),
    (b"\x93NUMPY", "a NumPy array, which is read by itself where its name ends in .npy"),
    (b"\x89HDF", "HDF5 data, not a picture; save its pictures as PNG, TIFF or .npy"),
    (b"version https://git-lfs", "a pointer to a file that is not here: git lfs pull fetches it"),
)


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
    _more_of_tiff()
    _keep_quiet()
    return tuple(name for name in Image.ID if name not in _REFUSED)


def _more_of_tiff() -> None:
    """Let Pillow open gray TIFFs of 32 and 64 bits in either order, and those whose zero is white.

    It knows some of the latter, and turns none: images/levels.py does.
    """
    from PIL import TiffImagePlugin

    known: dict[Any, Any] = TiffImagePlugin.OPEN_INFO
    known.setdefault((b"MM", 1, (1,), 1, (32,), ()), ("I", "I;32B"))
    known.setdefault((b"II", 1, (3,), 1, (64,), ()), ("F", "F;64F"))
    known.setdefault((b"MM", 1, (3,), 1, (64,), ()), ("F", "F;64BF"))
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
    """What the first bytes of a file (best 512) say that it is, as a reason not to read it."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, 64, 4))]
        if head[8:12] == b"crx ":
            return RAW
        if head[8:12] in _VIDEO:
            return "a video, not a picture"
        if head[8:12] in _AVIF:
            return "damaged (AVIF that cannot be decoded)"
        if any(brand in _HEIC for brand in brands):
            return "HEIC, which needs pillow-heif (pip install pillow-heif), or save it as JPEG"
    if head[128:132] == b"DICM":
        return "DICOM, which is not read; save it as a 16-bit PNG or TIFF"
    if head[4:8] in _BOXES or head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video, not a picture"
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return "NIfTI, which is not read; save its slices as 16-bit PNG or TIFF"
    if head[40:44] == b" EMF":
        return "a Windows metafile, which is not read; save it as PNG or JPEG"
    if head.startswith(_RAW) or head[6:14] == b"HEAPCCDR":
        return RAW
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return (
            "a TIFF of a kind that is not read (its numbers, channels or compression); save it as a "
            "TIFF or PNG of 8 or 16 bits"
        )
    for beginning, name in _NO_PICTURE:
        if head.startswith(beginning):
            return name
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
