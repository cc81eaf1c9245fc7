from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.errors import NoImages
from narrows.images import Images, Source, as_source
from narrows.images.views import Subset


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)


def test_a_batch_is_the_pixels_divided_by_255(pixels):
    images = Images(pixels)
    assert isinstance(images, Source)
    got = images.batch(torch.tensor([7, 0, 7]))
    assert got.dtype == torch.float32 and got.shape == (3, 3, 4, 5)
    torch.testing.assert_close(got, torch.from_numpy(pixels[[7, 0, 7]]).float() / 255)
    assert Images(np.full((1, 1, 1, 1), 255, np.uint8)).batch(torch.tensor([0])).item() == 1.0


def test_pixels_share_memory_and_a_map_stays_a_map(pixels, tmp_path):
    assert Images(pixels).pixels.data_ptr() == pixels.ctypes.data
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    images = Images(mapped)
    assert images.pixels.data_ptr() == mapped.ctypes.data
    assert images.select(range(2, 6)).pixels.data_ptr() == mapped[2:].ctypes.data


def test_select_keeps_everything_in_step(pixels):
    images = Images(
        pixels,
        ids=[f"p{i}" for i in range(10)],
        labels={"kind": np.arange(10) % 3, "size": np.arange(10.0)},
        groups=list("aabbccddee"),
        split=["train"] * 6 + ["test"] * 4,
        name="ten",
    )
    some = images.select(images.split == "test").select([3, 0])
    assert list(some.ids) == ["p9", "p6"] and some.label.tolist() == [0, 0]
    assert some.labels["size"].tolist() == [9, 6] and some.groups.tolist() == ["e", "d"]
    np.testing.assert_array_equal(some.pixels.numpy(), pixels[[9, 6]])
    assert torch.equal(some.batch(torch.tensor([1])), images.batch(torch.tensor([6])))
    assert images.select([-1]).ids[0] == "p9"


def test_the_fingerprint_is_of_the_content(pixels):
    first = Images(pixels, name="a").fingerprint
    assert (
        first
        == Images(torch.from_numpy(pixels.copy()), name="b", labels={"k": range(10)}).fingerprint
    )
    other = pixels.copy()
    other[5, 0, 0, 0] ^= 1
    assert first != Images(other).fingerprint
    assert first != Images(pixels).select(range(9, -1, -1)).fingerprint
    assert Images(pixels).select([2, 4]).fingerprint == Images(pixels[[2, 4]]).fingerprint
    assert first != Images(pixels.reshape(10, 3, 5, 4)).fingerprint


def test_the_description_is_one_line(pixels):
    assert Images(np.zeros((2855, 3, 2, 4), np.uint8)).description == "2,855 RGB pictures of 4x2"
    assert Images(pixels[:1, :1]).description == "1 gray picture of 5x4"


def test_on_the_same_device_is_the_same(pixels):
    images = Images(pixels)
    assert images.on("cpu") is images
    assert images.on("meta").pixels.shape == images.pixels.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": ["a"]}, "ids must have one value for each of the 10 pictures, got 1"),
        ({"labels": {"k": [1]}}, r"labels\['k'\] must have one value for each of the 10"),
        ({"split": ["val"] * 10}, "split must hold train, validation, test, got 'val'"),
    ],
)
def test_what_does_not_fit_is_refused(pixels, options, message):
    with pytest.raises(ValueError, match=message):
        Images(pixels, **options)
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, C, H, W\), got float32 of \(2, 3\)"):
        Images(np.zeros((2, 3), np.float32))
    with pytest.raises(NoImages, match="faces holds no picture"):
        Images(np.zeros((0, 1, 2, 2), np.uint8), name="faces")
    with pytest.raises(ValueError, match="positions must lie in 0 to 9, got 3 to 10"):
        Images(pixels).select([3, 10])
    with pytest.raises(ValueError, match="a mask must have 10 values"):
        Images(pixels).select(np.zeros(9, bool))


@pytest.mark.parametrize("shape", [(6, 4, 5), (6, 1, 4, 5), (6, 3, 4, 5), (6, 4, 5, 3)])
def test_arrays_of_every_layout(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    source = as_source(array)
    assert source.shape[1:] == (4, 5)
    floats = as_source(torch.from_numpy(array.astype(np.float64) / 255))
    everything = torch.arange(6)
    assert torch.equal(source.batch(everything), floats.batch(everything))
    assert as_source(source) is source


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4)), r"\(N, H, W\), \(N, C, H, W\) or \(N, H, W, C\), got \(3, 4\)"),
        (np.full((1, 2, 2), np.nan), "pixels must be finite, got NaN or infinite values"),
        (np.full((1, 2, 2), np.inf), "pixels must be finite"),
        (np.full((1, 2, 2), 1.5), r"float pixels must lie in \[0, 1\], got \[1.5, 1.5\]"),
        (np.zeros((1, 2, 2), np.int64), "uint8 or floats in .* got int64; convert them"),
        (np.zeros((1, 0, 2)), r"a picture needs pixels, got an array of shape \(1, 0, 2\)"),
        (np.array([["a"]]), "pixels must be numbers"),
        ([1, 2], "got list"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(ValueError, match=message):
        as_source(array)
    with pytest.raises(NoImages, match=r"shape \(0, 2, 2\) holds no picture"):
        as_source(np.zeros((0, 2, 2)))


def test_a_subset_of_any_source(pixels):
    subset = Subset(Images(pixels), [4, 2])
    assert len(subset) == 2 and subset.shape == (3, 4, 5) and isinstance(subset, Source)
    assert torch.equal(subset.batch(torch.tensor([1])), Images(pixels).batch(torch.tensor([2])))
