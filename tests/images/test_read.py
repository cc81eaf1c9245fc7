from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import sleep

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from narrows.errors import UnreadableImage
from narrows.images import read
from narrows.images.read import _Room


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photo(height: int = 400, width: int = 600) -> Image.Image:
    """A picture with edges, texture and noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width] / 40
    planes = [np.sin(x) + np.cos(y * 1.3), np.sin(x * y / 9), np.sign(np.sin(x + y))]
    array = 128 + 50 * np.stack(planes, -1) + rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    error = (a.float() - b.float()).square().mean().item()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_a_lossless_picture_comes_back_exactly(picture, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.dtype == torch.uint8 and got.shape == (3, 24, 32)
    np.testing.assert_array_equal(got.permute(1, 2, 0).numpy(), picture())


def test_gray_is_the_luma_of_pillow_within_rounding(picture):
    image = Image.fromarray(picture())
    got = read(saved(image, "PNG"), mode="gray")[0].numpy().astype(int)
    assert abs(got - np.asarray(image.convert("L")).astype(int)).max() <= 1
    gray = read(saved(image.convert("L"), "PNG"), mode="rgb")
    assert gray.shape[0] == 3 and torch.equal(gray[0], gray[2])


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_what_exif_transpose_gives(orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo(80, 120), format, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    got = read(data).permute(1, 2, 0).numpy()
    assert got.shape == expected.shape
    assert abs(got.astype(int) - expected.astype(int)).mean() < 1.5


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_scaled_decoding_stays_close_to_full_decoding(fit, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo(), "JPEG", quality=90, exif=exif)
    full = read(data)
    lossless = saved(Image.fromarray(full.permute(1, 2, 0).numpy()), "PNG")
    got, expected = read(data, (30, 32), fit=fit), read(lossless, (30, 32), fit=fit)
    assert got.shape == expected.shape == (3, 30, 32)
    assert psnr(got, expected) > 36


def test_fit_crop_takes_the_middle_and_pad_adds_black():
    array = np.zeros((10, 30, 3), np.uint8)
    array[:, 10:20] = 200
    data = saved(Image.fromarray(array), "PNG")
    assert read(data, 10).min() == 200
    padded = read(data, 30, fit="pad")
    assert padded[:, :10].max() == 0 and padded[:, 15, 15].min() == 200
    assert read(data, 10, fit="stretch")[0, 5, 0] == 0
    assert read(data, (5, 7), center_crop=10).min() == 200


def test_transparency_is_composited_on_white():
    for mode, clear, solid in [
        ("RGBA", (9, 9, 9, 0), (10, 20, 30, 255)),
        ("LA", (9, 0), (50, 255)),
    ]:
        image = Image.new(mode, (4, 4), clear)
        image.putpixel((0, 0), solid)
        got = read(saved(image, "PNG"))
        assert got[:, 3, 3].tolist() == [255] * 3
        assert got[:, 0, 0].tolist() == list(solid[:3] if mode == "RGBA" else solid[:1] * 3)
    palette = Image.fromarray(np.zeros((4, 4), np.uint8), "L").convert("P")
    assert read(saved(palette, "PNG", transparency=0)).min() == 255


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
    ],
)
def test_deep_gray_is_scaled_by_its_depth(array, expected):
    got = read(saved(Image.fromarray(array), "TIFF"), mode="gray")[0, 0]
    assert np.abs(got.numpy().astype(int) - expected).max() <= 1


def test_cmyk_palette_and_animation_are_what_pillow_shows(picture):
    image = Image.fromarray(picture())
    cmyk = saved(image.convert("CMYK"), "TIFF")
    np.testing.assert_array_equal(
        read(cmyk).permute(1, 2, 0).numpy(), np.asarray(image.convert("CMYK").convert("RGB"))
    )
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    first = read(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert first[:, 4, 4].tolist() == [255, 0, 0]


def test_large_pictures_are_flattened_in_strips(monkeypatch, picture):
    data = saved(Image.fromarray(picture()).convert("RGBA"), "PNG")
    deep = saved(Image.fromarray(np.linspace(-3, 9, 600, dtype=np.float32).reshape(20, 30)), "TIFF")
    whole = read(data), read(deep)
    monkeypatch.setattr(sys.modules["narrows.images.read"], "_STRIP", 70)
    assert torch.equal(read(data), whole[0]) and torch.equal(read(deep), whole[1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, this is text", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (saved(photo(), "JPEG")[:4000], "truncated: the data stop early"),
        (saved(photo(), "PNG")[:4000], "truncated: the data stop early"),
    ],
)
def test_reasons(content, reason, tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage) as caught:
        read(path, 32)
    assert str(caught.value) == f"cannot read {path}: {reason}"


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(UnreadableImage, match="there is no such file"):
        read(tmp_path / "none.png")
    with pytest.raises(UnreadableImage, match="not a file"):
        read(tmp_path)


def test_a_picture_above_the_limit_is_refused_before_decoding():
    data = saved(Image.new("L", (300, 200)), "PNG")
    with pytest.raises(UnreadableImage, match=r"too large: 300 x 200 is 60,000 pixels, the limit"):
        read(data, limit=59_999)
    assert read(data, limit=60_000).shape == (3, 200, 300)


def test_a_person_raises_the_limit(monkeypatch):
    data = saved(Image.new("L", (300, 200)), "PNG")
    monkeypatch.setenv("NARROWS_PIXEL_LIMIT", "59999")
    with pytest.raises(UnreadableImage, match="the limit is 59,999 .a higher --pixel-limit"):
        read(data)
    monkeypatch.setenv("NARROWS_PIXEL_LIMIT", "6e4")
    assert read(data).shape == (3, 200, 300)
    monkeypatch.setattr(
        Image, "MAX_IMAGE_PIXELS", 100
    )  # where Pillow itself refuses above twice of it
    assert read(data).shape == (3, 200, 300)
    monkeypatch.setenv("NARROWS_PIXEL_LIMIT", "many")
    with pytest.raises(ValueError, match="a pixel limit is 1 to 2,147,483,647, .* we got 'many'"):
        read(data)


def test_pictures_in_flight_share_a_room():
    room, most, inside, lock = _Room(10), [0], [0], Lock()

    def take(pixels: int) -> None:
        with room.taken(pixels):
            with lock:
                inside[0] += pixels
                most[0] = max(most[0], inside[0])
            sleep(0.001)
            with lock:
                inside[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, [4, 3, 3, 10, 1, 25, 7, 2, 5] * 4))
    assert most[0] == 25 and inside[0] == 0, "one that is larger than the room is there alone"


def test_libtiff_says_nothing_itself(capfd):
    whole = saved(photo(40, 30), "TIFF", compression="tiff_lzw")
    refused = 0
    for place in range(8, 200, 3):
        try:
            read(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        except UnreadableImage:
            refused += 1
    assert refused > 5 and capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, r"size must be one number or \(height, width\), 1 to 16384, got 0"),
        ({"size": (4, 4, 4)}, "size must be one number"),
        ({"mode": "rgba"}, "mode must be 'rgb' or 'gray', got 'rgba'"),
        ({"fit": "cover"}, "fit must be 'crop', 'pad' or 'stretch', got 'cover'"),
        ({"center_crop": -1}, "center_crop must be a number of pixels from 1, got -1"),
        ({"limit": 10**12}, "limit must be 1 to 2,147,483,647 pixels"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        read(saved(photo(8, 8), "PNG"), **options)


def test_threads_leave_the_warning_filters_as_they_were(tmp_path):
    data = saved(photo(20, 20), "JPEG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: read(data, 8), range(200)))
    assert warnings.filters == before


# Some of the stored files claim huge sizes: they are read in another process with its memory limited
# to 1 GiB above what the imports take.
HOSTILE = """
import json, resource, sys, time, warnings
warnings.simplefilter("error")
import torch, PIL.Image, PIL.ImageCms
from narrows.errors import UnreadableImage
from narrows.images import read
torch.set_num_threads(1)
PIL.Image.init()
with open("/proc/self/statm") as opened:
    taken = int(opened.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)
