"""Pictures out: names that stay inside their folder, and files that are whole or not there.

What was read is never overwritten, also where the folder to write to is that of the pictures.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from .. import files as storage
from ..figures import png, save
from .colour import to_srgb
from .inputs import distinct, was_read
from .read import quiet

__all__ = ["named_outputs", "spared", "write_pictures", "write_restored"]


def spared(path: Path) -> Path:
    """A path, or one with a number where a picture lies that was read."""
    target, number = path, 2
    while target.exists() and was_read(target):
        target, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return target


def named_outputs(
    ids: Sequence[str], taken: Sequence[str] = (), endings: Sequence[str] = ()
) -> list[str]:
    """A relative path for each id, inside the output folder whatever the id says.

    Args:
        taken: names that the verb itself writes there, such as its sheet.
        endings: of each; ``.png`` where none are given.
    """
    names = []
    for id_, ending in zip(ids, endings or [".png"] * len(ids), strict=True):
        plain = [
            p for p in PurePosixPath(id_.replace("\\", "/")).parts if p not in ("/", "..", ".")
        ]
        pieces = PurePosixPath(*plain or ["picture"]).with_suffix("").parts
        name = Path(*(storage.allowed(piece) for piece in pieces))
        names.append(str(name.with_name(storage.shortened(name.name, ending, spare=8))))
    return distinct(names, taken, fold=storage.WINDOWS)


def write_pictures(
    pictures: Iterable[Any], names: Sequence[str], folder: Path, *, replace: bool = True
) -> list[str]:
    """A PNG of each picture (C, H, W), uint8 or floats in [0, 1] (others are cut); gives the paths.

    A name gets a number where a picture lies that was read, and, without ``replace``, where any other
    file does.

    Raises:
        NarrowsError: the folder cannot be written.
    """
    paths = []
    for picture, name in zip(pictures, names, strict=True):
        whole = torch.as_tensor(picture)
        if whole.dtype != torch.uint8:
            whole = (whole.clamp(0, 1) * 255).round().to(torch.uint8)
        array, target, number = whole.permute(1, 2, 0).cpu().numpy(), spared(folder / name), 2
        while not replace and target.exists() and target.read_bytes() != png(array):
            target = spared((folder / name).with_stem(f"{Path(name).stem}-{number}"))
            number += 1
        paths.append(str(save(array, target)))
    return paths


ORIENTATION = 0x0112
DETAILS, COLOUR_SPACE, INTEROPERABILITY = 0x8769, 0xA001, 0xA005
JPEG = {"quality": 95, "subsampling": 0}


def write_restored(
    pictures: Sequence[torch.Tensor],
    ids: Sequence[str],
    files: Sequence[Path | None],
    folder: Path,
    taken: Sequence[str] = (),
    *,
    exact: bool = False,
) -> list[str]:
    """A file of each picture uint8 (C, H, W), with the EXIF and colour profile of what it was made of.

    A JPEG comes back as a JPEG of quality 95, any other file as a PNG. What is written is upright, so
    that the orientation is reset. Gives the paths.

    Args:
        files: what each was made of; None where it was no file.
        taken: names that the verb itself writes there.
        exact: a PNG of JPEG files too, as a JPEG changes every pixel.

    Raises:
        NarrowsError: the folder cannot be written.
    """
    known = [None if file is None else _known_of(file) for file in files]
    endings = [".jpg" if each and each[0] == "JPEG" and not exact else ".png" for each in known]
    paths = []
    names = named_outputs(ids, taken, endings)
    for picture, name, about in zip(pictures, names, known, strict=True):
        if about is None or (name.endswith(".png") and not about[1]):
            paths += write_pictures([picture], [name], folder)
            continue
        target = spared(folder / name)
        storage.write_bytes(target, _encoded(picture, name.endswith(".jpg"), about[1]))
        paths.append(str(target))
    return paths


def _known_of(file: Path) -> tuple[str, dict[str, Any]]:
    """The format of a file, and its EXIF and profile as Pillow writes them, for upright sRGB pixels."""
    from PIL import Image, ImageCms

    try:
        with quiet, Image.open(file) as image:
            kept: dict[str, Any] = {}
            exif = image.getexif()
            if len(exif):
                exif[ORIENTATION] = 1
                own = exif.get_ifd(DETAILS)
                if COLOUR_SPACE in own:  # the pixels are sRGB, whatever they were
                    own[COLOUR_SPACE] = 1
                    own.pop(INTEROPERABILITY, None)
                kept["exif"] = exif.tobytes()
            profile = image.info.get("icc_profile")
            if profile and image.mode in ("RGB", "L"):
                moved = to_srgb(profile, image.mode) is not None  # the pixels are sRGB since
                made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
                kept["icc_profile"] = made.tobytes() if moved else profile
            return "JPEG" if image.format == "MPO" else image.format or "", kept
    except Exception:  # damaged metadata raise anything; the pixels were good
        return "", {}


def _encoded(picture: torch.Tensor, jpeg: bool, kept: dict[str, Any]) -> bytes:
    """uint8 (C, H, W) as a file, without a profile of other channels than its own."""
    from PIL import Image

    array = picture.permute(1, 2, 0).contiguous().cpu().numpy()
    out = io.BytesIO()
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    if array.shape[2] == 1:
        kept = {name: value for name, value in kept.items() if name != "icc_profile"}
    image.save(out, "JPEG" if jpeg else "PNG", **(JPEG if jpeg else {}), **kept)
    return out.getvalue()
