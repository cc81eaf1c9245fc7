"""Compress from Python: tables on disk, tiles, other formats beside it, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import narrows as nw
from narrows import files
from narrows.applications import Codec, codec_model, load_codec, pca_codec_model, rate_distortion
from narrows.applications.codec import _cut, _joined
from narrows.applications.entropy import _stream
from narrows.errors import BadFile, NarrowsError, Unavailable
from narrows.measures import Pca, formats, psnr

pytest.importorskip("constriction")


@pytest.fixture(scope="module")
def some(digits) -> nw.images.Images:
    return digits.select(np.arange(300))


@pytest.fixture(scope="module")
def model(some):
    return nw.fit(nw.recipes.mlp_vae(some.shape, code_size=8), some, epochs=2, report="quiet")


@pytest.fixture(scope="module")
def codec(model, some) -> Codec:
    return Codec.fit(codec_model(model), some)


@pytest.fixture(scope="module")
def pca(some) -> Codec:
    return Codec.fit(pca_codec_model(Pca.fit(some, 20)), some)


def test_tables_come_back_from_disk(codec, model, some, tmp_path: Path) -> None:
    codec.save(tmp_path / "entropy.safetensors")
    again = load_codec(codec_model(model), tmp_path / "entropy.safetensors")
    assert again.fingerprint == codec.fingerprint
    assert again.lossless_quality == codec.lossless_quality
    for options in ({}, {"max_error": 0}):
        made = codec.compress(some.select([5]), **options)
        assert again.compress(some.select([5]), **options).files == made.files
        assert torch.equal(again.decompress(made.files[0]), made.decoded)


def test_tables_of_another_model_damaged_or_newer(codec, model, some, tmp_path: Path) -> None:
    path = tmp_path / "entropy.safetensors"
    with pytest.raises(BadFile, match="fit them once with `narrows compress .* --fit-on PICTURES`"):
        load_codec(codec_model(model), path)
    codec.save(path)
    other = nw.recipes.mlp_vae(some.shape, code_size=8).build()
    with pytest.raises(BadFile, match="was fitted to another model"):
        load_codec(codec_model(other), path)
    tensors, about = files.load_tensors(path)
    files.save_tensors(path, tensors, {**about, "version": 9})
    with pytest.raises(BadFile, match="of version 9; this Narrows reads up to version 2"):
        load_codec(codec_model(model), path)
    files.save_tensors(path, tensors, {**about, "version": 1})
    with pytest.raises(BadFile, match="of version 1, of an older Narrows.* fit tables again"):
        load_codec(codec_model(model), path)
    files.save_tensors(path, {k: v for k, v in tensors.items() if k != "gain"}, about)
    with pytest.raises(BadFile, match="no tables that can be used"):
        load_codec(codec_model(model), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadFile, match="damaged"):
        load_codec(codec_model(model), path)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("cumulative", lambda t: t.flip(1)),
        ("cumulative", lambda t: t[:, :-1]),
        ("cell", lambda t: -t),
        ("origin", lambda t: t * torch.nan),
        ("low", lambda t: t + 5000),
        ("spread", lambda t: t + 20_000),
        ("context.warps", lambda t: t.flip(1)),
        ("context.warps", lambda t: t[:, 1:]),
        ("context.places", lambda t: t * 0),
        ("context.borders", lambda t: t.flip(0) - torch.arange(len(t), dtype=t.dtype)),
        ("context.known", lambda t: t - 5000),
        ("context.usual", lambda t: t[1:]),
        ("residual.child", lambda t: t * 0),
        ("residual.child", lambda t: t + 10_000),
        ("residual.feature", lambda t: t + 100),
        ("residual.counts", lambda t: -t),
        ("residual.weights", lambda t: t[:, :2]),
    ],
)
def test_tables_that_would_mislead_are_refused(codec, model, tmp_path, name, harm) -> None:
    path = tmp_path / "entropy.safetensors"
    codec.save(path)
    tensors, about = files.load_tensors(path)
    files.save_tensors(path, {**tensors, name: harm(tensors[name])}, about)
    with pytest.raises(BadFile, match="damaged, or of another model; fit them again"):
        load_codec(codec_model(model), path)


def test_the_codec_keeps_the_model_that_it_was_made_of(some) -> None:
    model = nw.recipes.mlp_vae(some.shape, code_size=4).build()
    codec = Codec.fit(codec_model(model), some.select(np.arange(50)))
    made = codec.compress(some.select([0]))
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(1)
    assert torch.equal(codec.decompress(made.files[0]), made.decoded)


def test_numbers_that_are_none(codec, some) -> None:
    for quality in (0, 101, -3):
        with pytest.raises(ValueError, match=f"1 to 100; we got {quality}"):
            codec.compress(some, quality)
    for bound in (-1, 128):
        with pytest.raises(ValueError, match=f"0 to 127; we got {bound}"):
            codec.compress(some, max_error=bound)
    with pytest.raises(ValueError, match="have 1 channels; we got pictures of shape"):
        codec.compress(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="of the model's shape"):
        Codec.fit(codec.functions, torch.zeros(2, 1, 9, 8, dtype=torch.uint8))


def test_more_than_a_file_takes(codec) -> None:
    class Endless:
        shape = (1, 8, 8)

        def __len__(self) -> int:
            return 1 << 25

        def batch(self, indices: torch.Tensor) -> torch.Tensor:
            raise AssertionError("nothing is read")

    with pytest.raises(NarrowsError, match="make several files"):
        codec.compress(Endless(), together=True)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (1, 1, 1), (2, 17, 8), (1, 23, 40)])
def test_tiles_join_to_the_picture(shape) -> None:
    x = torch.rand(3, *shape)
    tiles = _cut(x, (shape[0], 8, 8))
    assert tiles.shape[1:] == (shape[0], 8, 8)
    assert torch.equal(_joined(tiles, shape), x)


def test_a_large_picture_in_tiles(pca, some) -> None:
    grid = some.pixels[:12].reshape(3, 4, 8, 8).permute(0, 2, 1, 3).reshape(1, 1, 24, 32)
    made = pca.compress(grid, 70)
    assert torch.equal(pca.decompress(made.files[0]), made.decoded)
    singly = pca.compress(some.select(np.arange(12)), 70)
    whole = singly.decoded.reshape(3, 4, 8, 8).permute(0, 2, 1, 3).reshape(1, 1, 24, 32)
    assert torch.equal(made.decoded, whole)
    assert made.bytes < 12 * singly.bytes - 11 * 12  # one header


def test_the_numbers_of_a_result(pca, some) -> None:
    made = pca.compress(some.select(np.arange(10)), 60)
    assert made.bytes == sum(map(len, made.files)) / 10
    assert made.bits_per_pixel == pytest.approx(8 * made.bytes / 64)
    assert torch.equal(made.psnr, psnr(made.pictures, made.decoded))
    exact = pca.compress(some.select(np.arange(10)), max_error=0)
    assert float(exact.psnr.min()) == 100


def test_many_in_one_are_smaller_than_each_alone(pca, some) -> None:
    alone = pca.compress(some, max_error=0).bytes
    assert pca.compress(some, max_error=0, together=True).bytes < alone - 14


def test_a_finer_bound_takes_more(pca, some) -> None:
    few = some.select(np.arange(60))
    sizes = [pca.compress(few, 60, max_error=e, together=True).bytes for e in (40, 20, 10)]
    assert sizes == sorted(sizes)


def test_without_constriction(some, monkeypatch) -> None:
    _stream.cache_clear()
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(Unavailable, match=r"pip install 'narrows\[compress\]'"):
        Codec.fit(pca_codec_model(Pca.fit(some, 4)), some)
    _stream.cache_clear()


def test_a_dead_unit_costs_nothing(some) -> None:
    model = nw.recipes.mlp_autoencoder(some.shape, code_size=6).build()
    with torch.no_grad():
        model.bottleneck.head.weight[2:].zero_()
    codec = Codec.fit(codec_model(model), some)
    assert codec.quantiser._scale(100).size.tolist()[2:] == [1] * 4


def test_codes_that_are_not_finite(some) -> None:
    model = nw.recipes.mlp_autoencoder(some.shape, code_size=6).build()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN or infinite"):
        Codec.fit(codec_model(model), some)


def test_other_formats_at_the_same_psnr() -> None:
    source = torch.Generator().manual_seed(0)
    smooth = torch.rand(3, 3, 4, 4, generator=source)
    large = torch.nn.functional.interpolate(smooth, 32, mode="bicubic").clamp(0, 1)
    x = (large * 255).round().byte()
    for name in formats.LOSSY:
        found = formats.nearest(x, torch.full((3,), 33.0), name)
        if found is None:
            continue
        assert float((found.psnr - 33).abs().max()) < 2.5, name
        assert bool((found.bytes > 50).all())
        better = formats.written(x, name, 95)
        assert better is not None and bool((better.psnr > found.psnr).all())
    for name in ("PNG", "WebP lossless"):
        found = formats.written(x, name)
        assert found is not None and bool((found.psnr == 100).all())
    with pytest.raises(ValueError, match="formats are JPEG"):
        formats.written(x, "GIF")


def test_curves_of_rates(pca, codec, some) -> None:
    found = rate_distortion(codec, some.select(np.arange(4)), {"PCA": pca})
    assert list(found)[:4] == ["narrows", "PCA", "narrows, bounded error", "JPEG"]
    assert len(found["narrows"]) == 10
    assert [b for b, _ in found["PCA"]] == sorted(b for b, _ in found["PCA"])
