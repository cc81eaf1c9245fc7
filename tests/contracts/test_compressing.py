"""Compress and decompress on every recipe there is: real files, bounds kept, nothing lost if so wished."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kinds import short_of

from narrows.applications import Codec, codec_model, load_codec
from narrows.errors import BadFile

SHAPE = (1, 13, 11)
pytestmark = pytest.mark.filterwarnings("ignore:a SegNet ladder decodes without:UserWarning")


NAMES = short_of("mlp-vae", "codec", "mentzer-2024-finite-scalar", "lingrand-2021-segnet")


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return str(request.param)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, *SHAPE), np.uint8)


def test_files_give_back_what_was_written(name, narrow, pictures, tmp_path) -> None:
    codec = Codec.fit(codec_model(narrow(name, SHAPE)), pictures, seed=0)
    codec.save(tmp_path / "entropy.safetensors")
    there = load_codec(codec_model(narrow(name, SHAPE)), tmp_path / "entropy.safetensors")
    for options in ({}, {"max_error": 9}, {"max_error": 0}):
        made = codec.compress(pictures[:3], **options)
        back = torch.cat([there.decompress(file) for file in made.files])
        assert torch.equal(back, made.decoded)
        worst = int((back.int() - torch.from_numpy(pictures[:3]).int()).abs().max())
        assert worst <= options.get("max_error", 255)
    together = codec.compress(pictures, max_error=0, together=True)
    assert np.array_equal(there.decompress(together.files[0]).numpy(), pictures)


def test_another_size_goes_in_tiles_and_another_model_is_refused(name, narrow, pictures) -> None:
    codec = Codec.fit(codec_model(narrow(name, SHAPE)), pictures, seed=0)
    large = np.random.default_rng(1).integers(0, 256, (1, 1, 20, 17), np.uint8)
    made = codec.compress(large, max_error=0)
    assert np.array_equal(codec.decompress(made.files[0]).numpy(), large)
    other = Codec.fit(codec_model(narrow(name, SHAPE, seed=1)), pictures, seed=0)
    with pytest.raises(BadFile, match="another model|differs"):
        other.decompress(made.files[0])
