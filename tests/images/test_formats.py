"""Colour profiles, formats that are named, files that are not quite whole, photographs of telephones."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from narrows.errors import UnreadableImage
from narrows.images import folder, read


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def profile(red, green, blue, gamma: float) -> bytes:
    """An ICC profile of these primaries (XYZ, adapted to D50) and one gamma for all."""

    def xyz(*v: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(x * 65536)) for x in v)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"Large\0" + b"\0" * 78
    tags = [
        (b"desc", name), (b"cprt", b"text\0\0\0\0none\0\0\0\0"), (b"wtpt", xyz(0.9642, 1, 0.8249)),
        (b"rXYZ", xyz(*red)), (b"gXYZ", xyz(*green)), (b"bXYZ", xyz(*blue)),
        (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
    ]  # fmt: skip
    at, table, body = 132 + 12 * len(tags), b"", b""
    for key, data in tags:
        data += b"\0" * (-len(data) % 4)
        table += key + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(0.9642, 1, 0.8249)[8:] + b"\0" * 48
    return head + struct.pack(">I", len(tags)) + table + body


ADOBE = profile(
    (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.2
)
P3 = profile((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841), 2.2)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def patches():
    colours = [(200, 60, 60), (60, 160, 60), (60, 60, 200), (180, 180, 60)]
    return Image.fromarray(np.array([colours], np.uint8).repeat(16, 0).repeat(16, 1))


@pytest.mark.parametrize("icc", [ADOBE, P3])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_other_colour_spaces_are_brought_to_srgb(patches, icc, format, tmp_path):
    how = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    how |= {"lossless": True} if format == "WEBP" else {}
    data = saved(patches, format, icc_profile=icc, **how)
    expected = ImageCms.profileToProfile(patches, io.BytesIO(icc), ImageCms.createProfile("sRGB"))
    wanted = np.asarray(expected).astype(int)
    assert np.abs(wanted - np.asarray(patches)).max() > 15
    assert np.abs(read(data).permute(1, 2, 0).numpy() - wanted).max() <= 4
    gray = np.asarray(expected.convert("L")).astype(int)
    assert np.abs(read(data, mode="gray")[0].numpy() - gray).max() <= 4
    (tmp_path / f"a.{format}").write_bytes(data)
    assert folder(tmp_path, 16).notes == [f"a.{format}: colour profile Large: brought to sRGB"]


def test_srgb_and_damaged_profiles_change_nothing(patches, tmp_path):
    plain = read(saved(patches, "PNG"))
    for icc in (SRGB, b"nonsense", ADOBE[:150], b""):
        data = saved(patches, "PNG", icc_profile=icc)
        assert torch.equal(read(data), plain)
        (tmp_path / "a.png").write_bytes(data)
        assert folder(tmp_path, 16).notes == []


def test_a_profile_for_other_channels_is_passed_over(patches):
    gray = patches.convert("L")
    assert torch.equal(read(saved(gray, "PNG", icc_profile=ADOBE)), read(saved(gray, "PNG")))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC, which needs pillow-heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\x01\x02", "JPEG XL"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw photograph"),
        (b"IIU\0\x18\0\0\0", "a camera's raw photograph"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "a camera's raw photograph"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "a video"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "an SVG drawing"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"nothing at all", "not a picture"),
    ],
)
def test_what_is_no_readable_format_is_named(head, words, tmp_path):
    (tmp_path / "a.jpg").write_bytes(head + b"\0" * 400)
    with pytest.raises(UnreadableImage) as caught:
        read(tmp_path / "a.jpg")
    assert words in str(caught.value).split(": ", 1)[1]


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: 8}])
def test_a_raw_photograph_is_not_its_thumbnail(tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
        info.tagtype[tag] = 1 if isinstance(value, bytes) else 4
    data = saved(Image.new("RGB", (16, 12)), "TIFF", tiffinfo=info)
    with pytest.raises(
        UnreadableImage, match="a camera's raw photograph, whose pixels are not read"
    ):
        read(data)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_is_read_and_said(picture, progressive, tmp_path):
    data = saved(Image.fromarray(picture(1, 120, 160)), "JPEG", progressive=progressive)
    whole = read(data)
    for content in (data[:-2], data[:-2] + b"\0" * 64, data + b"junk" * 9):
        assert torch.equal(read(content), whole)
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    assert folder(tmp_path, 16).notes == ["a.jpg: JPEG without its end mark: no pixel lacks"]
    for cut in range(3, 60, 4):
        with pytest.raises(UnreadableImage, match="truncated"):
            read(data[:-cut])


def test_texts_of_a_png_may_be_long(picture, tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 3_000_000, zip=True)
    info.add_itxt("prompt", "y" * 3_000_000)
    data = saved(Image.fromarray(picture()), "PNG", pnginfo=info)
    np.testing.assert_array_equal(read(data).permute(1, 2, 0).numpy(), picture())
    end = data.index(b"IEND") - 4
    text = b"zTXtk\0\0" + zlib.compress(b"z" * 5_000_000)
    late = (
        data[:end]
        + struct.pack(">I", len(text) - 4)
        + text
        + struct.pack(">I", zlib.crc32(text))
        + data[end:]
    )
    np.testing.assert_array_equal(read(late).permute(1, 2, 0).numpy(), picture())


@pytest.mark.parametrize("shape", [(9000, 12000), (12248, 16330)])
def test_photographs_of_telephones_are_read_at_the_size_wanted(shape, tmp_path):
    height, width = shape
    image = Image.new("RGB", (width, height), (90, 20, 30))
    image.save(tmp_path / "a.jpg", quality=20)
    got = read(tmp_path / "a.jpg", 64)
    assert got.shape == (3, 64, 64) and abs(got[0].float().mean() - 90) < 3
    with pytest.raises(UnreadableImage, match=r"too large: \d+ x \d+ is"):
        read(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImage, match="the limit is 4,000,000"):
        read(tmp_path / "a.jpg", 64, limit=1_000_000)
    assert folder(tmp_path, 32).skipped == []


def test_what_is_given_up_is_said_for_each_kind(picture, tmp_path):
    colour = Image.fromarray(picture())
    (tmp_path / "a.png").write_bytes(saved(colour.convert("RGBA"), "PNG"))
    colour.convert("CMYK").save(tmp_path / "b.tif")
    colour.save(tmp_path / "c.gif", save_all=True, append_images=[Image.new("RGB", colour.size)])
    (tmp_path / "d.png").write_bytes(saved(colour, "PNG"))
    notes = folder(tmp_path, 16).notes
    assert notes == [
        "a.png: transparent: laid on white",
        "b.tif: CMYK: brought to RGB",
        "c.gif: more than one picture in the file: the first counts",
    ]
    assert folder(tmp_path, 16).notes == notes


def exif_of_adobe_rgb(space: int, index: bytes) -> bytes:
    """EXIF as cameras write it: a colour space, and an interoperability index in a folder of its own."""

    def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
        rows = b"".join(
            struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries
        )
        return struct.pack("<H", len(entries)) + rows + b"\0" * 4

    own, inner = 8 + 18, 8 + 18 + 30
    return (
        b"Exif\0\0II*\0" + struct.pack("<I", 8)
        + directory((0x8769, 4, 1, struct.pack("<I", own)))
        + directory((0xA001, 3, 1, struct.pack("<H", space)), (0xA005, 4, 1, struct.pack("<I", inner)))
        + directory((1, 2, 4, index))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("space", "index", "adobe"),
    [
        (0xFFFF, b"R03\0", True),
        (2, b"R98\0", True),
        (0xFFFF, b"R98\0", False),
        (1, b"R98\0", False),
    ],
)
def test_adobe_rgb_may_be_said_by_exif_alone(patches, space, index, adobe, tmp_path):
    options = {"quality": 95, "subsampling": 0}
    plain = saved(patches, "JPEG", **options)
    stated = saved(patches, "JPEG", exif=exif_of_adobe_rgb(space, index), **options)
    if not adobe:
        assert torch.equal(read(stated), read(plain))
        return
    with_profile = saved(patches, "JPEG", icc_profile=ADOBE, **options)
    assert (read(stated).int() - read(with_profile).int()).abs().max() <= 2
    (tmp_path / "a.jpg").write_bytes(stated)
    (note,) = folder(tmp_path, 16).notes
    assert note == "a.jpg: colour profile Adobe RGB (1998): brought to sRGB"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_may_lack_one_or_both_bytes_of_its_end_and_no_more(picture, mode):
    whole = saved(Image.fromarray(picture()).convert(mode), "JPEG")
    for lacks in (1, 2):
        assert torch.equal(read(whole[:-lacks]), read(whole))
    for lacks in (3, 20, len(whole) // 2):
        with pytest.raises(UnreadableImage, match="truncated|damaged"):
            read(whole[:-lacks])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf<svg></svg>", "an SVG drawing"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "a video"),
        (b"\x1a\x45\xdf\xa3", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF that cannot be decoded"),
        (b"PK\x03\x04", "an archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"gimp xcf file", "a GIMP project"),
        (b"II\x1a\0\0\0HEAPCCDR", "a camera's raw photograph"),
        (struct.pack("<i", 348) + b"\0" * 340 + b"n+1\0", "NIfTI"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "a TIFF of a kind that is not read"),
    ],
)
def test_more_files_are_named_for_what_they_are(content, words):
    with pytest.raises(UnreadableImage, match=words):
        read(content + b"\0" * 600)
