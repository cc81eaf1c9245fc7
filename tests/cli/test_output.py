"""Whatever the terminal can write, whatever the memory: an answer, or one sentence."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_no_result_is_lost_where_output_is_not_utf8(
    narrows, trained: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, write_through=True))
    result = narrows("info", trained)
    assert (result.code, result.err) == (0, "")
    said = written.getvalue().decode(encoding)
    assert "\\u2192 512" in said and len(said.splitlines()) > 10


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 9"
        ),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
)
def test_too_little_memory_is_one_sentence(
    narrows, trained: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("narrows.training.run_info", full)
    result = narrows("info", trained)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "narrows: there is not enough memory; use smaller pictures, a smaller code or batch\n"
    )


def test_another_fault_of_torch_is_not_taken_for_it(
    narrows, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("sizes do not match")

    monkeypatch.setattr("narrows.training.run_info", fails)
    with pytest.raises(RuntimeError, match="sizes do not match"):
        narrows("info", trained)


def test_check_ends_with_one_where_a_file_is_not_whole(
    narrows, trained: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    good = narrows("check", folder)
    assert good.code == 0 and good.out.endswith("all is whole\n")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    bad = narrows("check", folder)
    assert bad.code == 1 and bad.out.endswith("2 files not whole\n")
    assert "its digest is not that of its content" in bad.out and "Traceback" not in bad.err
    one = narrows("evaluate", folder, "digits")
    assert one.code == 1 and "its digest is not that of its content" in one.err


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_other_channels_are_refused_before_training(narrows, tmp_path: Path, channels: int) -> None:
    np.save(tmp_path / "x.npy", np.zeros((9, channels, 8, 8), np.uint8))
    result = narrows("train", tmp_path / "x.npy", "--to", tmp_path / "run")
    assert result.code == 2 and not (tmp_path / "run").exists()
    assert f"1 or 3 channels, gray or RGB, which is what every verb shows and writes; these have {channels}" in result.err  # fmt: skip


@pytest.mark.parametrize("validation", ["0.1", "0"])
def test_training_that_ends_far_worse_than_it_began_fails(
    narrows, tmp_path: Path, validation: str
) -> None:
    result = narrows(
        *("train", "digits", "--recipe", "mlp-vae", "--epochs", 1, "--to", tmp_path / "run"),
        *("--set", "learning_rate=1e3", "--validation", validation),
    )
    assert result.code == 1
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: training ended worse than it began: ")
    assert "lower the learning rate (1000)" in last