for path in sys.argv[1:]:
    start = time.perf_counter()
    try:
        x = read(path, 64)
        result = [list(x.shape), float(x.float().mean())]
    except UnreadableImage as error:
        result = str(error)
    print(json.dumps([path, result, time.perf_counter() - start]), flush=True)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_every_hostile_file_is_read_or_refused_in_little_memory_and_time(stored):
    folder = stored / "hostile_images"
    if not (folder / "manifest.csv").is_file():
        pytest.skip("no hostile pictures among the stored sets")
    with open(folder / "manifest.csv", newline="") as opened:
        rows = list(csv.DictReader(opened))
    run = subprocess.run(
        [sys.executable, "-c", HOSTILE, *(str(folder / "files" / row["file"]) for row in rows)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(results) == len(rows)
    for row, (path, result, seconds) in zip(rows, results, strict=True):
        assert seconds < 10, path
        # Of this file half of the end mark lacks, which Pillow waits for, and no pixel: libjpeg has
        # nothing to complain of with the mark, and it has with one byte less.
        if row["pillow_loads"] == "yes" or row["file"] == "truncated_jpeg.jpg":
            assert result[0] == [3, 64, 64], (path, result)
        else:
            assert isinstance(result, str) and result.startswith(f"cannot read {path}: "), result
            assert "\n" not in result and len(result) < len(path) + 160


def test_the_stored_orientations_look_alike(stored):
    files = stored / "hostile_images" / "files"
    views = [read(files / f"hopper_orientation_{k}.jpg", 64) for k in (3, 4, 6, 7)]
    for view in views[1:]:
        assert psnr(view, views[0]) > 25
    assert psnr(*(read(files / f"exif_Landscape_{k}.jpg", 64) for k in (1, 6))) > 30
